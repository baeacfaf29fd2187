"""What every loss keeps: finite gradients whatever the batch, and blind to the order of samples."""

import pytest
import torch
from retrieval_cases import LEVELS, SPACES, batch_of, degrees_of, vectors_of

from hyperclade.learning.settings import named_class
from hyperclade.retrieval.config import METHODS, Method, Space
from hyperclade.retrieval.method import Batch

LOSSES = [name for name in METHODS if name != "none"]
SMALL = {"hier": {"n_proxies": 12, "neighbours": 3}, "stml": {"wide": 8, "neighbours": 4}}
SMALL |= {"triplet": {"margin": 0.5}}
FAR = Space(curvature=1.0, clip=None)


def made(name, space, dim=4, n_features=6):
    kind, settings = named_class("hyperclade.retrieval", METHODS, Method(name, SMALL.get(name, {})), "method")
    torch.manual_seed(3)
    return kind(n_features, dim, space, **settings)


HARD = {
    "equal": (torch.ones(9, 4, dtype=torch.float64), LEVELS),
    "at the origin": (torch.zeros(9, 4, dtype=torch.float64), LEVELS),
    "two equal": (torch.cat([vectors_of()[:1], vectors_of()[:8]]), LEVELS),
    "at the boundary": (vectors_of(scale=1e3), LEVELS),
    "alone": (vectors_of(1), LEVELS[:, :1]),
    "a pair": (vectors_of(2), LEVELS[:, :2]),
    "no positives": (vectors_of(), [list(range(9))]),
    "no negatives": (vectors_of(), [[0] * 9]),
    "no levels": (vectors_of(), torch.zeros(0, 9, dtype=torch.int64)),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("space", [*SPACES, FAR])
@pytest.mark.parametrize("case", HARD)
def test_loss_and_gradients_are_finite(name, space, case):
    given, levels = HARD[case]
    vectors = given.clone().requires_grad_()
    method = made(name, space)
    torch.manual_seed(0)
    loss = method.loss(batch_of(vectors, levels, space))["loss"]
    loss.backward()
    assert loss.shape == () and torch.isfinite(loss) and torch.isfinite(vectors.grad).all()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in method.parameters())


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "hier"])  # which draws at random
@pytest.mark.parametrize("space", SPACES)
def test_order_means_nothing(name, space):
    method, vectors = made(name, space), vectors_of()
    whole = batch_of(vectors, space=space)
    order = torch.tensor([4, 2, 8, 0, 1, 7, 3, 6, 5])
    turned = Batch(
        whole.points[order], whole.degrees[order][:, order], whole.features[order], 0.0, whole.teacher[order]
    )
    assert method.loss(whole)["loss"].item() == pytest.approx(method.loss(turned)["loss"].item(), rel=1e-6)


@pytest.mark.parametrize("name", ["uhml", "contrastive", "triplet", "hyp-vit"])
@pytest.mark.parametrize("space", SPACES)
def test_gradients_by_finite_differences(name, space):
    method = made(name, space)
    assert torch.autograd.gradcheck(
        lambda vectors: method.loss(batch_of(vectors, space=space))["loss"], vectors_of().requires_grad_()
    )


@pytest.mark.parametrize("name", ["uhml", "contrastive", "triplet", "hyp-vit"])
@pytest.mark.parametrize("space", SPACES)
def test_descent_brings_samples_of_one_cluster_together(name, space):
    method, vectors = made(name, space), vectors_of(seed=5, scale=0.5).requires_grad_()
    optimizer = torch.optim.Adam([vectors], lr=0.02)
    for _ in range(300):
        optimizer.zero_grad()
        method.loss(batch_of(vectors, space=space))["loss"].backward()
        optimizer.step()
    points = space.points(space.bounded(vectors.detach()))
    distances, degrees = space.pairwise(points, points), degrees_of(LEVELS)
    apart = ~torch.eye(9, dtype=torch.bool)
    same, other = distances[(degrees == 3) & apart], distances[degrees < 3]
    assert same.mean() < 0.6 * other.mean()


@pytest.mark.parametrize("name", LOSSES)
def test_float32_vectors_give_the_loss_of_float64(name):
    space, vectors = SPACES[0], vectors_of(seed=2)
    losses = []
    for dtype in (torch.float32, torch.float64):
        torch.manual_seed(0)
        losses.append(made(name, space).loss(batch_of(vectors.to(dtype), space=space))["loss"].item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_the_untrained_learns_nothing():
    with pytest.raises(ValueError, match=r"training\.epochs 0"):
        made("none", SPACES[0]).loss(batch_of(vectors_of()))
