"""Similarities of clusters against loops, trees against all trees, positions against decoding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from hyperclade.geometry.ball import distance, exp0
from hyperclade.learning.class_positions import (
    centroid_similarity,
    class_positions,
    class_tree,
)
from hyperclade.trees.layout import decode_ball
from hyperclade.trees.tree import Tree

LABELS = np.array([0, 2, 2, 0, 4, 4, 4, 1, 2, 0])  # cluster 3 is empty


def test_centroid_similarity_is_the_mean_over_pairs_of_rows():
    rows = np.random.default_rng(0).standard_normal((10, 4)) + 3
    found = centroid_similarity(rows, LABELS, 5)
    unit = rows - rows.mean(0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    members = [[row for row, label in enumerate(LABELS) if label == name] for name in range(5)]
    for i in range(5):
        for j in range(5):
            pairs = [(1 + unit[a] @ unit[b]) / 2 for a in members[i] for b in members[j]]
            assert found[i, j] == pytest.approx(np.mean(pairs) if pairs else 0.5, abs=1e-12)


def splits(items):
    """All binary trees over some items as nested pairs."""
    if len(items) == 1:
        yield items[0]
        return
    first, *rest = items
    for mask in range(2 ** len(rest) - 1):
        left = [first] + [item for bit, item in enumerate(rest) if mask >> bit & 1]
        right = [item for bit, item in enumerate(rest) if not mask >> bit & 1]
        for a in splits(left):
            for b in splits(right):
                yield a, b


def cost(tree, similarity):
    """Dasgupta cost of nested pairs, and their leaves."""
    if not isinstance(tree, tuple):
        return 0.0, [tree]
    (cost_a, a), (cost_b, b) = cost(tree[0], similarity), cost(tree[1], similarity)
    return cost_a + cost_b + (len(a) + len(b)) * similarity[np.ix_(a, b)].sum(), a + b


def test_there_are_105_binary_trees_over_5_leaves():
    assert sum(1 for _ in splits(list(range(5)))) == 105


def found_and_best(similarity):
    """Dasgupta costs of the tree found, and of the best of all trees."""
    tree = class_tree(similarity)
    assert tree.n_leaves == len(similarity) and tree.is_binary
    i, j = np.triu_indices(len(similarity), 1)
    found = float((similarity[i, j] * tree.size[tree.lca(i, j)]).sum())
    return found, min(cost(other, similarity)[0] for other in splits(list(range(len(similarity)))))


@given(k=st.integers(2, 5), seed=st.integers(0, 10_000), noise=st.floats(0, 0.02))
@settings(max_examples=40, deadline=None)
def test_no_tree_over_a_few_nested_classes_costs_less(k, seed, noise):
    rng = np.random.default_rng(seed)
    trees = list(splits(list(rng.permutation(k))))
    truth = trees[rng.integers(len(trees))]
    similarity = np.eye(k)

    def fill(node, value):  # an ultrametric: nested classes are more similar
        if isinstance(node, tuple):
            a, b = fill(node[0], value + 0.15), fill(node[1], value + 0.15)
            similarity[np.ix_(a, b)] = similarity[np.ix_(b, a)] = value
            return a + b
        return [node]

    fill(truth, 0.2)
    similarity = similarity + noise * rng.random((k, k))
    found, best = found_and_best((similarity + similarity.T) / 2)
    assert found == pytest.approx(best, rel=1e-6)


def test_trees_over_unrelated_classes_are_nearly_the_best():
    rng = np.random.default_rng(0)
    costs = np.array([found_and_best((s + s.T) / 2) for s in rng.random((60, 5, 5))])
    excess = costs[:, 0] / costs[:, 1] - 1
    assert excess.min() > -1e-6 and excess.mean() < 0.01 and (excess < 1e-6).mean() > 0.6


@pytest.mark.parametrize("similarity", [np.zeros((4, 4)), np.ones((4, 4)), np.eye(4), np.ones((1, 1))])
def test_degenerate_similarities_have_a_tree(similarity):
    tree = class_tree(similarity)
    assert tree.n_leaves == len(similarity)
    positions = class_positions(tree, 3)
    assert positions.shape == (len(similarity), 3) and np.isfinite(positions).all()


def some_tree(k=12, seed=0):
    rng = np.random.default_rng(seed)
    similarity = rng.random((k, k))
    return class_tree((similarity + similarity.T) / 2)


@pytest.mark.parametrize("dim", [12, 50])
@pytest.mark.parametrize("radius", [1.0, 5.0])
def test_positions_lie_on_one_sphere_and_tell_the_tree(dim, radius):
    tree = some_tree()
    positions = class_positions(tree, dim, radius=radius)
    assert positions.shape == (12, dim) and positions.dtype == np.float64
    np.testing.assert_allclose(distance(positions, np.zeros(dim)), radius, rtol=1e-9)
    assert decode_ball(positions).same_clades(tree)
    # The larger the lowest common ancestor, the farther apart two classes are.
    i, j = np.triu_indices(12, 1)
    size, far = tree.size[tree.lca(i, j)], distance(positions[i], positions[j]).numpy()
    assert spearmanr(size, far.round(9)).statistic == pytest.approx(1.0)


@pytest.mark.parametrize("dim", [2, 5, 50])
def test_euclidean_positions_have_the_directions_of_the_balls_and_its_radius(dim):
    tree = some_tree()
    flat = class_positions(tree, dim, radius=4.0, geometry="euclidean")
    positions = class_positions(tree, dim, radius=4.0)
    np.testing.assert_allclose(exp0(flat / 2), positions, rtol=1e-9, atol=1e-12)  # 2 artanh: curvature -1
    np.testing.assert_allclose(distance(positions, np.zeros(dim)), 4.0, rtol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(flat, axis=1), 4.0, rtol=1e-12)


def test_projected_positions_keep_near_classes_nearer():
    tree = some_tree(40)
    positions = class_positions(tree, 16)
    i, j = np.triu_indices(40, 1)
    assert spearmanr(tree.size[tree.lca(i, j)], distance(positions[i], positions[j])).statistic > 0.4


def test_one_class_has_a_position():
    np.testing.assert_array_equal(class_positions(Tree([-1]), 3), np.zeros((1, 3)))
