"""Write `web/tests/golden/scores.json`: agreement of cuts with labels, for the page's program to meet.

Run it after a change of the metrics: ``python tools/golden_scores.py``.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from hyperclade.metrics.partitions import ari, mean_purity, nmi, weighted_purity
from hyperclade.trees.tree import Tree, canonical_order

PATH = Path(__file__).parents[1] / "web" / "tests" / "golden" / "scores.json"


def golden() -> dict[str, list[dict[str, Any]]]:
    """Labellings and trees with their scores."""
    rng = np.random.default_rng(14)
    return {
        "labellings": [_labelling(*case) for case in _labellings(rng)],
        "trees": [_tree(n, classes, rng) for n, classes in ((1, 1), (2, 2), (40, 5), (300, 12))],
    }


def _labellings(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    same = rng.integers(0, 4, 50)
    return [
        (np.zeros(5, dtype=int), np.zeros(5, dtype=int)),  # one class, one cluster
        (np.zeros(5, dtype=int), np.arange(5)),
        (np.arange(5), np.zeros(5, dtype=int)),
        (np.arange(5), np.arange(5)),
        (same, 3 - same),
        (rng.integers(0, 6, 200), rng.integers(0, 9, 200)),
        (rng.integers(-1, 6, 200), rng.integers(0, 30, 200)),  # some unlabelled
        (np.where(np.arange(60) < 50, -1, np.arange(60) % 3), np.arange(60) // 5),  # clusters without a label
    ]


def _labelling(codes: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    return {"codes": codes.tolist(), "labels": labels.tolist(), "scores": _scores(codes, labels)}


def _tree(n: int, classes: int, rng: np.random.Generator) -> dict[str, Any]:
    parent = _random_parents(n, rng)
    tree = Tree(parent)
    codes = rng.integers(-1, classes, n) if n > 2 else np.arange(n)
    counts = sorted({1, 2, 3, 7, 20, n // 2, n} & set(range(1, n + 1)))
    return {
        "parent": tree.parent.tolist(),
        "height": tree.height.tolist(),
        "splits": canonical_order(tree.parent, tree.height)[n:].tolist(),
        "codes": codes.tolist(),
        "counts": counts,
        "curve": [[len(tree.cut_nodes(k)), _scores(codes, tree.cut(k))] for k in counts],
    }


def _random_parents(n: int, rng: np.random.Generator) -> list[int]:
    """Joins of two or three random nodes until one is left."""
    parent: dict[int, int] = {}
    alive = list(range(n))
    made = n
    while len(alive) > 1:
        for _ in range(min(len(alive), int(rng.integers(2, 4)))):
            parent[alive.pop(int(rng.integers(len(alive))))] = made
        alive.append(made)
        made += 1
    return [parent.get(node, -1) for node in range(made)]


def _scores(codes: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    known = codes >= 0
    measures = {"nmi": nmi, "ari": ari, "meanPurity": mean_purity, "weightedPurity": weighted_purity}
    return {name: measure(codes[known], labels[known]) for name, measure in measures.items()}


if __name__ == "__main__":
    PATH.write_text(json.dumps(golden()) + "\n", encoding="utf-8")
