import copy
import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster
from tree_strategies import balanced, caterpillar, clades, trees

from hyperclade.trees import Tree

any_tree = trees(max_children=4, single_children=True)


def partition(labels):
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels.tolist())}


def ancestors(tree, node):
    chain = [node]
    while tree.parent[chain[-1]] != -1:
        chain.append(int(tree.parent[chain[-1]]))
    return chain


@settings(max_examples=60, deadline=None)
@given(any_tree)
def test_structure_against_walks_up_from_the_leaves(tree):
    under = clades(tree)
    assert tree.size.tolist() == [len(leaves) for leaves in under]
    assert tree.depth.tolist() == [len(ancestors(tree, node)) - 1 for node in range(tree.n_nodes)]
    assert sorted(tree.leaf_order.tolist()) == list(range(tree.n_leaves))
    for node in range(tree.n_nodes):
        assert tree.children(node).tolist() == np.flatnonzero(tree.parent == node).tolist()
        start, stop = tree.leaf_interval[node]
        assert set(tree.leaf_order[start:stop].tolist()) == under[node]
        assert tree.leaves(node).tolist() == tree.leaf_order[start:stop].tolist()
    fanouts = [len(tree.children(node)) for node in range(tree.n_leaves, tree.n_nodes)]
    assert tree.is_binary == all(count == 2 for count in fanouts)


@settings(max_examples=60, deadline=None)
@given(any_tree)
def test_lca_of_all_pairs_against_ancestor_chains(tree):
    nodes = np.arange(tree.n_nodes)
    found = tree.lca(nodes[:, None], nodes)
    for i in nodes:
        above = set(ancestors(tree, int(i)))
        for j in nodes:
            assert found[i, j] == next(node for node in ancestors(tree, int(j)) if node in above)


@settings(max_examples=20, deadline=None)
@given(trees(min_leaves=60, max_leaves=400), st.integers(0, 2**32 - 1))
def test_lca_spanning_many_blocks(tree, seed):
    i, j = np.random.default_rng(seed).integers(0, tree.n_nodes, (2, 50))
    for first, second, found in zip(i, j, tree.lca(i, j), strict=True):
        above = set(ancestors(tree, int(first)))
        assert found == next(node for node in ancestors(tree, int(second)) if node in above)


def test_default_height_counts_levels():
    assert Tree([5, 5, 6, 7, 8, 6, 7, 8, -1]).height.tolist() == [0, 0, 0, 0, 0, 1, 2, 3, 4]
    assert Tree([4, 4, 5, 5, 6, 6, -1]).height.tolist() == [0, 0, 0, 0, 1, 1, 2]


def test_single_leaf():
    tree = Tree([-1], names=["only"])
    assert (tree.n_leaves, tree.n_nodes, tree.root, len(tree)) == (1, 1, 0, 1)
    assert tree.size.tolist() == [1] and tree.leaf_order.tolist() == [0]
    assert tree.cut(1).tolist() == [0] and tree.cut_height(0).tolist() == [0]
    assert tree.lca(0, 0) == 0
    assert [labels.tolist() for labels in tree.layers()] == [[0]]
    assert tree.collapse() == tree.subtree(0) == tree == Tree.from_merges(np.empty((0, 2)), names=["only"])
    assert tree.is_binary and tree.merges.shape == (0, 2)


@settings(max_examples=60, deadline=None)
@given(any_tree, st.integers(0, 2**32 - 1), st.booleans())
def test_from_parents_undoes_any_numbering(tree, seed, with_height):
    new_id = np.random.default_rng(seed).permutation(tree.n_nodes)
    parent = np.empty(tree.n_nodes, dtype=np.int64)
    parent[new_id] = np.where(tree.parent < 0, -1, new_id[tree.parent])
    height = np.empty(tree.n_nodes)
    height[new_id] = tree.height
    leaf_rank = np.argsort(np.argsort(new_id[: tree.n_leaves]))  # leaves keep the order of their ids
    names = [f"leaf {old}" for old in np.argsort(new_id[: tree.n_leaves])]
    again = Tree.from_parents(parent, height if with_height else None, names)
    expected = {frozenset(leaf_rank[list(leaves)].tolist()) for leaves in clades(tree)}
    assert set(clades(again)) == expected
    assert again.names == tuple(names)
    if with_height:
        assert sorted(again.height) == sorted(tree.height)
        assert (np.diff(again.height) >= 0).all()


@settings(max_examples=60, deadline=None)
@given(trees())
def test_merges_round_trip(tree):
    assert Tree.from_merges(tree.merges, tree.height[tree.n_leaves :]) == tree


@settings(max_examples=60, deadline=None)
@given(trees(min_leaves=2, ties=False))
def test_cut_agrees_with_scipy_for_distinct_heights(tree):
    linkage = tree.to_linkage()
    for k in range(1, tree.n_leaves + 1):
        assert partition(tree.cut(k)) == partition(fcluster(linkage, k, "maxclust"))
    for height in [0.0, *(tree.height[tree.n_leaves :] * 1.0001), tree.height[-1] / 2]:
        assert partition(tree.cut_height(height)) == partition(fcluster(linkage, height, "distance"))


@settings(max_examples=60, deadline=None)
@given(any_tree)
def test_cut_splits_the_highest_first_and_labels_in_depth_first_order(tree):
    # one by one: the highest node, the larger id on ties, as long as the count allows
    front, previous = [tree.root], 1
    reachable = {1: {tree.root}}
    while any(node >= tree.n_leaves for node in front):
        node = max(
            (node for node in front if node >= tree.n_leaves), key=lambda node: (tree.height[node], node)
        )
        front.remove(node)
        front.extend(tree.children(node).tolist())
        reachable.setdefault(len(front), set(front))
    for k in range(1, tree.n_leaves + 1):
        previous = k if k in reachable else previous
        nodes = tree.cut_nodes(k)
        assert set(nodes.tolist()) == reachable[previous]
        labels = tree.cut(k)
        assert labels.dtype == np.int64
        for label, node in enumerate(nodes):
            assert set(np.flatnonzero(labels == label)) == set(tree.leaves(node))
        assert (np.diff(labels[tree.leaf_order]) >= 0).all()


def test_cuts_are_nested():
    tree = balanced(64)
    finer = tree.cut(40)
    coarser = tree.cut(7)
    assert len(np.unique(np.column_stack([finer, coarser]), axis=0)) == 40


def test_layers_find_planted_granularities():
    # 4 groups of 8 groups of 8 leaves, the heights of each kind close together
    rng = np.random.default_rng(0)
    inside = rng.permuted(np.repeat(np.arange(32), 8))

    def join(groups, height):
        for group in groups:
            node = group[0]
            for other in group[1:]:
                parent[node] = parent[other] = len(parent)
                node = len(parent)
                parent.append(-1)
                heights.append(height + 0.01 * rng.random() + 0.001 * len(heights))
            tops.append(node)

    parent, heights = [-1] * 256, [0.0] * 256
    tops: list[int] = []
    join([np.flatnonzero(inside == group).tolist() for group in range(32)], 1.0)
    fine, tops = tops, []
    join([fine[start : start + 8] for start in range(0, 32, 8)], 10.0)
    coarse, tops = tops, []
    join([coarse], 100.0)
    tree = Tree(parent, np.maximum.accumulate(heights))
    layers = tree.layers()
    counts = [int(labels.max()) + 1 for labels in layers]
    assert 4 in counts and 32 in counts
    assert partition(layers[counts.index(32)]) == partition(inside)


@settings(max_examples=60, deadline=None)
@given(any_tree, st.integers(1, 6), st.integers(1, 5))
def test_layers_are_few_nested_and_apart(tree, max_layers, min_clusters):
    layers = tree.layers(max_layers, min_clusters)
    counts = [int(labels.max()) + 1 for labels in layers]
    assert 1 <= len(layers) <= max_layers
    if len(layers) > 1:
        assert counts[0] >= min_clusters
    for coarse, fine in itertools.pairwise(counts):
        assert fine >= 2 * coarse
    if counts != [tree.n_leaves]:  # a layer is a cut between two heights
        for labels in layers:
            heights = {float(tree.height[node]) for node in tree.cut_nodes(int(labels.max()) + 1)}
            assert partition(labels) == partition(tree.cut_height(max(heights)))


def contracted(tree, min_size, min_gap, max_depth):
    """Clades that stay and their heights, walking down with the nearest kept ancestor."""
    under = clades(tree)
    top = tree.root
    while len(tree.children(top)) == 1:
        top = int(tree.children(top)[0])
    kept = {under[top]: float(tree.height[top])}
    stack = [(top, float(tree.height[top]), 0)]
    while stack:
        node, height, depth = stack.pop()
        for child in tree.children(node).tolist():
            here = (height, depth)
            stays = child < tree.n_leaves or (
                len(under[child]) >= (min_size or 0)
                and len(tree.children(child)) > 1
                and (min_gap is None or height - tree.height[child] > min_gap * height)
                and (max_depth is None or depth + 1 < max_depth)
            )
            if stays:
                kept[under[child]] = float(tree.height[child])
                here = (float(tree.height[child]), depth + 1)
            if child >= tree.n_leaves:
                stack.append((child, *here))
    return kept


@settings(max_examples=80, deadline=None)
@given(
    any_tree,
    st.none() | st.integers(0, 8),
    st.none() | st.floats(0, 0.9),
    st.none() | st.integers(1, 4),
)
def test_collapse_against_a_walk_down(tree, min_size, min_gap, max_depth):
    small = tree.collapse(min_size, min_gap, max_depth)
    assert len(set(clades(small))) == small.n_nodes  # no node with a single child
    expected = contracted(tree, min_size, min_gap, max_depth)
    assert dict(zip(clades(small), small.height.tolist(), strict=True)) == expected
    if max_depth is not None:
        assert small.depth.max() <= max_depth


@settings(max_examples=60, deadline=None)
@given(any_tree, st.integers(0, 10**6))
def test_subtree_keeps_clades_heights_and_names(tree, pick):
    tree = Tree(tree.parent, tree.height, [f"n{leaf}" for leaf in range(tree.n_leaves)])
    node = pick % tree.n_nodes
    part = tree.subtree(node)
    leaves = np.sort(tree.leaves(node))
    assert part.names == tuple(f"n{leaf}" for leaf in leaves)
    below = [other for other in range(tree.n_nodes) if node in ancestors(tree, other)]
    under = clades(tree)
    assert [frozenset(leaves[list(clade)].tolist()) for clade in clades(part)] == [
        under[other] for other in below
    ]
    assert part.height.tolist() == tree.height[below].tolist()


@settings(max_examples=80, deadline=None)
@given(trees(max_leaves=6, max_children=3, single_children=True), trees(max_leaves=6, max_children=3))
def test_same_clades_against_sets(first, second):
    assert first.same_clades(second) == (set(clades(first)) == set(clades(second)))
    assert first.same_clades(first.collapse())


def test_equality_pickle_and_copy():
    tree = Tree([4, 4, 5, 5, 6, 6, -1], height=[0, 0, 0, 0, 1, 2, 3], names=list("wxyz"))
    assert tree.cut(2).tolist() == [0, 0, 1, 1]  # fills caches, which copies must not share or need
    for again in (pickle.loads(pickle.dumps(tree)), copy.deepcopy(tree)):
        assert again == tree and not again.parent.flags.writeable
    assert tree != Tree(tree.parent, names=tree.names)
    assert tree != Tree(tree.parent, tree.height)
    assert tree != Tree([4, 5, 4, 5, 6, 6, -1], tree.height, tree.names)
    assert tree != "tree"


def test_arrays_are_read_only_and_copied():
    parent = np.array([2, 2, -1])
    height = np.array([0.0, 0.0, 1.0])
    tree = Tree(parent, height)
    parent[0], height[2] = 7, 7
    assert tree.parent[0] == 2 and tree.height[2] == 1
    fields = [
        "parent",
        "height",
        "size",
        "depth",
        "child_pointer",
        "child_index",
        "leaf_order",
        "leaf_interval",
        "gap_node",
    ]
    for field in fields:
        with pytest.raises(ValueError, match="read-only"):
            getattr(tree, field)[0] = 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "at least one leaf"),
        (([1, 0],), "must be the root"),
        (([0, -1],), "larger than 0"),
        (([-1, -1],), "larger than 0"),
        (([5, 5, -1],), "at most 2"),
        (([1, 3, 3, -1],), "leaves must come first"),
        (([2.0, 2.0, -1.0],), "must be integers"),
        (([[2, 2, -1]],), "1 dimension"),
        (([2, 2, -1], [0, 1, 1]), "leaf 1 has 1"),
        (([2, 2, -1], [0, 0, np.nan]), "finite"),
        (([2, 2, -1], [0, 0, -1]), "must not decrease"),
        (([2, 2, -1], [0, 0]), "shape"),
        (([2, 2, -1], None, ["a"]), "one name for each"),
        (([2, 2, -1], None, "ab"), "single string"),
    ],
)
def test_bad_trees_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Tree(*arguments)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Tree.from_merges([[0, 3], [1, 2]]), r"merges\[0\]"),
        (lambda: Tree.from_merges([[0, 1], [0, 2]]), "node 0 is merged more than once"),
        (lambda: Tree.from_merges([[0, 0], [1, 2]]), "node 0 is merged more than once"),
        (lambda: Tree.from_merges([[0, -1]]), r"merges\[0\]"),
        (lambda: Tree.from_merges([[0, 1, 2]]), "shape"),
        (lambda: Tree.from_merges([[0, 1]], height=[1, 2]), "shape"),
        (lambda: Tree.from_parents([1, 0, -1]), "2 nodes form a cycle"),
        (lambda: Tree.from_parents([-1, -1]), "found 2"),
        (lambda: Tree.from_parents([]), "found 0"),
        (lambda: Tree.from_parents([-1, 9]), r"0\.\.1"),
        (lambda: Tree.from_parents([-1, 0], [1, 2]), "node 1 is higher"),
        (lambda: Tree([2, 2, -1]).cut(3), "between 1"),
        (lambda: Tree([2, 2, -1]).cut(0), "between 1"),
        (lambda: Tree([2, 2, -1]).cut_height(np.nan), "height must be"),
        (lambda: Tree([2, 2, -1]).cut_height(-1), "height must be"),
        (lambda: Tree([2, 2, -1]).lca(0, 3), "node 3 is not"),
        (lambda: Tree([2, 2, -1]).lca(0.5, 1), "integers"),
        (lambda: Tree([2, 2, -1]).children(-1), "node -1 is not"),
        (lambda: Tree([2, 2, -1]).layers(0), "max_layers"),
        (lambda: Tree([2, 2, -1]).collapse(min_gap=1), "min_gap"),
        (lambda: Tree([2, 2, -1]).collapse(max_depth=0), "max_depth"),
        (lambda: Tree([3, 3, 3, -1]).merges, "not binary"),
    ],
)
def test_bad_requests_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_caterpillar_of_a_million_leaves():
    n = 1_000_000
    tree = caterpillar(n)
    assert tree.is_binary
    assert np.array_equal(tree.size[n:], np.arange(2, n + 1))
    assert tree.depth.max() == n - 1
    start, stop = tree.leaf_interval[2 * n - 3]
    assert set(range(n)) - set(tree.leaf_order[start:stop].tolist()) == {n - 1}
    i, j = np.random.default_rng(0).integers(0, n, (2, 1_000_000))
    higher = np.maximum(i, j)
    assert np.array_equal(tree.lca(i, j), np.where(i == j, i, n - 1 + higher))
    labels = tree.cut(5)
    assert np.bincount(labels).tolist().count(1) == 4 and np.bincount(labels).max() == n - 4
    assert tree.collapse(min_size=n - 2).n_nodes == n + 3
    assert tree.same_clades(Tree.from_parents(tree.parent))
