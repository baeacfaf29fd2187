"""Pages for the tests in a browser, with what they must show: `python pages.py FOLDER`."""

import json
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from hyperclade.data.samples import read_or_sample
from hyperclade.hierarchy import SHHC
from hyperclade.metrics.agreement import best_matches, match_agreement
from hyperclade.report import Outcome, Partition
from hyperclade.report.media import Media, MediaItem
from hyperclade.report.notebook import show
from hyperclade.report.page import write_page
from hyperclade.trees import Tree

HOSTILE = [
    "<script>globalThis.broken = 1</script>",
    "</script><script>globalThis.broken = 1</script>",
    "<img src=x onerror='globalThis.broken = 1'>",
    "\"' onmouseover='globalThis.broken = 1'",
    "`${globalThis.broken = 1}`",
    "javascript:globalThis.broken=1",
    "<!--hyperclade:data--><!-- <script>",
    "&lt;b&gt; &amp; &#x3c;",
    "\u202egnitirw fo noitcerid\u202c",
    "zero\u200bwidth\u200d\ufeff\u2060joiner",
    "line\nbreak\ttab\r\0nul\x1b[31m",
    "",
    "   ",
    "x" * 10_000,
    "a long text of many words " * 400,
    "العربية 中文 日本語 한국어 ไทย 👩‍👩‍👧‍👦 e\u0301",
    "\ud800 alone",
    "__proto__",
    "constructor",
    "=HYPERLINK(\"http://x\")",
]  # fmt: skip


def random_tree(n: int, seed: int, names: list[str] | None = None) -> Tree:
    """Binary, from neighbours that merge in a random order, as a clustering's."""
    rng = np.random.default_rng(seed)
    height = np.sort(rng.gamma(2.0, size=n - 1))
    gap = rng.permutation(n - 1)
    # Union of neighbouring runs in the order of the gaps.
    left, right = np.arange(n), np.arange(n)
    node = np.arange(n)
    merges = np.empty((n - 1, 2), dtype=np.int64)
    for k, at in enumerate(gap.tolist()):
        a, b = left[at], right[at + 1]
        merges[k] = node[a], node[at + 1]
        left[b], right[a] = a, b
        node[a] = n + k
    return Tree.from_merges(merges, height, names)


def layered(tree: Tree) -> list[Partition]:
    return [Partition.of(tree, f"layer_{own.max() + 1}", own) for own in tree.layers()]


def nouns(folder: Path) -> None:
    table = read_or_sample(None, None, {}, None)
    model = SHHC(random_state=0).fit(table.features)
    outcome = Outcome.of(model, table, exemplars=8, title="everyday nouns")
    outcome.write(folder / "nouns")
    write_page(folder / "nouns.html", outcome)
    tell_cuts(folder / "nouns.json", outcome.tree, [1, 2, 3, 10, 100, 1000, outcome.tree.n_leaves])
    frame = show(outcome)._repr_html_()
    (folder / "notebook.html").write_text(f"<!doctype html><title>notebook</title><body>{frame}</body>")


def tell_cuts(path: Path, tree: Tree, numbers: list[int]) -> None:
    path.write_text(json.dumps({"cuts": {k: tree.cut(k).tolist() for k in numbers}}))


def ties(folder: Path, n: int = 24) -> None:
    """Nodes with several children, equal heights, and numbers from the deepest level up."""
    binary = random_tree(n, seed=5)
    rng = np.random.default_rng(5)
    height = np.floor(binary.height)
    parent = binary.parent.copy()
    kept = np.ones(binary.n_nodes, dtype=bool)
    for node in range(n, binary.root):
        if height[node] == height[parent[node]] and rng.random() < 0.5:
            parent[parent == node] = parent[node]
            kept[node] = False
    depth = np.zeros(binary.n_nodes, dtype=np.int64)
    for node in range(binary.root - 1, -1, -1):
        depth[node] = depth[parent[node]] + 1
    inner = np.flatnonzero(kept)[n:]
    inner = inner[np.lexsort((rng.random(len(inner)), -depth[inner]))]
    new = np.full(binary.n_nodes + 1, -1)
    new[np.r_[:n, inner]] = np.arange(n + len(inner))
    order = np.r_[:n, inner]
    tree = Tree(new[parent[order]], height[order])
    write_page(folder / "ties.html", Outcome(tree))
    tell_cuts(folder / "ties.json", tree, list(range(1, n + 1)))


def pair(folder: Path, n: int = 90) -> None:
    """A tree, and one in which a third of the samples are elsewhere, in another order."""
    rng = np.random.default_rng(6)
    one = random_tree(n, seed=6)
    place = np.arange(n)
    moved = rng.choice(n, n // 3, replace=False)
    place[moved] = rng.permutation(moved)
    two = random_tree(n, seed=7).restrict(place)
    ids = np.array([f"s{i}" for i in range(n)], dtype=object)
    other = rng.permutation(n)
    beside = Outcome(two.restrict(other), ids=ids[other], title="the other one")
    write_page(folder / "pair.html", Outcome(one, layered(one), ids=ids, title="the one"), beside=beside)
    told = {
        "agreement": match_agreement(one, two),
        "jaccard": best_matches(one, two)[1].tolist(),
        "sizes": one.size[n:].tolist(),
    }
    (folder / "pair.json").write_text(json.dumps(told))


class Damaged(Media):
    """Media of a folder and a picture that is none, for the last leaf."""

    def of(self, outcome: Outcome, *args: object) -> Iterator[MediaItem]:
        yield from super().of(outcome, *args)
        yield MediaItem(outcome.tree.n_leaves - 1, "image", "image/webp", b"no picture")


def media(folder: Path, images: int = 2000, sounds: int = 200) -> None:
    own = folder / "media"
    own.mkdir()
    rng = np.random.default_rng(8)
    for leaf, pixels in enumerate(rng.integers(0, 256, (images, 8, 8, 3), dtype=np.uint8)):
        Image.fromarray(pixels).save(own / f"{leaf}.bmp")
    tone = (8000 * np.sin(np.arange(4000) / 3)).astype("<i2").tobytes()
    for leaf in range(sounds):
        with wave.open(str(own / f"{10 * leaf}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(tone)
    tree = random_tree(images + 1, seed=8)
    exemplars = {
        tree.root: np.arange(4),
        **{tree.root - k: tree.leaves(tree.root - k)[:8] for k in range(1, 9)},
    }
    outcome = Outcome(tree, layered(tree), exemplars=exemplars, title="media")
    write_page(folder / "media.html", outcome, media=Damaged(own))


def samples(n: int, named: bool) -> Outcome:
    """Many samples with labels and names of upper nodes."""
    tree = random_tree(n, seed=1)
    words = np.array(["owl", "oak", "lamp", "river", "stone", "violin", "granite", "harbour"], dtype=object)
    names = None
    if named:
        names = words[np.arange(n) % 8] + " " + np.arange(n).astype(str).astype(object)
    titles = {node: f"group {node}" for node in np.argsort(-tree.size, kind="stable")[:4000].tolist()}
    titles = {node: title for node, title in titles.items() if node >= n}
    labels = (np.arange(n) // (n // 20)).astype(str).astype(object)[tree.leaf_order.argsort()]
    return Outcome(tree, layered(tree), names=names, labels=labels, node_names=titles, title=f"{n:,} samples")


def edges(folder: Path) -> None:
    n = 50_000
    parent = np.r_[n, np.arange(n, 2 * n - 1), np.arange(n + 1, 2 * n - 1), -1]
    trees = {
        "one": Tree([-1]),
        "two": Tree([2, 2, -1]),
        "caterpillar": Tree(parent),
        "star": Tree(np.r_[np.full(10_000, 10_000), -1]),
        "bare": random_tree(500, seed=2),
    }
    for name, tree in trees.items():
        write_page(folder / f"{name}.html", Outcome(tree, layered(tree)))


def hostile(folder: Path) -> None:
    tree = random_tree(len(HOSTILE), seed=3)
    texts = np.array(HOSTILE, dtype=object)
    inner = {node: HOSTILE[node % len(HOSTILE)] for node in range(tree.n_leaves, tree.n_nodes)}
    outcome = Outcome(
        tree,
        layered(tree),
        ids=texts,
        names=texts,
        labels=texts,
        node_names=inner,
        exemplars={tree.root: np.arange(tree.n_leaves)},
        values={title: texts if k % 2 else np.arange(tree.n_leaves) for k, title in enumerate(HOSTILE)},
        title="<script>globalThis.broken = 1</script>\n</title><img src=x onerror='globalThis.broken = 1'>",
        facts={"similarity": "<img src=x onerror='globalThis.broken = 1'>", "metric": "x" * 3000},
    )
    empty = folder / "empty"
    empty.mkdir()
    write_page(folder / "hostile.html", outcome, media=Damaged(empty))
    (folder / "hostile.json").write_text(json.dumps(HOSTILE))
    tree = random_tree(100_000, seed=4)
    write_page(folder / "equal.html", Outcome(tree, layered(tree), names=np.full(100_000, "same", object)))


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    nouns(target)
    write_page(target / "large.html", samples(100_000, named=True))
    write_page(target / "million.html", samples(1_000_000, named=False))
    edges(target)
    ties(target)
    pair(target)
    media(target)
    hostile(target)
