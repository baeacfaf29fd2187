"""Laws of all methods: finite losses and gradients, coherent scores, learning, restored state."""

import inspect

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from method_cases import DAG, N_FEATURES, TREE, above, closed, made, samples, taxonomies
from sklearn.metrics import label_ranking_average_precision_score

import hyperclade.recognition
from hyperclade.recognition.config import Method
from hyperclade.recognition.hxe import HXE
from hyperclade.recognition.mbm import MBM
from hyperclade.recognition.method import method_class
from hyperclade.trees.taxonomy import Taxonomy

METHODS = [method_class(Method(name))[0] for name in hyperclade.recognition.METHODS]
TAXONOMIES = [TREE, DAG, Taxonomy(["only"], [[]]), Taxonomy(list("xyz"), [[], [], []])]


def takes(method, taxonomy):
    return method is not HXE or taxonomy.is_tree


@pytest.mark.parametrize(
    ("method", "taxonomy"),
    [(method, taxonomy) for taxonomy in TAXONOMIES for method in METHODS if takes(method, taxonomy)],
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


@given(taxonomies(), st.integers(0, 1000))
@settings(deadline=None, max_examples=30)
def test_coherent_methods_never_score_a_node_above_its_parent(taxonomy, seed):
    features = torch.from_numpy(np.random.default_rng(seed).normal(size=(3, N_FEATURES)) * 5).float()
    for method in METHODS:
        if method.coherent and takes(method, taxonomy):
            scores = made(method, taxonomy).float().scores(features)
            parent, child = taxonomy.edges.T
            assert (scores[:, parent] >= scores[:, child] - 1e-6).all(), method


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
    # Also the places of classes, which another machine may compute otherwise.
    for value in other.state_dict().values():
        value.copy_(torch.randn(value.shape))
    assert not torch.equal(net.scores(features), other.scores(features))
    other.load_state_dict(net.state_dict())
    torch.testing.assert_close(other.scores(features), net.scores(features), rtol=0, atol=0)


@pytest.mark.parametrize("method", METHODS)
def test_every_parameter_has_one_learning_rate(method):
    net = made(method)
    grouped = [id(parameter) for group in net.parameter_groups() for parameter in group["params"]]
    assert sorted(grouped) == sorted(id(parameter) for parameter in net.parameters())


@pytest.mark.parametrize("method", METHODS)
def test_no_feature_is_refused(method):
    with pytest.raises(ValueError, match="n_features must be positive"):
        made(method, n_features=0)
