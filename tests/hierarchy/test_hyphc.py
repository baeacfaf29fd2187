"""HypHC: the fused pass against brute force and autograd, the costs against the definition."""

from itertools import combinations

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris, load_wine
from sklearn.utils.estimator_checks import parametrize_with_checks
from trial_trees import random_tree

from hyperclade.hierarchy import hyphc
from hyperclade.hierarchy.hyphc import HypHC, fit_directions, merge_cost, triple_loss
from hyperclade.hierarchy.linkage import Linkage
from hyperclade.hierarchy.similarity import Similarity, similarity_of
from hyperclade.trees.layout import decode_ball


@parametrize_with_checks([HypHC(n_iterations=60)])
def test_follows_scikit_learn(estimator, check):
    check(estimator)


def brute_force_loss(depth, similarity, weight, temperature):
    """The definition, triple by triple, in torch."""
    import torch

    i, j, k = torch.tensor(list(combinations(range(len(depth)), 3))).T
    d = torch.stack([depth[i, j], depth[i, k], depth[j, k]])
    w = torch.stack([similarity[i, j], similarity[i, k], similarity[j, k]])
    loss = w.sum(0) - (torch.softmax(d / temperature, 0) * w).sum(0)
    triple = weight[i] * weight[j] * weight[k]
    return (triple * loss).sum() / triple.sum()


def problem(n, seed, spread=1.0):
    rng = np.random.default_rng(seed)
    depth, similarity = rng.random((n, n)) * spread, rng.random((n, n))
    return depth + depth.T, similarity + similarity.T, rng.random(n) + 0.1


@pytest.mark.learn
@given(
    n=st.integers(3, 9),
    seed=st.integers(0, 1000),
    temperature=st.sampled_from([0.02, 0.5, 3.0]),
)
@settings(max_examples=40, deadline=None)
def test_fused_pass_is_the_sum_over_triples(n, seed, temperature):
    import torch

    depth, similarity, weight = problem(n, seed)
    loss, slope = triple_loss(depth, similarity, weight, temperature)
    d = torch.tensor(np.triu(depth, 1)).requires_grad_()
    expected = brute_force_loss(d + d.T, torch.tensor(similarity), torch.tensor(weight), temperature)
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-10)
    upper = np.triu_indices(n, 1)
    np.testing.assert_allclose(2 * slope[upper], d.grad.numpy()[upper], rtol=1e-7, atol=1e-12)
    np.testing.assert_array_equal(slope, slope.T)


@pytest.mark.learn
def test_devices_agree():
    import torch

    depth, similarity, weight = problem(40, 0, spread=7.0)
    power = np.exp(depth)
    np.fill_diagonal(power, hyphc._NEVER)
    product = power * similarity
    np.fill_diagonal(product, 0)
    ours = hyphc._third_sums_serial(power, product, weight)
    for one, other in zip(ours, hyphc._third_sums_parallel(power, product, weight), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10)
    for device in ["cpu"] + ["cuda"] * torch.cuda.is_available():
        for one, other in zip(ours, hyphc._third_sums_on(device, power, product, weight), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-290)


@pytest.mark.learn
@given(seed=st.integers(0, 1000), radius=st.floats(0.02, 7.6), spread=st.sampled_from([1e-4, 0.3, 3.0]))
@settings(max_examples=30, deadline=None)
def test_depths_and_slopes_are_those_of_the_definition(seed, radius, spread):
    """artanh(tanh R · cos(α/2)): where a geodesic between two points of radius R is nearest to the origin."""
    import torch

    rng = np.random.default_rng(seed)
    u = np.array([1.0, 0, 0]) + spread * rng.standard_normal((6, 3))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    off = ~np.eye(6, dtype=bool)
    gram = torch.tensor(u @ u.T).requires_grad_()
    r = torch.tensor(radius, dtype=torch.float64, requires_grad=True)
    expected = torch.atanh(torch.tanh(r) * ((1 + gram.clamp_max(1)) / 2).sqrt())
    depth, by_gram, by_radius = hyphc._depths(u @ u.T, radius)
    np.testing.assert_allclose(depth[off], expected.detach().numpy()[off], rtol=1e-7)
    (slope,) = torch.autograd.grad(expected.sum(), gram, retain_graph=True)
    np.testing.assert_allclose(by_gram[off], slope.numpy()[off], rtol=1e-6)
    (slope,) = torch.autograd.grad(expected[torch.tensor(off)].sum(), r)
    assert by_radius.sum() == pytest.approx(slope.item(), rel=1e-6)


def test_cost_of_items_is_the_definition():
    rng = np.random.default_rng(0)
    n = 9
    edges = scipy.sparse.csr_matrix(np.triu(rng.random((n, n)) * (rng.random((n, n)) < 0.4), 1)).astype(
        np.float32
    )
    edges = (edges + edges.T).tocsr()
    features = rng.integers(-1000, 1000, (n, 3)).astype(np.int32)
    sizes, offsets = rng.integers(1, 6, n).astype(float), rng.random(n)
    items = Similarity(sizes, offsets, features, 1e-6, edges, 0.0, 1.0)
    tree = random_tree(n, 3)
    expected = 0.0
    for i, j in combinations(range(n), 2):
        between = (
            1e-6 * features[i] @ features[j] + sizes[i] * offsets[j] + sizes[j] * offsets[i] + edges[i, j]
        )
        expected += between * sizes[tree.leaves(int(tree.lca(i, j)))].sum()
    assert merge_cost(tree.merges, items) == pytest.approx(expected, rel=1e-6)


def test_random_starts_beat_average_linkage():
    # Costs over those of unit weights, for similarities 1 + cos.
    for load, goal in ((load_iris, 0.70093), (load_wine, 0.83355)):
        X = load().data
        X = (X - X.mean(0)) / X.std(0)
        n = len(X)
        model = HypHC(random_state=0).fit(X)
        assert 2 * model.cost_ / ((n**3 - n) / 3) <= goal
        assert model.cost_ < Linkage("average").fit(X).cost_
        assert model.cost_ == pytest.approx(model.cost_history_.min(), rel=1e-6)


@pytest.mark.parametrize("lift", [None, 6])
@pytest.mark.parametrize("dim", [2, 5])
def test_embedding_decodes_to_the_tree(dim, lift):
    X = np.random.default_rng(0).standard_normal((40, 4))
    model = HypHC(dim, lift, n_iterations=30, random_state=0).fit(X)
    assert model.embedding_.shape == (40, dim)
    norms = np.linalg.norm(model.embedding_, axis=1)
    assert np.ptp(norms) < 1e-12
    assert hyphc.NORM_RANGE[0] - 1e-9 <= norms[0] <= hyphc.NORM_RANGE[1] + 1e-9
    assert decode_ball(model.embedding_).same_clades(model.tree_)


@pytest.mark.parametrize("init", ["exponential", "tree", "given"])
def test_starts(init):
    X = np.random.default_rng(0).standard_normal((60, 4))
    average = Linkage("average").fit(X)
    model = HypHC(init=average.tree_ if init == "given" else init, n_iterations=40, random_state=0).fit(X)
    # Equal where the start is not bettered: costs on the way are those of rounded rows.
    assert model.cost_ <= model.cost_history_[0] * (1 + 1e-6)
    if init != "exponential":
        assert model.cost_history_[0] == pytest.approx(
            average.cost_, rel=1e-6
        )  # decoding gives the start back


@pytest.mark.parametrize("similarity", ["cosine", "softmax", "knn"])
def test_pre_clusters_and_blocks(similarity):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4, 5))[rng.integers(0, 4, 300)] + 0.2 * rng.standard_normal((300, 5))
    weights = similarity_of(X, similarity, merge_equal=False)
    labels = rng.integers(0, 3, 300) + 3 * (X @ X[0] > 0)
    items = weights.groups(labels, 6)
    found = fit_directions(items, n_triples=10, n_iterations=200, random_state=0)  # a block of 5 of the 6
    assert found.cost == pytest.approx(merge_cost(found.merges, items))
    # 945 trees over six items: descent must be near the best of many random ones.
    drawn = [merge_cost(random_tree(6, seed).merges, items) for seed in range(2000)]
    assert found.cost <= min(drawn) + 0.1 * (np.mean(drawn) - min(drawn))


def test_result_depends_on_the_seed_only():
    X = np.random.default_rng(0).standard_normal((50, 4))
    first, again = (HypHC(n_iterations=20, random_state=3).fit(X) for _ in range(2))
    np.testing.assert_array_equal(first.embedding_, again.embedding_)
    assert first.tree_ == again.tree_


def test_tiny_and_degenerate_data():
    for n in (1, 2, 3):
        model = HypHC(n_clusters=n, random_state=0).fit(np.eye(3)[:n] + 0.1)
        assert model.tree_.n_leaves == n and sorted(model.labels_) == list(range(n))
    same = HypHC(n_iterations=20, random_state=0).fit(np.ones((9, 2)))
    assert same.cost_ == pytest.approx((9**3 - 9) / 3)


def test_bad_options():
    X = np.eye(4)
    for options, message in (
        ({"dim": 1}, "dim"),
        ({"init": "zeros"}, "init"),
        ({"init": random_tree(3)}, "3 leaves"),
        ({"similarity": "l2"}, "similarity"),
        ({"temperature": 0}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"learning_rate": "fast"}, "learning_rate"),
        ({"n_iterations": 0}, "n_iterations"),
        ({"n_triples": "some"}, "n_triples"),
        ({"n_clusters": 9}, "n_clusters"),
    ):
        with pytest.raises(ValueError, match=message):
            HypHC(**options).fit(X)
    items = similarity_of(X, "cosine").items()
    for start in (np.ones((3, 2)), np.ones((4, 1)), np.zeros((4, 2)), np.full((4, 2), np.nan)):
        with pytest.raises(ValueError, match="start"):
            fit_directions(items, start=start)
