"""Heads against networks of one head each; posteriors against geoopt, in float64 under autocast."""

import geoopt
import pytest
import torch
from torch import nn

from hyperclade.encoders.heads import MultiHead, ball_log_posterior, euclidean_log_posterior
from hyperclade.geometry.ball import exp0

H, B, D, OUT, HIDDEN = 3, 7, 5, 4, 6


@pytest.fixture
def heads():
    torch.manual_seed(0)
    module = MultiHead(D, OUT, n_heads=H, hidden=HIDDEN)
    norm = module.hidden[2]
    for values in (norm.running_mean, norm.weight, norm.bias, module.bias):
        nn.init.uniform_(values)
    nn.init.uniform_(norm.running_var, 0.5, 2.0)
    return module


def alone(module, index):
    """The layers of one head as a network of its own."""
    part = slice(index * HIDDEN, (index + 1) * HIDDEN)
    first, norm = nn.Linear(D, HIDDEN, bias=False), nn.BatchNorm1d(HIDDEN)
    last = nn.Linear(HIDDEN, OUT)
    with torch.no_grad():
        first.weight.copy_(module.hidden[1].weight[part])
        for name in ("weight", "bias", "running_mean", "running_var"):
            getattr(norm, name).copy_(getattr(module.hidden[2], name)[part])
        last.weight.copy_(module.weight[index].T)
        last.bias.copy_(module.bias[index, 0])
    return nn.Sequential(first, norm, nn.ReLU(), last)


@pytest.mark.parametrize("training", [False, True])
def test_it_is_as_many_networks_side_by_side(heads, training):
    for layer in (heads.hidden[0], heads.hidden[4]):
        layer.p = 0.0
    heads.train(training)
    features = torch.randn(B, D)
    copies = [alone(heads, index).train(training) for index in range(H)]
    torch.testing.assert_close(heads(features), torch.stack([copy(features) for copy in copies]))


def test_one_head_alone_gives_what_all_give_in_evaluation_mode(heads):
    heads.eval()
    features = torch.randn(B, D)
    everything = heads(features)
    for index in range(H):
        torch.testing.assert_close(heads.head(features, index), everything[index])
    heads.train()
    torch.testing.assert_close(heads.head(features, 1), everything[1])  # whatever the mode


def test_heads_are_independent(heads):
    heads(torch.randn(B, D))[1].square().sum().backward()
    gradient = heads.hidden[1].weight.grad.view(H, HIDDEN, D)
    assert gradient[1].abs().sum() > 0 and gradient[[0, 2]].abs().sum() == 0
    assert heads.weight.grad[[0, 2]].abs().sum() == 0


def test_sizes_and_dropout():
    module = MultiHead(8, 5, n_heads=2, hidden=16, dropout=0.3)
    shapes = {name: tuple(p.shape) for name, p in module.named_parameters()}
    assert shapes["weight"] == (2, 16, 5) and shapes["hidden.1.weight"] == (32, 8)
    assert "hidden.1.bias" not in shapes
    assert [layer.p for layer in module.hidden if isinstance(layer, nn.Dropout)] == [0.3, 0.3]
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    module.reset_output()
    changed = {name for name, p in module.named_parameters() if not torch.equal(p, before[name])}
    assert changed == {"weight"}  # the bias was and is zero


@pytest.mark.parametrize("sizes", [(0, 1, 1, 1), (1, 0, 1, 1), (1, 1, 0, 1), (1, 1, 1, 0)])
def test_bad_sizes(sizes):
    with pytest.raises(ValueError, match="must be positive"):
        MultiHead(sizes[0], sizes[1], n_heads=sizes[2], hidden=sizes[3])


def test_ball_posterior_is_a_softmax_of_geoopts_distances():
    torch.manual_seed(0)
    outputs, positions = torch.randn(H, B, 3, dtype=torch.float64), exp0(torch.randn(H, OUT, 3))
    found = ball_log_posterior(outputs, positions, temperature=0.7)
    ball = geoopt.PoincareBall()
    far = ball.dist(ball.expmap0(outputs)[:, :, None], positions[:, None])
    torch.testing.assert_close(found, torch.log_softmax(-far / 0.7, -1), rtol=1e-8, atol=1e-10)
    assert found.dtype == torch.float64


def test_euclidean_posterior_is_a_softmax_of_distances():
    torch.manual_seed(0)
    outputs, positions = torch.randn(H, 40, 3), torch.randn(H, 30, 3, dtype=torch.float64)
    found = euclidean_log_posterior(outputs, positions, temperature=2.0)
    far = (outputs.double()[:, :, None] - positions[:, None]).norm(dim=-1)
    torch.testing.assert_close(found, torch.log_softmax(-far / 2, -1), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("posterior", [ball_log_posterior, euclidean_log_posterior])
def test_autocast_changes_nothing_but_the_outputs(posterior):
    torch.manual_seed(0)
    heads = MultiHead(D, 3, n_heads=H, hidden=HIDDEN).eval()
    features, positions = torch.randn(B, D), exp0(3 * torch.randn(H, OUT, 3))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = heads(features)
        inside = posterior(outputs, positions)
    assert outputs.dtype == torch.bfloat16 and inside.dtype == torch.float64
    torch.testing.assert_close(inside, posterior(outputs.float(), positions), rtol=0, atol=0)


def test_outputs_are_clipped_and_gradients_finite():
    directions = torch.tensor([[1.0, 0.0], [0.0, -1.0]])
    positions = exp0(2.5 * directions)
    for length in (0.0, 1e-20, 1.0, 50.0, 1e6, 1e18):
        outputs = (length * directions).requires_grad_()
        found = ball_log_posterior(outputs, positions, max_radius=8.0)
        found.diagonal().sum().backward()
        assert found.isfinite().all() and outputs.grad.isfinite().all(), length
    # exp_0 of length 4 lies at 8, which is where all longer ones are put.
    torch.testing.assert_close(found, ball_log_posterior(4 * directions, positions))
    # The class in the same direction is nearest.
    assert (found.argmax(1) == torch.tensor([0, 1])).all()


@pytest.mark.parametrize("n", [2, 40])
def test_gradients_are_finite_where_an_output_meets_its_class(n):
    directions = nn.functional.normalize(torch.randn(n, 3, dtype=torch.float64), dim=1)
    for posterior, positions in (
        (ball_log_posterior, exp0(directions)),
        (euclidean_log_posterior, directions),
    ):
        outputs = directions.clone().requires_grad_()
        posterior(outputs, positions).diagonal().sum().backward()
        assert outputs.grad.isfinite().all()
