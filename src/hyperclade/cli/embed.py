"""`hyperclade embed`: from images or texts to a feature file, in batches that survive an interruption."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from hyperclade.encoders.pretrained import Encoder

_NAME_LENGTH = 200  # names are for display; a text may be a page long


@dataclass(frozen=True)
class EmbedSummary:
    """What `embed_to_file` did: rows and columns written, rows taken over from an interrupted run, and (id,
    reason) of every input that was skipped."""

    out: Path
    n_rows: int
    dim: int
    encoder: str
    n_resumed: int
    skipped: list[tuple[str, str]] = field(repr=False)


def embed(
    input: str,
    out: str,
    encoder: str | None = None,
    batch_size: int = 64,
    image_column: str = "image",
    label_column: str | None = None,
    name_column: str | None = None,
    id_column: str | None = None,
    device: str = "auto",
    overwrite: bool = False,
) -> None:
    """Compute features of images or texts with a pretrained encoder.

    An interrupted run continues where it stopped when started again; files that cannot be read are skipped
    and named.

    Args:
        input: Folder of images (their parent folders become labels), Parquet file of encoded images, or text
            file with one text a line.
        out: Feature file to write: .npy, .npz, .parquet or .csv, with ids, labels and names.
        encoder: efficientnet-lite0 (default for images), all-minilm-l6-v2 (default for texts), or a
            transformers model by its Hugging Face name or local folder.
        batch_size: Images or texts at a time.
        image_column: Column of a Parquet input that holds the encoded images.
        label_column: Column of a Parquet input with labels (default: "label" if there).
        name_column: Column of a Parquet input with names (default: "name" if there).
        id_column: Column of a Parquet input with ids (default: "id" if there, else the row number).
        device: auto, cpu, cuda or cuda:N.
        overwrite: Replace OUT if it exists.
    """
    from rich.console import Console

    console = Console()
    try:
        summary = embed_to_file(
            input,
            out,
            encoder,
            batch_size=batch_size,
            image_column=image_column,
            label_column=label_column,
            name_column=name_column,
            id_column=id_column,
            device=device,
            overwrite=overwrite,
            progress=True,
        )
    except KeyboardInterrupt:
        console.print(
            f"Interrupted. The finished batches are kept in {_partial(Path(out))}; run again to continue."
        )
        raise
    resumed = f", {summary.n_resumed} of them from the interrupted run" if summary.n_resumed else ""
    console.print(
        f"{summary.n_rows} rows × {summary.dim} by {summary.encoder}{resumed} → {summary.out}",
        highlight=False,
    )
    if summary.skipped:
        console.print(f"{len(summary.skipped)} skipped, listed in {_skipped(summary.out)}:", highlight=False)
        for key, reason in summary.skipped[:10]:
            console.print(f"  {key}: {reason}", markup=False, highlight=False)
        if len(summary.skipped) > 10:
            console.print(f"  … and {len(summary.skipped) - 10} more")


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
    device: str = "auto",
    overwrite: bool = False,
    progress: bool = False,
) -> EmbedSummary:
    """What `embed` does, for callers: arguments as there, the encoder by name or loaded; prints no summary.

    Finished batches lie in `OUT.partial/` until `out` is there, with a manifest of the input and the encoder,
    which a continued run must match. Inputs that could not be read are also listed in
    `OUT.skipped.csv`.

    Raises
    ------
    ValueError : no such input or one of an unknown kind, `out` exists, nothing could be read, or
        `OUT.partial/` belongs to a run with another input or encoder.
    """
    from hyperclade.data.features import SUFFIXES

    input, out = Path(input), Path(out)
    if out.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{out}: unknown feature format {out.suffix!r}; use one of {', '.join(SUFFIXES)}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    partial = _partial(out)
    if out.exists() and not overwrite and not partial.exists():
        raise ValueError(f"{out} exists already; choose another name or pass overwrite")
    columns: dict[str, Any] = {
        "image": image_column,
        "label": label_column,
        "name": name_column,
        "id": id_column,
    }
    source = _Source(input, batch_size, columns)
    if encoder is None:
        encoder = "efficientnet-lite0" if source.kind == "image" else "all-minilm-l6-v2"
    manifest = {
        "format": 1,
        "input": source.fingerprint,
        "columns": columns,
        "encoder": encoder if isinstance(encoder, str) else encoder.name,
        "encoder files": _folder_fingerprint(Path(encoder))
        if isinstance(encoder, str) and Path(encoder).is_dir()
        else None,
        "batch_size": batch_size,
    }
    _open_partial(partial, manifest)  # an unwritable folder shows here, before a model is loaded
    if isinstance(encoder, str):
        from hyperclade.encoders.pretrained import load_encoder

        encoder = load_encoder(encoder, device, kind=source.kind)
    n_resumed = _encode_batches(source, encoder, partial, progress=progress)
    summary = _assemble(partial, out, source, encoder, n_resumed)
    shutil.rmtree(partial)
    return summary


class _Source:
    """Batches of an input, the same ones in the same order every time."""

    def __init__(self, path: Path, batch_size: int, columns: dict[str, Any]) -> None:
        from hyperclade.data.images import image_folder
        from hyperclade.data.texts import text_lines

        self.path, self.batch_size, self.columns = path, batch_size, columns
        self.kind: Literal["image", "text"] = "image"
        self.items: list[Any] | None = None  # None: streamed from a Parquet file
        if path.is_dir():
            self.items = image_folder(path)
            self.fingerprint = _fingerprint([(item.id, path / item.id) for item in self.items])
            self.size = len(self.items)
        elif not path.exists():
            raise ValueError(f"{path}: no such file or folder")
        elif path.suffix.lower() == ".parquet":
            import pyarrow.parquet as pq

            next(self.batches(), None)  # names a bad file or column at once
            self.fingerprint = _fingerprint([(path.name, path)])
            self.size = pq.ParquetFile(path).metadata.num_rows
        else:
            self.kind = "text"
            texts, numbers = text_lines(path)
            self.items = list(zip(texts, numbers, strict=True))
            self.fingerprint = _fingerprint([(path.name, path)])
            self.size = len(self.items)

    def batches(self) -> Iterator[list[Any]]:
        if self.items is None:
            from hyperclade.data.images import image_parquet

            return image_parquet(self.path, **self.columns, batch_size=self.batch_size)
        starts = range(0, len(self.items), self.batch_size)
        return (self.items[start : start + self.batch_size] for start in starts)


def _encode_batches(source: _Source, encoder: "Encoder", partial: Path, *, progress: bool) -> int:
    """Write a shard a batch; returns how many rows of finished shards were found."""
    n_resumed = 0
    with _progress_bar(source, progress) as advance:
        for k, batch in enumerate(source.batches()):
            shard = _shard(partial, k)
            if shard.exists():
                n_resumed += len(_read_shard(shard)[0])
            else:
                _write_shard(shard, *_encode(batch, source.kind, encoder))
            advance(len(batch))
    return n_resumed


def _encode(batch: list[Any], kind: str, encoder: "Encoder") -> tuple[Any, dict[str, list[Any]]]:
    import numpy as np

    if kind == "text":
        texts = [text for text, _ in batch]
        rows = {"id": [number for _, number in batch], "label": [None] * len(batch), "name": texts}
        skipped: list[tuple[str, str]] = []
        features = encoder.encode_texts(texts)
    else:
        from hyperclade.data.images import decode_images

        images, items, skipped = decode_images(batch)
        rows = {key: [getattr(item, key) for item in items] for key in ("id", "label", "name")}
        features = encoder.encode_images(images)
    features = np.asarray(features, dtype=np.float32)
    finite = np.isfinite(features).all(axis=1)
    if not finite.all():
        skipped += [(str(rows["id"][i]), "the encoder gave NaN or infinity") for i in np.flatnonzero(~finite)]
        rows = {
            key: [v for v, good in zip(values, finite, strict=True) if good] for key, values in rows.items()
        }
        features = features[finite]
    rows["name"] = [name[:_NAME_LENGTH] for name in rows["name"]]
    return features, rows | {"skipped": skipped}


def _assemble(partial: Path, out: Path, source: _Source, encoder: "Encoder", n_resumed: int) -> EmbedSummary:
    import numpy as np

    from hyperclade.data.atomic import atomic_write
    from hyperclade.data.features import write_features

    shards = [_shard(partial, k) for k in range(-(-source.size // source.batch_size))]
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
    _skipped(out).unlink(missing_ok=True)
    if skipped:
        import csv

        with atomic_write(_skipped(out), "w") as file:
            csv.writer(file, lineterminator="\n").writerows([("id", "reason"), *skipped])
    return EmbedSummary(out, n, encoder.dim, encoder.name, n_resumed, skipped)


# ---- the folder of finished batches ----


def _partial(out: Path) -> Path:
    return out.with_name(out.name + ".partial")


def _skipped(out: Path) -> Path:
    return out.with_name(out.name + ".skipped.csv")


def _open_partial(partial: Path, manifest: dict[str, Any]) -> None:
    from hyperclade.data.atomic import atomic_write

    path = partial / "manifest.json"
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        other = [key for key in manifest if found.get(key) != manifest[key]]
        if other:
            raise ValueError(
                f"{partial} holds batches of a run with another {', '.join(other)}; continue that run with "
                "its own settings, or remove the folder to start afresh"
            )
        return
    partial.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, "w") as file:
        json.dump(manifest, file, indent=1)


def _shard(partial: Path, k: int) -> Path:
    return partial / f"{k:07d}.npz"


def _write_shard(path: Path, features: Any, about: dict[str, list[Any]]) -> None:
    import numpy as np

    from hyperclade.data.atomic import atomic_write

    text = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    with atomic_write(path) as file:
        np.savez(file, features=features, about=text)


def _read_shard(path: Path) -> tuple[Any, dict[str, list[Any]]]:
    import numpy as np

    with np.load(path, allow_pickle=False) as arrays:
        return arrays["features"], json.loads(arrays["about"].tobytes())


def _fingerprint(files: list[tuple[str, Path]]) -> str:
    """Changes when a file is added, removed, renamed or rewritten; reads no contents."""
    digest = hashlib.sha256()
    for name, path in files:
        status = path.stat()
        digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _folder_fingerprint(folder: Path) -> str:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return _fingerprint([(path.relative_to(folder).as_posix(), path) for path in paths])


def _progress_bar(source: _Source, shown: bool) -> Any:
    if not shown:
        return nullcontext(lambda count: None)
    from contextlib import contextmanager

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    @contextmanager
    def bar() -> Iterator[Any]:
        columns = (TextColumn("Embedding"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns) as progress:
            task = progress.add_task("embed", total=source.size)
            yield lambda count: progress.advance(task, count)

    return bar()
