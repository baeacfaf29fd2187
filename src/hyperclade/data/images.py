"""Images from folders and Parquet files: listed first, decoded in batches, broken ones named and skipped."""

import functools
import io
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pyarrow.parquet as pq

from hyperclade.data.formats import mat
from hyperclade.data.formats.arrow import is_encoded
from hyperclade.data.formats.parquet import open_parquet, parts_of
from hyperclade.data.opening import IMAGE_SUFFIXES, files_under
from hyperclade.environment import installation, require

if TYPE_CHECKING:
    from PIL.Image import Image

T = TypeVar("T")

_OF_PLUGINS = (".avif", ".j2k", ".jp2", ".jxl")
_FEW = 64  # rows at a time
_MOST = (1 << 16) - 1  # that a pixel of 16 bits can be
_TRANSPARENT = ("LA", "La", "PA", "RGBA", "RGBa")


@dataclass(frozen=True)
class ImageItem:
    """An image not yet decoded.

    Attributes
    ----------
    id : str
        Relative path, or row number of a Parquet file.
    label : str or int or None
        Parent folder or label column, None if there is none.
    name : str
        File stem, or name column, else the id.
    source : path or bytes or None
        Path of the file, or the encoded bytes (None if missing).
    box : (left, top, right, bottom), optional
        The part of the upright image, in pixels, that it is; what lies outside counts for nothing.
    background : str
        Colour that its transparent parts are laid on, as CSS names it.
    """

    id: str
    label: str | int | None
    name: str
    source: Path | bytes | None = field(repr=False)
    box: tuple[float, float, float, float] | None = field(default=None, repr=False)
    background: str = field(default="white", repr=False)


def image_folder(folder: str | os.PathLike, suffixes: Collection[str] = IMAGE_SUFFIXES) -> list[ImageItem]:
    """List the images under a folder, at any depth, sorted by relative path; hidden files are passed over.

    Ids are paths relative to the folder, with "/"; labels the names of the parent folders, None at the top.
    Raises ValueError where it is no folder, or no file in it has an image suffix (one of `suffixes`).

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "owls").mkdir()
    ...     Path(folder, "owls", "barn owl.jpg").touch()
    ...     image_folder(folder)
    [ImageItem(id='owls/barn owl.jpg', label='owls', name='barn owl')]
    """
    paths = [path.relative_to(folder) for path in files_under(folder, suffixes, "images")]
    return [
        ImageItem(path.as_posix(), path.parent.name or None, path.stem, Path(folder, path)) for path in paths
    ]


def on_background(items: Iterable[ImageItem], colour: str) -> list[ImageItem]:
    """The images with transparent parts laid on a colour; ValueError for a word that is none.

    >>> on_background([ImageItem("7", None, "seven", b"")], "#f80")[0].background
    '#f80'
    """
    require("reading images", "PIL")
    from PIL import ImageColor

    try:
        ImageColor.getrgb(colour)
    except ValueError:
        raise ValueError(
            f"the background must be a colour such as white or #ff8800, got {colour!r}"
        ) from None
    return [replace(item, background=colour) for item in items]


def image_parquet(
    path: str | os.PathLike,
    *,
    image: str = "image",
    label: str | None = None,
    name: str | None = None,
    id: str | None = None,
    batch_size: int = 64,
) -> Iterator[list[ImageItem]]:
    """Read encoded images from a Parquet file, or a folder of such, `batch_size` rows at a time.

    Parameters
    ----------
    image : str
        Column of encoded bytes, or of structs with a field "bytes", as Hugging Face data sets keep them.
    label, name, id : str, optional
        Columns; by default those called so, if any. Ids default to the row number.

    Raises
    ------
    ValueError
        Unreadable file, a column that is not there, or one that holds no encoded images.

    Examples
    --------
    >>> import tempfile
    >>> import pyarrow as pa
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pq.write_table(pa.table({"image": [b"a", b"b"], "label": ["x", "y"]}), f"{folder}/x.parquet")
    ...     [[item.label for item in batch] for batch in image_parquet(f"{folder}/x.parquet", batch_size=1)]
    [['x'], ['y']]
    """
    files, columns = _image_columns(path, {"image": image, "label": label, "name": name, "id": id})
    return _parquet_batches([(file, None) for file in files], columns, batch_size)


def image_items(
    path: str | os.PathLike, ids: Collection[str], *, image: str = "image"
) -> Iterator[ImageItem]:
    """The images of a Parquet file, or a folder of such, that have some ids, in the order of their rows.

    Row groups without any of them are not read. Ids, columns and errors are those of `image_parquet`.

    Examples
    --------
    >>> import tempfile
    >>> import pyarrow as pa
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pq.write_table(pa.table({"image": [b"a", b"b"]}), f"{folder}/x.parquet")
    ...     [item.source for item in image_items(f"{folder}/x.parquet", {"1", "7"})]
    [b'b']
    """
    files, columns = _image_columns(path, {"image": image, "label": None, "name": None, "id": None})
    first = 0
    for file in files:
        for group in range(file.num_row_groups):
            n = file.metadata.row_group(group).num_rows
            if "id" in columns:
                known = file.read_row_group(group, columns=[columns["id"]]).column(0).to_pylist()
            else:
                known = range(first, first + n)
            if any(str(own) in ids for own in known):
                for items in _parquet_batches([(file, [group])], columns, _FEW, first):
                    yield from (item for item in items if item.id in ids)
            first += n


def decode_images(
    items: Sequence[ImageItem], *, least_side: int | None = None
) -> tuple[list["Image"], list[ImageItem], list[tuple[str, str]]]:
    """Decode a batch as 8-bit RGB, turned upright by its EXIF tag (of animations the first frame).

    Transparent parts are laid on the item's background, white by default. Grey images of 16 bits are scaled
    from 0…65535, those of floating-point numbers from 0…1; numbers beyond have no known scale, so the image
    is left out. Gives PIL images of the items that could be decoded, these items, and (id, reason) of the
    others. With `least_side` JPEG files may come out smaller, in a fraction of the time, but with so many
    pixels a side where they have as many.

    Examples
    --------
    >>> decode_images([ImageItem("7", None, "seven", b"no image")])
    ([], [], [('7', 'not an image that Pillow knows')])
    """
    require("reading images", "PIL")
    from PIL import ImageOps

    def upright(image: "Image", item: ImageItem) -> "Image":
        if least_side is not None:
            image.draft(None, (least_side, least_side))
        image.load()
        return _as_rgb(ImageOps.exif_transpose(image), item.background)

    images, good, broken = [], [], []
    for item in items:
        image = opened(item, functools.partial(upright, item=item))
        if item.box is not None and not isinstance(image, str):
            image = _within(image, item.box)
        if isinstance(image, str):
            broken.append((item.id, image))
        else:
            images.append(image)
            good.append(item)
    return images, good, broken


def opened(item: ImageItem, read: Callable[["Image"], T]) -> T | str:
    """What `read` takes from the image, or why there is none."""
    from PIL import Image, UnidentifiedImageError

    _register_plugins()
    if item.source is None:
        return "no image in this row"
    try:
        if isinstance(item.source, Path) and item.source.suffix.lower() == mat.SUFFIX:
            return read(mat.read_image(item.source))
        with Image.open(io.BytesIO(item.source) if isinstance(item.source, bytes) else item.source) as image:
            return read(image)
    except UnidentifiedImageError:
        return _unknown(item)
    except MemoryError:
        return "needs more memory than there is, or is damaged"
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        # Pillow raises all of these on damaged files; SyntaxError is its word for a malformed PNG.
        return str(error) or type(error).__name__


@functools.cache
def _register_plugins() -> None:
    if find_spec("pillow_heif") is not None:
        import pillow_heif

        pillow_heif.register_heif_opener()


def _unknown(item: ImageItem) -> str:
    suffix = item.source.suffix.lower() if isinstance(item.source, Path) else ""
    if suffix in (".heic", ".heif") and find_spec("pillow_heif") is None:
        return f"{suffix} is not read without pillow_heif: {installation('pillow_heif')}"
    if suffix in _OF_PLUGINS:
        return f"{suffix} is not read by this Pillow; convert it"
    return "not an image that Pillow knows"


def _within(image: "Image", box: tuple[float, float, float, float]) -> "Image | str":
    """The part of an image in a box, or why there is none."""
    left, top = max(0, round(box[0])), max(0, round(box[1]))
    right, bottom = min(image.width, round(box[2])), min(image.height, round(box[3]))
    if left >= right or top >= bottom:
        return f"its box {box} has no pixel of its {image.width} × {image.height}"
    return image.crop((left, top, right, bottom))


def _as_rgb(image: "Image", background: str) -> "Image":
    """The image in 8 bits a colour; ValueError for grey values that have no known range."""
    from PIL import Image

    if image.mode[0] in "IF":  # grey numbers of more than 8 bits, which Pillow would cut off at 255
        return Image.fromarray(_in_8_bits(np.asarray(image))).convert("RGB")
    if image.mode not in _TRANSPARENT and "transparency" not in image.info:
        return image.convert("RGB")
    image = image.convert("RGBA")
    ground = Image.new("RGBA", image.size, background)
    return Image.alpha_composite(ground, image).convert("RGB")


def _in_8_bits(values: np.ndarray) -> np.ndarray:
    low, high = values.min(), values.max()
    if values.dtype.kind == "f":
        if not (low >= 0 and high <= 1):  # nor if one is not a number
            raise ValueError(f"floating-point pixels from {low:g} to {high:g}; only 0 to 1 has a known scale")
        return np.rint(values * 255.0).astype(np.uint8)
    if low < 0 or high > _MOST:
        raise ValueError(f"whole-number pixels from {low} to {high}; only 0 to {_MOST} has a known scale")
    return ((values.astype(np.int64) + 128) // 257).astype(np.uint8)


def _image_columns(
    path: str | os.PathLike, asked: Mapping[str, str | None]
) -> tuple[list[pq.ParquetFile], dict[str, str]]:
    """The files of an image table, and the column of each role that it has one for."""
    files = [open_parquet(part) for part in parts_of(path)]
    have = files[0].schema_arrow.names
    columns = {role: column or role for role, column in asked.items() if column is not None or role in have}
    for column in columns.values():
        if column not in have:
            raise ValueError(f"{path}: no column {column!r}; the file has {', '.join(have)}")
    image = columns["image"]
    kind = files[0].schema_arrow.field(image).type
    if not is_encoded(kind):
        raise ValueError(f"{path}: column {image!r} is {kind}, not encoded images (bytes)")
    return files, columns


def _parquet_batches(
    files: Iterable[tuple[pq.ParquetFile, list[int] | None]],
    columns: dict[str, str],
    batch_size: int,
    row: int = 0,
) -> Iterator[list[ImageItem]]:
    """Rows of some row groups of each file (None: all), from the number `row` on."""
    names = list(dict.fromkeys(columns.values()))
    for batch in (
        batch for file, groups in files for batch in file.iter_batches(batch_size, groups, columns=names)
    ):
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
