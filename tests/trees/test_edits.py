"""Edits of trees against a second account of them, in sets and dictionaries; files of edits, good and bad."""

import importlib.util
import json
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperclade.trees import Tree
from hyperclade.trees.edits import Edits, apply_edits, read_edits
from trees.tree_strategies import balanced, caterpillar, trees

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "web/tests/golden/edits.json"
OPS = ("rename", "merge", "dissolve", "move", "split", "drop", "keep")


class Nested:
    """The same edits on a dictionary of the children of each node, as the contract says them."""

    def __init__(self, tree, names):
        self.below = {node: [] for node in range(tree.n_nodes)}
        for node in range(tree.n_nodes - 1):
            self.below[int(tree.parent[node])].append(node)
        self.n, self.root, self.next = tree.n_leaves, tree.root, tree.n_nodes
        self.height = dict(enumerate(tree.height.tolist()))
        self.names = dict(names)

    def above(self, node):
        return next((other for other, below in self.below.items() if node in below), None)

    def subtree(self, node):
        return {node}.union(*(self.subtree(child) for child in self.below[node]))

    def leaves(self, node):
        return frozenset(other for other in self.subtree(node) if other < self.n)

    def apply(self, op, node=None, nodes=(), to=None, name=""):
        for named in [*nodes, *(one for one in (node, to) if one is not None)]:
            assert named in self.below
        before = {parent: set(below) for parent, below in self.below.items()}
        getattr(self, op)(**{
            key: value
            for key, value in {"node": node, "nodes": nodes, "to": to, "name": name}.items()
            if key in {"rename": "node name", "merge": "nodes name", "dissolve": "node", "move": "node to",
                       "split": "node nodes name", "drop": "nodes", "keep": "nodes"}[op].split()
        })  # fmt: skip
        for parent in sorted(self.subtree(self.root)):
            if parent >= self.n and not self.leaves(parent):
                self.cut(parent)
        lost = {parent for parent in self.below if before.get(parent, set()) - set(self.below[parent])}
        for parent in lost & self.subtree(self.root):
            if len(self.below[parent]) == 1:
                (child,) = self.below[parent]
                if parent == self.root:
                    self.root = child
                else:
                    higher = self.below[self.above(parent)]
                    higher[higher.index(parent)] = child
                self.below[parent] = []
                self.gone(parent)
        for old in set(self.below) - self.subtree(self.root):
            self.gone(old)

    def gone(self, node):
        self.below.pop(node, None)
        self.names.pop(node, None)

    def cut(self, node):
        if (parent := self.above(node)) is not None:
            self.below[parent].remove(node)

    def made(self, parent, nodes, height, name):
        for node in nodes:
            self.cut(node)
        self.below[self.next], self.height[self.next] = list(nodes), height
        self.below[parent].append(self.next)
        self.rename(self.next, name)
        self.next += 1

    def rename(self, node, name):
        self.names[node] = name
        if name == "" and node >= self.n:
            del self.names[node]

    def merge(self, nodes, name):
        parent = self.above(nodes[0])
        assert parent is not None and set(nodes) < set(self.below[parent])
        assert 2 <= len(set(nodes)) == len(nodes)
        self.made(parent, nodes, (max(self.height[n] for n in nodes) + self.height[parent]) / 2, name)

    def dissolve(self, node):
        assert node != self.root and node >= self.n
        parent, children = self.above(node), self.below[node]
        self.cut(node)
        self.below[parent] += children
        self.below[node] = []

    def move(self, node, to):
        assert to >= self.n and to not in self.subtree(node) and self.above(node) != to
        self.cut(node)
        self.below[to].append(node)
        while to is not None:
            self.height[to] = max(self.height[to], self.height[node])
            to = self.above(to)

    def split(self, node, nodes, name):
        assert node != self.root and node >= self.n
        under = [self.subtree(other) for other in nodes]
        assert set().union(*under) < self.subtree(node) - {node} | {-1}
        assert sum(map(len, under)) == len(set().union(*under))
        assert frozenset().union(*(self.leaves(other) for other in nodes)) < self.leaves(node)
        parent = self.above(node)
        if len(nodes) > 1:
            self.made(parent, nodes, self.height[node], name)
        else:
            self.cut(nodes[0])
            self.below[parent].append(nodes[0])

    def drop(self, nodes):
        leaving = frozenset().union(*(self.leaves(node) for node in nodes))
        assert leaving < self.leaves(self.root)
        for leaf in leaving:
            self.cut(leaf)

    def keep(self, nodes):
        staying = frozenset().union(*(self.leaves(node) for node in nodes))
        for leaf in self.leaves(self.root) - staying:
            self.cut(leaf)


@st.composite
def some_edit(draw, nested):
    """Any edit, one time in eight of any ids, else of ids that make sense."""
    op = draw(st.sampled_from(OPS))
    there = sorted(nested.below)
    inner = [node for node in there if node >= nested.n] or there
    any_node = st.integers(0, nested.next) if draw(st.integers(0, 7)) == 0 else st.sampled_from(there)
    node = draw(any_node if op == "rename" else st.sampled_from(inner))
    if op in ("rename", "dissolve"):
        return {"op": op, "node": node} | (
            {"name": draw(st.sampled_from(["", "x", "y"]))} if op == "rename" else {}
        )
    if op == "move":
        return {"op": op, "node": draw(any_node), "to": node}
    if op == "merge":
        pool = st.sampled_from(nested.below.get(node) or there)
    elif op == "split":
        pool = st.sampled_from(sorted(nested.subtree(node) - {node}) or there)
    else:
        pool = any_node
    nodes = draw(st.lists(pool, min_size=1, max_size=5, unique=op in ("merge", "split")))
    edit = {"op": op, "nodes": nodes} | ({"node": node} if op == "split" else {})
    if op in ("merge", "split"):
        edit["name"] = draw(st.sampled_from(["", "made"]))
    return edit


@settings(deadline=None, max_examples=300)
@given(trees(max_leaves=14, max_children=4, single_children=True), st.data())
def test_edits_do_what_sets_of_leaves_say(tree, data):
    names = {node: f"n{node}" for node in range(tree.n_leaves, tree.n_nodes) if node % 2}
    nested, edits, states = Nested(tree, names), [], []
    for _ in range(data.draw(st.integers(1, 6))):
        edit = data.draw(some_edit(nested))
        trial = Nested(tree, names)
        for earlier in edits:
            trial.apply(**earlier)
        try:
            trial.apply(**edit)
        except AssertionError:
            with pytest.raises(ValueError, match=rf"^edit {len(edits) + 1} \({edit['op']}\): "):
                apply_edits(tree, [*edits, edit], names)
            continue
        nested = trial
        edits.append(edit)
        done = apply_edits(tree, edits, names)
        states.append(done)
        same(done, nested)
    for count, state in enumerate(states, 1):  # so undoing is applying fewer
        again = apply_edits(tree, edits[:count], names)
        assert again.tree == state.tree and np.array_equal(again.origin, state.origin)


def same(done, nested):
    tree, origin = done.tree, done.origin.tolist()
    assert set(origin) == set(nested.below) and len(origin) == len(set(origin))
    assert done.leaves.tolist() == sorted(nested.leaves(nested.root)) == origin[: tree.n_leaves]
    assert done.node_names == {origin.index(node): name for node, name in nested.names.items()}
    for node, old in enumerate(origin):
        assert frozenset(done.leaves[tree.leaves(node)].tolist()) == nested.leaves(old)
        assert tree.height[node] == nested.height[old]
        above = nested.above(old)
        assert int(tree.parent[node]) == (-1 if above is None else origin.index(above))
    if not np.array_equal(origin, np.arange(tree.n_nodes)):
        assert Tree.from_parents(tree.parent, tree.height) == tree  # canonical


@settings(deadline=None)
@given(trees(max_leaves=12, max_children=3))
def test_no_edits_change_nothing(tree):
    done = apply_edits(tree, [], {tree.root: "all"})
    assert done.tree is tree and done.node_names == {tree.root: "all"}
    assert done.leaves.tolist() == list(range(len(tree)))
    assert done.origin.tolist() == list(range(tree.n_nodes))


def test_names_of_the_tree_follow():
    tree = Tree([4, 4, 5, 5, 6, 6, -1], names=list("abcd"), inner_names=["ab", "cd", None])
    edits = [
        {"op": "rename", "node": 3, "name": "dee"},
        {"op": "rename", "node": 1, "name": ""},
        {"op": "rename", "node": 4, "name": ""},
        {"op": "drop", "nodes": [0]},
    ]
    done = apply_edits(tree, edits)
    assert done.tree.names == ("", "c", "dee") and done.tree.inner_names == ("cd", None)
    assert done.node_names == {0: "", 2: "dee", 3: "cd"}


def test_down_to_a_leaf():
    done = apply_edits(balanced(8), [{"op": "keep", "nodes": [5]}])
    assert done.tree == Tree([-1]) and done.leaves.tolist() == [5] == done.origin.tolist()


def spine(n, edits):
    """Seconds of edits of a caterpillar of n leaves, whose nodes above leaf i is n + i - 1."""
    tree = caterpillar(n)
    _ = tree.child_index, tree.fingerprint
    began = time.perf_counter()
    done = apply_edits(tree, edits)
    return done, time.perf_counter() - began


def test_a_caterpillar_of_50000_levels():
    n = 50_001
    low, high, root = n, 2 * n - 10, 2 * n - 2
    edits = [
        {"op": "move", "node": low, "to": root},
        {"op": "move", "node": n - 2, "to": n + 5},
        {"op": "split", "node": high, "nodes": list(range(2, n - 20, 2))},
        {"op": "dissolve", "node": high - 1},
        {"op": "drop", "nodes": list(range(3, n - 20, 2))},
    ]
    done, seconds = spine(n, edits)
    assert len(done.tree) == n - len(range(3, n - 20, 2)) and seconds < 20
    kept = apply_edits(caterpillar(n), [{"op": "keep", "nodes": [0, n - 1]}])
    assert kept.tree.parent.tolist() == [2, 2, -1] and kept.origin.tolist() == [0, n - 1, root]


def test_hundreds_of_edits_of_many_leaves_take_seconds():
    n = 1 << 17
    tree = balanced(n)
    rng = np.random.default_rng(0)
    moved = rng.choice(n, 300, replace=False).tolist()
    edits = [{"op": "move", "node": leaf, "to": tree.root} for leaf in moved]
    edits += [{"op": "merge", "nodes": moved[at : at + 3]} for at in range(0, 150, 3)]
    edits += [{"op": "dissolve", "node": tree.n_nodes + at} for at in range(0, 50, 2)]
    edits += [{"op": "drop", "nodes": [leaf]} for leaf in moved[200:]]
    began = time.perf_counter()
    done = apply_edits(tree, edits)
    assert len(done.tree) == n - 100 and time.perf_counter() - began < 20


# Golden vectors


def generator():
    spec = importlib.util.spec_from_file_location("golden_edits", ROOT / "tools/golden_edits.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_golden_file_is_what_its_generator_makes():
    text = GOLDEN.read_text(encoding="utf-8")
    assert text == generator().text(), "run python tools/golden_edits.py"
    assert len(text) < 300_000
    cases = json.loads(text)["cases"]
    told = [edit["op"] for case in cases if "after" in case for edit in case["edits"]]
    assert all(told.count(op) > 20 for op in OPS) and sum("error" in case for case in cases) > 20


@pytest.mark.parametrize("case", json.loads(GOLDEN.read_text(encoding="utf-8"))["cases"])
def test_the_golden_file_says_what_sets_of_leaves_say(case):
    tree = Tree(case["parent"], case["height"])
    nested = Nested(tree, dict(case["names"]))
    if case.get("error"):
        for edit in case["edits"][:-1]:
            nested.apply(**edit)
        with pytest.raises(AssertionError):
            nested.apply(**case["edits"][-1])
        return
    for edit in case["edits"]:
        nested.apply(**edit)
    same(apply_edits(tree, case["edits"], dict(case["names"])), nested)


# Files

TREE = balanced(4)


def content(**changed):
    whole = {
        "format": "hyperclade-edits",
        "version": 1,
        "tree": TREE.fingerprint,
        "leaves": 4,
        "nodes": 7,
        "cut": None,
        "edits": [{"op": "rename", "node": 4, "name": "pets"}],
    }
    return {**whole, **changed}


def edits_of(*edits):
    return content(edits=list(edits))


GOOD = {"op": "dissolve", "node": 4}


def test_a_file_reads_as_the_mapping(tmp_path):
    path = tmp_path / "edits.json"
    odd = 'tab\tnew\nline \x00\x1b "quote" \u202e'
    edits = content(edits=[{"op": "rename", "node": 4, "name": odd}], cut=3)
    path.write_text("\ufeff" + json.dumps(edits), encoding="utf-8")
    assert read_edits(path).edits == read_edits(edits).edits and read_edits(path).cut == 3
    assert apply_edits(TREE, read_edits(path)).node_names == {4: odd}
    path.write_text(json.dumps(edits, indent=1).replace(r"tab\tnew", r"\ud800"), encoding="utf-8")
    assert apply_edits(TREE, read_edits(path)).node_names[4].encode().startswith("\ufffd".encode())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"format": "x"}, '"format" must be'),
        ({"version": 2}, "version 2; this release reads 1"),
        ({"version": True}, "version true"),
        ({"tree": None}, '"tree" must be the fingerprint'),
        ({"leaves": 4.0}, '"leaves" must be a number'),
        ({"leaves": True}, '"leaves" must be a number'),
        ({"nodes": 0}, '"nodes" must be a number'),
        ({"cut": 5}, '"cut" must be null or'),
        ({"cut": "3"}, '"cut" must be null or'),
        ({"edits": None}, '"edits" must be a list'),
        ({"edits": "rename"}, '"edits" must be a list'),
        (edits_of(GOOD, 3), "edit 2 must be an object"),
        (edits_of({"op": "prune"}), 'edit 1: no edit is called "prune"; there are rename, merge'),
        (edits_of({"op": ["merge"]}), "edit 1: no edit is called a list of 1"),
        (edits_of(GOOD, {"op": "finished"}), "edit 2: no edit is called"),
        (edits_of(GOOD, {"op": "move", "node": 1}), r'edit 2 \(move\) has no "to"'),
        (edits_of({**GOOD, "name": "x"}), 'field "name", which is not known'),
        (edits_of({"op": "dissolve", "node": True}), '"node" must be a node\'s id, got true'),
        (edits_of({"op": "dissolve", "node": 4.0}), '"node" must be a node\'s id, got 4.0'),
        (edits_of({"op": "drop", "nodes": []}), '"nodes" must be a list of ids'),
        (edits_of({"op": "drop", "nodes": [1, False]}), '"nodes" must be a list of ids'),
        (edits_of({"op": "rename", "node": 1, "name": None}), '"name" must be a text, got null'),
        (edits_of({"op": "rename", "node": 1, "name": 7}), '"name" must be a text'),
    ],
)
def test_another_form_is_refused(changed, message, tmp_path):
    path = tmp_path / "edits.json"
    path.write_text(json.dumps(content(**changed)))
    with pytest.raises(ValueError, match=message) as error:
        read_edits(path)
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)
    with pytest.raises(ValueError, match=message):
        read_edits(content(**changed))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "not JSON"),
        (b"[1]", '"format" must be'),
        (b'{"format":', "not JSON"),
        (b"\xff\xfe{", "not UTF-8"),
        (b"[" * 200_000, "nested too deeply"),
        (json.dumps(content(edits=[])).replace("null", "NaN").encode(), "NaN is no number of JSON"),
        (json.dumps(content()).replace('"node": 4', '"node": -Infinity').encode(), "-Infinity is no number"),
        (json.dumps(content()).replace('"node": 4', f'"node": {"9" * 9000}').encode(), "not JSON"),
    ],
)
def test_what_is_no_such_file_is_refused(text, message, tmp_path):
    path = tmp_path / "edits.json"
    path.write_bytes(text)
    with pytest.raises(ValueError, match=message) as error:
        read_edits(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_edits_of_another_tree_are_refused():
    edits = read_edits(content())
    with pytest.raises(ValueError, match="for another tree: one of 4 leaves, this one has 8"):
        apply_edits(balanced(8), edits)
    with pytest.raises(ValueError, match="for another tree: one of 7 nodes, this one has 5"):
        apply_edits(Tree([4, 4, 4, 4, -1]), edits)
    with pytest.raises(ValueError, match=f"for another tree: '{TREE.fingerprint}'"):
        apply_edits(caterpillar(4), edits)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"op": "dissolve", "node": 10**30}, "no node a number of more than 64 bits; ids here are 0..6"),
        ({"op": "dissolve", "node": 7}, "no node 7; ids here are 0..6"),
        ({"op": "drop", "nodes": [0, -1]}, "no node -1"),
        ({"op": "dissolve", "node": 6}, "node 6 is the root"),
        ({"op": "dissolve", "node": 0}, "node 0 is a leaf"),
        ({"op": "merge", "nodes": [0]}, "two nodes at least"),
        ({"op": "merge", "nodes": [4, 4]}, "node 4 is named twice"),
        ({"op": "merge", "nodes": [0, 2]}, "must be children of one node"),
        ({"op": "merge", "nodes": [4, 5]}, "all children of node 6"),
        ({"op": "move", "node": 4, "to": 0}, "node 0 is a leaf"),
        ({"op": "move", "node": 4, "to": 4}, "node 4 lies in the subtree of node 4"),
        ({"op": "move", "node": 6, "to": 4}, "node 4 lies in the subtree of node 6"),
        ({"op": "move", "node": 0, "to": 4}, "node 0 is a child of node 4 already"),
        ({"op": "split", "node": 6, "nodes": [0]}, "node 6 is the root"),
        ({"op": "split", "node": 4, "nodes": [4]}, "node 4 does not lie below node 4"),
        ({"op": "split", "node": 4, "nodes": [0, 1]}, "all leaves of node 4"),
        ({"op": "split", "node": 4, "nodes": [0, 0]}, "node 0 is named twice"),
        ({"op": "split", "node": 4, "nodes": [2]}, "node 2 does not lie below node 4"),
        ({"op": "drop", "nodes": [6]}, "no leaf would be left"),
        ({"op": "drop", "nodes": [4, 2, 3, 3]}, "no leaf would be left"),
    ],
)
def test_what_cannot_be_done_is_refused(edit, message):
    first = {"op": "rename", "node": 6, "name": "all"}
    with pytest.raises(ValueError, match=rf"^edit 2 \({edit['op']}\): .*{message}"):
        apply_edits(TREE, Edits([first, edit]))


def test_ids_that_are_gone_are_refused():
    with pytest.raises(ValueError, match=r"edit 2 \(rename\): node 4 is gone by an earlier edit"):
        apply_edits(TREE, [GOOD, {"op": "rename", "node": 4, "name": "x"}])
    with pytest.raises(ValueError, match=r"edit 2 \(keep\): node 1 is gone"):
        apply_edits(TREE, [{"op": "drop", "nodes": [4]}, {"op": "keep", "nodes": [2, 1]}])
    with pytest.raises(ValueError, match="too large to add"):
        huge = Tree([4, 4, 4, 5, 5, -1], height=[0, 0, 0, 0, 1.7e308, 1.7e308])
        apply_edits(huge, [{"op": "move", "node": 0, "to": 5}, {"op": "merge", "nodes": [0, 4]}])
