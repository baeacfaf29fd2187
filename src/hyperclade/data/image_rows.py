"""Images and masks of one size, read by rows: kept decoded where they are few, else decoded when read."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

import numpy as np

from hyperclade.data.images import ImageItem, decode_images, opened
from hyperclade.data.mask_pixels import mask_codes
from hyperclade.data.mask_values import VOID, MaskKey

if TYPE_CHECKING:
    from PIL.Image import Image

KEPT_BYTES = 1 << 29
SIZE = (256, 256)  # of images that have several
_BATCH = 32

Skipped = tuple[tuple[str, str], ...]
Sound = TypeVar("Sound")


@dataclass(frozen=True, eq=False)
class _Rows:
    """n pictures of one size, decoded when they are read or kept decoded."""

    source: tuple[ImageItem, ...] | np.ndarray
    size: tuple[int, int]
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def subset(self, rows: Any) -> Self:
        """These rows, in this order; nothing is copied."""
        return replace(self, rows=self.rows[rows])

    def read(self, rows: Any) -> np.ndarray:
        """Pixels `(b, 3, h, w) uint8` of b images, or classes `(b, h, w) uint8` of b masks.

        Raises
        ------
        ValueError
            A file that does not decode any more, or a value without class; names both.
        """
        chosen = self.rows[rows]
        if isinstance(self.source, np.ndarray):
            return self.source[chosen]
        return np.stack([self.decoded(self.source[row]) for row in chosen])

    def decoded(self, item: ImageItem) -> np.ndarray:
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class ImageRows(_Rows):
    """n colour images of one size.

    source : items to decode when they are read, or (m, 3, h, w) uint8 pixels.
    size : (h, w) that images are brought to: scaled until they cover it, then the middle is cut out.
    rows : (n,) int64: row i is `source[rows[i]]`.

    Examples
    --------
    >>> images = ImageRows.of_pixels(np.arange(24, dtype=np.uint8).reshape(2, 3, 2, 2))
    >>> images.subset([1]).read([0])[0, 2].tolist()
    [[20, 21], [22, 23]]
    """

    @classmethod
    def of_pixels(cls, pixels: np.ndarray) -> "ImageRows":
        """Images of an array (n, 3, h, w) of uint8, in memory or memory-mapped."""
        if pixels.ndim != 4 or pixels.shape[1] != 3 or pixels.dtype != np.uint8:
            raise ValueError(f"images must be (n, 3, h, w) uint8, got {pixels.shape} of {pixels.dtype}")
        return cls(pixels, (pixels.shape[2], pixels.shape[3]), np.arange(len(pixels)))

    def decoded(self, item: ImageItem) -> np.ndarray:
        return _sound("image", item, _image_pixels(item, self.size))


@dataclass(frozen=True, eq=False)
class MaskRows(_Rows):
    """n masks of one size: the class of every pixel, `VOID` where there is none.

    source : items to decode when they are read, or (m, h, w) uint8 classes.
    size : (h, w) that masks are brought to, as images are, but each pixel keeps the class of one.
    rows : (n,) int64: row i is `source[rows[i]]`.
    key : MaskKey: what values or colours of the files mean. Not used by arrays.
    """

    key: MaskKey | None = None

    @classmethod
    def of_classes(cls, classes: np.ndarray) -> "MaskRows":
        """Masks of an array (n, h, w) of uint8 classes, `VOID` where a pixel has none."""
        if classes.ndim != 3 or classes.dtype != np.uint8:
            raise ValueError(f"masks must be (n, h, w) uint8, got {classes.shape} of {classes.dtype}")
        return cls(classes, (classes.shape[1], classes.shape[2]), np.arange(len(classes)))

    def decoded(self, item: ImageItem) -> np.ndarray:
        assert self.key is not None
        return _sound("mask", item, _mask_classes(item, self.size, self.key))


@dataclass(frozen=True, eq=False)
class Found:
    """What occurs in masks.

    codes : (c,) int64, values or colours 0xRRGGBB, ascending.
    transparent : number of masks with pixels that are transparent, and so void.
    """

    codes: np.ndarray
    transparent: int


@dataclass(frozen=True, eq=False)
class Pictures:
    """n colour images, each of its own size, decoded when they are read.

    Examples
    --------
    >>> import io
    >>> image = io.BytesIO()
    >>> from PIL import Image
    >>> Image.new("RGB", (4, 3)).save(image, "png")
    >>> [pixels.shape for pixels in Pictures((ImageItem("a", None, "a", image.getvalue()),)).read([0])]
    [(3, 3, 4)]
    """

    items: tuple[ImageItem, ...]

    def __len__(self) -> int:
        return len(self.items)

    def read(self, rows: Sequence[int]) -> list[np.ndarray]:
        """Pixels (3, h, w) of each row, uint8; ValueError if an image does not decode any more."""
        items = [self.items[row] for row in rows]
        return [np.asarray(_sound("image", item, _upright(item))).transpose(2, 0, 1) for item in items]


class FeaturesOrImages:
    """What samples say whose `inputs` are features, `(n, d)` or of several views `(n, v, d)`, or images."""

    inputs: np.ndarray | ImageRows

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def kind(self) -> Literal["features", "images"]:
        """What the inputs are."""
        return "images" if isinstance(self.inputs, ImageRows) else "features"

    @property
    def in_memory(self) -> bool:
        return self.kind == "features"

    def describe(self) -> str:
        if isinstance(self.inputs, ImageRows):
            return f"images of {self.inputs.size[0]} × {self.inputs.size[1]}"
        return f"{self.inputs.shape[-1]} features"


def read_rows(inputs: np.ndarray | ImageRows, rows: Any) -> np.ndarray:
    """Some rows of features `(b, d)`, or of images `(b, 3, h, w)`."""
    return inputs.read(rows) if isinstance(inputs, ImageRows) else inputs[rows]


def open_images(
    items: Sequence[ImageItem], size: tuple[int, int] | None = None
) -> tuple[ImageRows, np.ndarray, Skipped]:
    """Decode all images once, to know which can be; where they are few (half a gigabyte) they are kept.

    All are brought to a `size` (h, w), which is None if they have one size. Gives those that decode, `(m,)
    int64` their positions in `items`, and (id, reason) of the others. Raises ValueError where none decodes,
    or their sizes differ and no size is given; names the file.
    """
    first = ""
    if size is None:
        size, first = next(((own, item.id) for item in items if (own := image_size(item))), ((1, 1), ""))
    shape = size

    def decode(item: ImageItem) -> np.ndarray | str:
        return _image_pixels(item, shape, first)

    kept, good, skipped = _decode_all(items, decode, "images")
    if kept is not None:
        return ImageRows.of_pixels(kept), good, skipped
    return ImageRows(tuple(items[k] for k in good), shape, np.arange(len(good))), good, skipped


def open_pictures(items: Sequence[ImageItem]) -> tuple[Pictures, np.ndarray, Skipped]:
    """Decode all images once, as `open_images` does, but leave each its size."""

    def decode(item: ImageItem) -> str | None:
        image = _upright(item)
        return image if isinstance(image, str) else None

    _, good, skipped = _decode_all(items, decode, "images")
    return Pictures(tuple(items[k] for k in good)), good, skipped


def resized(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pixels (3, h, w) brought to a size (height, width) as those of `ImageRows` are, but nothing is cut off.

    >>> resized(np.full((3, 4, 6), 7, np.uint8), (2, 3))[0].tolist()
    [[7, 7, 7], [7, 7, 7]]
    """
    from PIL import Image

    if pixels.shape[1:] == size:
        return pixels
    image = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    return np.array(image.resize(size[::-1], Image.Resampling.BICUBIC)).transpose(2, 0, 1)


def pixels_of(image: "Image", size: tuple[int, int]) -> np.ndarray:
    """Pixels `(3, h, w) uint8` of an RGB image brought to a size (h, w) as those of `ImageRows` are."""
    from PIL.Image import Resampling

    return np.asarray(_covering(image, size, Resampling.BICUBIC)).transpose(2, 0, 1)


def open_masks(
    items: Sequence[ImageItem], size: tuple[int, int], key: MaskKey
) -> tuple[MaskRows, np.ndarray, Skipped, Found]:
    """Decode all masks once, as `open_images` does with images.

    Raises ValueError where none decodes, for a value or colour without class, and for a mask of a kind that
    does not keep values exactly, or has none (file and value are named).
    """
    seen = np.zeros(len(key.of_code), dtype=bool)
    transparent: set[str] = set()

    def decode(item: ImageItem) -> np.ndarray | str:
        return _mask_classes(item, size, key, seen, transparent)

    kept, good, skipped = _decode_all(items, decode, "masks")
    found = Found(np.flatnonzero(seen), len(transparent))
    if kept is not None:
        return MaskRows.of_classes(kept), good, skipped, found
    return MaskRows(tuple(items[k] for k in good), size, np.arange(len(good)), key), good, skipped, found


def image_size(item: ImageItem) -> tuple[int, int] | None:
    """(height, width) by the header of a file, upright as `decode_images` turns it; None if it has none."""

    def upright(image: "Image") -> tuple[int, int]:
        if image.format == "TIFF":  # Pillow turns them itself: the size in some versions before the tag
            image.load()
        quarter_turned = image.getexif().get(0x0112, 1) >= 5
        return image.size if quarter_turned else image.size[::-1]

    size = opened(item, upright)
    return None if isinstance(size, str) else size


def common_size(
    items: Sequence[ImageItem], asked: tuple[int, int] | None
) -> tuple[tuple[int, int], tuple[str, ...]]:
    """The size (h, w) asked for, else that which all images have, else `SIZE`, and a remark that says so."""
    if asked is not None:
        return asked, ()
    sizes = {image_size(item) for item in items} - {None}
    if len(sizes) == 1 and (only := sizes.pop()) is not None:
        return only, ()
    if not sizes:
        return SIZE, ()
    h, w = SIZE
    return SIZE, (f"images of {len(sizes)} sizes are brought to {h} × {w} pixels (option `size`)",)


def _decode_all(
    items: Sequence[ImageItem], decode: Callable[[ImageItem], np.ndarray | str | None], what: str
) -> tuple[np.ndarray | None, np.ndarray, Skipped]:
    """Pictures of the items that decode (None where too many to keep), their positions, and the others.

    A text is why an item does not decode; None is a picture not to be kept.
    """
    kept: np.ndarray | None = None
    good: list[int] = []
    skipped: list[tuple[str, str]] = []
    for k, (item, picture) in enumerate(zip(items, _in_threads(decode, items), strict=True)):
        if isinstance(picture, str):
            skipped.append((item.id, picture))
            continue
        if not good and picture is not None and picture.nbytes * len(items) <= KEPT_BYTES:
            kept = np.empty((len(items), *picture.shape), dtype=np.uint8)
        if kept is not None and picture is not None:
            kept[len(good)] = picture
        good.append(k)
    if not good:
        raise ValueError(f"none of {len(items)} {what} decodes; the first, {skipped[0][0]}: {skipped[0][1]}")
    return None if kept is None else kept[: len(good)], np.array(good, dtype=np.int64), tuple(skipped)


def _in_threads(decode: Callable[[ImageItem], Any], items: Sequence[ImageItem]) -> Iterator[Any]:
    """Pillow decodes outside the interpreter's lock; batches bound how many pictures wait."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(items), _BATCH):
            yield from pool.map(decode, items[start : start + _BATCH])


def _image_pixels(item: ImageItem, size: tuple[int, int], as_in: str = "") -> np.ndarray | str:
    """Pixels (3, h, w), or why there are none; `as_in` names an image whose size this one must have."""
    image = _upright(item)
    if isinstance(image, str):
        return image
    if as_in and (image.height, image.width) != size:
        raise ValueError(
            f"image {item.id} has {image.height} × {image.width} pixels (height × width), {as_in} has "
            f"{size[0]} × {size[1]}; give a size to bring all to (option `size`)"
        )
    return pixels_of(image, size)


def _sound(what: str, item: ImageItem, found: Sound | str) -> Sound:
    """What was found in a file; ValueError where that is why there is nothing."""
    if isinstance(found, str):
        raise ValueError(f"{what} {item.id}: {found}")
    return found


def _upright(item: ImageItem) -> "Image | str":
    """The image, or why there is none."""
    images, _, broken = decode_images([item])
    return broken[0][1] if broken else images[0]


def _mask_classes(
    item: ImageItem,
    size: tuple[int, int],
    key: MaskKey,
    seen: np.ndarray | None = None,
    transparent: set[str] | None = None,
) -> np.ndarray | str:
    """Classes (h, w), upright as images are, or why there are none; notes what occurs."""
    from PIL import Image

    def covering(mask: Image.Image) -> Image.Image:
        return _covering(mask, size, Image.Resampling.NEAREST)

    read = opened(item, lambda mask: mask_codes(mask, key.colours, covering))
    if isinstance(read, ValueError):
        raise ValueError(f"mask {item.id} {read}")
    if isinstance(read, str):
        return read
    codes, void = read
    known = (codes >= 0) & (codes < len(key.of_code))
    classes = np.where(known, key.of_code[np.where(known, codes, 0)], -1)
    if void is not None:
        classes[void] = VOID
    if (classes < 0).any():
        raise ValueError(
            f"mask {item.id} has {key.named(codes[classes < 0][0])}, which no class has; give it one, or say "
            f"that it is void ({'no name in the palette' if key.colours else 'the options values and void'})"
        )
    if seen is not None and transparent is not None:
        seen[codes if void is None else codes[~void]] = True
        if void is not None and void.any():
            transparent.add(item.id)
    return classes.astype(np.uint8)


def _covering(image: "Image", size: tuple[int, int], resampling: Any) -> "Image":
    from PIL import ImageOps

    height, width = size
    if image.size == (width, height):
        return image
    return ImageOps.fit(image, (width, height), resampling)
