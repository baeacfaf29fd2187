"""Comparison methods against plain numpy on a small uneven taxonomy; laws of their scores; short training."""

import inspect

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import label_ranking_average_precision_score

from hyperclade.recognition.barz_denzler import BarzDenzler, leaf_embeddings
from hyperclade.recognition.boxe import BoxE, box_distance
from hyperclade.recognition.chmcnn import CHMCNN, NodeMaximum
from hyperclade.recognition.classes import Classes
from hyperclade.recognition.devise import DeViSE
from hyperclade.recognition.hssn import HSSN
from hyperclade.recognition.hxe import HXE
from hyperclade.recognition.leaf_softmax import LeafSoftmax, label_shares
from hyperclade.recognition.mbm import MBM
from hyperclade.recognition.mhm import MHM
from hyperclade.recognition.mvm import MVM
from hyperclade.recognition.soft_labels import SoftLabels
from hyperclade.trees.taxonomy import Taxonomy

METHODS = [LeafSoftmax, HXE, SoftLabels, MVM, MHM, MBM, BoxE, CHMCNN, DeViSE, BarzDenzler, HSSN]
TREE = Taxonomy.from_paths(["a/x/p", "a/x/q", "a/y", "b", "c/z/r", "c/z/s/t"])
DAG = Taxonomy(list("abcdef"), [[], [], [0], [0, 1], [2, 3], [3]])
N_FEATURES = 5


def made(method, taxonomy=TREE, n_features=N_FEATURES, **given):
    """The method, narrow, without dropout, in float64."""
    torch.manual_seed(0)
    narrow = {"hidden": [], "dropout": 0.0, "dim": 4, "projection": 3}
    known = inspect.signature(method).parameters
    small = {name: value for name, value in narrow.items() if name in known}
    return method(n_features, taxonomy, **{**small, **given}).double()


def closed(taxonomy, *labels):
    """Targets with the given nodes and all above them, a row for each tuple of nodes."""
    targets = np.zeros((len(labels), len(taxonomy)))
    for row, nodes in zip(targets, labels, strict=True):
        for node in nodes:
            row[[taxonomy.index(node), *taxonomy.ancestors(node)]] = 1
    return targets


def samples(taxonomy=TREE, labels=(("a/x/q",), ("b",), ("c/z/s/t",), ("a/x",), ("a/y", "c/z/r"))):
    """Features, and the numpy targets of samples with one leaf, with an inner node, with two leaves."""
    torch.manual_seed(1)
    return torch.randn(len(labels), N_FEATURES, dtype=torch.float64), closed(taxonomy, *labels)


def loss_of(method, features, targets):
    return method.loss(features, torch.from_numpy(targets))["loss"].item()


def below(taxonomy, node):
    return [node, *taxonomy.descendants(node)]


def above(taxonomy, node):
    return [node, *taxonomy.ancestors(node)]


def node_probabilities(taxonomy, leaf_logits):
    """(b, m) by sums over the leaves below each node, one by one."""
    leaf = np.exp(leaf_logits) / np.exp(leaf_logits).sum(1, keepdims=True)
    position = {leaf_node: k for k, leaf_node in enumerate(taxonomy.leaves)}
    return np.stack(
        [
            sum(leaf[:, position[v]] for v in below(taxonomy, u) if v in position)
            for u in range(len(taxonomy))
        ],
        axis=1,
    )


def deepest(taxonomy, row):
    """Labels of a 0/1 row without a label below them."""
    return [v for v in np.flatnonzero(row) if not row[taxonomy.descendants(v)].any()]


def lca_height(taxonomy, u, v):
    """Of a taxonomy whose roots hang under one more node."""
    height = [0] * len(taxonomy)
    for node in range(len(taxonomy)):
        for leaf in taxonomy.descendants(node):
            height[node] = max(height[node], taxonomy.depth[leaf] - taxonomy.depth[node])
    common = set(above(taxonomy, u)) & set(above(taxonomy, v))
    return min((height[a] for a in common), default=max(height) + 1)


def leaf_dissimilarities(taxonomy, nodes):
    heights = np.array([[lca_height(taxonomy, u, v) for v in taxonomy.leaves] for u in nodes], dtype=float)
    return heights / max(lca_height(taxonomy, u, v) for u in taxonomy.leaves for v in taxonomy.leaves)


def softmax(x):
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# Losses and scores, one method after the other


@pytest.mark.parametrize("taxonomy", [TREE, DAG])
def test_leaf_softmax_is_the_negative_log_probability_of_the_deepest_labels(taxonomy):
    labels = (
        (("a/x/q",), ("b",), ("a/x",), ("a/y", "c/z/r")) if taxonomy is TREE else (("e",), ("d",), ("a", "f"))
    )
    features, targets = samples(taxonomy, labels)
    method = made(LeafSoftmax, taxonomy)
    p = node_probabilities(taxonomy, method.logits(features).detach().numpy())
    expected = [-np.log(p[i, deepest(taxonomy, row)]).mean() for i, row in enumerate(targets)]
    assert loss_of(method, features, targets) == pytest.approx(np.mean(expected), abs=1e-6)
    np.testing.assert_allclose(method.scores(features).detach(), p, atol=1e-7)


def test_hxe_is_the_discounted_sum_over_the_way():
    features, targets = samples(labels=(("a/x/q",), ("b",), ("c/z/s/t",), ("a/x",)))
    method = made(HXE, alpha=0.7)
    p = node_probabilities(TREE, method.logits(features).detach().numpy())
    expected = 0.0
    for i, row in enumerate(targets):
        for v in np.flatnonzero(row):
            parents = [u for u in TREE.ancestors(v) if TREE.depth[u] == TREE.depth[v] - 1]
            given_parent = p[i, v] / (p[i, parents[0]] if parents else 1.0)
            expected -= np.exp(-0.7 * TREE.depth[v]) * np.log(given_parent)
    assert loss_of(method, features, targets) == pytest.approx(expected / len(targets), abs=1e-6)


def test_hxe_without_discount_is_leaf_softmax():
    features, targets = samples()
    mixed = 0.3 * targets + 0.7 * targets[::-1]
    plain, flat = made(LeafSoftmax), made(HXE, alpha=0.0)
    assert loss_of(flat, features, mixed) == pytest.approx(loss_of(plain, features, mixed), rel=1e-6)


def test_soft_labels_are_the_cross_entropy_with_softened_targets():
    features, targets = samples(labels=(("a/x/q",), ("b",), ("c/z/s/t",), ("a/x",)))
    method = made(SoftLabels, beta=3.0)
    log_p = np.log(softmax(method.logits(features).detach().numpy()))
    distance = leaf_dissimilarities(TREE, [deepest(TREE, row)[0] for row in targets])
    expected = -(softmax(-3.0 * distance) * log_p).sum(1).mean()
    assert loss_of(method, features, targets) == pytest.approx(expected, rel=1e-6)


def test_sharp_soft_labels_are_leaf_softmax():
    features, targets = samples(labels=(("a/x/q",), ("b",), ("c/z/s/t",)))
    expected = loss_of(made(LeafSoftmax), features, targets)
    assert loss_of(made(SoftLabels, beta=1e4), features, targets) == pytest.approx(expected, rel=1e-6)


def binary(p, y):
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()


def test_mvm_is_logistic_in_inner_products():
    features, targets = samples()
    method = made(MVM)
    p = sigmoid(method.embed(features).detach().numpy() @ method.labels.detach().numpy().T)
    assert loss_of(method, features, 0.8 * targets) == pytest.approx(binary(p, 0.8 * targets))
    np.testing.assert_allclose(method.scores(features).detach(), p)


def test_mhm_is_logistic_in_distances_of_the_ball():
    features, targets = samples()
    method = made(MHM)
    torch.nn.init.constant_(method.log_scale, 0.4)

    def hyperboloid(tangent):
        """Of vectors at the origin: the exponential map of the ball doubles their length."""
        radius = np.linalg.norm(tangent, axis=1, keepdims=True)
        return np.cosh(2 * radius), np.sinh(2 * radius) * tangent / radius

    time_x, space_x = hyperboloid(method.embed(features).detach().numpy() / 2)  # √4
    time_l, space_l = hyperboloid(method.labels.detach().numpy())
    distance = np.arccosh(time_x @ time_l.T - space_x @ space_l.T)
    p = sigmoid(np.exp(0.4) * (1.0 - distance))
    assert loss_of(method, features, targets) == pytest.approx(binary(p, targets), rel=1e-7)
    np.testing.assert_allclose(method.scores(features).detach(), p, rtol=1e-6)


def test_mbm_is_the_share_of_the_volume():
    features, targets = samples()
    method = made(MBM, beta=0.05, volume_temperature=0.3)
    point, centre = method.embed(features).detach().numpy()[:, None], method.centre.detach().numpy()
    half = np.log1p(np.exp(method.half_side.detach().numpy()))

    def volume(low, high):
        return (0.3 * np.log1p(np.exp((high - low - 2 * np.euler_gamma * 0.05) / 0.3))).prod(-1)

    low = 0.05 * np.logaddexp((point - 1e-5) / 0.05, (centre - half) / 0.05)
    high = -0.05 * np.logaddexp(-(point + 1e-5) / 0.05, -(centre + half) / 0.05)
    p = volume(low, high) / volume(point - 1e-5, point + 1e-5)
    np.testing.assert_allclose(method.scores(features).detach(), p, rtol=1e-5)
    assert loss_of(method, features, targets) == pytest.approx(binary(p, targets), rel=1e-5)


def test_mbm_learns_when_boxes_are_far_apart():
    """softplus underflows at −104 in float32, and its logarithm then has no gradient."""
    method = made(MBM).float()
    torch.nn.init.constant_(method.centre, 1e3)
    features, targets = samples()
    loss = method.loss(features.float(), torch.from_numpy(targets).float())["loss"]
    loss.backward()
    assert loss.isfinite() and method.centre.grad.isfinite().all() and method.centre.grad.any()


def test_mbm_lets_label_boxes_learn_faster():
    method = made(MBM)
    groups = method.parameter_groups()
    assert [group["lr_scale"] for group in groups] == [1.0, 10.0, 100.0]
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(grouped) == sorted(id(parameter) for parameter in method.parameters())


def test_boxe_ranks_labels_as_torchs_multi_label_margin_loss_does():
    features, targets = samples()
    method = made(BoxE)
    point, centre = method.embed(features).detach().numpy(), method.centre.detach().numpy()
    side = np.log1p(np.exp(method.side.detach().numpy()))
    distance = np.zeros_like(targets)
    for i, v, d in np.ndindex(*targets.shape, 4):
        away, width = abs(point[i, d] - centre[v, d]), side[v, d] + 1
        kappa = 0.5 * (width - 1) * (width - 1 / width)
        distance[i, v] += (away / width if away <= side[v, d] / 2 else away * width - kappa) ** 2
    scores = torch.from_numpy(-np.sqrt(distance))
    torch.testing.assert_close(method.scores(features).detach(), scores)
    order = np.full(targets.shape, -1)
    for row, positives in zip(order, targets, strict=True):
        row[: int(positives.sum())] = np.flatnonzero(positives)
    expected = torch.nn.functional.multilabel_margin_loss(scores, torch.from_numpy(order))
    assert loss_of(method, features, targets) == pytest.approx(expected.item())


@pytest.mark.parametrize("method", [MBM, BoxE])
def test_boxes_are_scored_in_blocks_of_samples(method, monkeypatch):
    features, _ = samples()
    net = made(method)
    expected = net.scores(features)
    monkeypatch.setattr("hyperclade.recognition.boxe._BLOCK", 2 * 4 * len(TREE))
    torch.testing.assert_close(net.scores(features), expected)


@given(st.floats(0.01, 10.0))
def test_the_distance_of_a_box_is_continuous_at_its_side(side):
    at = torch.tensor([[side / 2 * (1 - 1e-9)], [side / 2 * (1 + 1e-9)]], dtype=torch.float64)
    inside, outside = box_distance(at, torch.zeros(1), torch.tensor([side], dtype=torch.float64))
    assert inside.item() == pytest.approx(outside.item(), rel=1e-6)


@pytest.mark.parametrize("taxonomy", [TREE, DAG])
def test_chmcnn_is_the_binary_loss_of_constrained_probabilities(taxonomy):
    labels = (
        (("a/x/q",), ("b",), ("a/x",), ("a/y", "c/z/r")) if taxonomy is TREE else (("e",), ("d",), ("a", "f"))
    )
    features, targets = samples(taxonomy, labels)
    method = made(CHMCNN, taxonomy)
    h = sigmoid(method.logits(features).detach().numpy())

    def constrained(values):
        return np.stack([values[:, below(taxonomy, v)].max(1) for v in range(len(taxonomy))], axis=1)

    p = (1 - targets) * constrained(h) + targets * constrained(targets * h)
    assert loss_of(method, features, targets) == pytest.approx(binary(p, targets))
    np.testing.assert_allclose(method.scores(features).detach(), constrained(h))


def directions(taxonomy, leaf_vectors):
    leaf = dict(zip(taxonomy.leaves, leaf_vectors, strict=True))
    sums = np.stack([sum(leaf[v] for v in below(taxonomy, u) if v in leaf) for u in range(len(taxonomy))])
    return sums / np.linalg.norm(sums, axis=1, keepdims=True)


def best_leaf(taxonomy, scores):
    leaves = set(taxonomy.leaves)
    columns = [[v for v in below(taxonomy, u) if v in leaves] for u in range(len(taxonomy))]
    return np.stack([scores[:, column].max(1) for column in columns], axis=1)


@pytest.mark.parametrize("given_vectors", [False, True])
def test_devise_ranks_the_label_above_all_other_leaves(given_vectors):
    vectors = np.random.default_rng(0).normal(size=(len(TREE.leaves), 3)) if given_vectors else None
    method = made(DeViSE, embeddings=None if vectors is None else vectors.tolist(), margin=0.4)
    if vectors is None:
        vectors = leaf_embeddings(TREE)
    places = directions(TREE, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    features, targets = samples()
    products = method.embed(features).detach().numpy() @ places.T
    expected = 0.0
    for i, row in enumerate(targets):
        ends = deepest(TREE, row)
        for v in ends:
            for j in set(TREE.leaves) - set(below(TREE, v)):
                expected += max(0.0, 0.4 - products[i, v] + products[i, j]) / len(ends)
    assert loss_of(method, features, targets) == pytest.approx(expected / len(targets), rel=1e-5)
    np.testing.assert_allclose(method.scores(features).detach(), best_leaf(TREE, products), atol=1e-6)


def test_leaf_embeddings_have_the_products_of_the_tree():
    vectors = leaf_embeddings(TREE)
    np.testing.assert_allclose(vectors @ vectors.T, 1 - leaf_dissimilarities(TREE, TREE.leaves), atol=1e-12)


def test_barz_denzler_is_the_cosine_to_the_place_and_cross_entropy():
    features, targets = samples()
    method = made(BarzDenzler, classification_weight=0.3)
    places = directions(TREE, leaf_embeddings(TREE))
    embedding = method.embed(features).detach().numpy()
    cosine = embedding / np.linalg.norm(embedding, axis=1, keepdims=True) @ places.T
    p = node_probabilities(TREE, method.classify(method.embed(features)).detach().numpy())
    expected = [
        1 - cosine[i, deepest(TREE, row)].mean() - 0.3 * np.log(p[i, deepest(TREE, row)]).mean()
        for i, row in enumerate(targets)
    ]
    assert loss_of(method, features, targets) == pytest.approx(np.mean(expected), rel=1e-5)
    np.testing.assert_allclose(method.scores(features).detach(), best_leaf(TREE, cosine), atol=1e-6)


@pytest.mark.parametrize("taxonomy", [TREE, DAG])
def test_hssn_tree_min_loss_and_scores(taxonomy):
    labels = (
        (("a/x/q",), ("b",), ("a/x",), ("a/y", "c/z/r")) if taxonomy is TREE else (("e",), ("d",), ("a", "f"))
    )
    features, targets = samples(taxonomy, labels)
    method = made(HSSN, taxonomy, gamma=1.5, triplet_weight=0.0)
    s = sigmoid(method.logits(features).detach().numpy())
    nodes = range(len(taxonomy))
    smallest = np.stack([s[:, above(taxonomy, v)].min(1) for v in nodes], axis=1)
    largest = np.stack([s[:, below(taxonomy, v)].max(1) for v in nodes], axis=1)
    focal = targets * (1 - smallest) ** 1.5 * np.log(smallest)
    focal += (1 - targets) * largest**1.5 * np.log(1 - largest)
    assert loss_of(method, features, targets) == pytest.approx(-focal.mean())
    ways = np.stack([s[:, above(taxonomy, v)].mean(1) for v in nodes], axis=1)
    np.testing.assert_allclose(method.scores(features).detach(), best_leaf(taxonomy, ways))


def test_hssn_triplets_are_those_of_the_paper():
    method = made(HSSN, margin=0.2)
    torch.manual_seed(2)
    n = 40
    projected = torch.randn(n, 3, dtype=torch.float64)
    label, first, second = torch.randint(len(TREE), (n,)), torch.randint(n, (n,)), torch.randint(n, (n,))
    unit = (projected / projected.norm(dim=1, keepdim=True)).numpy()

    def edges_between(u, v):
        common = set(above(TREE, u)) & set(above(TREE, v))
        meet = max((TREE.depth[node] for node in common), default=-1)
        return TREE.depth[u] + TREE.depth[v] - 2 * meet

    largest = max(edges_between(u, v) for u in range(len(TREE)) for v in range(len(TREE)))
    losses = []
    of = label.tolist()
    for i, near, far in zip(range(n), first.tolist(), second.tolist(), strict=True):
        if edges_between(of[i], of[near]) > edges_between(of[i], of[far]):
            near, far = far, near
        gap = edges_between(of[i], of[far]) - edges_between(of[i], of[near])
        if gap:
            apart = (1 - unit[i] @ unit[near]) / 2 - (1 - unit[i] @ unit[far]) / 2
            losses.append(max(0.0, apart + 0.2 + 0.5 * gap / largest))
    assert 10 < len(losses) < n
    assert method._triplet(projected, label, first, second).item() == pytest.approx(np.mean(losses))


def test_hssn_warms_up_over_the_steps_of_training_alone():
    features, targets = samples(labels=[(name,) for name in TREE.names * 3])
    method = made(HSSN, triplet_weight=0.5, warmup_steps=2)
    weights = []
    for training in (True, False, True, True, True):
        method.train(training)
        parts = method.loss(features, torch.from_numpy(targets))
        weights.append(((parts["loss"] - parts["tree_min"]) / parts["triplet"]).item())
    assert weights == pytest.approx([0.0, 0.25, 0.25, 0.5, 0.5])
    assert made(HSSN).load_state_dict(method.state_dict()).missing_keys == []
    assert method.step.item() == 4


# Laws


@st.composite
def taxonomies(draw):
    """Forests and acyclic graphs of 1 to 12 nodes."""
    parents = [
        draw(st.lists(st.integers(0, v - 1), max_size=2, unique=True)) if v else []
        for v in range(draw(st.integers(1, 12)))
    ]
    return Taxonomy(map(str, range(len(parents))), parents)


@given(taxonomies(), st.integers(0, 1000))
@settings(deadline=None, max_examples=30)
def test_coherent_methods_never_score_a_node_above_its_parent(taxonomy, seed):
    features = torch.from_numpy(np.random.default_rng(seed).normal(size=(3, N_FEATURES)) * 5).float()
    for method in METHODS:
        if method.coherent and (method is not HXE or taxonomy.is_tree):
            scores = made(method, taxonomy).float().scores(features)
            parent, child = taxonomy.edges.T
            assert (scores[:, parent] >= scores[:, child]).all(), method


@given(taxonomies(), st.integers(0, 1000))
@settings(deadline=None, max_examples=50)
def test_node_maximum_is_that_over_all_nodes_below_or_above(taxonomy, seed):
    scores = np.random.default_rng(seed).normal(size=(2, len(taxonomy)))
    for over, reach in (("descendants", below), ("ancestors", above)):
        maximum = NodeMaximum(Classes(taxonomy), over=over)(torch.from_numpy(scores))
        expected = [scores[:, reach(taxonomy, v)].max(1) for v in range(len(taxonomy))]
        np.testing.assert_array_equal(maximum, np.stack(expected, axis=1))


@given(taxonomies(), st.integers(0, 1000))
@settings(deadline=None, max_examples=50)
def test_label_shares_are_equal_among_the_deepest_labels(taxonomy, seed):
    chosen = np.random.default_rng(seed).integers(len(taxonomy), size=2)
    targets = closed(taxonomy, [taxonomy.names[v] for v in chosen], [])
    shares = label_shares(Classes(taxonomy), torch.from_numpy(targets).float()).numpy()
    ends = deepest(taxonomy, targets[0])
    expected = np.isin(np.arange(len(taxonomy)), ends) / len(ends)
    np.testing.assert_allclose(shares, [expected, np.zeros(len(taxonomy))], atol=1e-6)


# All methods


@pytest.mark.parametrize(
    ("method", "taxonomy"),
    [
        (method, taxonomy)
        for taxonomy in (TREE, DAG, Taxonomy(["only"], [[]]), Taxonomy(list("xyz"), [[], [], []]))
        for method in METHODS
        if method is not HXE or taxonomy.is_tree
    ],
)
def test_loss_and_gradients_are_finite_also_far_out_for_mixed_targets_and_one_sample(method, taxonomy):
    net = made(method, taxonomy, hidden=[6]).float()
    targets = torch.from_numpy(closed(taxonomy, *[(name,) for name in taxonomy.names])).float()
    mixed = 0.3 * targets + 0.7 * targets.flip(0)
    for scale in (0.0, 1.0, 1e4):
        features = scale * torch.randn(len(targets), N_FEATURES)
        for part in (slice(None), slice(1)):
            net.zero_grad()
            loss = net.loss(features[part], mixed[part])["loss"]
            loss.backward()
            assert loss.isfinite() and loss.ndim == 0
            assert all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())
        scores = net.scores(features)
        assert scores.shape == targets.shape and scores.dtype == torch.float32 and scores.isfinite().all()


@pytest.mark.parametrize("method", METHODS)
def test_training_ranks_the_labels_of_planted_classes_first(method):
    rng = np.random.default_rng(0)
    leaves = np.repeat(TREE.leaves, 20)
    targets = closed(TREE, *[(TREE.names[leaf],) for leaf in leaves])
    centres = np.array([3.0 * np.eye(len(TREE))[above(TREE, v)].sum(0) for v in range(len(TREE))])
    features = torch.from_numpy(centres[leaves] + rng.normal(size=(len(leaves), len(TREE)))).float()
    labels = torch.from_numpy(targets).float()
    wide = {"dim": 16} if "dim" in inspect.signature(method).parameters else {}
    net = made(method, n_features=len(TREE), hidden=[32], **wide).float()
    rate = 5e-3 if method is MBM else 2e-2
    groups = [{"params": g["params"], "lr": rate * g["lr_scale"]} for g in net.parameter_groups()]
    optimizer = torch.optim.Adam(groups)
    before = net.loss(features, labels)["loss"].item()
    for _ in range(60):
        optimizer.zero_grad()
        net.loss(features, labels)["loss"].backward()
        optimizer.step()
    assert net.loss(features, labels)["loss"].item() < before
    scores = net.scores(features).detach().numpy()
    assert label_ranking_average_precision_score(targets, scores) > 0.9
    assert (scores[:, TREE.leaves].argmax(1) == np.arange(len(leaves)) // 20).mean() > 0.9


@pytest.mark.parametrize("method", METHODS)
def test_state_is_restored_exactly(method):
    features, _ = samples()
    net, other = made(method), made(method)
    for (
        value
    ) in other.state_dict().values():  # with the places of classes, which machines may compute otherwise
        value.copy_(torch.randn(value.shape))
    assert not torch.equal(net.scores(features), other.scores(features))
    other.load_state_dict(net.state_dict())
    torch.testing.assert_close(other.scores(features), net.scores(features), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("method", "wrong", "message"),
    [
        (HXE, {"alpha": -1.0}, "alpha must not be negative"),
        (HXE, {"taxonomy": DAG}, "needs a tree"),
        (SoftLabels, {"beta": 0.0}, "beta must be positive"),
        (MBM, {"beta": 0.0}, "must be positive"),
        (MBM, {"volume_temperature": float("nan")}, "must be positive"),
        (DeViSE, {"margin": 0.0}, "margin must be positive"),
        (DeViSE, {"embeddings": [[1.0, 2.0]]}, r"each of the 6 leaves, got shape \(1, 2\)"),
        (DeViSE, {"embeddings": [[1.0], [0.0], *[[2.0]] * 4]}, "row 1"),
        (BarzDenzler, {"classification_weight": -0.1}, "must not be negative"),
        (HSSN, {"gamma": -1.0}, "must not be negative"),
        (HSSN, {"warmup_steps": 0}, "warmup_steps must be positive"),
        (LeafSoftmax, {"n_features": 0}, "n_features must be positive"),
    ],
)
def test_wrong_settings_are_refused(method, wrong, message):
    with pytest.raises(ValueError, match=message):
        made(method, **wrong)
