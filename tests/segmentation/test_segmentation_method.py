"""Laws of all methods of segmentation, and the projector and the probe that they share."""

import copy
import dataclasses
from importlib import import_module

import numpy as np
import pytest
import torch
from segmentation_cases import N_CLUSTERS, N_FEATURES, batch_of, cosine, made, rows

from hyperclade.segmentation.config import METHODS
from hyperclade.segmentation.method import Probe, Projector, others

CLASSES = [
    getattr(import_module(f"hyperclade.segmentation.{module}"), name) for module, name in METHODS.values()
]
laws = pytest.mark.parametrize("method", CLASSES)


def needed(method, batch):
    """The batch without what the method does not ask for."""
    beyond = {"positive", "view", "local"} - method.needs
    return dataclasses.replace(batch, **dict.fromkeys(beyond))


def trained(model, batches, optimizer=None):
    optimizer = optimizer or torch.optim.Adam(
        [{"params": group["params"], "lr": 0.01 * group["lr_scale"]} for group in model.parameter_groups()]
    )
    model.train()
    for batch in batches:
        optimizer.zero_grad()
        model.loss(needed(type(model), batch))[0]["loss"].backward()
        optimizer.step()
        model.after_step()
    return optimizer


@laws
@pytest.mark.parametrize("shape", [(3, N_FEATURES, 3, 4), (1, N_FEATURES, 5, 2), (2, N_FEATURES, 1, 1)])
def test_codes_have_the_shape_of_the_features_and_are_those_of_the_loss(method, shape):
    model, batch = made(method).eval(), needed(method, batch_of(shape))
    parts, codes = model.loss(batch)
    assert codes.shape == (shape[0], model.n_code, *shape[2:]) and parts["loss"].ndim == 0
    assert torch.equal(codes, model.code(batch.features))
    assert model.centres.shape == (N_CLUSTERS, model.n_code)


@laws
@pytest.mark.parametrize("b", [1, 3])
@pytest.mark.parametrize("kind", ["zero", "constant", "random", "far", "one-hot"])
def test_losses_and_gradients_are_finite_for_any_features(method, b, kind):
    batch = batch_of((b, N_FEATURES, 3, 4))
    features = {
        "zero": torch.zeros_like(batch.features),
        "constant": torch.full_like(batch.features, 0.7),
        "random": batch.features,
        "far": batch.features * 1e4,
        "one-hot": torch.nn.functional.one_hot(batch.features.argmax(1), N_FEATURES).permute(0, 3, 1, 2),
    }[kind].float()
    batch = dataclasses.replace(batch, features=features, positive=features, view=features)
    batch = dataclasses.replace(batch, local=torch.zeros_like(batch.local).float())
    model = made(method).float().train()
    for _ in range(3):  # HP learns from its pool, which the first step begins
        model.zero_grad()
        parts, codes = model.loss(needed(method, batch))
        parts["loss"].backward()
        model.after_step()
        assert all(part.isfinite() for part in parts.values()) and codes.isfinite().all()
        assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@laws
def test_every_parameter_that_learns_has_one_learning_rate(method):
    model = made(method)
    grouped = [id(p) for group in model.parameter_groups() for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in model.parameters() if p.requires_grad)
    assert all(group["lr_scale"] > 0 for group in model.parameter_groups())


@laws
def test_a_saved_state_goes_on_as_if_nothing_had_been(method):
    batches = [batch_of(done=0.2 * seed, seed=seed) for seed in range(5)]
    first, resumed = made(method), made(method)
    optimizer = trained(first, batches[:3])
    resumed.load_state_dict(copy.deepcopy(first.state_dict()))
    again = trained(resumed, [])
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for model, its in ((first, optimizer), (resumed, again)):
        torch.manual_seed(7)
        trained(model, batches[3:], its)
    ours, theirs = first.state_dict(), resumed.state_dict()
    assert all(torch.equal(theirs[name], value) for name, value in ours.items())


@laws
def test_the_same_seed_gives_the_same_loss_and_another_one_another(method):
    model, batch = made(method, **({} if method.__name__ == "KMeans" else {"dropout": 0.5})), batch_of()
    model.train()
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append(copy.deepcopy(model).loss(batch)[0]["loss"].item())
    assert found[0] == found[1]
    assert method.__name__ == "KMeans" or found[0] != found[2]


def test_a_projector_adds_a_linear_and_a_nonlinear_map():
    projector = Projector(N_FEATURES, 3, activation=torch.nn.SiLU).double().eval()
    features = batch_of().features
    w = {name: value.detach().numpy().squeeze() for name, value in projector.named_parameters()}
    for code, x in zip(rows(projector(features)).reshape(-1, 3), rows(features).reshape(-1, 6), strict=True):
        hidden = w["nonlinear.0.weight"] @ x + w["nonlinear.0.bias"]
        hidden = hidden / (1 + np.exp(-hidden))
        nonlinear = w["nonlinear.2.weight"] @ hidden + w["nonlinear.2.bias"]
        assert code == pytest.approx(w["linear.weight"] @ x + w["linear.bias"] + nonlinear)


def test_a_projector_drops_whole_channels_anew_for_each_map_and_only_in_training():
    torch.manual_seed(0)
    projector = Projector(400, 400, dropout=0.25)
    features = torch.ones(2, 400, 3, 3)
    with torch.no_grad():
        for map_ in (projector.linear, projector.nonlinear[0], projector.nonlinear[2]):
            map_.weight.copy_(torch.eye(400)[..., None, None])
            map_.bias.zero_()
    assert torch.equal(projector.eval()(features), 2 * features)
    codes = projector.train()(features)
    assert torch.equal(codes, codes[..., :1, :1].expand_as(codes))
    # A channel that is kept counts 4/3: by none of the maps, by one, or by both.
    kept = (codes[..., 0, 0] * 3 / 4).round()
    shares = [(kept == n).float().mean().item() for n in range(3)]
    assert shares == pytest.approx([0.0625, 0.375, 0.5625], abs=0.06)
    assert not torch.equal(codes[0], codes[1])


def test_a_probe_is_the_mean_cosine_of_the_nearest_centre_and_leaves_the_codes_alone():
    torch.manual_seed(0)
    probe, codes = Probe(5, 4).double(), torch.randn(2, 4, 3, 2, dtype=torch.float64, requires_grad=True)
    centres = probe.centres.detach().numpy()
    loss = probe.loss(codes)
    nearest = [max(cosine(code, centre) for centre in centres) for code in rows(codes).reshape(-1, 4)]
    assert loss.item() == pytest.approx(-np.mean(nearest))
    loss.backward()
    assert codes.grad is None and probe.centres.grad.any()


def test_a_probe_finds_planted_directions():
    torch.manual_seed(0)
    probe = Probe(3, 3)
    segments = torch.eye(3)[torch.arange(12) % 3].T.reshape(1, 3, 3, 4)
    optimizer = torch.optim.Adam(probe.parameters(), lr=0.1)
    with torch.no_grad():
        probe.centres.copy_(torch.eye(3) + 0.4)
    for _ in range(100):
        optimizer.zero_grad()
        probe.loss(segments).backward()
        optimizer.step()
    assert probe.loss(segments).item() < -0.99


@pytest.mark.parametrize("n_crops", [2, 3, 8])
def test_others_are_never_the_crop_itself_and_all_occur(n_crops):
    torch.manual_seed(0)
    drawn = others(n_crops, 200)
    assert drawn.shape == (200, n_crops)
    for crop in range(n_crops):
        assert set(drawn[:, crop].tolist()) == set(range(n_crops)) - {crop}
