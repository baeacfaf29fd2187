"""Write the pages that `make screenshots` takes pictures of: `python tools/screenshot_pages.py FOLDER`.

Nouns as `discover` finds them, the same beside their hierarchy by another similarity, and the photos of the
tutorial where its data is there (HYPERCLADE_DATA). `nodes.json` names nodes by what they hold.
"""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from hyperclade.cli.main import main
from hyperclade.report import Outcome
from hyperclade.report.media import Media
from hyperclade.report.page import write_page
from hyperclade.trees import Tree

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("HYPERCLADE_DATA", ROOT.parent / "shared" / "data"))
LABELS = ("bird", "musical instrument", "clothing", "insect")
CLUSTERS = {"animals": "bird", "what is worn": "clothing"}  # of ten, by what they hold

sys.path.append(str(ROOT / "benchmarks"))


def write_pages(folder: Path) -> None:
    """Pages and what their nodes are."""
    _run("discover", "--out", folder / "nouns")
    _run("discover", "--similarity", "cosine", "--out", folder / "other")
    found, other = Outcome.read(folder / "nouns"), Outcome.read(folder / "other")
    write_page(folder / "nouns.html", found)
    pair = [replace(found, title="by nearest neighbours"), replace(other, title="by all cosines")]
    write_page(folder / "pair.html", pair[0], beside=pair[1])
    nodes = {label: best_node(found.tree, found.labels == label) for label in LABELS}
    nodes |= {name: cluster_of(found.tree, 10, nodes[kind]) for name, kind in CLUSTERS.items()}
    nodes["deep"] = deepest(found.tree, nodes["bird"], 12)
    images = DATA / "cifar100" / "test.parquet"
    if images.exists():
        from documented import save_photos

        save_photos(images, folder / "photos")
        _run("discover", folder / "photos", "--out", folder / "found")
        photos = Outcome.read(folder / "found")
        write_page(folder / "photos.html", photos, media=Media(folder / "photos"))
        nodes["photos"] = best_node(photos.tree, photos.labels == "chair")
    (folder / "nodes.json").write_text(json.dumps(nodes), encoding="utf-8")


def best_node(tree: Tree, wanted: np.ndarray) -> int:
    """The node whose leaves match the wanted ones best, by Jaccard."""
    first, end = tree.leaf_interval.T
    before = np.r_[0, np.cumsum(wanted[tree.leaf_order])]
    shared = before[end] - before[first]
    return int(np.argmax(shared / (tree.size + wanted.sum() - shared)))


def cluster_of(tree: Tree, k: int, node: int) -> int:
    """The cluster, of k, that holds a node."""
    while node not in tree.cut_nodes(k):
        node = int(tree.parent[node])
    return node


def deepest(tree: Tree, node: int, size: int) -> int:
    """The deepest node below one that has at least so many leaves."""
    below = [v for v in np.flatnonzero(tree.size >= size) if is_below(tree, int(v), node)]
    return int(max(below, key=lambda v: tree.depth[v]))


def is_below(tree: Tree, node: int, above: int) -> bool:
    (first, end), (own, _) = tree.leaf_interval[above], tree.leaf_interval[node]
    return bool(first <= own < end and tree.size[node] <= tree.size[above])


def _run(*arguments: str | Path) -> None:
    if status := main([str(own) for own in arguments]):
        sys.exit(status)


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
