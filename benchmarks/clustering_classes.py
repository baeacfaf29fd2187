"""Jobs of the section `classes`: trees over labelled rows, and how they and their cuts agree with labels."""

from functools import partial
from typing import Any

import numpy as np

from clustering_data import load
from clustering_methods import CLASS_METHODS, Method
from clustering_versions import agreement
from measure import measured

_WARM_ROWS = 256


def judge(data: str, group: str, seeds: list[int]) -> dict[str, Any]:
    """Every method of a group: its time, and what `clustering_versions.agreement` says of its trees."""
    loaded = load(data)
    n, d = loaded.X.shape
    classes = {name: len(np.unique(values)) for name, values in loaded.labels.items()}
    methods = {
        name: _judged(method, loaded.X, loaded.labels, seeds) for name, method in CLASS_METHODS[group].items()
    }
    return {"n": n, "d": d, "classes": classes, "methods": methods}


def _judged(method: Method, X: np.ndarray, labels: dict[str, np.ndarray], seeds: list[int]) -> dict[str, Any]:
    try:
        method.build(X[:_WARM_ROWS], 0)
        runs = []
        for seed in seeds if method.randomised else seeds[:1]:
            tree, run = measured(partial(method.build, X, seed))
            runs.append({"seed": seed} | run | agreement(tree, labels))
        return {"runs": runs}
    except Exception as error:  # one that cannot do a data set is a finding, and must not end the others
        return {"skipped": f"failed: {type(error).__name__}: {error}"}
