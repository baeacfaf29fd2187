"""Masks as pictures: the likeliest class of pixels, colours, overlays, and files that replace no others."""

import colorsys
import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from hyperclade.data.atomic import atomic_write
from hyperclade.data.image_rows import ImageRows, Pictures
from hyperclade.data.opening import IMAGE_SUFFIXES
from hyperclade.trees.taxonomy import Taxonomy

OVERLAY = ".overlay.png"
_SHARE = 0.55  # of the colour of classes over the image
_PALETTE = 256  # colours that a palette holds
_MARK = "hyperclade"


def likeliest(scores: Tensor, size: Sequence[int]) -> Tensor:
    """The class with the highest score at every pixel, scores being interpolated to pixels.

    One class at a time: all scores of a large photograph would fill the memory.

    Parameters
    ----------
    scores : (b, k, h, w) float
    size : (int, int)
        Height and width of the result.

    Returns
    -------
    (b, *size) uint8, or int32 for more than 256 classes

    Examples
    --------
    >>> likeliest(torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]]), (1, 4)).tolist()
    [[[0, 0, 1, 1]]]
    """
    height, width = size
    shape = (len(scores), height, width)
    best = scores.new_full(shape, -torch.inf)
    kind = torch.uint8 if scores.shape[1] <= _PALETTE else torch.int32
    classes = torch.zeros(shape, dtype=kind, device=scores.device)
    for k in range(scores.shape[1]):
        of_class = scores[:, k : k + 1]
        if tuple(scores.shape[2:]) != (height, width):
            of_class = interpolate(of_class, (height, width), mode="bilinear", align_corners=False)
        classes[of_class[:, 0] > best] = k
        best = torch.maximum(best, of_class[:, 0])
    return classes


def class_colours(taxonomy: Taxonomy, nodes: np.ndarray) -> np.ndarray:
    """Colours `(m, 3) uint8` of all nodes, for classes at some of them.

    The classes in the order of their ways from the top share out the circle of hues, so that classes under
    one parent look alike; a parent has the mean of their colours.

    >>> class_colours(Taxonomy.from_paths(["a/b", "a/c", "d"]), np.array([1, 2, 3])).tolist()[1]
    [229, 45, 45]
    """
    if not len(nodes):
        raise ValueError("no classes to have colours")
    order = nodes[np.lexsort(taxonomy.levels(nodes)[::-1])]
    colours = np.zeros((len(taxonomy), 3))
    for k, node in enumerate(order.tolist()):
        light = (0.9, 0.65)[k % 2] if len(order) > 8 else 0.9  # neighbouring hues are hard to tell apart
        colours[node] = 255 * np.array(colorsys.hsv_to_rgb(k / len(order), 0.8, light))
    below = taxonomy.ancestor_matrix()[order].toarray().T
    mean = below @ colours[order] / np.maximum(below.sum(axis=1, keepdims=True), 1)
    mean[order] = colours[order]
    return np.floor(mean).astype(np.uint8)


def overlay(image: np.ndarray, colourings: Sequence[np.ndarray]) -> np.ndarray:
    """An image, and beside it the image under each of some colourings.

    Parameters
    ----------
    image : (h, w, 3) uint8
    colourings : c (h, w, 3) uint8

    Returns
    -------
    (h, w · (1 + c), 3) uint8

    Examples
    --------
    >>> overlay(np.zeros((1, 1, 3), np.uint8), [np.full((1, 1, 3), 100, np.uint8)])[0, :, 0].tolist()
    [0, 55]
    """
    under = [(image * (1 - _SHARE) + colours * _SHARE).astype(np.uint8) for colours in colourings]
    return np.concatenate([image, *under], axis=1)


def legend(names: Sequence[str], colours: np.ndarray) -> dict[str, Any]:
    """Name and colour of each class by its value, as JSON holds them.

    >>> legend(["sky"], np.array([[0, 0, 9]]))
    {'0': {'name': 'sky', 'colour': [0, 0, 9]}}
    """
    return {
        str(k): {"name": name, "colour": colour.tolist()}
        for k, (name, colour) in enumerate(zip(names, colours, strict=True))
    }


def mask_paths(
    folder: str | os.PathLike,
    ids: Sequence[str],
    images: ImageRows | Pictures,
    *,
    ours: Callable[[Path], bool],
    endings: Sequence[str] = (OVERLAY,),
    reserved: Collection[Path] = (),
) -> list[Path]:
    """Where masks of images go: ``ID.png`` in a folder, with further files beside it.

    Of ids that are paths to other folders, the part below those counts.

    Parameters
    ----------
    folder : path
        It need not be there.
    ids : n str
    images : ImageRows or Pictures
        They are not to be replaced.
    ours : callable
        Whether a file that is there may be replaced.
    endings : sequence of str
        Of the further files, in place of ".png".
    reserved : collection of Path
        Files that are written otherwise.

    Returns
    -------
    list of Path
        The masks; nothing is written.

    Raises
    ------
    ValueError
        The folder is a file, an id names none, two ids give one file, or a file would replace an image or
        what is not ours.

    Examples
    --------
    >>> pixels = ImageRows.of_pixels(np.zeros((1, 3, 2, 2), np.uint8))
    >>> [path.as_posix() for path in mask_paths("out", ["../a/b.jpg"], pixels, ours=lambda path: False)]
    ['out/a/b.png']
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file, cannot write masks there")
    of_id: dict[Path, str] = {}
    targets = []
    for name in ids:
        parts = [part for part in PurePath(name).parts if part not in (PurePath(name).anchor, "..")]
        if not parts:
            raise ValueError(f"the id {name!r} names no file")
        last = PurePath(parts[-1])
        stem = last.stem if last.suffix.lower() in IMAGE_SUFFIXES else last.name
        targets.append(folder.joinpath(*parts[:-1], f"{stem}.png"))
        for path in (targets[-1], *map(targets[-1].with_suffix, endings)):
            if path in of_id:
                raise ValueError(
                    f"the images {of_id[path]!r} and {name!r} would both be written to {path}; rename one"
                )
            if path in reserved:
                raise ValueError(f"the image {name!r} would be written to {path}, which is needed; rename it")
            of_id[path] = name
    items = images.items if isinstance(images, Pictures) else ()
    sources = {item.source.resolve() for item in items if isinstance(item.source, Path)}
    for path in of_id:
        if path.resolve() in sources or (path.exists() and not ours(path)):
            raise ValueError(
                f"{path} is there already and would be replaced; choose another folder for the masks"
            )
    return targets


def write_picture(
    path: Path, pixels: np.ndarray, palette: np.ndarray | None = None, *, mark: str | None = None
) -> None:
    """Write a PNG, complete or not at all, and the folders above it.

    Parameters
    ----------
    path : Path
    pixels : (h, w, 3) uint8 or (h, w) int
        Colours; or classes, of which there is a palette. Of more than 256 they are grey values of 16 bits.
    palette : (k, 3) uint8, optional
        Colours of classes.
    mark : str, optional
        What `mark_of` gives of it then.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    if palette is None or len(palette) <= _PALETTE:
        picture = Image.fromarray(pixels.astype(np.uint8))
        if palette is not None:
            unused = np.zeros((_PALETTE - len(palette), 3), np.uint8)
            picture.putpalette(np.vstack([palette, unused]).tobytes())
    else:
        picture = Image.fromarray(pixels.astype(np.uint16))
    about = PngInfo()
    if mark is not None:
        about.add_text(_MARK, mark)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        picture.save(file, format="PNG", pnginfo=about)


def mark_of(path: Path) -> str | None:
    """The mark of a picture; None for one without, for another file and where there is none."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            return picture.info.get(_MARK)
    except (FileNotFoundError, UnidentifiedImageError):
        return None


def read_mask(path: Path) -> np.ndarray:
    """Classes `(h, w) int64` of a mask that `write_picture` has written."""
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture).astype(np.int64)
