"""Main branches by their laws, and of trees that once had bad ones."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from random_trees import random_tree, trees

from hyperclade import SHHC
from hyperclade.report import main_branches
from hyperclade.report.branches import MOST_BRANCHES
from hyperclade.trees import Tree


@settings(max_examples=60, deadline=None)
@given(trees, st.integers(1, 12), st.floats(0, 0.3))
def test_branches_are_disjoint_and_hold_all_but_small_ones(tree, count, share):
    nodes = main_branches(tree, count, least_share=share, root=tree.root)
    leaves = [set(tree.leaves(node).tolist()) for node in nodes.tolist()]
    assert 1 <= len(nodes) <= count
    held = set().union(*leaves)
    assert sum(map(len, leaves)) == len(held)
    assert all(len(below) >= max(2, share * tree.n_leaves) for below in leaves)
    # a node of these trees has at most three children, so three branches never are too few
    assert len(held) >= 0.9 * tree.n_leaves or count < 3


@settings(max_examples=60, deadline=None)
@given(trees)
def test_branches_of_a_tree_are_its_coarsest_layer_where_that_is_coarse(tree):
    layer = tree.layers()[0]
    k = int(layer.max()) + 1
    nodes = main_branches(tree)
    if k <= MOST_BRANCHES:
        assert [set(tree.leaves(node)) for node in nodes] == [
            set(np.flatnonzero(layer == c)) for c in range(k)
        ]
    else:
        assert nodes.tolist() == main_branches(tree, root=tree.root).tolist()


def held(tree, nodes):
    return [int(size) for size in tree.size[nodes]]


def test_no_row_is_lost_among_repeated_rows():
    """Six rows 300, 200, … times gave branches of 9 and 10 of the 900 rows."""
    counts = [300, 200, 150, 100, 100, 50]
    X = np.repeat(np.random.default_rng(0).normal(size=(6, 8)) * 5, counts, axis=0)
    tree = SHHC(random_state=0).fit(X).tree_
    assert sorted(held(tree, main_branches(tree))) == sorted(counts)
    for branch in main_branches(tree).tolist():
        assert main_branches(tree, 3, root=branch).tolist() == [branch]  # equal rows are not divided


def test_four_blobs_are_four_branches():
    """Four tight blobs of 10 rows gave four branches of 2."""
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(scale=0.01, size=(10, 4)) + 10 * c for c in rng.normal(size=(4, 4))])
    tree = SHHC(random_state=0).fit(X).tree_
    assert held(tree, main_branches(tree)) == [10] * 4


def caterpillar(n):
    return [[0 if k == 1 else n + k - 2, k] for k in range(1, n)]


def test_chains_stay_whole_and_blocks_on_a_chain_are_found():
    """Blocks of 40 chained rows were divided until 2 rows were left of each."""
    chain = Tree.from_merges(caterpillar(500))
    assert main_branches(chain, root=chain.root).tolist() == [chain.root]
    n, blocks = 203, 5
    merges, roots = [], []
    for block in range(blocks):
        first = 40 * block
        for k in range(1, 40):
            merges.append([first if k == 1 else n + len(merges) - 1, first + k])
        roots.append(n + len(merges) - 1)
    for top in [200, roots[1], 201, roots[2], roots[3], roots[4], 202]:  # three outliers between the blocks
        merges.append([roots[0] if top == 200 else n + len(merges) - 1, top])
    tree = Tree.from_merges(merges)
    nodes = main_branches(tree, root=tree.root)
    assert sorted(held(tree, nodes)) in ([40] * 5, [40] * 4 + [41])


def test_of_a_star_of_groups_the_largest_are_shown():
    sizes = np.r_[np.arange(2, 30), 60, 50]
    n = int(sizes.sum())
    parent = np.r_[np.repeat(n + np.arange(30), sizes), np.full(30, n + 30), -1]
    tree = Tree.from_parents(parent)
    assert sorted(held(tree, main_branches(tree, 4, root=tree.root))) == [28, 29, 50, 60]


def test_branches_under_a_node_are_those_of_its_subtree():
    tree = random_tree(200, np.random.default_rng(1))
    root = int(main_branches(tree, 3, root=tree.root)[0])
    below = main_branches(tree, 4, root=root)
    alone = main_branches(tree.subtree(root), 4, root=tree.subtree(root).root)
    assert tree.size[below].tolist() == tree.subtree(root).size[alone].tolist()
    assert set(np.concatenate([tree.leaves(node) for node in below])) <= set(tree.leaves(root))
