"""Pages for the tests in a browser, with what they must show: `python pages.py FOLDER`."""

import json
import sys
from pathlib import Path

import numpy as np

from hyperclade.data.samples import read_or_sample
from hyperclade.hierarchy import SHHC
from hyperclade.report import Outcome, Partition
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
    tree = outcome.tree
    cuts = {k: tree.cut(k).tolist() for k in (1, 2, 3, 10, 100, 1000, tree.n_leaves)}
    (folder / "nouns.json").write_text(json.dumps({"cuts": cuts}))


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
    return Outcome(
        tree, layered(tree), names=names, labels=labels, node_names=titles, title=f"{n:,} samples"
    )


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
        title="<script>globalThis.broken = 1</script>\n</title><img src=x onerror=alert(1)>",
    )
    write_page(folder / "hostile.html", outcome)
    tree = random_tree(100_000, seed=4)
    write_page(folder / "equal.html", Outcome(tree, layered(tree), names=np.full(100_000, "same", object)))


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    nouns(target)
    write_page(target / "large.html", samples(100_000, named=True))
    write_page(target / "million.html", samples(1_000_000, named=False))
    edges(target)
    hostile(target)
