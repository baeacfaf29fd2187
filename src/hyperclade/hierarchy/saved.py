"""A fitted `SHHC` as a folder of arrays and JSON: what took time is kept, what follows is made again."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import scipy.sparse

from hyperclade.hierarchy.neighbours import NeighbourIndex
from hyperclade.hierarchy.rows import Rows
from hyperclade.hierarchy.similarity import AnySimilarity, FeatureSimilarity, GraphSimilarity

Model = TypeVar("Model")
Arrays = dict[str, Any]

_FORMAT, _VERSION = "hyperclade-shhc", 1
_HEADER, _FEATURES, _SPARSE = "model.json", "features.npy", "features.npz"


def save(folder: Path, X: Any, weights: AnySimilarity, header: dict[str, Any], arrays: Arrays) -> None:
    """Write a fitted model to a new or empty folder: its rows, their similarity, and what else it needs.

    Raises
    ------
    ValueError
        If the folder holds files.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} exists already; choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    if scipy.sparse.issparse(X):
        scipy.sparse.save_npz(folder / _SPARSE, X)
    else:
        np.save(folder / _FEATURES, X, allow_pickle=False)
    header = {"format": _FORMAT, "version": _VERSION, "hyperclade": version("hyperclade"), **header}
    if isinstance(weights, GraphSimilarity):
        edges = weights.edges
        arrays |= {"edge_pointer": edges.indptr, "edge_index": edges.indices, "edge_weight": edges.data}
        arrays |= {"neighbours": weights.neighbours, "distances": weights.distances}
        header |= {"dense_weight": weights.dense_weight, "has_dense": weights.dense is not None}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    # Last, so that a folder without it is known to be unfinished.
    (folder / _HEADER).write_text(json.dumps(header, indent=1) + "\n", encoding="utf-8")


def load(folder: Path, restored: Callable[[dict[str, Any], Any, Arrays], Model]) -> Model:
    """The model that `save` wrote; features stay on disk, as a memory map.

    Parameters
    ----------
    folder : Path
    restored : callable
        Makes the model of the header, the rows, and the arrays.

    Raises
    ------
    ValueError
        If the folder holds no model of this format and version, or a part of it is missing or broken.
    """
    try:
        header = json.loads((folder / _HEADER).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"{folder} holds no saved model: there is no {_HEADER}") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"{folder / _HEADER} is broken: {error}") from error
    if header.get("format") != _FORMAT or header.get("version") != _VERSION:
        raise ValueError(
            f"{folder} holds {header.get('format')!r} of version {header.get('version')!r}; "
            f"this release reads {_FORMAT!r} of version {_VERSION}"
        )
    try:
        if (folder / _SPARSE).exists():
            X = scipy.sparse.load_npz(folder / _SPARSE)
        else:
            X = np.load(folder / _FEATURES, mmap_mode="r", allow_pickle=False)
        paths = (path for path in folder.glob("*.npy") if path.name != _FEATURES)
        arrays = {path.stem: np.load(path, allow_pickle=False) for path in paths}
        return restored(header, X, arrays)
    except (OSError, EOFError, KeyError, ValueError, TypeError) as error:
        raise ValueError(f"the model in {folder} is incomplete or broken: {error}") from error


def graph_of(X: Any, header: dict[str, Any], arrays: Arrays) -> GraphSimilarity:
    """The graph over the rows X of a saved model."""
    rows = Rows(X, header["metric"])
    distinct = rows.distinct
    items = rows.at(distinct.first)
    index = NeighbourIndex(items, recall=header["parameters"]["recall"], random_state=header["seed"])
    index.recall_ = header["recall"]
    edges = (arrays["edge_weight"], arrays["edge_index"], arrays["edge_pointer"])
    return GraphSimilarity(
        scipy.sparse.csr_matrix(edges, shape=(len(items), len(items))),
        distinct,
        dense=FeatureSimilarity.over(items, distinct) if header["has_dense"] else None,
        dense_weight=header["dense_weight"],
        index=index,
        neighbours=arrays["neighbours"],
        distances=arrays["distances"],
    )
