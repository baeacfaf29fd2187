"""A fitted `SHHC` as a folder of arrays and JSON: what took time is kept, what follows is made again."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse

from hyperclade.hierarchy.neighbours import NeighbourIndex
from hyperclade.hierarchy.rows import Rows
from hyperclade.hierarchy.similarity import FeatureSimilarity, GraphSimilarity

if TYPE_CHECKING:
    from hyperclade.hierarchy.shhc import SHHC

FORMAT, FORMAT_VERSION = "hyperclade-shhc", 1
_HEADER, _FEATURES, _SPARSE = "model.json", "features.npy", "features.npz"


def save(model: SHHC, folder: Path) -> None:
    """Write a fitted model to a new or empty folder.

    Raises
    ------
    ValueError
        If the folder holds files.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} exists already; choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    if scipy.sparse.issparse(model._X):
        scipy.sparse.save_npz(folder / _SPARSE, model._X)
    else:
        np.save(folder / _FEATURES, model._X, allow_pickle=False)
    arrays: dict[str, Any] = {"labels": model.labels_, "top": model._top}
    if model._parts is not None:
        arrays["part_of_item"] = model._part_of_item
        arrays["subtrees"] = np.concatenate(model._subtrees).reshape(-1, 2)
    weights = model._weights
    header: dict[str, Any] = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "hyperclade": version("hyperclade"),
    }
    if isinstance(weights, GraphSimilarity):
        edges = weights.edges
        arrays |= {"edge_pointer": edges.indptr, "edge_index": edges.indices, "edge_weight": edges.data}
        arrays |= {"neighbours": weights.neighbours, "distances": weights.distances}
        header |= {"dense_weight": weights.dense_weight, "has_dense": weights.dense is not None}
    parameters = model.get_params() | {"random_state": None, "progress": None}
    header |= {"parameters": parameters, "seed": model._seed, "recall": model.recall_}
    header |= {"metric": model.metric_, "seconds": model.timings_}
    header |= {"names": getattr(model, "feature_names_in_", np.empty(0)).tolist()}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    # Last, so that a folder without it is known to be unfinished.
    (folder / _HEADER).write_text(json.dumps(header, indent=1) + "\n", encoding="utf-8")


def load(kind: type[SHHC], folder: Path) -> SHHC:
    """The model that `save` wrote; features stay on disk, as a memory map.

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
    if header.get("format") != FORMAT or header.get("version") != FORMAT_VERSION:
        raise ValueError(
            f"{folder} holds {header.get('format')!r} of version {header.get('version')!r}; "
            f"this release reads {FORMAT!r} of version {FORMAT_VERSION}"
        )
    try:
        return _restored(kind(**header["parameters"]), header, folder)
    except (OSError, EOFError, KeyError, ValueError, TypeError) as error:
        raise ValueError(f"the model in {folder} is incomplete or broken: {error}") from error


def _restored(model: SHHC, header: dict[str, Any], folder: Path) -> SHHC:
    def read(name: str) -> np.ndarray:
        return np.load(folder / f"{name}.npy", allow_pickle=False)

    sparse = (folder / _SPARSE).exists()
    X = (
        scipy.sparse.load_npz(folder / _SPARSE)
        if sparse
        else np.load(folder / _FEATURES, mmap_mode="r", allow_pickle=False)
    )
    model._seed, model.timings_ = header["seed"], header["seconds"]
    model.n_features_in_ = X.shape[1]
    if header["names"]:
        model.feature_names_in_ = np.array(header["names"], dtype=object)
    graph = None
    if model.similarity == "knn":
        rows = Rows(X, header["metric"])
        distinct = rows.distinct
        items = rows.at(distinct.first)
        index = NeighbourIndex(items, recall=model.recall, random_state=model._seed)
        index.recall_ = header["recall"]
        m = len(items)
        edges = scipy.sparse.csr_matrix(
            (read("edge_weight"), read("edge_index"), read("edge_pointer")), shape=(m, m)
        )
        graph = GraphSimilarity(
            edges,
            distinct,
            dense=FeatureSimilarity.over(items, distinct) if header["has_dense"] else None,
            dense_weight=header["dense_weight"],
            index=index,
            neighbours=read("neighbours"),
            distances=read("distances"),
        )
    model._compare(X, graph)
    model._top = read("top")
    model._parts = None
    if (folder / "part_of_item.npy").exists():
        model._set_parts(read("part_of_item"), read("subtrees"))
        model._items = model._weights.groups(model._part_of_item, len(model._parts or []))
    else:
        model._items = model._weights.items()
    model._finish()
    model.labels_ = read("labels")
    model._label_nodes()
    return model
