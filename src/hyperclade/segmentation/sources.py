"""Where images come from, to learn from without labels, and with masks to be judged by."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hyperclade.data.image_rows import ImageRows, Pictures, Skipped, open_pictures
from hyperclade.data.images import ImageItem, image_folder
from hyperclade.data.mask_values import named_classes
from hyperclade.data.masks import MaskedSet, mask_listing
from hyperclade.data.mosaics import texture_mosaics
from hyperclade.data.opening import what_is
from hyperclade.data.segmentation_sets import camvid, cityscapes27, cocostuff27, potsdam3
from hyperclade.data.sets import content_digest, some_rows
from hyperclade.data.taxonomies import read_taxonomy
from hyperclade.segmentation.config import Source
from hyperclade.trees.taxonomy import Taxonomy

NAMED = ("camvid", "mosaics", "cocostuff27", "cityscapes27", "potsdam3")
SIDE = 320  # height and width of the middle of an image that is judged
_GIVE = f"{', '.join(NAMED)} or a folder"
_LISTED = {"camvid": camvid, "cocostuff27": cocostuff27, "cityscapes27": cityscapes27, "potsdam3": potsdam3}
_TESTED = ("camvid", "potsdam3")  # those whose masks to judge by are called "test", not "val"
_MOSAICS = {"train": 240, "test": 120}
_TRAINED_ON, _JUDGED_BY = 0, 1  # seeds


@dataclass(frozen=True, eq=False)
class ImageSet:
    """n images without labels, each of its own size.

    Attributes
    ----------
    images : Pictures or ImageRows
    ids : tuple of str
    skipped : (id, reason)
        Images left out because they do not decode.

    Examples
    --------
    >>> images = ImageSet(ImageRows.of_pixels(np.zeros((2, 3, 4, 4), np.uint8)), ("a", "b"))
    >>> len(images), images.read([1])[0].shape
    (2, (3, 4, 4))
    """

    word: ClassVar[str] = "images"
    kind: ClassVar[str] = "images"
    in_memory: ClassVar[bool] = False

    images: Pictures | ImageRows
    ids: tuple[str, ...]
    skipped: Skipped = ()

    def __len__(self) -> int:
        return len(self.images)

    def read(self, rows: Any) -> list[np.ndarray]:
        """Pixels `(3, h, w) uint8` of some."""
        return list(self.images.read(rows))

    def batch(self, rows: Any) -> dict[str, np.ndarray]:
        return {"rows": np.asarray(rows, dtype=np.int64)}

    def fingerprint(self) -> dict[str, Any]:
        """Their number, and a digest of ids and a few images."""
        return {
            "number": len(self),
            "content": content_digest(self.ids, self.read(some_rows(len(self)).tolist())),
        }

    def describe(self) -> str:
        return "images without labels"

    def subset(self, rows: Any) -> "ImageSet":
        """These rows, in this order."""
        chosen = np.arange(len(self))[rows].tolist()
        if isinstance(self.images, ImageRows):
            images: Pictures | ImageRows = self.images.subset(chosen)
        else:
            images = Pictures(tuple(self.images.items[row] for row in chosen))
        return replace(self, images=images, ids=tuple(self.ids[row] for row in chosen))


def images_to_learn(data: str | os.PathLike, source: Source, *, seed: int = 0) -> ImageSet:
    """Images without labels: the training split of a data set by name, or a folder of images, or one image.

    Raises
    ------
    ValueError
        No such data, or none of the images decodes.

    Examples
    --------
    >>> images_to_learn("nowhere", Source())
    Traceback (most recent call last):
    ...
    ValueError: no data 'nowhere': give camvid, mosaics, cocostuff27, cityscapes27, potsdam3 or a folder
    """
    if str(data) == "mosaics":
        found = texture_mosaics(_MOSAICS["train"], seed=_TRAINED_ON, size=(SIDE, SIDE))
        return ImageSet(found.images, found.ids)
    if str(data) in NAMED:
        listing = _LISTED[str(data)]("train", source.root)
        items, ids = listing.images, listing.ids
    else:
        items = tuple(_items(data))
        ids = tuple(item.id for item in items)
    images, good, skipped = open_pictures(items)
    return ImageSet(images, tuple(ids[k] for k in good), skipped)


def masked_images(
    data: str | os.PathLike, split: str, source: Source, *, size: tuple[int, int] | None = (SIDE, SIDE)
) -> MaskedSet:
    """Images with masks to judge by, brought to a size: a split of a data set by name, or two folders.

    Raises
    ------
    ValueError
        No such data, a folder without `source.masks`, masks that do not fit; names the file.
    """
    if str(data) == "mosaics":
        return texture_mosaics(_MOSAICS["test"], seed=_JUDGED_BY, size=size or (SIDE, SIDE))
    if str(data) in NAMED:
        split = split if str(data) in _TESTED else split.replace("test", "val")
        return _LISTED[str(data)](split, source.root).masked(size)
    what_is(data, give=_GIVE)
    if source.masks is None:
        raise ValueError(f"{data}: judging needs masks: --source.masks FOLDER")
    taxonomy = _taxonomy(source)
    return mask_listing(data, source.masks, taxonomy, **source.reading()).masked(size)


def _items(data: str | os.PathLike) -> list[ImageItem]:
    kind, path = what_is(data, give=_GIVE), Path(data)
    if kind == "image":
        return [ImageItem(path.name, None, path.stem, path)]
    if kind != "folder":
        raise ValueError(f"{path} is no folder of images: give {_GIVE}")
    return image_folder(path)


def _taxonomy(source: Source) -> Taxonomy:
    if source.taxonomy is not None:
        return read_taxonomy(source.taxonomy)
    names = dict.fromkeys(source.classes or named_classes(source.values, source.palette))
    if not names:
        raise ValueError(
            "masks need the names of their classes: --source.classes '[road, sky]', or --source.taxonomy FILE"
        )
    return Taxonomy(names, [[] for _ in names])
