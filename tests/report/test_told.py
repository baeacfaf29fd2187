"""Of which nodes something is told, and that names do not hang on how many these are."""

import numpy as np
from random_trees import random_tree

from hyperclade.data.features import FeatureTable
from hyperclade.hierarchy.naming import name_nodes, nearest_above
from hyperclade.hierarchy.traits import name_by_features
from hyperclade.report.told import shown_nodes, tell
from hyperclade.trees import Tree

WORDS = ["red", "green", "owl", "hawk", "oak", "fir"]


def named_table(n, rng):
    names = np.array([" ".join(rng.choice(WORDS, 2)) + f" {row}" for row in range(n)], dtype=object)
    return FeatureTable(rng.normal(size=(n, 3)), names=names)


def test_all_inner_nodes_are_told_of_and_shown_ones_keep_their_names(monkeypatch):
    rng = np.random.default_rng(0)
    tree, table = random_tree(300, rng), named_table(300, rng)
    listed = tree.cut_nodes(30)
    wanted = np.union1d(shown_nodes(tree), listed)
    told = tell(tree, table, table.features, "euclidean", [listed])
    inner = np.arange(300, tree.n_nodes)
    assert set(told.typical) == set(told.borderline) == {*inner, *wanted}
    assert {*told.node_names} == {*told.typical} - {tree.root}
    names = name_nodes(
        tree, table.names, table.features, wanted, metric="euclidean", within=nearest_above(tree, wanted)
    )
    assert [told.node_names[node] for node in wanted.tolist()] == names
    assert all(len(rows) == min(8, tree.size[node]) for node, rows in told.typical.items())
    monkeypatch.setattr("hyperclade.report.told._MOST_TOLD", 20)
    fewer = tell(tree, table, table.features, "euclidean", [listed])
    assert [fewer.node_names[node] for node in wanted.tolist()] == names
    assert fewer.shown_names == told.shown_names
    largest = sorted(inner.tolist(), key=lambda node: -tree.size[node])[:20]
    least = tree.size[largest[-1]]
    others = set(fewer.typical) - {*wanted.tolist()}
    assert {node for node in largest if tree.size[node] > least} <= set(fewer.typical)
    assert others and all(tree.size[node] >= least for node in others)


def test_further_nodes_are_told_apart_below_the_nearest_above():
    """Below owls, which name the node, it is what sort of owls."""
    names = np.array(
        ["snowy owl 1", "snowy owl 2", "barn owl 1", "barn owl 2", *(f"oak {k}" for k in range(4))]
    )
    tree = Tree([8, 8, 9, 9, 12, 12, 11, 11, 10, 10, 14, 13, 13, 14, -1])
    told = tell(tree, FeatureTable(np.eye(8), names=names), np.eye(8), "euclidean", [np.array([10])])
    assert told.node_names[10].startswith("owl (")
    assert [told.node_names[node].split(" (")[0] for node in (8, 9)] == ["snowy", "barn"]


def test_columns_name_all_nodes():
    rng = np.random.default_rng(0)
    tree, X = random_tree(300, rng), rng.normal(size=(300, 3))
    columns = ["length", "width", "height"]
    told = tell(tree, FeatureTable(X), X, "euclidean", [], columns=columns)
    shown, nodes = shown_nodes(tree), np.array([*told.node_names])
    assert tree.root not in nodes
    assert set(range(300, tree.root)) <= set(nodes.tolist())
    names = name_by_features(tree, X, shown, columns)
    assert [told.node_names[node] for node in shown.tolist()] == names
    others = ~np.isin(nodes, shown)
    above = nearest_above(tree, nodes)[others]
    names = name_by_features(tree, X, nodes[others], columns, within=above)
    assert others.sum() > 50 and [told.node_names[node] for node in nodes[others].tolist()] == names


def test_rows_without_names_have_members_and_no_names():
    rng = np.random.default_rng(0)
    tree, X = random_tree(20, rng), rng.normal(size=(20, 2))
    told = tell(tree, FeatureTable(X), X, "cosine", [], exemplars=2)
    assert not told.node_names and not told.shown_names and len(told.typical[tree.root]) == 2
    none = tell(tree, named_table(20, rng), X, "cosine", [], exemplars=0)
    assert none.node_names and not none.typical and not none.borderline
