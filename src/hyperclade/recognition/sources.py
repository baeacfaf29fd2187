"""Where samples come from: data sets by name, or files and folders of features, images and masks."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hyperclade.data.arff import labelled_arff, read_arff_table
from hyperclade.data.columns import in_order
from hyperclade.data.features import read_features
from hyperclade.data.formats.rows import quoted
from hyperclade.data.image_rows import ImageRows, Pictures, Skipped, open_images, open_pictures
from hyperclade.data.images import ImageItem, image_folder, on_background
from hyperclade.data.labelled import LabelledSet
from hyperclade.data.labelled_files import labelled_features, labelled_images, listed_images
from hyperclade.data.masks import MaskedSet, Purpose, masked_folder
from hyperclade.data.opening import LISTS_IMAGES, what_is
from hyperclade.data.samples import load_cifar100_images, load_imclef
from hyperclade.data.segmentation_sets import load_camvid
from hyperclade.data.taxonomies import read_taxonomy
from hyperclade.recognition.config import Source
from hyperclade.trees.taxonomy import Taxonomy

NAMED = ("imclef07a", "imclef07d", "cifar100", "camvid")
_GIVE = f"{', '.join(NAMED)}, a file or a folder"


class Inputs(NamedTuple):
    """Samples to predict labels of.

    rows : (n, d) float32 features, or n images (`Pictures` where they keep their own sizes).
    ids : a name for each.
    skipped : (id, reason) of images that do not decode.
    remarks : what was assumed of the files or left out of them.
    """

    rows: np.ndarray | ImageRows | Pictures
    ids: tuple[str, ...]
    skipped: Skipped = ()
    remarks: tuple[str, ...] = ()


def load_samples(
    data: str | os.PathLike,
    split: str | None = None,
    *,
    taxonomy: Taxonomy | None = None,
    source: Source | None = None,
    columns: Sequence[str] | None = None,
    means: Mapping[str, float] | None = None,
    purpose: Purpose = "learning",
) -> LabelledSet | MaskedSet:
    """Labelled samples to learn from or to judge by.

    Parameters
    ----------
    data : path
        "imclef07a", "imclef07d", "cifar100", "camvid"; a hierarchical ARFF file, a feature file, a folder of
        images, a Parquet or CSV file that lists images, or a folder of images whose masks `source` names.
    split : str, optional
        Of the data sets by name: "train" (the default), "test" and, of CamVid, "val". Files have none.
    taxonomy : Taxonomy, optional
        Taxonomy of the labels, such as that of the samples learned from.
    columns : sequence of str, optional
        Names of the features of the samples learned from: those of tables with names come in that order.
    means : mapping of str to float, optional
        What missing values became in the samples learned from.
    purpose : {"learning", "judging", "known"}
        What masks in folders are for, which is "known" where their values mean what they did in training: see
        `MaskListing.masked`.

    Raises
    ------
    ValueError
        No such data, or data that cannot be read; names file and row.

    Examples
    --------
    >>> load_samples("nowhere.csv")
    Traceback (most recent call last):
    ...
    ValueError: no data 'nowhere.csv': give imclef07a, imclef07d, cifar100, camvid, a file or a folder
    """
    source = source or Source()
    name = str(data)
    if name.startswith("imclef") and name in NAMED:
        return load_imclef(name.removeprefix("imclef").upper(), split or "train")
    if name == "cifar100":
        return load_cifar100_images(split or "train")
    if name == "camvid":
        return load_camvid(split or "train", size=source.size)
    kind, path = what_is(data, give=_GIVE), Path(data)
    if split is not None:
        raise ValueError(
            f"{path} has no split {split!r}: files have no splits, give the file of the one you mean"
        )
    if taxonomy is None and source.taxonomy is not None:
        taxonomy = read_taxonomy(source.taxonomy)
    if source.masks is not None:
        if taxonomy is None:
            raise ValueError(
                "masks need the taxonomy of their classes: --source.taxonomy FILE, or a bundled one"
            )
        return masked_folder(
            path,
            source.masks,
            taxonomy,
            size=source.size,
            purpose=purpose,
            **source.reading(),
        )
    if kind == "arff":
        found, _ = labelled_arff(path, taxonomy, means=means)
        return replace(found, inputs=_in_order(path, found.inputs, found.columns, columns))
    if kind in LISTS_IMAGES:
        return labelled_images(
            path, taxonomy, labels=source.labels or "label", size=source.size, background=source.background
        )
    samples = labelled_features(path, taxonomy, labels=_label_column(path, source), columns=source.features)
    ordered = _in_order(path, samples.inputs, samples.columns, columns)
    return replace(samples, inputs=ordered)


def load_inputs(
    data: str | os.PathLike,
    *,
    source: Source | None = None,
    own_sizes: bool = False,
    columns: Sequence[str] | None = None,
    means: Mapping[str, float] | None = None,
) -> Inputs:
    """Samples to predict labels of; labels that they have are passed over.

    Data are what `load_samples` takes, the test split of data sets by name, or one image. Features whose
    columns have names come in the order of `columns`, if these are known, and missing values become `means`.
    Raises ValueError as `load_samples` does.
    """
    source = source or Source()
    if own_sizes:
        source = replace(source, size=None)
    if str(data) in NAMED:
        samples = load_samples(data, "test", source=source)
        return Inputs(samples.inputs, samples.ids, samples.skipped)
    kind, path = what_is(data, give=_GIVE), Path(data)
    if kind == "arff":
        arff = read_arff_table(path, means=means)
        return Inputs(_in_order(path, arff.features, arff.columns, columns), arff.ids, remarks=arff.remarks)
    if kind == "image":
        items = [ImageItem(path.name, None, path.stem, path)]
    elif kind == "folder":
        items = image_folder(path)
    elif kind in LISTS_IMAGES:
        items, _ = listed_images(path)
    else:
        table = read_features(path, labels=_label_column(path, source), features=source.features)
        features, ids = table.dense()
        ordered = _in_order(path, features, table.columns, columns)
        return Inputs(ordered, ids, remarks=table.remarks)
    items = on_background(items, source.background)
    images: ImageRows | Pictures
    if own_sizes:
        images, good, skipped = open_pictures(items)
    else:
        images, good, skipped = open_images(items, source.size)
    return Inputs(images, tuple(items[k].id for k in good), skipped)


def _in_order(path: Path, features: Any, columns: Sequence[str] | None, wanted: Sequence[str] | None) -> Any:
    """Features in the order of those learned from, by their names; ValueError for foreign or missing ones."""
    if columns is None or wanted is None:
        return features
    try:
        ordered = in_order(features, columns, wanted)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if foreign := [name for name in columns if name not in wanted]:
        which = f"column{'s' if len(foreign) > 1 else ''} {quoted(foreign)}"
        raise ValueError(
            f"{path}: nothing was learned from {which}; choose {quoted(wanted)} (option `features`)"
        )
    return ordered


def _label_column(path: Path, source: Source) -> str | None:
    """The column of a feature file that has its labels, if the source names one."""
    if source.labels is not None and len(source.labels) > 1:
        raise ValueError(f"{path}: features have one column of labels, got {', '.join(source.labels)}")
    return source.labels[0] if source.labels else None
