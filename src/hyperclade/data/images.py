"""Images from folders and Parquet files: listed first, decoded in batches, broken ones named and skipped."""

import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from PIL.Image import Image

IMAGE_SUFFIXES = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"))


@dataclass(frozen=True)
class ImageItem:
    """An image not yet decoded.

    id : relative path, or row number of a Parquet file.
    label : parent folder or label column, None if there is none.
    name : file stem, or name column, else the id.
    source : path of the file, or the encoded bytes (None if missing).
    """

    id: str
    label: str | int | None
    name: str
    source: Path | bytes | None = field(repr=False)


def image_folder(folder: str | os.PathLike) -> list[ImageItem]:
    """List the images under a folder, at any depth, sorted by relative path; hidden files are passed over.

    Parameters
    ----------
    folder : ids are paths relative to it with "/"; labels the names of the parent folders, None at the top.

    Raises
    ------
    ValueError : not a folder, or no file with an image suffix in it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "owls").mkdir()
    ...     Path(folder, "owls", "barn owl.jpg").touch()
    ...     image_folder(folder)
    [ImageItem(id='owls/barn owl.jpg', label='owls', name='barn owl')]
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder")
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if Path(name).suffix.lower() in IMAGE_SUFFIXES and not name.startswith("."):
                found.append(Path(parent, name).relative_to(folder))
    if not found:
        raise ValueError(f"no images under {folder}: no file ends in {', '.join(sorted(IMAGE_SUFFIXES))}")
    return [
        ImageItem(path.as_posix(), path.parent.name or None, path.stem, folder / path)
        for path in sorted(found, key=lambda path: path.as_posix())
    ]


def image_parquet(
    path: str | os.PathLike,
    *,
    image: str = "image",
    label: str | None = None,
    name: str | None = None,
    id: str | None = None,
    batch_size: int = 64,
) -> Iterator[list[ImageItem]]:
    """Read encoded images from a Parquet file, `batch_size` rows at a time.

    Parameters
    ----------
    image : column of encoded bytes, or of structs with a field "bytes", as Hugging Face data sets keep them.
    label, name, id : columns; by default those called so, if any. Ids default to the row number.

    Raises
    ------
    ValueError : unreadable file, a column that is not there, or one that holds no encoded images.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pq.write_table(pa.table({"image": [b"a", b"b"], "label": ["x", "y"]}), f"{folder}/x.parquet")
    ...     [[item.label for item in batch] for batch in image_parquet(f"{folder}/x.parquet", batch_size=1)]
    [['x'], ['y']]
    """
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path}: not a readable Parquet file ({error})") from error
    columns = {"image": image}
    for role, asked in (("label", label), ("name", name), ("id", id)):
        if asked is not None or role in file.schema_arrow.names:
            columns[role] = role if asked is None else asked
    for column in columns.values():
        if column not in file.schema_arrow.names:
            have = ", ".join(file.schema_arrow.names)
            raise ValueError(f"{path}: no column {column!r}; the file has {have}")
    _check_image_column(file.schema_arrow.field(image), path)
    return _parquet_batches(file, columns, batch_size)


def decode_images(
    items: Sequence[ImageItem],
) -> tuple[list["Image"], list[ImageItem], list[tuple[str, str]]]:
    """Decode a batch as RGB, turned upright by its EXIF tag (of animations the first frame).

    Returns
    -------
    images : PIL images of the items that could be decoded, `items` : these items, and
    broken : (id, reason) of the others.

    Raises
    ------
    ModuleNotFoundError : Pillow is not installed.

    Examples
    --------
    >>> decode_images([ImageItem("7", None, "seven", b"no image")])
    ([], [], [('7', 'not an image that Pillow knows')])
    """
    try:
        from PIL import Image, ImageOps
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("reading images needs Pillow: pip install 'hyperclade[learn]'") from error
    images, good, broken = [], [], []
    for item in items:
        if item.source is None:
            broken.append((item.id, "no image in this row"))
            continue
        try:
            source = io.BytesIO(item.source) if isinstance(item.source, bytes) else item.source
            with Image.open(source) as image:
                image.load()
                images.append(ImageOps.exif_transpose(image).convert("RGB"))
            good.append(item)
        except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
            # Pillow raises all of these on damaged files; SyntaxError is its word for a malformed PNG.
            broken.append((item.id, _reason(error)))
    return images, good, broken


def _reason(error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "not an image that Pillow knows"
    return str(error) or type(error).__name__


def _check_image_column(column: pa.Field, path: str | os.PathLike) -> None:
    kind = column.type
    if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        kind = kind.field("bytes").type
    if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        raise ValueError(f"{path}: column {column.name!r} is {column.type}, not encoded images (bytes)")


def _parquet_batches(
    file: pq.ParquetFile, columns: dict[str, str], batch_size: int
) -> Iterator[list[ImageItem]]:
    row = 0
    for batch in file.iter_batches(batch_size=batch_size, columns=list(dict.fromkeys(columns.values()))):
        values = {role: batch.column(name).to_pylist() for role, name in columns.items()}
        items = []
        for k, image in enumerate(values["image"]):
            source = image["bytes"] if isinstance(image, dict) else image
            key = str(values["id"][k]) if "id" in values else str(row + k)
            label = values["label"][k] if "label" in values else None
            name = str(values["name"][k]) if "name" in values else key
            label = label if label is None or isinstance(label, int) else str(label)
            items.append(ImageItem(key, label, name, source))
        yield items
        row += len(batch)
