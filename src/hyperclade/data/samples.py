"""Real data at hand: two samples without a download, and readers for the data of tests and benchmarks."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from hyperclade.data.arff import read_hierarchical_arff
from hyperclade.data.features import FeatureTable, files_beside, read_features
from hyperclade.data.labelled import LabelledSet
from hyperclade.data.labelled_files import labelled_images
from hyperclade.data.taxonomies import read_taxonomy


@dataclass(frozen=True)
class Sample:
    """Features with names and labels of every kind that the source has.

    Attributes
    ----------
    features : (n, d) float array or memory map
    names : (n,) str
        Unique for the bundled nouns.
    labels : (n,) integer
        Codes into `label_names`.
    label_names : (k,) str
    other_labels : dict of str to array
        Further labellings of the rows by name, each (n,) str.
    description : str
        What it is, its source and licence.
    """

    features: np.ndarray
    names: np.ndarray
    labels: np.ndarray
    label_names: np.ndarray
    description: str
    other_labels: dict[str, np.ndarray] = field(default_factory=dict)


def load_nouns() -> Sample:
    """About 2,300 everyday nouns (birds, fruit, tools, colours …) with embeddings of their definitions.

    Returns
    -------
    Sample
        (2337, 256) float16 features. `labels` are 49 hand-made categories ("bird", "tool"); `other_labels`
        has "lexname" (WordNet's coarse groups: "animal", "artifact") and "hypernyms" (the path from WordNet's
        root, "entity > … > bird > owl").

    Examples
    --------
    >>> sample = load_nouns()
    >>> i = sample.names.tolist().index("owl")
    >>> sample.features.dtype, sample.label_names[sample.labels[i]], sample.other_labels["lexname"][i]
    (dtype('float16'), np.str_('bird'), np.str_('animal'))
    """
    with (files("hyperclade.data") / "bundled" / "nouns.npz").open("rb") as file:
        arrays = dict(np.load(file, allow_pickle=False))
    text = {key: np.char.decode(array, "utf-8") for key, array in arrays.items() if array.dtype.kind == "S"}
    paths: list[str] = []
    for name, parent in zip(text["node_names"], arrays["node_parent"], strict=True):
        paths.append(f"{paths[parent]} > {name}" if parent >= 0 else str(name))
    hypernyms = [f"{paths[p]} > {name}" for p, name in zip(arrays["leaf_parent"], text["names"], strict=True)]
    return Sample(
        features=arrays["features"],
        names=text["names"],
        labels=arrays["labels"].astype(np.int64),
        label_names=text["label_names"],
        description="Everyday nouns of WordNet 3.0 (Princeton University; licence beside the file), embedded "
        "with their definitions by all-MiniLM-L6-v2 (Apache-2.0), 256 principal components.",
        other_labels={
            "lexname": text["lexname_names"][arrays["lexnames"]],
            "hypernyms": np.array(hypernyms),
        },
    )


def load_digits() -> Sample:
    """Scikit-learn's 1,797 handwritten digits of 8 × 8 pixels.

    Returns
    -------
    Sample
        (1797, 64) float64 features, 0 … 16. Names are the digit and a running number: "7 #12".

    Examples
    --------
    >>> load_digits().names[:3].tolist()
    ['0 #0', '1 #1', '2 #2']
    """
    from sklearn.datasets import load_digits as load

    data = load()
    names = np.array([f"{digit} #{row}" for row, digit in enumerate(data.target)])
    return Sample(
        features=data.data,
        names=names,
        labels=data.target.astype(np.int64),
        label_names=np.array([str(name) for name in data.target_names]),
        description="Optical recognition of handwritten digits (UCI, CC BY 4.0), 8 × 8 pixels.",
    )


def read_or_sample(
    source: Path | None,
    embedded: Path | None,
    beside: dict[str, str | None],
    features: Sequence[str] | None = None,
) -> FeatureTable:
    """Features of a file, those that were embedded of it, or without a file the nouns.

    `beside` names columns or files of its "labels", "names" and "ids", as `read_features` takes them, and
    `features` its columns.
    """
    if features and (source is None or embedded is not None):
        raise ValueError("--features needs a table whose columns it names")
    if source is None:
        if any(beside.values()):
            raise ValueError("--labels, --names and --ids need DATA that they belong to")
        sample = load_nouns()
        return FeatureTable(sample.features, labels=sample.label_names[sample.labels], names=sample.names)
    if embedded is None:
        return read_features(source, **beside, features=features)
    return read_features(embedded, **files_beside(beside))


def data_home() -> Path | None:
    """The folder of real data for tests and benchmarks, or None where there is none.

    `HYPERCLADE_DATA`, else `../shared/data` seen from the working directory or from the checkout that this
    package lies in.

    Raises
    ------
    ValueError
        `HYPERCLADE_DATA` is set to something that is no folder.

    Examples
    --------
    >>> home = data_home()
    >>> home is None or home.is_dir()
    True
    """
    named = os.environ.get("HYPERCLADE_DATA")
    if named:
        if not Path(named).is_dir():
            raise ValueError(f"HYPERCLADE_DATA is {named!r}, which is not a folder")
        return Path(named)
    for root in (Path.cwd(), Path(__file__).resolve().parents[3]):
        folder = root.parent / "shared" / "data"
        if folder.is_dir():
            return folder
    return None


def load_cifar100_images(split: str) -> LabelledSet:
    """CIFAR-100 with 100 images per class, "train" or "test": 32 × 32 pixels, classes below superclasses."""
    check_choice("split", split, ("train", "test"))
    path = data_file("cifar100", f"{split}.parquet")
    return labelled_images(path, read_taxonomy("cifar100"), labels=("superclass", "label"))


def load_imclef(name: str, split: str) -> LabelledSet:
    """ImCLEF07A or ImCLEF07D: X-ray images as 80 edge-histogram features, annotated by a taxonomy.

    "07A" has 96 nodes (8/25/63 by level), "07D" 46 (4/16/26); "train" 10,000 samples, "test" 1,006. Both
    files list the same taxonomy.
    """
    check_choice("name", name, ("07A", "07D"))
    check_choice("split", split, ("train", "test"))
    return read_hierarchical_arff(data_file("imclef", f"ImCLEF{name}_{split.title()}.arff.gz"))


def data_file(*parts: Any) -> Path:
    """A file or folder of the data folder; FileNotFoundError if there is none, or it lacks the file."""
    home = data_home()
    if home is None:
        raise FileNotFoundError("no data folder: set HYPERCLADE_DATA to it")
    path = home.joinpath(*parts)
    if not path.exists():
        raise FileNotFoundError(f"the data folder lacks {'/'.join(parts)}: no {path}")
    return path


def check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    """ValueError unless a value is a known one."""
    if value not in known:
        raise ValueError(f"{name} must be {' or '.join(map(repr, known))}, got {value!r}")
