"""Jobs that a process runs with any version of hyperclade, see `measure.in_process`: only its public face.

`git archive` gives the version that the present one is compared with: the last before rows could be compared
by Euclidean distance and before results were the same on every processor.
"""

import inspect
import subprocess
import tarfile
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from hyperclade import SHHC
from hyperclade.metrics import ari, dendrogram_purity, nmi
from measure import measured

CACHE = Path(__file__).parent / "cache"
BEFORE = "bc9772b096e5"
_WARM_ROWS = 256


def checkout(commit: str) -> Path:
    """Folder of the packages of a commit, for PYTHONPATH; unpacked once.

    Raises RuntimeError where git or the commit is missing.
    """
    folder = CACHE / f"hyperclade_{commit}"
    if not folder.exists():
        try:
            archive = subprocess.run(
                ["git", "archive", commit, "src"],
                cwd=Path(__file__).parents[1],
                check=True,
                capture_output=True,
            ).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            raise RuntimeError(f"git has no commit {commit} here") from error
        CACHE.mkdir(exist_ok=True)
        part = folder.with_suffix(".part")
        with tarfile.open(fileobj=BytesIO(archive)) as files:
            files.extractall(part, filter="data")
        part.rename(folder)
    return folder / "src"


def judge(file: str, seeds: list[int], options: dict[str, Any]) -> dict[str, Any]:
    """Time of SHHC on a stored data set, and the agreement of its trees with the labels, seed by seed."""
    X, labels = _stored(file)
    _fit(X[:_WARM_ROWS], 0, options)
    runs = []
    for seed in seeds:
        model, run = measured(partial(_fit, X, seed, options))
        runs.append({"seed": seed} | run | agreement(model.tree_, labels))
    return {"runs": runs}


def timed(file: str, seed: int, options: dict[str, Any]) -> dict[str, Any]:
    """Time of one fit, its stages and its cost. What SHHC has no option for is left out of the options."""
    X, _ = _stored(file)
    known = inspect.signature(SHHC.__init__).parameters
    options = {name: value for name, value in options.items() if name in known}
    k = options.get("n_clusters")
    _fit(X[:_WARM_ROWS], 0, options | ({"n_clusters": 16} if isinstance(k, int) else {}))
    model, run = measured(partial(_fit, X, seed, options))
    return run | {"stages": model.timings_, "cost": {"own": float(model.cost_)}}


def agreement(tree: Any, labels: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Dendrogram purity, and NMI and ARI of the cut at the true number of classes, for each labelling."""
    found: dict[str, dict[str, float]] = {"purity": {}, "nmi": {}, "ari": {}}
    for name, values in labels.items():
        cut = tree.cut(len(np.unique(values)))
        found["purity"][name] = float(dendrogram_purity(tree, values))
        found["nmi"][name] = float(nmi(values, cut))
        found["ari"][name] = float(ari(values, cut))
    return found


def _fit(X: np.ndarray, seed: int, options: dict[str, Any]) -> SHHC:
    return SHHC(random_state=seed, **options).fit(X)


def _stored(file: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    with np.load(CACHE / file, allow_pickle=False) as arrays:
        names = [name for name in arrays.files if name != "X"]
        return arrays["X"], {name.removeprefix("label "): arrays[name] for name in names}
