"""What an index answers to images, texts, vectors or its own items, and how that is written."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperclade.data.features import SUFFIXES, read_features
from hyperclade.data.images import ImageItem, decode_images, image_folder
from hyperclade.data.opening import IMAGE_SUFFIXES
from hyperclade.retrieval.index import Index
from hyperclade.retrieval.models import identity_of, model_of

if TYPE_CHECKING:
    from hyperclade.encoders.pretrained import Encoder

_IMAGES = 64  # at once


@dataclass(frozen=True, eq=False)
class Answer:
    """The nearest items of one query.

    Attributes
    ----------
    query : str
        Id, path or text.
    image : path or bytes or None
        Where the query is an image.
    items : list of dict
        Each with "id", "label", "name", "distance" and "position", nearest first.
    path : list of dict
        Clusters of the nearest item from the root down, see `Index.path`; with an item for a query its own.
    """

    query: str
    image: Any
    items: list[dict[str, Any]]
    path: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        return {"query": self.query, "answers": self.items, "path": self.path}


def ask(
    index: Index, inputs: str | None = None, *, id: str | None = None, number: int = 10, device: str = "auto"
) -> tuple[list[Answer], list[tuple[str, str]]]:
    """Answers to one query or several, and (id, reason) of images that could not be read.

    Parameters
    ----------
    index : Index
    inputs : str, optional
        An image file, a folder of images or, for models that read them, a text; of an index of features a
        feature file.
    id : str, optional
        Instead: an item of the index, which is left out of its own answer.
    number : int
        Items of an answer, fewer where there are not as many.
    device : str

    Raises
    ------
    ValueError
        Both or neither of inputs and id; a query that the index's model does not read; a model that is gone
        or has changed; no such item; no readable image.
    """
    if (inputs is None) == (id is None):
        raise ValueError("give one query: an image, a folder of images or a text, or --id ITEM")
    if number < 1:
        raise ValueError(f"--number must be at least 1, got {number}")
    if id is not None:
        position = index.position(id)
        return [_answer(index, id, None, index.vector(position), number, but=position)], []
    assert inputs is not None
    queries, skipped = _embedded(index, inputs, device)
    return [_answer(index, name, image, vector, number) for name, image, vector in queries], skipped


def as_json(answers: Sequence[Answer]) -> str:
    """A JSON document: of one answer an object, of several a list."""
    found = [answer.as_json() for answer in answers]
    return json.dumps(found[0] if len(found) == 1 else found, ensure_ascii=False, indent=1)


def lines(answer: Answer) -> list[str]:
    """The way down the hierarchy, a line a cluster."""
    told = []
    for depth, step in enumerate(answer.path):
        told.append(f"{'  ' * depth}{'└ ' if depth else ''}{step['items']:,} items  {described(step)}")
    return told


def described(step: dict[str, Any]) -> str:
    """The labels of a cluster with their shares, or its typical items."""
    if "labels" in step:
        return ", ".join(f"{100 * share:.0f} % {label}" for label, share in step["labels"].items())
    return ", ".join(step["typical"])


def _answer(
    index: Index, query: str, image: Any, vector: np.ndarray, number: int, but: int | None = None
) -> Answer:
    positions, distances = index.query(vector, number, but=but)
    items = [
        {**index.item(int(position)), "distance": float(distance), "position": int(position)}
        for position, distance in zip(positions, distances, strict=True)
    ]
    start = but if but is not None else (int(positions[0]) if len(positions) else None)
    return Answer(query, image, items, [] if start is None else index.path(start))


def _embedded(
    index: Index, inputs: str, device: str
) -> tuple[list[tuple[str, Any, np.ndarray]], list[tuple[str, str]]]:
    """Name, image and vector of each query, and what could not be read."""
    path = Path(inputs)
    suffix = path.suffix.lower()
    is_image = suffix in IMAGE_SUFFIXES or path.is_dir()
    if index.kind == "features":
        if suffix not in SUFFIXES or not path.is_file():
            raise ValueError(
                f"an index of features is asked by a feature file ({', '.join(SUFFIXES)}), or --id ITEM"
            )
        vectors, ids = read_features(path).dense()
        return [(name, None, row) for name, row in zip(ids, vectors, strict=True)], []
    if is_image and not path.exists():
        raise ValueError(f"no image {inputs}")
    if is_image and index.kind == "text":
        raise ValueError(f"the index is of texts: ask by a text, not by the image {inputs}")
    model = index.settings["model"]
    if not is_image and not inputs.strip():
        raise ValueError("the text is empty")
    if identity_of(model["name"]) != model:
        raise ValueError(
            f"the model in {model['name']} is gone, or another than the index was made with: make a new index"
        )
    if not is_image:
        return [(inputs, None, _text_encoder(index, inputs, device).encode_texts([inputs])[0])], []
    encoder, _ = model_of(model["name"], device, "image")
    items = image_folder(path) if path.is_dir() else [ImageItem(inputs, None, path.stem, path)]
    images, good, skipped = decode_images(items)
    if not images:
        raise ValueError(f"{skipped[0][0]}: {skipped[0][1]}")
    starts = range(0, len(images), _IMAGES)
    vectors = np.concatenate([encoder.encode_images(images[at : at + _IMAGES]) for at in starts])
    return [(item.id, item.source, row) for item, row in zip(good, vectors, strict=True)], skipped


def _text_encoder(index: Index, text: str, device: str) -> "Encoder":
    """The half of the index's model that reads texts; ValueError where it has none."""
    try:
        return model_of(index.settings["model"]["name"], device, "text")[0]
    except ValueError as error:
        if index.kind == "text":
            raise
        raise ValueError(f"no image {text!r}, and as a text nothing reads it: {error}") from error
