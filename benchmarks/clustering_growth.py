"""Jobs of the section `growth`: a memory-mapped mixture of nested clusters, up to a million rows."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from clustering_data import CACHE, load, nested
from hyperclade import SHHC
from hyperclade.metrics import dendrogram_purity, nmi
from measure import measured

_WARM_ROWS = 1024


def fit(data: str, seed: int, options: dict[str, Any]) -> dict[str, Any]:
    """SHHC on the memory map: its stages, and its cuts and tree against the three levels."""
    loaded = load(data)
    for warm in (options, options | {"n_clusters": 8}):
        SHHC(random_state=0, **warm).fit(loaded.X[:_WARM_ROWS])
    model, run = measured(lambda: SHHC(random_state=seed, **options).fit(loaded.X))
    start = time.perf_counter()
    score = float(model.score_)
    recall = getattr(model, "recall_", None)
    return run | {
        "stages": model.timings_,
        "feature_mib": loaded.X.nbytes / 2**20,
        "clusters": int(model.n_clusters_),
        "recall": None if recall is None else float(recall),
        "score": score,
        "score_seconds": time.perf_counter() - start,
        "nmi": {
            name: float(nmi(values, model.cut(len(np.unique(values)))))
            for name, values in loaded.labels.items()
        },
        "purity": {
            name: float(dendrogram_purity(model.tree_, values)) for name, values in loaded.labels.items()
        },
    }


def evoc(data: str, seed: int) -> dict[str, Any]:
    """EVoC on the same rows: its layers against the three levels, with noise as a cluster and without.

    It gets no seed: with one it leaves its parallel code, and takes some three times as long.
    """
    from evoc import EVoC

    loaded = load(data)
    EVoC().fit(np.array(loaded.X[: 2 * _WARM_ROWS], np.float32))
    model, run = measured(lambda: EVoC().fit(np.array(loaded.X, np.float32)))
    layers = []
    for labels in model.cluster_layers_:
        kept = labels >= 0
        agreed = {name: float(nmi(values, labels)) for name, values in loaded.labels.items()}
        if kept.any():
            agreed |= {
                f"{name}, kept": float(nmi(v[kept], labels[kept])) for name, v in loaded.labels.items()
            }
        layers.append({"k": len(np.unique(labels[kept])), "noise": float(1 - kept.mean()), "nmi": agreed})
    return run | {"layers": layers}


def command(data: str, seed: int) -> dict[str, Any]:
    """`hyperclade discover` as a whole, from the start of Python to the last file written."""
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        out = Path(folder, "out")
        words = [sys.executable, "-m", "hyperclade.cli.main", "discover", str(nested(data))]
        words += ["--out", str(out), "--seed", str(seed)]
        start = time.perf_counter()
        with Path(folder, "output").open("w+b") as output:
            process = subprocess.Popen(words, stdout=output, stderr=subprocess.STDOUT)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                output.seek(0)
                raise RuntimeError(output.read().decode().strip().splitlines()[-1])
        summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
        written = sum(path.stat().st_size for path in out.iterdir()) / 2**20
    return {
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mib": usage.ru_maxrss / 1024,
        "written_mib": written,
        "stages": summary["seconds"],
        "score": summary["score"],
        "clusters": summary["clusters"],
    }
