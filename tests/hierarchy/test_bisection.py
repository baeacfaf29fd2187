import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_wine
from trial_trees import brute_cost, dense_items, random_merges

from hyperclade.hierarchy.bisection import bisect
from hyperclade.hierarchy.linkage import Linkage
from hyperclade.hierarchy.search import improve, merge_cost
from hyperclade.hierarchy.similarity import similarity_of
from hyperclade.trees.tree import Tree


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.sampled_from(["cosine", "euclidean"]), st.integers(0, 10**6))
def test_a_binary_tree_over_all_items_better_than_random(n, name, seed):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(3, 4))
    X = centres[rng.integers(3, size=n)] + 0.1 * rng.normal(size=(n, 4))
    items = similarity_of(X, name, merge_equal=False).items()
    merges = bisect(items, seed=seed)
    tree = Tree.from_merges(merges)
    assert tree.n_leaves == n and tree.is_binary
    assert bisect(items, seed=seed).tolist() == merges.tolist()
    if n > 10:
        w = dense_items(items)
        at_random = np.mean([brute_cost(Tree.from_merges(random_merges(n, rng)), w) for _ in range(5)])
        assert brute_cost(tree, w) < at_random


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 12), st.integers(0, 10**6))
def test_no_single_item_betters_the_first_split_by_changing_sides(n, seed):
    # W_l (n - 2/3 n_l) + W_r (n - 2/3 n_r), W being the similarity within a side.
    X = np.random.default_rng(seed).normal(size=(n, 3))
    items = similarity_of(X, "cosine", merge_equal=False).items()
    w = dense_items(items)

    def value(side):
        sides = (side, ~side)
        within = [w[np.ix_(rows, rows)].sum() / 2 for rows in sides]
        return sum(
            total * (n - 2 / 3 * rows.sum()) for total, rows in zip(within, (side, ~side), strict=True)
        )

    tree = Tree.from_merges(bisect(items, seed=seed))
    left = np.zeros(n, dtype=bool)
    left[tree.leaves(int(tree.children(tree.root)[0]))] = True
    for item in range(n):
        moved = left.copy()
        moved[item] = not moved[item]
        if moved.any() and not moved.all():
            assert value(moved) <= value(left) * (1 + 1e-6)


def test_bisection_beats_agglomeration_and_search_beats_both():
    X = load_wine().data
    X = (X - X.mean(0)) / X.std(0)
    items = similarity_of(X, "cosine", merge_equal=False).items()
    split = bisect(items)
    agglomerated = min(
        merge_cost(Linkage(m).fit(X).tree_.merges, items) for m in ("average", "complete", "ward")
    )
    assert merge_cost(improve(split, items), items) < merge_cost(split, items) < agglomerated


def test_bisection_of_equal_rows_is_balanced():
    tree = Tree.from_merges(bisect(similarity_of(np.ones((1024, 3)), "cosine", merge_equal=False).items()))
    assert tree.depth.max() <= 20
