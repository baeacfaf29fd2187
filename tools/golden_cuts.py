"""Write the cuts that the page's slider must give, for the tests of `web/src/core/cut.ts`.

    python tools/golden_cuts.py [--out FILE]

Trees with ties in height, with nodes of several children and with one, in numberings other than the canonical
one; `Tree.cut_nodes`, `Tree.cut` and `Tree.cut_height` of each. The result is the same
every time, to the byte.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from hyperclade.trees import Tree
from hyperclade.trees.tree import canonical_order

OUT = Path(__file__).parents[1] / "web" / "tests" / "golden" / "cuts.json"


def golden_cuts() -> str:
    """The cuts of all trees as JSON, one tree a line."""
    lines = ",\n".join(json.dumps({"title": title, **_cuts(tree)}) for title, tree in _trees().items())
    return f"[\n{lines}\n]\n"


def _trees() -> dict[str, Tree]:
    rng = np.random.default_rng(20)
    return {
        "one leaf": Tree([-1]),
        "two leaves": Tree([2, 2, -1]),
        "all heights tie": Tree([8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, -1], [0] * 8 + [1] * 7),
        "star": Tree([6] * 6 + [-1]),
        "caterpillar": Tree([5, 5, 6, 7, 8, 6, 7, 8, -1]),
        "nodes with one child": Tree([3, 4, 4, 5, 6, 7, 7, -1], [0, 0, 0, 1, 1, 2, 1, 3]),
        "identical rows": Tree([5, 5, 6, 6, 7, 7, 8, 8, -1], [0, 0, 0, 0, 0, 0, 0, 2, 2]),
        **{f"binary {n}": _random(n, 2, rng) for n in (9, 30)},
        **{f"several children {n}": _random(n, 5, rng) for n in (12, 40)},
        **{f"other numbering {n}": _renumbered(_random(n, 4, rng), rng) for n in (10, 35)},
    }


def _random(n: int, most: int, rng: np.random.Generator) -> Tree:
    """Joins of two to `most` nodes at heights of which many tie."""
    parent, height = [-1] * n, [0.0] * n
    alive = list(range(n))
    while len(alive) > 1:
        taken = min(len(alive), int(rng.integers(2, most + 1)))
        joined = [alive.pop(int(rng.integers(len(alive)))) for _ in range(taken)]
        height.append(max(height[node] for node in joined) + int(rng.integers(3)) / 4)
        alive.append(len(parent))
        parent.append(-1)
        for node in joined:
            parent[node] = alive[-1]
    return Tree(parent, height)


def _renumbered(tree: Tree, rng: np.random.Generator) -> Tree:
    """The tree with its inner nodes in another order, children still before their parents."""
    n, m = tree.n_leaves, tree.n_nodes
    left = np.bincount(tree.parent[n:-1], minlength=m)
    ready = [node for node in range(n, m) if left[node] == 0]
    new = np.arange(m)
    for place in range(n, m):
        node = ready.pop(int(rng.integers(len(ready))))
        new[node] = place
        above = tree.parent[node]
        if above >= 0:
            left[above] -= 1
            if left[above] == 0:
                ready.append(int(above))
    parent, height = np.full(m, -1), np.empty(m)
    parent[new[:-1]] = new[tree.parent[:-1]]
    height[new] = tree.height
    return Tree(parent, height)


def _cuts(tree: Tree) -> dict[str, Any]:
    n, m = tree.n_leaves, tree.n_nodes
    order = canonical_order(tree.parent, tree.height)[n:]
    heights = np.unique(tree.height)
    between = np.unique(np.concatenate([heights, (heights[1:] + heights[:-1]) / 2]))
    return {
        "n": n,
        "parent": tree.parent.tolist(),
        "height": tree.height.tolist(),
        "splits": None if np.array_equal(order, np.arange(n, m)) else order.tolist(),
        "cuts": [
            {"k": k, "nodes": tree.cut_nodes(k).tolist(), "labels": tree.cut(k).tolist()}
            for k in range(1, n + 1)
        ],
        "heights": [{"height": own, "labels": tree.cut_height(own).tolist()} for own in between.tolist()],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=OUT)
    parser.parse_args().out.write_text(golden_cuts(), encoding="utf-8")
