from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trial_trees import brute_cost, dense, random_merges, random_tree

from hyperclade.hierarchy.cost import (
    cost_lower_bound,
    dasgupta_cost,
    node_costs,
    normalised_score,
    random_cost,
    similarity_total,
)
from hyperclade.hierarchy.similarity import similarity_of
from hyperclade.trees.tree import Tree

NAMES = ["cosine", "euclidean", "softmax", "knn"]


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 30), st.sampled_from(NAMES), st.integers(0, 10**6))
def test_cost_is_the_definition(n, name, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))[rng.integers(0, n, n)]  # some rows are equal, and not always siblings
    weights = similarity_of(X, name, n_neighbors=3)
    tree = Tree.from_merges(random_merges(n, rng))
    assert dasgupta_cost(tree, X, weights) == pytest.approx(brute_cost(tree, dense(weights)), rel=1e-9)


def brute_node_costs(tree, w):
    """Of each inner node: its size times what the pairs of leaves weigh that lie in different children."""
    costs = []
    for node in range(tree.n_leaves, tree.n_nodes):
        sides = [tree.leaves(child) for child in tree.children(node)]
        costs.append(tree.size[node] * sum(w[np.ix_(a, b)].sum() for a, b in combinations(sides, 2)))
    return np.array(costs)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 30), st.sampled_from(NAMES), st.booleans(), st.integers(0, 10**6))
def test_each_node_pays_for_the_pairs_that_it_divides(n, name, siblings, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))[rng.integers(0, n, n)]
    weights = similarity_of(X, name, n_neighbors=3)
    tree = Tree.from_merges(random_merges(n, rng))
    if siblings:  # equal rows below a node of their own
        item_of = weights.distinct.item_of
        k = len(weights.distinct)
        above = Tree.from_merges(random_merges(k, rng)).parent
        tree = Tree.from_parents(np.r_[item_of + n, np.where(above < 0, -1, above + n)]).collapse(min_size=2)
    costs = node_costs(tree, X, weights)
    assert costs == pytest.approx(brute_node_costs(tree, dense(weights)), rel=1e-9, abs=1e-9)
    assert dasgupta_cost(tree, X, weights) == pytest.approx(costs.sum())


def test_nodes_with_a_single_child_pay_nothing():
    chain = Tree([3, 3, 5, 4, 6, 6, -1])
    costs = node_costs(chain, np.array([[1.0, 0], [1, 0], [0, 1]]), "knn")
    assert costs[0] > 0 and costs[1] == costs[2] == 0 and costs[3] > 0
    assert node_costs(Tree([-1]), np.ones((1, 2))).shape == (0,)


def test_cost_reads_many_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 4))
    tree = Tree.from_merges(random_merges(50, rng))
    weights = similarity_of(X, "cosine")
    monkeypatch.setattr("hyperclade.hierarchy.rows.BLOCK_ROWS", 7)
    monkeypatch.setattr("hyperclade.hierarchy.rows._BLOCK_VALUES", 4 * 16)
    assert dasgupta_cost(tree, X, weights) == pytest.approx(brute_cost(tree, dense(weights)), rel=1e-10)


def test_cost_of_a_tree_with_many_children_at_a_node():
    X = np.random.default_rng(0).normal(size=(9, 3))
    weights = similarity_of(X, "cosine")
    for tree in (Tree([9] * 9 + [-1]), Tree([9, 9, 9, 9, 10, 10, 11, 11, 11, 11, 11, -1])):
        assert dasgupta_cost(tree, X) == pytest.approx(brute_cost(tree, dense(weights)), rel=1e-10)


def test_long_chains_need_no_recursion():
    n = 20_000
    chain = np.stack([np.r_[0, np.arange(n, 2 * n - 2)], np.arange(1, n)], axis=1)
    X = np.ones((n, 2))
    assert dasgupta_cost(Tree.from_merges(chain), X) == pytest.approx((n**3 - n) / 3, rel=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_totals_and_bound_against_all_pairs_and_triples(name):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(17, 4))
    X[[3, 8, 9]] = X[0]
    weights = similarity_of(X, name, n_neighbors=3)
    w = dense(weights)
    tree = Tree.from_merges(random_merges(17, rng))
    cost = brute_cost(tree, w)
    total = w.sum() / 2
    triples = [(w[i, j], w[i, k], w[j, k]) for i, j, k in combinations(range(17), 3)]
    bound = 2 * total + sum(sum(t) - max(t) for t in triples)
    if name == "knn":  # the sum of the bounds of its two parts
        parts = dense(weights.dense) * weights.dense_weight
        bound = 2 * total
        for part in (parts, w - parts):
            of_part = [(part[i, j], part[i, k], part[j, k]) for i, j, k in combinations(range(17), 3)]
            bound += sum(sum(t) - max(t) for t in of_part)
    assert similarity_total(weights) == pytest.approx(total, rel=1e-10)
    assert cost_lower_bound(weights) == pytest.approx(bound, rel=1e-9)
    expected = (random_cost(weights) - cost) / (random_cost(weights) - bound)
    assert normalised_score(cost, weights) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_random_cost_is_the_mean_over_random_trees(name):
    X = np.random.default_rng(0).normal(size=(12, 4))
    weights = similarity_of(X, name, n_neighbors=3)
    costs = [dasgupta_cost(random_tree(12, seed), X, weights) for seed in range(400)]
    standard_error = np.std(costs) / np.sqrt(len(costs))
    assert abs(np.mean(costs) - random_cost(weights)) < 4 * standard_error


def test_sampled_lower_bound_is_near_the_exact_one(monkeypatch):
    X = np.random.default_rng(0).normal(size=(200, 4))
    weights = similarity_of(X, "softmax")
    exact = cost_lower_bound(weights)
    monkeypatch.setattr("hyperclade.hierarchy.cost._EXACT_TRIPLES", 50)
    assert cost_lower_bound(weights) == pytest.approx(exact, rel=0.01)


def test_equal_similarities_leave_nothing_to_score():
    X = np.ones((6, 2))
    weights = similarity_of(X, "cosine")
    assert normalised_score(dasgupta_cost(random_tree(6, 0), X, weights), weights) == 0


def test_a_tree_of_other_rows_is_refused():
    with pytest.raises(ValueError, match="6 leaves but there are 5 rows"):
        dasgupta_cost(random_tree(6, 0), np.eye(5))
