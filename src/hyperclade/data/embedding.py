"""Features of images or texts by an encoder, in batches that survive an interruption."""

import csv
import json
import os
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hyperclade.data.atomic import atomic_write
from hyperclade.data.features import files_beside, write_features, written_suffix
from hyperclade.data.formats.parquet import n_rows, parts_of
from hyperclade.data.images import decode_images, image_folder, image_parquet, on_background
from hyperclade.data.opening import what_is
from hyperclade.data.store import claim, fingerprint, folder_fingerprint
from hyperclade.data.texts import text_lines
from hyperclade.environment import require
from hyperclade.progress import Progress, tracked

if TYPE_CHECKING:
    from hyperclade.encoders.pretrained import Encoder

_NAME_LENGTH = 200  # names are for display; a text may be a page long


@dataclass(frozen=True)
class EmbedSummary:
    """What `embed_to_file` did.

    Attributes
    ----------
    out : path
        The file; skipped_list : that of what was left out, if anything was.
    n_rows, dim : int
        Shape of the features.
    n_resumed : int
        Rows taken over from an interrupted run.
    skipped : (id, reason)
        Inputs that were left out.
    """

    out: Path
    n_rows: int
    dim: int
    encoder: str
    n_resumed: int
    skipped: list[tuple[str, str]] = field(repr=False)

    @property
    def skipped_list(self) -> Path:
        return _skipped_list(self.out)


def embed_to_file(
    input: str | os.PathLike,
    out: str | os.PathLike,
    encoder: "str | Encoder | None" = None,
    *,
    batch_size: int = 64,
    image_column: str = "image",
    label_column: str | None = None,
    name_column: str | None = None,
    id_column: str | None = None,
    background: str = "white",
    device: str = "auto",
    overwrite: bool = False,
    only: Collection[str] | None = None,
    progress: Progress | None = None,
) -> EmbedSummary:
    """Compute features of images or texts with a pretrained encoder, and write them to a file.

    Finished batches lie in `OUT.partial/` until `out` is there, with a manifest of the input and the encoder,
    which a continued run must match. Inputs that could not be read are also listed in `OUT.skipped.csv`.

    Parameters
    ----------
    input : path
        A folder of images, labelled by the folders they lie in, a Parquet file of encoded images, or a text
        file with one text per line.
    out : path
        Feature file to write: .npy, .npz, .parquet or .csv, with ids, labels and names.
    encoder : str or Encoder, optional
        By its name or loaded; by default efficientnet-lite0 for images and all-minilm-l6-v2 for texts.
    batch_size : int
        Images or texts at a time.
    image_column, label_column, name_column, id_column : str, optional
        Of a Parquet file. Labels, names and ids are by default those in the columns called so, if any.
    background : str
        Colour that transparent parts of images are laid on.
    device : str
        "auto", "cpu", "cuda" or "cuda:N".
    overwrite : bool
        Replace `out` if it exists.
    only : collection of str, optional
        Ids of the images of a folder to take; by default all.
    progress : callable, optional
        Called as ``progress("embedding", fraction)``.

    Raises
    ------
    ValueError
        No such input or one of an unknown kind, `out` exists, nothing could be read, or `OUT.partial/` is of
        a run with another input or encoder.
    """
    input, out = Path(input), Path(out)
    written_suffix(out)
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    partial = partial_folder(out)
    if out.exists() and not overwrite and not partial.exists():
        raise ValueError(f"{out} exists already; choose another name or pass overwrite")
    columns = {"image": image_column, "label": label_column, "name": name_column, "id": id_column}
    source = _Source(input, batch_size, columns, only, background)
    if encoder is None:
        encoder = "efficientnet-lite0" if source.kind == "image" else "all-minilm-l6-v2"
    if isinstance(encoder, str):
        require(f"encoder {encoder!r}", "torch")
    local = isinstance(encoder, str) and Path(encoder).is_dir()
    manifest = {
        "format": 1,
        "input": source.fingerprint,
        "columns": columns,
        "encoder": encoder if isinstance(encoder, str) else encoder.name,
        "encoder files": folder_fingerprint(Path(str(encoder))) if local else None,
        "batch_size": batch_size,
    }
    if background != "white":  # as in version 0.1, which knew no other
        manifest["background"] = background
    # An unwritable folder shows here, before a model is loaded.
    claim(
        partial,
        "manifest.json",
        manifest,
        advice="continue that run with its own settings, or remove the folder to start afresh",
        alone=False,
    )
    if isinstance(encoder, str):
        from hyperclade.encoders.pretrained import load_encoder

        encoder = load_encoder(encoder, device, kind=source.kind)
    n_resumed = _encode_batches(source, encoder, partial, progress)
    summary = _assemble(partial, out, source, encoder, n_resumed)
    shutil.rmtree(partial)
    return summary


def embed_beside(
    source: Path, out: Path, encoder: str | None, beside: dict[str, str | None], **options: Any
) -> EmbedSummary:
    """`embed_to_file` with the labels, names and ids that are columns; those in files are left for later.

    Raises
    ------
    ValueError
        What is no file, of a source without columns, or as `embed_to_file` has it.
    """
    files = files_beside(beside)
    columns: dict[str, Any] = {
        f"{role[:-1]}_column": name for role, name in beside.items() if files[role] is None
    }
    unknown = [name for name in columns.values() if name is not None]
    if unknown and what_is(source, otherwise="texts") != "image table":
        raise ValueError(f"no file {unknown[0]!r} with a value per row")
    return embed_to_file(source, out, encoder, **columns, **options)


def partial_folder(out: Path) -> Path:
    """Where finished batches lie while there is no `out`."""
    return out.with_name(out.name + ".partial")


class _Source:
    """Batches of an input, the same ones in the same order every time."""

    def __init__(
        self,
        path: Path,
        batch_size: int,
        columns: dict[str, Any],
        only: Collection[str] | None = None,
        background: str = "white",
    ) -> None:
        self.path, self.batch_size, self.columns, self.background = path, batch_size, columns, background
        self.kind: Literal["image", "text"] = "image"
        self.items: list[Any] | None = None  # None: streamed from a Parquet file
        kind = what_is(
            path,
            give="a folder of images, a Parquet file of images, or a text file",
            image=columns["image"],
            otherwise="texts",
        )
        files = [(path.name, path)]
        if kind == "folder":
            items = (item for item in image_folder(path) if only is None or item.id in only)
            self.items = on_background(items, background)
            files = [(item.id, path / item.id) for item in self.items]
        elif kind == "image table":
            files = [(part.name, part) for part in parts_of(path)]
        else:  # a text file may be called anything
            self.kind = "text"
            self.items = list(zip(*text_lines(path), strict=True))
        if self.items is None:
            next(self.batches(), None)  # names a bad file or column at once
        self.size = n_rows(path) if self.items is None else len(self.items)
        self.fingerprint = fingerprint(files)

    def __len__(self) -> int:
        return -(-self.size // self.batch_size)

    def batches(self) -> Iterator[list[Any]]:
        if self.items is None:
            found = image_parquet(self.path, **self.columns, batch_size=self.batch_size)
            return (on_background(items, self.background) for items in found)
        starts = range(0, len(self.items), self.batch_size)
        return (self.items[start : start + self.batch_size] for start in starts)


def _encode_batches(source: _Source, encoder: "Encoder", partial: Path, progress: Progress | None) -> int:
    """Write a shard per batch; returns how many rows of finished shards were found."""
    n_resumed = 0
    for k, batch in enumerate(tracked(source.batches(), "embedding", progress, total=len(source))):
        shard = _shard(partial, k)
        if shard.exists():
            n_resumed += len(_read_shard(shard)[0])
        else:
            _write_shard(shard, *_encode(batch, source.kind, encoder))
    return n_resumed


def _encode(batch: list[Any], kind: str, encoder: "Encoder") -> tuple[Any, dict[str, list[Any]]]:
    if kind == "text":
        texts = [text for text, _ in batch]
        rows = {"id": [number for _, number in batch], "label": [None] * len(batch), "name": texts}
        skipped: list[tuple[str, str]] = []
        features = encoder.encode_texts(texts)
    else:
        images, items, skipped = decode_images(batch)
        rows = {key: [getattr(item, key) for item in items] for key in ("id", "label", "name")}
        features = encoder.encode_images(images)
    features = np.asarray(features, dtype=np.float32)
    finite = np.isfinite(features).all(axis=1)
    if not finite.all():
        skipped += [(str(rows["id"][i]), "the encoder gave NaN or infinity") for i in np.flatnonzero(~finite)]
        rows = {key: [values[i] for i in np.flatnonzero(finite)] for key, values in rows.items()}
        features = features[finite]
    rows["name"] = [name[:_NAME_LENGTH] for name in rows["name"]]
    return features, rows | {"skipped": skipped}


def _assemble(partial: Path, out: Path, source: _Source, encoder: "Encoder", n_resumed: int) -> EmbedSummary:
    shards = [_shard(partial, k) for k in range(len(source))]
    about: dict[str, list[Any]] = {"id": [], "label": [], "name": [], "skipped": []}
    for shard in shards:
        for key, values in _read_shard(shard)[1].items():
            about[key] += values
    n = len(about["id"])
    skipped = [(str(key), str(reason)) for key, reason in about["skipped"]]
    if n == 0:
        shutil.rmtree(partial)
        reasons = "; ".join(f"{key}: {reason}" for key, reason in skipped[:3])
        raise ValueError(f"none of the {source.size} inputs in {source.path} could be read ({reasons})")
    features = np.lib.format.open_memmap(
        partial / "features.npy", mode="w+", dtype=np.float32, shape=(n, encoder.dim)
    )
    row = 0
    for shard in shards:
        block = _read_shard(shard)[0]
        features[row : row + len(block)] = block
        row += len(block)
    labels = about["label"] if any(label is not None for label in about["label"]) else None
    write_features(out, features, ids=about["id"], labels=labels, names=about["name"])
    _skipped_list(out).unlink(missing_ok=True)
    if skipped:
        with atomic_write(_skipped_list(out), "w") as file:
            csv.writer(file, lineterminator="\n").writerows([("id", "reason"), *skipped])
    return EmbedSummary(out, n, encoder.dim, encoder.name, n_resumed, skipped)


def _skipped_list(out: Path) -> Path:
    return out.with_name(out.name + ".skipped.csv")


def _shard(partial: Path, k: int) -> Path:
    return partial / f"{k:07d}.npz"


def _write_shard(path: Path, features: Any, about: dict[str, list[Any]]) -> None:
    text = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    with atomic_write(path) as file:
        np.savez(file, features=features, about=text)


def _read_shard(path: Path) -> tuple[Any, dict[str, list[Any]]]:
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["features"], json.loads(arrays["about"].tobytes())
