"""Where samples come from: data sets by name, or files and folders of images or features, labelled or not."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from hyperclade.data.features import read_features
from hyperclade.data.formats import csv
from hyperclade.data.formats.parquet import columns_of
from hyperclade.data.image_rows import (
    SIZE,
    FeaturesOrImages,
    ImageRows,
    Skipped,
    common_size,
    open_images,
    read_rows,
)
from hyperclade.data.images import ImageItem, image_folder, on_background
from hyperclade.data.labelled_files import listed_images
from hyperclade.data.opening import LISTS_IMAGES, what_is
from hyperclade.data.retrieval_sets import cars196, cub200, sop
from hyperclade.data.samples import data_file
from hyperclade.data.sets import content_digest, some_rows
from hyperclade.learning.embedding import view_features
from hyperclade.progress import Progress
from hyperclade.retrieval.config import Recipe, Source

NAMED = ("cifar100", "cub200", "cars196", "sop")
_GIVE = f"{', '.join(NAMED)}, a file or a folder"


@dataclass(frozen=True, eq=False)
class RetrievalSet(FeaturesOrImages):
    """n images or rows of features, with labels where they are known.

    Attributes
    ----------
    inputs : (n, d) float, (n, v, d) float or n images
        Features, or features of v views of each, the plain one first.
    paths : n str, or None
        What each is, from coarse to fine: "animal/dog".
    ids : tuple of str
    skipped : (id, reason)
        Images left out because they do not decode.
    learning : bool
        Whether they are to learn from.
    remarks : tuple of str
        What was assumed of the files or left out of them, a sentence each.

    Examples
    --------
    >>> paths = ("animal/dog", "animal/cat", "plant/oak")
    >>> samples = RetrievalSet(np.zeros((3, 2)), paths, ("a", "b", "c"))
    >>> {name: codes.tolist() for name, codes in samples.labelled().items()}
    {'superclass': [0, 0, 1], 'class': [1, 0, 2]}
    """

    word: ClassVar[str] = "samples"

    inputs: np.ndarray | ImageRows
    paths: tuple[str, ...] | None
    ids: tuple[str, ...]
    skipped: Skipped = ()
    learning: bool = False
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for what in ("ids", "paths"):
            values = getattr(self, what)
            if values is not None and len(values) != len(self.inputs):
                raise ValueError(f"{len(values)} {what} for {len(self.inputs)} samples")

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width of images."""
        return self.inputs.size if isinstance(self.inputs, ImageRows) else None

    @property
    def n_features(self) -> int | None:
        """Length of a sample that is features."""
        return None if isinstance(self.inputs, ImageRows) else self.inputs.shape[-1]

    def labelled(self) -> dict[str, np.ndarray]:
        """Labels `(n,) int64` by level, coarse to fine: "superclass", where paths have one, and "class".

        Raises ValueError where no labels are known.
        """
        if self.paths is None:
            raise ValueError(
                "these samples have no labels: put images into a folder per class, or name the column of the "
                "labels by --source.labels"
            )
        levels = {"class": list(self.paths)}
        if any("/" in path for path in self.paths):
            levels = {"superclass": [path.partition("/")[0] for path in self.paths], **levels}
        return {
            name: pd.factorize(np.array(own), sort=True)[0].astype(np.int64) for name, own in levels.items()
        }

    def subset(self, rows: Any) -> "RetrievalSet":
        """These rows, in this order."""
        chosen = np.arange(len(self))[rows]
        inputs = self.inputs.subset(chosen) if isinstance(self.inputs, ImageRows) else self.inputs[chosen]
        paths = None if self.paths is None else tuple(self.paths[row] for row in chosen)
        return replace(self, inputs=inputs, paths=paths, ids=tuple(self.ids[row] for row in chosen))

    def batch(self, rows: Any) -> dict[str, np.ndarray]:
        """Features or pixels `(b, 3, h, w) uint8` ("inputs") and "rows" `(b,) int64`; no labels."""
        return {"inputs": read_rows(self.inputs, rows), "rows": np.asarray(rows, dtype=np.int64)}

    def fingerprint(self) -> dict[str, Any]:
        """Their number, and a digest of ids, labels and a few inputs."""
        some = read_rows(self.inputs, some_rows(len(self)))
        return {"number": len(self), "content": content_digest((*self.ids, *(self.paths or ())), [some])}


def load_samples(data: str | os.PathLike, split: str | None, source: Source | None = None) -> RetrievalSet:
    """Samples to learn from or to be judged by.

    Parameters
    ----------
    data : path
        "cifar100", "cub200", "cars196" or "sop"; a folder of images, which lie in folders named by class or
        in none; a Parquet or CSV file that lists images; one image; or a feature file.
    split : str or None
        Of data sets by name: "train" has the first half of the classes, "test" (the default) the other; of
        cifar100 "val" has other images of the classes to train with. Files have no splits.

    Raises
    ------
    ValueError
        No such data or split, data that cannot be read, none of the images decodes; names file and row.

    Examples
    --------
    >>> load_samples("nowhere.csv", None)
    Traceback (most recent call last):
    ...
    ValueError: no data 'nowhere.csv': give cifar100, cub200, cars196, sop, a file or a folder
    """
    source = source or Source()
    name = str(data)
    learning = split == "train"
    if name == "cifar100":
        return _cifar100(split or "test", source, learning=learning)
    if name in NAMED:
        if name == "sop":
            items, labels = sop(split or "test", source.root)
        else:
            listed = cub200 if name == "cub200" else cars196
            items, labels = listed(split or "test", source.root, boxes=source.boxes)
        return _opened(items, labels, source.size or SIZE, learning=learning)
    kind, path = what_is(data, give=_GIVE), Path(data)
    if kind == "image":
        items = [ImageItem(path.name, None, path.stem, path)]
        return _opened(items, None, source.size)
    if kind == "folder":
        items = on_background(image_folder(path), source.background)
        folders = [item.id.rpartition("/")[0] for item in items]
        return _opened(items, folders if all(folders) else None, source.size, learning=learning)
    if kind in LISTS_IMAGES:
        columns = _label_columns(path, source)
        items, cells = _listed(path, columns)
        items = on_background(items, source.background)
        return _opened(items, cells if columns else None, source.size, learning=learning)
    if source.labels is not None and len(source.labels) > 1:
        raise ValueError(f"{path}: features have one column of labels, got {', '.join(source.labels)}")
    table = read_features(path, labels=source.labels[0] if source.labels else None, features=source.features)
    features, ids = table.dense()
    paths = None
    if table.labels is not None and not pd.isna(table.labels).any():
        paths = tuple(map(str, table.labels))
    return RetrievalSet(features, paths, ids, learning=learning, remarks=table.remarks)


def with_features(
    samples: RetrievalSet,
    recipe: Recipe,
    folder: Path | None,
    *,
    device: str = "auto",
    progress: Progress | None = None,
) -> RetrievalSet:
    """The samples with features of their images by a frozen backbone, of views as well if to learn from."""
    assert isinstance(samples.inputs, ImageRows)
    backbone = recipe.backbone
    found = view_features(
        samples.inputs,
        samples.fingerprint(),
        folder,
        backbone.name,
        backbone.size,
        views=backbone.views if samples.learning else 0,
        training=recipe.training,
        device=device,
        progress=progress,
    )
    return replace(samples, inputs=found)


def halves(names: Sequence[str]) -> tuple[set[str], set[str]]:
    """The first half of the classes, in the order of their names, and the others.

    >>> [sorted(half) for half in halves(["cat", "ape", "dog", "cat"])]
    [['ape'], ['cat', 'dog']]
    """
    known = sorted(set(names))
    middle = len(known) // 2
    return set(known[:middle]), set(known[middle:])


def _cifar100(split: str, source: Source, *, learning: bool) -> RetrievalSet:
    if split not in ("train", "val", "test"):
        raise ValueError(f"split must be train, val or test, got {split!r}")
    path = data_file("cifar100", "train.parquet" if split == "train" else "test.parquet")
    items, paths = _listed(path, ["superclass", "label"])
    names = [own.partition("/")[2] for own in paths]
    chosen = halves(names)[split == "test"]
    kept = [row for row, name in enumerate(names) if name in chosen]
    items = [items[row] for row in kept]
    return _opened(items, [paths[row] for row in kept], source.size, learning=learning)


def _listed(path: Path, columns: Sequence[str]) -> tuple[list[ImageItem], list[str]]:
    """Images that a table lists, and the labels in its columns, from coarse to fine, as paths."""
    items, cells = listed_images(path, columns)
    for row, of_row in enumerate(cells):
        if len(of_row) < len(columns):
            raise ValueError(f"{path}: row {row} (counted from 0) lacks a label; fill it in or drop it")
    return items, ["/".join(of_row) for of_row in cells]


def _label_columns(path: Path, source: Source) -> list[str]:
    """The columns of a table of images that have its labels: those named, or "label", if there."""
    if source.labels is not None:
        return source.labels
    have = columns_of(path) if what_is(path) == "image table" else csv.first_row(path)
    return ["label"] if "label" in have else []


def _opened(
    items: list[ImageItem],
    labels: list[str] | None,
    size: tuple[int, int] | None,
    *,
    learning: bool = False,
) -> RetrievalSet:
    found, remarks = common_size(items, size)
    images, good, skipped = open_images(items, found)
    paths = None if labels is None else tuple(labels[k] for k in good)
    ids = tuple(items[k].id for k in good)
    return RetrievalSet(images, paths, ids, skipped, learning, remarks)
