import copy
import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster
from scipy.cluster.hierarchy import linkage as scipy_linkage
from tree_strategies import balanced, caterpillar, clades, labelled, renumbered, trees

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
        children = np.flatnonzero(tree.parent == node).tolist()
        assert tree.children(node).tolist() == sorted(children, key=lambda child: min(under[child]))
        start, stop = tree.leaf_interval[node]
        assert set(tree.leaf_order[start:stop].tolist()) == under[node]
        assert tree.leaves(node).tolist() == tree.leaf_order[start:stop].tolist()
        assert tree.leaves(node)[0] == min(under[node])
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


@settings(max_examples=100, deadline=None)
@given(any_tree, st.integers(0, 2**32 - 1), st.booleans())
def test_no_numbering_of_internal_nodes_shows(tree, seed, with_height):
    tree = labelled(tree, seed)
    if not with_height:
        tree = Tree(tree.parent, None, tree.names, tree.inner_names, tree.branch_length)
    arguments = renumbered(tree, seed)
    again = Tree.from_parents(arguments[0], arguments[1] if with_height else None, *arguments[2:])
    canonical = tree.canonical()
    assert again == canonical == canonical.canonical()
    assert again.to_json() == canonical.to_json()
    # what follows from the order of children holds in the given numbering too
    for other in (canonical, tree):
        assert again.to_newick() == other.to_newick()
        assert again.to_linkage().tolist() == other.to_linkage().tolist()
        assert again.leaf_order.tolist() == other.leaf_order.tolist()
        for k in range(1, tree.n_leaves + 1):
            assert again.cut(k).tolist() == other.cut(k).tolist()
        assert [labels.tolist() for labels in again.layers()] == [
            labels.tolist() for labels in other.layers()
        ]


@settings(max_examples=60, deadline=None)
@given(any_tree)
def test_canonical_numbering_is_by_height_level_and_smallest_leaf(tree):
    tree = tree.canonical()
    level = Tree(tree.parent).height
    keys = [(tree.height[v], level[v], min(under)) for v, under in enumerate(clades(tree))][tree.n_leaves :]
    assert keys == sorted(set(keys))


def test_tied_merges_in_either_order_are_one_tree():
    first = Tree.from_merges([[0, 1], [2, 3], [4, 5]], height=[1, 1, 2])
    second = Tree.from_merges([[2, 3], [0, 1], [5, 4]], height=[1, 1, 2])
    assert second.parent.tolist() == [5, 5, 4, 4, 6, 6, -1]  # row i is node n + i
    assert second.children(6).tolist() == [5, 4] and second.merges.tolist() == [[2, 3], [0, 1], [5, 4]]
    assert second.leaf_order.tolist() == [0, 1, 2, 3] and second.gap_node.tolist() == [5, 6, 4]
    for k, labels in enumerate([[0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 2], [0, 1, 2, 3]], start=1):
        assert first.cut(k).tolist() == second.cut(k).tolist() == labels
    assert first.to_newick() == second.to_newick() == "((0:1.0,1:1.0):1.0,(2:1.0,3:1.0):1.0);"
    assert first != second and first == second.canonical()


def test_clusters_are_numbered_by_their_smallest_leaf_within_a_node():
    # the pair {1, 2} is lower than {0, 3}, and has the smaller id
    tree = Tree.from_merges([[1, 2], [0, 3], [4, 5]], height=[1, 2, 3])
    assert tree.cut(2).tolist() == [0, 1, 1, 0] and tree.cut(3).tolist() == [0, 2, 2, 1]
    assert tree.cut_height(2.5).tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize(
    "build",
    [
        lambda: Tree([2, 2, -1], [-0.0, 0.0, -0.0]),
        lambda: Tree.from_merges([[0, 1]], [-0.0]),
        lambda: Tree.from_parents([-1, 0, 0], [-0.0, -0.0, 0.0]),
        lambda: Tree.from_linkage([[0, 1, -0.0, 2]]),
        lambda: Tree.from_newick("(a:-0.0,b:-0);"),
        lambda: Tree.from_newick("(a:-0.0,b:-0):-0.0;"),
        lambda: Tree.from_json(Tree([2, 2, -1], [0, 0, 0]).to_json().replace("0.0]", "-0.0]")),
    ],
)
def test_negative_zero_never_leaves(build):
    tree = build()
    assert not np.signbit(tree.height).any()
    for text in (tree.to_json(), tree.to_newick(), tree.to_graphml()):
        assert "-0" not in text
    assert not np.signbit(tree.to_linkage()).any()
    assert not np.signbit(tree.subtree(2).collapse().height).any()


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


@settings(max_examples=80, deadline=None)
@given(any_tree)
def test_cut_height_is_scipys_partition_with_ties(tree):
    heights = [0.0, *tree.height[tree.n_leaves :], *(tree.height[tree.n_leaves :] / 1.7)]
    linkage = tree.to_linkage()
    for height in heights:
        labels = tree.cut_height(height)
        if tree.n_leaves > 1:
            assert partition(labels) == partition(fcluster(linkage, height, "distance"))
        assert labels.dtype == np.int64 and labels[0] == 0
        assert (np.diff(labels[tree.leaf_order]) >= 0).all()


def test_cut_height_of_tied_averages_of_points():
    points = [[0.0], [1.0], [1.0], [3.0], [4.0], [10.0], [11.0], [10.0]]  # with two pairs of equal rows
    rows = scipy_linkage(points, "average")
    tree = Tree.from_linkage(rows)
    assert tree.cut_height(0).tolist() == [0, 1, 1, 2, 3, 4, 5, 4]
    assert tree.cut_height(1).tolist() == [0, 0, 0, 1, 1, 2, 2, 2]  # all four merges at height 1
    for height in sorted({0.0, 0.5, *rows[:, 2]}):
        assert partition(tree.cut_height(height)) == partition(fcluster(rows, height, "distance"))


@settings(max_examples=60, deadline=None)
@given(any_tree)
def test_cut_splits_the_highest_first_and_labels_in_depth_first_order(tree):
    # one by one: the highest node, on ties the larger level and smallest leaf, as long as the count allows
    under, level = clades(tree), Tree(tree.parent).height
    front, previous = [tree.root], 1
    reachable = {1: {tree.root}}
    while any(node >= tree.n_leaves for node in front):
        node = max(
            (node for node in front if node >= tree.n_leaves),
            key=lambda node: (tree.height[node], level[node], min(under[node])),
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
    identical = tree.cut_height(0)
    assert 1 <= len(layers) <= max_layers
    for coarse, fine in itertools.pairwise(counts):
        assert fine >= 2 * coarse
    if len(layers) > 1:
        assert max(counts) <= max(tree.n_leaves / 5, tree.n_leaves**0.5)
    for labels in layers:
        heights = {float(tree.height[node]) for node in tree.cut_nodes(int(labels.max()) + 1)}
        # A cut between two heights, or of all of them.
        assert labels.tolist() in (tree.cut_height(max(heights)).tolist(), identical.tolist())
        assert len(np.unique(np.column_stack([labels, identical]), axis=0)) == identical.max() + 1
        assert labels.tolist() == identical.tolist() or labels.max() + 1 >= max(2, min_clusters)


@pytest.mark.parametrize("seed", range(3))
def test_layers_stand_out_or_do_not_hang_on_last_digits(seed):
    """Merge heights of no scale of their own, but for one planted; noise moves each by a thousandth."""
    rng = np.random.default_rng(seed)
    heights = np.sort(rng.uniform(1, 2, 299))[::-1]
    heights = heights / np.arange(1, 300) ** 0.3
    heights[:6] *= 2  # seven clusters
    merges = np.array([[0, 1], *([300 + k, k + 2] for k in range(298))])
    counts = []
    for noise in (0.0, 1e-3, -1e-3):
        moved = heights[::-1] * (1 + noise * rng.random(299))
        tree = Tree.from_merges(merges, height=np.maximum.accumulate(moved))
        counts.append([int(labels.max()) + 1 for labels in tree.layers()])
    assert counts[0] == counts[1] == counts[2]
    assert 7 in counts[0]


def test_layers_of_a_large_collection_do_not_end_in_pairs():
    # neighbours lie at 1e-9, closer than anything else by far: 500 pairs of 1,000 leaves, in 10 groups
    rng = np.random.default_rng(0)
    points = np.repeat(np.arange(10.0) * 100, 100) + np.repeat(rng.random(500), 2) + np.tile([0, 1e-9], 500)
    tree = Tree.from_linkage(scipy_linkage(points[:, None], "average"))
    counts = [int(labels.max()) + 1 for labels in tree.layers()]
    assert 10 in counts and max(counts) <= 200


@pytest.mark.parametrize("copies", [2, 150])
def test_layers_never_split_identical_rows(copies):
    texts = np.tile([0.0, 1.0, 5.0, 5.5, 30.0], copies)
    tree = Tree.from_linkage(scipy_linkage(texts[:, None], "average"))
    layers = tree.layers()
    for labels in layers:
        assert [len(set(labels[texts == text])) for text in np.unique(texts)] == [1] * 5
    assert max(labels.max() + 1 for labels in layers) == (5 if copies == 150 else 3)


def chain(heights):
    """Leaf after leaf joins at these heights."""
    n = len(heights) + 1
    return Tree.from_merges(
        np.column_stack([np.r_[0, np.arange(n, 2 * n - 2)], np.arange(1, n)]), height=heights
    )


@pytest.mark.parametrize(
    ("tree", "arguments", "expected"),
    [
        (chain([0, 0, 0]), {}, [[0, 0, 0, 0]]),  # all rows are identical
        (chain([1, 1, 1]), {}, [[0, 1, 2, 3]]),  # all are equally far from one another
        (chain([0, 1, 1]), {}, [[0, 0, 1, 2]]),  # only the identical rows are closer
        (chain([1, 1, 2]), {}, [[0, 0, 0, 1]]),
        (chain([1, 2, 2]), {}, [[0, 0, 1, 2]]),  # no cut into two: the coarsest there is
        (chain([1, 2, 3, 4, 5]), {"min_clusters": 4}, [[0, 0, 0, 1, 2, 3]]),
        (chain([0, 2, 3]), {"min_clusters": 4}, [[0, 0, 1, 2]]),
        (Tree([-1]), {}, [[0]]),
    ],
)
def test_layers_where_there_is_little_to_choose(tree, arguments, expected):
    assert [labels.tolist() for labels in tree.layers(**arguments)] == expected


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
def test_subtree_keeps_clades_heights_names_and_lengths(tree, pick):
    tree = labelled(tree, pick)
    node = pick % tree.n_nodes
    part = tree.subtree(node)
    leaves = np.sort(tree.leaves(node))
    assert part.names == tuple(f"leaf {leaf}" for leaf in leaves)
    below = [other for other in range(tree.n_nodes) if node in ancestors(tree, other)]
    under = clades(tree)
    assert [frozenset(leaves[list(clade)].tolist()) for clade in clades(part)] == [
        under[other] for other in below
    ]
    assert part.height.tolist() == tree.height[below].tolist()
    np.testing.assert_array_equal(part.branch_length, tree.branch_length[below])
    named = tree.inner_names or [None] * (tree.n_nodes - tree.n_leaves)
    inner = [named[other - tree.n_leaves] for other in below if other >= tree.n_leaves]
    assert list(part.inner_names or [None] * len(inner)) == inner
    assert tree.subtree(tree.root) == tree


@settings(max_examples=80, deadline=None)
@given(any_tree, st.integers(0, 10**6), st.data())
def test_restrict_against_common_ancestors_of_pairs(tree, seed, data):
    tree = labelled(tree, seed)
    leaves = data.draw(st.permutations(range(tree.n_leaves)))
    leaves = leaves[: data.draw(st.integers(1, tree.n_leaves))]
    part = tree.restrict(leaves)
    assert part.names == tuple(f"leaf {leaf}" for leaf in leaves)
    assert (np.diff(part.child_pointer)[part.n_leaves :] > 1).all()
    # Two leaves meet where they met, in a node of the same height and name, over those that are left of it.
    under = clades(tree)
    inner = [*[None] * tree.n_leaves, *(tree.inner_names or [None] * (tree.n_nodes - tree.n_leaves))]
    kept = [*[None] * part.n_leaves, *(part.inner_names or [None] * (part.n_nodes - part.n_leaves))]
    for i, j in itertools.combinations(range(len(leaves)), 2):
        old, new = int(tree.lca(leaves[i], leaves[j])), int(part.lca(i, j))
        assert (part.height[new], kept[new]) == (tree.height[old], inner[old])
        assert part.size[new] == len(under[old] & set(leaves))
    for i, leaf in enumerate(leaves):
        paths = [np.nansum(t.branch_length[ancestors(t, k)]) for t, k in ((tree, leaf), (part, i))]
        assert paths[0] == pytest.approx(paths[1], abs=1e-9)


@given(trees(max_children=4))
@settings(max_examples=20, deadline=None)
def test_restricted_to_all_its_leaves_a_tree_is_itself(tree):
    assert tree.restrict(range(tree.n_leaves)) == tree


@settings(max_examples=60, deadline=None)
@given(any_tree, st.integers(0, 10**6), st.integers(0, 8))
def test_collapse_keeps_names_and_the_lengths_of_paths(tree, seed, min_size):
    tree = labelled(tree, seed)
    small = tree.collapse(min_size)
    name_of = {(under, h): set() for under, h in zip(clades(small), small.height.tolist(), strict=True)}
    for under, height, name in zip(
        clades(tree), tree.height.tolist(), [*tree.names, *(tree.inner_names or ())], strict=False
    ):
        name_of.get((under, height), set()).add(name)
    kept = [*small.names, *(small.inner_names or [None] * (small.n_nodes - small.n_leaves))]
    for under, height, name in zip(clades(small), small.height.tolist(), kept, strict=True):
        assert name is None or name in name_of[under, height]
    for leaf in range(tree.n_leaves):
        paths = [np.nansum(each.branch_length[ancestors(each, leaf)]) for each in (tree, small)]
        assert paths[0] == pytest.approx(paths[1], abs=1e-9)


def test_collapse_joins_the_branches_of_what_it_contracts():
    tree = Tree(
        [4, 4, 5, 6, 5, 6, 7, -1],
        names=list("abcd"),
        inner_names=["ab", "abc", "top", None],
        branch_length=[1, 2, 3, np.nan, 4, 5, 6, 7],
    )
    small = tree.collapse(min_size=3)
    assert small.parent.tolist() == [4, 4, 4, 5, 5, -1] and small.inner_names == ("abc", "top")
    np.testing.assert_array_equal(small.branch_length, [5, 6, 3, np.nan, 5, 13])


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
    full = Tree(tree.parent, tree.height, tree.names, ["a", None, "b"], [1, 2, 3, 4, 5, np.nan, -1])
    for again in (pickle.loads(pickle.dumps(full)), copy.deepcopy(full)):
        assert again == full and not again.branch_length.flags.writeable
    assert full != tree
    assert full != Tree(tree.parent, tree.height, tree.names, ["a", "b", None], full.branch_length)
    assert full != Tree(tree.parent, tree.height, tree.names, full.inner_names, np.arange(7))
    assert tree == Tree(tree.parent, tree.height, tree.names, [None, None, None])


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
        (([2, 2, -1], None, None, ["a", "b"]), "each of the 1 internal nodes, got 2"),
        (([2, 2, -1], None, None, "a"), "single string"),
        (([2, 2, -1], None, None, None, [1, 2]), "branch_length must have shape"),
        (([2, 2, -1], None, None, None, [1, np.inf, 2]), "finite"),
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
        (lambda: Tree([2, 2, -1]).restrict([]), "at least"),
        (lambda: Tree([2, 2, -1]).restrict([2]), r"some of 0\.\.1"),
        (lambda: Tree([2, 2, -1]).restrict([1, 1]), "once"),
        (lambda: Tree([2, 2, -1]).restrict([0, 3]), "node 3 is not"),
        (lambda: Tree([2, 2, -1]).restrict(0), "at least"),
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


def test_a_million_leaves_from_the_largest_to_the_smallest():
    n = 1_000_000
    merges = np.column_stack([np.r_[n - 1, np.arange(n, 2 * n - 2)], np.arange(n - 2, -1, -1)])
    tree = Tree.from_merges(merges)
    assert tree.leaf_order.tolist() == list(range(n))
    assert tree.children(tree.root).tolist() == [0, 2 * n - 3]
    tied = Tree.from_parents(*renumbered(Tree.from_merges(merges, height=np.ones(n - 1)), 0))
    assert np.array_equal(tied.parent, tree.parent)
    assert tied.cut(3)[:4].tolist() == [0, 1, 2, 2]
