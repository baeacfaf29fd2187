"""Images with a class for every pixel."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from hyperclade.data.image_rows import ImageRows, MaskRows, Skipped, image_size, open_images, open_masks
from hyperclade.data.images import ImageItem, image_folder
from hyperclade.data.mask_values import VOID, MaskKey, Meanings, Purpose, mask_key
from hyperclade.data.opening import IMAGE_SUFFIXES
from hyperclade.data.sets import content_digest, some_rows
from hyperclade.trees.taxonomy import Taxonomy


@dataclass(frozen=True, eq=False)
class MaskedSet:
    """n images with a class for every pixel, classes being nodes of a taxonomy.

    Attributes
    ----------
    images, masks : ImageRows or MaskRows
        n of each, of one size.
    taxonomy : Taxonomy
        Taxonomy of m nodes.
    class_nodes : (k,) int64
        The node (a leaf as a rule) of each class 0..k-1 of the masks.
    ids : tuple of str
        A name for each image.
    skipped : (id, reason)
        Images left out because they or their masks do not decode or are missing.
    remarks : tuple of str
        What else is to be told of how they were read.

    Raises
    ------
    ValueError
        Lengths or sizes that differ, or classes that are no nodes or lie below one another.

    Examples
    --------
    >>> images = ImageRows.of_pixels(np.zeros((1, 3, 2, 2), np.uint8))
    >>> masks = MaskRows.of_classes(np.array([[[0, 0], [0, VOID]]], np.uint8))
    >>> streets = MaskedSet(images, masks, Taxonomy.from_paths(["road", "sky"]), np.array([0, 1]), ("a",))
    >>> streets.pixel_counts().tolist(), streets.empty_classes()
    ([3, 0], ('sky',))
    """

    word: ClassVar[str] = "samples"
    kind: ClassVar[Literal["pixels"]] = "pixels"
    in_memory: ClassVar[bool] = False

    images: ImageRows
    masks: MaskRows
    taxonomy: Taxonomy
    class_nodes: np.ndarray
    ids: tuple[str, ...]
    skipped: Skipped = ()
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.images)
        if len(self.masks) != n or len(self.ids) != n:
            raise ValueError(f"{n} images, {len(self.masks)} masks and {len(self.ids)} ids; need one each")
        if self.images.size != self.masks.size:
            raise ValueError(f"images of {self.images.size} and masks of {self.masks.size} (height, width)")
        nodes = self.class_nodes
        if not len(nodes) or len(np.unique(nodes)) < len(nodes) or not 0 < len(nodes) <= VOID:
            raise ValueError(f"class_nodes must be 1..{VOID} different nodes, got {nodes}")
        if nodes.min() < 0 or nodes.max() >= len(self.taxonomy):
            raise ValueError(f"class_nodes must be in 0..{len(self.taxonomy) - 1}, got {nodes}")
        below, above = self.taxonomy.ancestor_matrix()[nodes][:, nodes].nonzero()
        if (below != above).any():
            k = int(np.argmax(below != above))
            lower, upper = (self.taxonomy.names[nodes[side[k]]] for side in (below, above))
            raise ValueError(
                f"class {lower!r} lies below class {upper!r}, but a pixel has one class: keep one, or give "
                "the upper one a node of its own below it"
            )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def inputs(self) -> ImageRows:
        return self.images

    def batch(self, rows: Any) -> dict[str, np.ndarray]:
        """Images `(b, 3, h, w) uint8` ("inputs") and classes of their pixels `(b, h, w) uint8` ("masks")."""
        return {"inputs": self.images.read(rows), "masks": self.masks.read(rows)}

    def fingerprint(self) -> dict[str, Any]:
        """Their number, and a digest of ids, taxonomy, classes and a few images and masks."""
        some = some_rows(len(self))
        arrays = (self.taxonomy.edges, self.class_nodes, self.images.read(some), self.masks.read(some))
        return {"number": len(self), "content": content_digest((*self.ids, *self.taxonomy.names), arrays)}

    def describe(self) -> str:
        return f"pixels of images of {self.images.size[0]} × {self.images.size[1]}"

    def subset(self, rows: Any) -> "MaskedSet":
        """These rows, in this order; what was skipped stays that of the whole."""
        rows = np.arange(len(self))[rows]
        return replace(
            self,
            images=self.images.subset(rows),
            masks=self.masks.subset(rows),
            ids=tuple(self.ids[row] for row in rows),
        )

    def pixel_counts(self) -> np.ndarray:
        """Number of pixels of each class, (k,) int64; reads all masks."""
        counts = np.zeros(VOID + 1, dtype=np.int64)
        for start in range(0, len(self), 64):
            block = self.masks.read(slice(start, start + 64))
            counts += np.bincount(block.ravel(), minlength=VOID + 1)
        return counts[: len(self.class_nodes)]

    def empty_classes(self) -> tuple[str, ...]:
        """Names of the classes that no pixel has."""
        nodes = self.class_nodes[self.pixel_counts() == 0]
        return tuple(self.taxonomy.names[node] for node in nodes)


@dataclass(frozen=True, eq=False)
class MaskListing:
    """Images and their masks, listed but not yet decoded: what learns without masks takes the images alone.

    Attributes
    ----------
    ids : n str
        A name for each image.
    images : n ImageItem
    masks : n ImageItem or None
        None where an image has no mask.
    taxonomy : Taxonomy
    class_nodes : (k,) int64
        The node of each class.
    key : MaskKey
        What values or colours of the masks mean.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for kind, mode in (("images", "RGB"), ("masks", "L")):
    ...         Path(folder, kind).mkdir()
    ...         Image.new(mode, (4, 3)).save(Path(folder, kind, "a.png"))
    ...     _ = Path(folder, "images", "b.jpg").touch()
    ...     classes = Taxonomy.from_paths(["road", "sky"])
    ...     streets = mask_listing(f"{folder}/images", f"{folder}/masks", classes)
    ...     streets.ids, streets.masked((2, 2)).pixel_counts().tolist()
    (('a', 'b'), [4, 0])
    """

    ids: tuple[str, ...]
    images: tuple[ImageItem, ...]
    masks: tuple[ImageItem | None, ...]
    taxonomy: Taxonomy
    class_nodes: np.ndarray
    key: MaskKey

    def __len__(self) -> int:
        return len(self.images)

    def masked(self, size: tuple[int, int] | None = None, *, purpose: Purpose = "judging") -> MaskedSet:
        """Decode the images that have masks, with them, and bring both to a size (h, w).

        Parameters
        ----------
        size : (h, w), optional
            None is for images that all have one size.
        purpose : {"learning", "judging", "known"}
            Masks to learn from must have several classes. Those that seem to be read otherwise than they are
            meant (`MaskKey.check`) are refused, unless what their values mean is "known" from others.

        Raises
        ------
        ValueError
            No image has a mask, an image and its mask differ in size, sizes differ where none is given, a
            value or colour is neither class nor void, or a mask is of a kind that does not keep values; names
            the file. Also if all pixels are void, or classes are missing as said above.
        """
        pairs = [
            (key, image, mask)
            for key, image, mask in zip(self.ids, self.images, self.masks, strict=True)
            if mask is not None
        ]
        if not pairs:
            raise ValueError(f"none of {len(self)} images has a mask")
        unmasked = tuple(
            (image.id, "no mask") for image, mask in zip(self.images, self.masks, strict=True) if mask is None
        )
        for _, image, mask in pairs:
            own, of_mask = image_size(image), image_size(mask)
            if own and of_mask and own != of_mask:
                raise ValueError(
                    f"image {image.id} has {own[0]} × {own[1]} pixels (height × width), its mask "
                    f"{mask.id} {of_mask[0]} × {of_mask[1]}"
                )
        rows, good, no_image = open_images([image for _, image, _ in pairs], size)
        pairs = [pairs[k] for k in good]
        mask_rows, good, no_mask, found = open_masks([mask for _, _, mask in pairs], rows.size, self.key)
        self.key.check(found.codes, len(good), purpose)
        remarks = self.key.remarks()
        if found.transparent:
            remarks += (f"{found.transparent} of {len(good)} masks have transparent pixels, which are void",)
        return MaskedSet(
            rows.subset(good),
            mask_rows,
            self.taxonomy,
            self.class_nodes,
            tuple(pairs[k][0] for k in good),
            unmasked + no_image + no_mask,
            remarks,
        )

    def subset(self, rows: Any) -> "MaskListing":
        """These rows, in this order."""
        chosen = np.arange(len(self))[rows]
        ids, images, masks = (
            tuple(values[row] for row in chosen) for values in (self.ids, self.images, self.masks)
        )
        return replace(self, ids=ids, images=images, masks=masks)


def mask_listing(
    images: str | os.PathLike,
    masks: str | os.PathLike,
    taxonomy: Taxonomy,
    *,
    classes: Sequence[str] | None = None,
    values: Meanings | None = None,
    palette: Meanings | None = None,
    void: int | Sequence[int] | None = None,
    lists: Sequence[str | os.PathLike] | None = None,
    image_ending: str = "",
    mask_ending: str = "",
    suffixes: Collection[str] = IMAGE_SUFFIXES,
) -> MaskListing:
    """List a folder of images and one of masks, whose values are classes, paired by their relative paths.

    Parameters
    ----------
    images, masks : path
        Folders. Masks are grey or palette PNG, as a rule, or with a `palette` in colours; suffixes do not
        matter.
    classes : sequence of str, optional
        Name of the node of value 0, 1, …, or from the first value that is not void; default: those that
        `values` or `palette` name, else the leaves of the taxonomy. Class i is the i-th of the different
        names.
    values, palette : mapping or path, optional
        Name of the class of each value or colour (None where void), or a CSV file of them: see `MaskSource`.
    void : int or sequence of int, optional
        Values of pixels without class; default: 255, unless it is a class.
    lists : sequence of path, optional
        Text files that say which images, in this order: relative paths without ending and suffix, one a line.
        Default: all images.
    image_ending, mask_ending : str
        What follows the part of the file names that pairs share, as in Cityscapes "_leftImg8bit" and
        "_gtFine_labelTrainIds"; other files are passed over.
    suffixes : collection of str
        Of the files.

    Raises
    ------
    ValueError
        No such folder or list, a mask without image, a listed image that is not there, or no image with a
        mask; names the file. Classes, values or colours that do not fit each other or the taxonomy.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for path in ("left/a_left.jpg", "left/b_left.jpg", "fine/a_ids.png", "fine/a_color.png"):
    ...         Path(folder, path).parent.mkdir(exist_ok=True)
    ...         Path(folder, path).touch()
    ...     streets = mask_listing(
    ...         f"{folder}/left",
    ...         f"{folder}/fine",
    ...         Taxonomy.from_paths(["road", "sky"]),
    ...         image_ending="_left",
    ...         mask_ending="_ids",
    ...     )
    >>> streets.ids, [None if mask is None else mask.id for mask in streets.masks]
    (('a', 'b'), ['a_ids.png', None])
    """
    class_nodes, key = mask_key(taxonomy, classes=classes, values=values, palette=palette, void=void)
    pictures = _stems(images, image_ending, suffixes)
    with_mask = _stems(masks, mask_ending, suffixes)
    if lists is None:
        alone = sorted(with_mask.keys() - pictures.keys())
        if alone:
            raise ValueError(
                f"mask {with_mask[alone[0]].id} has no image {alone[0]}{image_ending} in {images}"
            )
    ids = tuple(pictures) if lists is None else _listed(lists, pictures, f"{image_ending} in {images}")
    if not any(stem in with_mask for stem in ids):
        raise ValueError(f"no image of {images} has a mask in {masks}; say what names end in, if they differ")
    return MaskListing(
        ids,
        tuple(pictures[stem] for stem in ids),
        tuple(with_mask.get(stem) for stem in ids),
        taxonomy,
        class_nodes,
        key,
    )


def masked_folder(
    images: str | os.PathLike,
    masks: str | os.PathLike,
    taxonomy: Taxonomy,
    *,
    size: tuple[int, int] | None = None,
    purpose: Purpose = "judging",
    **pairing: Any,
) -> MaskedSet:
    """Read a folder of images and one of masks, whose values are classes, paired by their relative paths.

    Parameters
    ----------
    images, masks : path
        Folders.
    size : (h, w), optional
        What to bring images and masks to; None if all have one size.
    purpose : {"learning", "judging", "known"}
        See `MaskListing.masked`.
    **pairing
        `classes`, `values`, `palette`, `void`, `lists`, `image_ending`, `mask_ending`, `suffixes`: see
        `mask_listing`.

    Raises
    ------
    ValueError
        As `mask_listing` and `MaskListing.masked` do.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for kind, mode in (("images", "RGB"), ("masks", "L")):
    ...         Path(folder, kind).mkdir()
    ...         Image.new(mode, (4, 3)).save(Path(folder, kind, "a.png"))
    ...     streets = masked_folder(
    ...         f"{folder}/images", f"{folder}/masks", Taxonomy.from_paths(["flat/road", "sky"])
    ...     )
    >>> streets.ids, streets.pixel_counts().tolist(), streets.empty_classes()
    (('a',), [12, 0], ('sky',))
    """
    return mask_listing(images, masks, taxonomy, **pairing).masked(size, purpose=purpose)


def listed_ids(path: str | os.PathLike) -> tuple[str, ...]:
    """Ids of images in a text file, one a line; ValueError where it is not there or names none.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "train.txt").write_text("000000000009\\n000000000025\\n")
    ...     listed_ids(f"{folder}/train.txt")
    ('000000000009', '000000000025')
    """
    if not Path(path).is_file():
        raise ValueError(f"{path} is missing: a list of images, one id a line")
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    ids = tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not ids:
        raise ValueError(f"{path} lists no image; write one id a line")
    return ids


def _listed(lists: Sequence[str | os.PathLike], pictures: Collection[str], where: str) -> tuple[str, ...]:
    ids: dict[str, None] = {}
    for path in lists:
        found = listed_ids(path)
        missing = [key for key in found if key not in pictures]
        if missing:
            raise ValueError(f"{path} lists {missing[0]}, but there is no image {missing[0]}{where}")
        ids |= dict.fromkeys(found)
    return tuple(ids)


def _stems(folder: str | os.PathLike, ending: str, suffixes: Collection[str]) -> dict[str, ImageItem]:
    """Files by their relative path without ending and suffix."""
    stems: dict[str, ImageItem] = {}
    for item in image_folder(folder, suffixes):
        stem = str(Path(item.id).with_suffix("").as_posix())
        if not stem.endswith(ending):
            continue
        stem = stem[: len(stem) - len(ending)]
        if stem in stems:
            raise ValueError(f"{folder}: {stems[stem].id} and {item.id} are called the same; keep one")
        stems[stem] = item
    return stems
