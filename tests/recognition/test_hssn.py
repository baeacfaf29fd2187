"""HSSN against smallest and largest probabilities node by node, and triplets one by one."""

import numpy as np
import pytest
import torch
from method_cases import DAG, LABELS, TREE, above, below, best_leaf, loss_of, made, samples, sigmoid

from hyperclade.recognition.hssn import HSSN


@pytest.mark.parametrize("taxonomy", [TREE, DAG])
def test_hssn_tree_min_loss_and_scores(taxonomy):
    features, targets = samples(taxonomy, LABELS[taxonomy])
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


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"gamma": -1.0}, "must not be negative"),
        ({"warmup_steps": 0}, "warmup_steps must be positive"),
    ],
)
def test_wrong_settings_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        made(HSSN, **wrong)
