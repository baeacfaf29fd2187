"""HVSA against plain numpy and torch's own distributions on a small uneven taxonomy; laws of its scores."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperclade.geometry import WrappedNormal, cone_energy, log0
from hyperclade.metrics import constraint_violation
from hyperclade.recognition.hvsa import HVSA
from hyperclade.trees.taxonomy import Taxonomy

TREE = Taxonomy.from_paths(["a/x/p", "a/x/q", "a/y", "b", "c/z/r"])
DAG = Taxonomy(list("abcde"), [[], [], [0], [0, 1], [2, 3]])
SMALL = {"dim": 4, "hidden": [8], "semantic_hidden": [8], "dropout": 0.0}
VARIANTS = [
    {},
    {"head": "free", "learn_from": "sample", "pairs": "nearer"},
    {"geometry": "euclidean", "focal": 2.0},
    {"head": "free", "focal": 2.0, "alpha": 0.0},
    {"beta": 0.0},
    {"faithful": True},
]


def made(taxonomy=TREE, **given):
    torch.manual_seed(0)
    return HVSA(3, taxonomy, **(SMALL | given))


def normals(method, features):
    """Means and standard deviations of the samples' posteriors."""
    return method._normal(*method.visual(features).chunk(2, dim=-1))


def closed(*names, taxonomy=TREE):
    targets = torch.zeros(len(names), len(taxonomy))
    for row, name in zip(targets, names, strict=True):
        row[[taxonomy.index(name), *taxonomy.ancestors(name)]] = 1
    return targets


@pytest.mark.parametrize("taxonomy", [TREE, DAG])
@pytest.mark.parametrize("variant", VARIANTS)
def test_losses_and_gradients_are_finite_and_scores_in_range(variant, taxonomy):
    method = made(taxonomy, **variant)
    names = [taxonomy.names[k] for k in (0, 1, len(taxonomy) - 1)]
    targets = closed(*names, taxonomy=taxonomy)
    mixed = 0.7 * targets + 0.3 * targets.flip(0)
    for weights in (targets, mixed):
        parts = method.loss(torch.randn(3, 3), weights)
        assert all(part.ndim == 0 and torch.isfinite(part) for part in parts.values())
        parts["loss"].backward()
    gradients = [p.grad for p in method.parameters() if p.grad is not None]
    assert gradients and all(torch.isfinite(g).all() for g in gradients)
    scores = method.eval().scores(torch.randn(4, 3))
    assert scores.shape == (4, len(taxonomy)) and ((scores >= 0) & (scores <= 1 + 1e-6)).all()


def test_coherent_classification_is_the_focal_cross_entropy_of_summed_ways():
    method = made(focal=2.0)
    with torch.no_grad():
        method.offset.normal_()
        features = torch.randn(4, 3)
        points = normals(method, features)[0]
        projected = method.project(2 * log0(points).float()).numpy()
    f, offset = method.labels.detach().numpy(), method.offset.detach().numpy()
    leaves = ["a/x/p", "b", "c/z/r", "a/x"]  # the last ends at an inner node
    logits = {}
    for leaf in TREE.leaves:
        way = [leaf, *TREE.ancestors(int(leaf))]
        logits[int(leaf)] = sum(projected @ f[node] + offset[node] for node in way)
    total = sum(np.exp(values) for values in logits.values())
    expected = []
    for row, name in enumerate(leaves):
        node = TREE.index(name)
        under = [leaf for leaf in logits if leaf == node or node in TREE.ancestors(leaf)]
        p = sum(np.exp(logits[leaf][row]) for leaf in under) / total[row]
        expected.append(-((1 - p) ** 2) * np.log(p))
    found = method._classification(method._logits(method._log0(points)), closed(*leaves))
    assert found.item() == pytest.approx(np.mean(expected), rel=1e-5)


def test_free_classification_is_binary_cross_entropy_summed_over_nodes():
    method = made(head="free")
    logits, targets = torch.randn(2, len(TREE)), closed("b", "a/y")
    p = 1 / (1 + np.exp(-logits.double().numpy()))
    y = targets.numpy()
    expected = -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum(1).mean()
    assert method._classification(logits, targets).item() == pytest.approx(expected, rel=1e-5)
    focal = -(y * (1 - p) ** 2 * np.log(p) + (1 - y) * p**2 * np.log(1 - p)).sum(1).mean()
    method.focal = 2.0
    assert method._classification(logits, targets).item() == pytest.approx(focal, rel=1e-5)


@pytest.mark.parametrize("geometry", ["ball", "euclidean"])
def test_the_prior_is_torchs_mixture_of_the_labels_normals(geometry):
    method = made(geometry=geometry)
    loc, scale = method.positions()
    targets = closed("a/x/p", "b")
    targets = 0.8 * targets + 0.2 * targets.flip(0)
    points = normals(method, torch.randn(2, 3))[0]
    found = method._log_prior(points, loc, scale, targets)
    for row in range(2):
        component = (
            WrappedNormal(loc, scale)
            if geometry == "ball"
            else torch.distributions.Independent(torch.distributions.Normal(loc, scale), 1)
        )
        weights = torch.distributions.Categorical(probs=targets[row].double())
        mixture = torch.distributions.MixtureSameFamily(weights, component)
        assert found[row].item() == pytest.approx(mixture.log_prob(points[row]).item(), rel=1e-9)


def test_the_divergence_vanishes_where_the_posterior_is_the_prior():
    """Of a sample with one label, both encoders giving the same normal, at every point that is drawn."""
    method = made(Taxonomy.from_paths(["one", "two"]), learn_from="sample")
    loc, scale = (torch.full((2, 4), value, dtype=torch.float64) for value in (0.2, 0.3))
    method._normal = lambda tangent, width: (loc, scale)
    parts = method.loss(torch.randn(2, 3), torch.eye(2))
    assert parts["kl"].item() == pytest.approx(0, abs=1e-7)


def test_the_cone_loss_is_that_of_all_pairs_of_points_drawn():
    """With next to no spread the points are the means: brute force for ancestors, bounds for the rest."""
    method = made()
    loc = method.positions()[0].detach()
    energy = cone_energy(loc[:, None], loc)
    pairs = [(int(a), v) for v in range(len(TREE)) for a in TREE.ancestors(v)]
    near = np.mean([energy[pair].item() for pair in pairs])
    found = method._cone_loss(loc, torch.full_like(loc, 1e-9)).item()
    outside = [
        [
            (1 - energy[a, v]).clamp_min(0).item()
            for v in range(len(TREE))
            if v != a and v not in TREE.descendants(a)
        ]
        for a, _ in pairs
    ]
    assert near + np.mean([min(row) for row in outside]) - 1e-6 <= found
    assert found <= near + np.mean([max(row) for row in outside]) + 1e-6


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["entailed", "nearer"]), st.integers(0, 2**31))
def test_triples_are_what_their_name_says(pairs, seed):
    method = made(pairs=pairs)
    torch.manual_seed(seed)
    distance = TREE.distance_matrix()
    for anchor, near, far in torch.stack(method._triples()).T.tolist():
        if pairs == "nearer":
            assert distance[anchor, near] < distance[anchor, far] and near != anchor
        else:
            assert anchor in TREE.ancestors(near)
            assert far != anchor and anchor not in TREE.ancestors(far)


def test_a_sole_root_over_leaves_has_nothing_outside():
    method = made(Taxonomy.from_paths(["r/a", "r/b"]))
    anchor, _, _ = method._triples()
    assert len(anchor) == 0
    assert torch.isfinite(method.loss(torch.randn(2, 3), torch.tensor([[1.0, 1, 0], [1, 0, 1]]))["loss"])


@pytest.mark.parametrize("length", [1e-9, 1.0, 31.0, 100.0])
def test_scores_are_those_of_the_way_through_the_ball(length):
    method = made()
    tangent = torch.nn.functional.normalize(torch.randn(3, 4), dim=1) * length
    points, _ = method._normal(tangent, torch.zeros(3, 4))
    torch.testing.assert_close(method._clipped(tangent).double(), method._log0(points), rtol=1e-3, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([TREE, DAG]), st.floats(0.1, 300))
def test_the_coherent_head_never_violates_the_taxonomy(seed, taxonomy, spread):
    torch.manual_seed(seed)
    method = HVSA(3, taxonomy, **SMALL).eval()
    with torch.no_grad():
        method.offset.normal_(0, spread)
        scores = method.scores(torch.randn(20, 3) * spread).numpy()
    assert constraint_violation(scores, taxonomy) == 0


@pytest.mark.parametrize(
    "wrong", [{"alpha": -1.0}, {"gamma": -0.1}, {"dim": 0}, {"faithful": True, "geometry": "euclidean"}]
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError):
        made(**wrong)
