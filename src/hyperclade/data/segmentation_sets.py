"""Data sets of segmentation in the formats in which they are published, as images with masks, listed.

| listed by | classes | masks |
|---|---|---|
| `camvid` | 11 of street scenes | values 0–10, 11 is void |
| `cityscapes27` | 27 of street scenes | label ids 7–33, those below are void |
| `cocostuff27` | 27: 12 groups of things, 15 of stuff | 182 fine classes, joined by group; 255 is void |
| `potsdam3` | 3 of aerial images | six fine classes, joined in twos |

The root of each is, by default, its folder in the data folder (`data_home`): "camvid", "cityscapes",
"cocostuff", "potsdam".
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hyperclade.data.formats import mat
from hyperclade.data.image_rows import VOID
from hyperclade.data.masks import MaskedSet, MaskListing, listed_ids, mask_listing
from hyperclade.data.samples import check_choice, data_file
from hyperclade.data.taxonomies import read_taxonomy
from hyperclade.trees.taxonomy import Taxonomy

#: the images of COCO that are mostly stuff, which PiCIE learns from and all are judged by
COCO_CURATED = "Coco164kFull_Stuff_Coarse_7.txt"


def cocostuff27(
    split: str, root: str | os.PathLike | None = None, *, curated: str | None = None
) -> MaskListing:
    """COCO-Stuff with its 27 groups of classes, "train" or "val", as IIC, PiCIE and STEGO prepare it.

    Groups 0–11 join 91 fine classes of things, 12–26 the 91 of stuff (taxonomy "cocostuff27"), in the order
    of Ji et al., Invariant Information Clustering, ICCV 2019.

    Parameters
    ----------
    split : str
    root : path, optional
        Folder with images/train2017/ID.jpg, annotations/train2017/ID.png (fine class 0–181, 255 void) and
        curated/train2017/LIST.txt (an id a line); likewise val2017.
    curated : str, optional
        Name of the list of images. Default: `COCO_CURATED`, or all images with masks where it is not there.
        STEGO learns from "Coco164kFull_Stuff_Coarse.txt".

    Raises
    ------
    ValueError
        No such folder or list, a listed image or its mask missing; names the file.
    FileNotFoundError
        No `root` is given, and the data folder has none.
    """
    check_choice("split", split, ("train", "val"))
    root, year = _root(root, "cocostuff"), f"{split}2017"
    taxonomy = read_taxonomy("cocostuff27")
    chosen = root / "curated" / year / (curated or COCO_CURATED)
    lists = [chosen] if curated is not None or chosen.is_file() else None
    masks = root / "annotations" / year
    values = _grouped(taxonomy)
    listing = mask_listing(root / "images" / year, masks, taxonomy, values=values, void=VOID, lists=lists)
    if lists is not None:
        return _complete(listing, masks)
    return listing.subset([k for k, mask in enumerate(listing.masks) if mask is not None])


def cityscapes27(split: str, root: str | os.PathLike | None = None) -> MaskListing:
    """Cityscapes with the 27 classes that are not void, "train" or "val": class = label id - 7.

    Parameters
    ----------
    split : str
    root : path, optional
        Folder with leftImg8bit/train/CITY/NAME_leftImg8bit.png and
        gtFine/train/CITY/NAME_gtFine_labelIds.png; likewise val.

    Raises
    ------
    ValueError
        No such folder, an image without mask or a mask without image; names the file.
    FileNotFoundError
        No `root` is given, and the data folder has none.
    """
    check_choice("split", split, ("train", "val"))
    root, taxonomy = _root(root, "cityscapes"), read_taxonomy("cityscapes27")
    masks = root / "gtFine" / split
    listing = mask_listing(
        root / "leftImg8bit" / split,
        masks,
        taxonomy,
        values={7 + k: taxonomy.names[leaf] for k, leaf in enumerate(taxonomy.leaves)},
        void=(*range(7), VOID),
        image_ending="_leftImg8bit",
        mask_ending="_gtFine_labelIds",
    )
    return _complete(listing, masks)


def potsdam3(split: str, root: str | os.PathLike | None = None) -> MaskListing:
    """Aerial images of Potsdam with three classes, "train" or "test", as IIC prepares them.

    The classes are roads and cars, buildings and clutter, vegetation and trees (Ji et al., Invariant
    Information Clustering, ICCV 2019). Images without mask are to learn from as well.

    Parameters
    ----------
    split : str
    root : path, optional
        Folder with imgs/ID.mat (variable "img": red, green, blue, infrared), gt/ID.mat (variable "gt": one of
        six classes; negative or 255 is void), and lists of ids, one a line: labelled_train.txt and
        unlabelled_train.txt for "train", labelled_test.txt for "test".

    Raises
    ------
    ValueError
        No such folder or list, a listed image missing, or a mask of a labelled one; names the file.
    FileNotFoundError
        No `root` is given, and the data folder has none.
    """
    check_choice("split", split, ("train", "test"))
    root, taxonomy = _root(root, "potsdam"), read_taxonomy("potsdam3")
    labelled = root / f"labelled_{split}.txt"
    listing = mask_listing(
        root / "imgs",
        root / "gt",
        taxonomy,
        values=_grouped(taxonomy),
        void=VOID,
        lists=[labelled, root / "unlabelled_train.txt"] if split == "train" else [labelled],
        suffixes=(mat.SUFFIX,),
    )
    return _complete(listing, root / "gt", listed_ids(labelled))


def camvid(split: str, root: str | os.PathLike | None = None) -> MaskListing:
    """CamVid: street scenes of 360 × 480 pixels with 11 classes, in the taxonomy "camvid".

    Parameters
    ----------
    split : str
        "train" has 367 images, "val" 101, "test" 233.
    root : path, optional
        Folder with train/images and train/labels; likewise val and test.

    Raises
    ------
    ValueError
        No such folder, or a mask without image; names the file.
    FileNotFoundError
        No `root` is given, and the data folder has none.
    """
    check_choice("split", split, ("train", "val", "test"))
    folder = _root(root, "camvid") / split
    return mask_listing(folder / "images", folder / "labels", read_taxonomy("camvid"), void=[11])


def load_camvid(split: str, size: tuple[int, int] | None = None) -> MaskedSet:
    """CamVid of the data folder, decoded and brought to a size (h, w) if one is given: see `camvid`."""
    return camvid(split).masked(size)


def _root(root: str | os.PathLike | None, name: str) -> Path:
    return data_file(name) if root is None else Path(root)


def _complete(listing: MaskListing, folder: Path, ids: Sequence[str] | None = None) -> MaskListing:
    """The listing, all of whose images (those of `ids`) have masks; ValueError where one has none."""
    needed = set(listing.ids if ids is None else ids)
    for key, image, mask in zip(listing.ids, listing.images, listing.masks, strict=True):
        if mask is None and key in needed:
            raise ValueError(f"image {image.id} has no mask in {folder}")
    return listing


def _grouped(taxonomy: Taxonomy) -> dict[int, str]:
    """The group of each fine class (leaf i is fine class i), in the taxonomy's order of groups."""
    parents = taxonomy.levels()[-2]
    return {
        value: taxonomy.names[group]
        for group in np.unique(parents)
        for value in np.flatnonzero(parents == group).tolist()
    }
