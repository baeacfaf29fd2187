"""HIER's regulariser beside loops for every triple and pair of ancestors that can be drawn."""

import numpy as np
import pytest
import torch
from retrieval_cases import SPACES, batch_of, vectors_of

from hyperclade.retrieval.hier import HIER, reciprocal
from hyperclade.retrieval.hyp_vit import HypViT

SPACE = SPACES[0]


def two_groups():
    """Three points here, three there."""
    vectors = vectors_of(6, 3, scale=0.05)
    vectors[:3, 0] += 1
    vectors[3:, 1] += 1
    return vectors


def test_relations_are_mutual_nearest_neighbours():
    rows = vectors_of(12, 3).numpy()
    distances = np.linalg.norm(rows[:, None] - rows, axis=2)
    near = [set(np.argsort(own)[1:5]) for own in distances]
    expected = [[j in near[i] and i in near[j] for j in range(12)] for i in range(12)]
    assert reciprocal(torch.from_numpy(distances), 4).tolist() == expected


def test_the_nearest_proxy_that_both_share_is_their_ancestor_when_chance_is_small():
    """With one proxy for each group and one amid them, what is drawn is known, and so is the loss."""
    points = SPACE.points(two_groups())
    proxies = SPACE.points(torch.tensor([[1.0, 0, 0], [0, 1.0, 0], [0.5, 0.5, 0]], dtype=torch.float64))
    method = HIER(6, 3, SPACE, n_proxies=3, neighbours=2, triples=50, margin=0.1)
    torch.manual_seed(0)
    found = np.mean([method.ancestry(points, 1 * proxies).item() for _ in range(200)])
    distances = SPACE.pairwise(points, proxies).numpy()

    def share(farthest):  # of a Gumbel maximum: a softmax
        weight = np.exp(-farthest)
        return weight / weight.sum()

    terms = []
    for i in range(6):
        own = [j for j in range(6) if j != i and j // 3 == i // 3]
        others = [k for k in range(6) if k // 3 != i // 3]
        for j in own:
            for k in others:
                pair = np.maximum(distances[i], distances[j])
                low, high = share(pair), share(np.maximum(pair, distances[k]))
                for p in range(3):
                    for q in range(3):
                        if p != q:
                            error = sum(max(distances[x, p] - distances[x, q] + 0.1, 0) for x in (i, j))
                            error += max(distances[k, q] - distances[k, p] + 0.1, 0)
                            terms.append(low[p] * high[q] * error)
    expected = np.sum(terms) / (6 * 2 * 3)
    assert found == pytest.approx(expected, rel=0.03)


def test_it_is_the_loss_on_labels_and_the_weighted_regulariser():
    batch, method = batch_of(vectors_of()), HIER(6, 4, SPACE, n_proxies=9, neighbours=3, weight=0.5)
    parts = method.loss(batch)
    assert parts["labels"].item() == HypViT(6, 4, SPACE).loss(batch)["loss"].item()
    assert parts["loss"].item() == pytest.approx((parts["labels"] + 0.5 * parts["hierarchy"]).item())
    parts["loss"].backward()
    assert method.proxies.grad.abs().sum() > 0


def test_where_all_relate_there_is_nothing_to_ask():
    points = SPACE.points(torch.ones(3, 4, dtype=torch.float64).requires_grad_())
    assert HIER(6, 4, SPACE, n_proxies=5).ancestry(points, points).item() == 0


@pytest.mark.parametrize("settings", [{"n_proxies": 0}, {"triples": 0}, {"sharpness": 0.0}, {"margin": -1.0}])
def test_settings_that_make_no_sense(settings):
    with pytest.raises(ValueError, match=r"at least 1|must not be negative"):
        HIER(6, 4, SPACE, **settings)
