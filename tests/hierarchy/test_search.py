import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from trial_trees import brute_cost, dense_items, random_merges

from hyperclade.hierarchy.bisection import bisect
from hyperclade.hierarchy.cost import dasgupta_cost
from hyperclade.hierarchy.linkage import Linkage
from hyperclade.hierarchy.search import best_grafts, improve, merge_cost
from hyperclade.hierarchy.similarity import similarity_of
from hyperclade.trees.tree import Tree

NAMES = ["cosine", "euclidean", "softmax", "knn"]


def regrafts(parent, n):
    """Parents arrays of every tree one prune-and-regraft away, built naively."""
    m = 2 * n - 1
    for x in range(m - 1):
        below = {x}
        for node in range(x, -1, -1):
            if parent[node] in below:
                below.add(node)
        p = parent[x]
        sibling = next(c for c in range(m) if parent[c] == p and c != x)
        for u in range(m):
            if u in below or u in (p, sibling):
                continue
            moved = parent.copy()
            moved[sibling] = parent[p]
            moved[p] = moved[u]
            moved[u] = p
            yield Tree.from_parents(moved)


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 9), st.sampled_from(NAMES), st.integers(0, 10**6))
def test_no_prune_and_regraft_betters_the_result(n, name, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    items = similarity_of(X, name, n_neighbors=2).items()
    w = dense_items(items)
    start = random_merges(n, rng)
    merges = improve(start, items, tolerance=0.0, max_passes=100)
    tree = Tree.from_merges(merges)
    cost = brute_cost(tree, w)
    assert cost <= brute_cost(Tree.from_merges(start), w) * (1 + 1e-6)
    best = min(brute_cost(other, w) for other in regrafts(tree.parent, n))
    assert cost <= best * (1 + 1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 25), st.sampled_from(NAMES), st.integers(0, 10**6))
def test_the_change_a_pass_reports_is_that_of_recomputation(n, name, seed):
    from hyperclade.hierarchy import search

    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    items = similarity_of(X, name, n_neighbors=3).items()
    w = dense_items(items)
    start = random_merges(n, rng)
    links, sums = search._tree(start, items)
    order = search._preorder(links, 2 * n - 2)[::-1]
    scale, graph = search._scale(items)._replace(floor=0.0), search._graph(items.edges)
    before = brute_cost(Tree.from_merges(start), w)
    root, gained = search._pass(links, sums, 2 * n - 2, order, graph, scale)
    after = brute_cost(Tree.from_merges(search._merges(links, root)), w)
    assert before - gained == pytest.approx(after, rel=1e-9)
    assert float(sums.size @ sums.cross) == pytest.approx(after, rel=1e-9)
    # The sums kept on the way are those of the new tree.
    fresh_order = search._preorder(links, root)[::-1]
    fresh = search._totals(links, fresh_order, *search._rows(items), scale, graph)
    for kept, new in zip(sums, fresh, strict=True):
        np.testing.assert_allclose(kept, new, rtol=1e-9, atol=1e-9)


def test_different_starts_end_at_nearly_the_same_cost():
    X = load_digits().data
    X = (X - X.mean(0)) / np.where(X.std(0) > 0, X.std(0), 1)
    items = similarity_of(X, "cosine", merge_equal=False).items()
    starts = [bisect(items, seed=seed) for seed in range(3)] + [Linkage("average").fit(X).tree_.merges]
    costs = [merge_cost(improve(start, items), items) for start in starts]
    assert max(costs) < min(costs) * 1.005


def test_weighted_items_are_treated_as_the_rows_they_stand_for():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(6, 4))
    X = np.repeat(centres, 5, axis=0)
    weights = similarity_of(X, "cosine", merge_equal=False)
    groups = weights.groups(np.repeat(np.arange(6), 5), 6)
    merges = improve(bisect(groups), groups)
    rows_in = [f"({','.join(str(5 * k + i) for i in range(5))})" for k in range(6)]
    nodes = list(rows_in)
    for a, b in merges:
        nodes.append(f"({nodes[a]},{nodes[b]})")
    tree = Tree.from_newick(nodes[-1] + ";")
    inside = sum(5 * 10.0 for _ in range(6))  # ten pairs of equal rows in each group of five
    assert dasgupta_cost(tree, X, weights) == pytest.approx(merge_cost(merges, groups) + inside, rel=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_best_graft_is_the_best_of_all_edges(name):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(21, 4))
    weights = similarity_of(X[:20], name, n_neighbors=4, merge_equal=False)
    items = weights.items()
    merges = random_merges(20, rng)
    if name == "knn":
        ties = weights.ties(X[20:], 4)
        offsets, features = weights.dense.of(X[20:])
        offsets = offsets * weights.dense_weight
        to_row = ties.toarray()[0]
    else:
        ties = scipy.sparse.csr_matrix((0, 0), dtype=np.float32)
        offsets, features = weights.of(X[20:])
        to_row = np.zeros(20)
    (found,) = best_grafts(merges, items, offsets, features, ties)
    w = np.zeros((21, 21))
    w[:20, :20] = dense_items(items)
    w[20, :20] = (
        to_row + items.scale * items.features.astype(float) @ features[0] + items.offsets + offsets[0]
    )
    w[:20, 20] = w[20, :20]
    parent = Tree.from_merges(merges).parent
    costs = []
    for u in range(39):
        grafted = np.r_[parent, -1, -1]
        grafted[39], grafted[40] = 40, parent[u]
        grafted[u] = 40
        # The new row is the last leaf: from_parents keeps the leaves' order.
        costs.append(brute_cost(Tree.from_parents(grafted), w))
    assert costs[found] == pytest.approx(min(costs), rel=1e-9)
