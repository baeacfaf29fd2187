"""OMH: plans against POT, carried memberships against loops and autograd, losses against their definition."""

import copy
from itertools import pairwise

import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from segmentation_cases import cosine, learns
from torch.nn.functional import normalize

from hyperclade.segmentation.config import Hierarchy
from hyperclade.segmentation.omh import (
    MatchedHierarchy,
    carried_up,
    matched_parents,
    temperature_at,
    transport_plan,
)

TEMPERATURES = [0.1, 0.02, 0.002]


def scores_of(coarse, fine, dim, seed=0):
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(coarse, dim)), rng.normal(size=(fine, dim))
    return np.maximum(np.array([[cosine(a, b) for b in second] for a in first]), 0)


def objective(plan, scores, temperature):
    return (plan * scores).sum() - temperature * (plan * np.log(np.maximum(plan, 1e-300))).sum()


def hierarchy(n_code=4, **given):
    torch.manual_seed(0)
    settings = Hierarchy(**{"levels": 3, "first": "random"} | given)
    return MatchedHierarchy(settings, 2, n_code).double()


def codes_of(seed=3, shape=(2, 4, 3, 5)):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# Numbers of clusters for which 200 passes from nothing leave columns off by a third, and more.
@pytest.mark.parametrize(("coarse", "fine", "dim"), [(27, 54, 4), (54, 108, 4), (5, 8, 4), (27, 54, 70)])
@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_plan_has_its_sums_and_the_objective_of_pot(coarse, fine, dim, temperature):
    scores = scores_of(coarse, fine, dim)
    _, plan = transport_plan(scores, temperature)
    assert np.isfinite(plan).all() and plan.min() >= 0
    assert plan.sum(1) * coarse == pytest.approx(np.ones(coarse), abs=1e-9)
    assert plan.sum(0) * fine == pytest.approx(np.ones(fine), abs=1e-3)
    uniform = np.full(coarse, 1 / coarse), np.full(fine, 1 / fine)
    # No other plan is better, that of the linear programme neither, which has no less of ⟨plan, scores⟩.
    linear = ot.emd(*uniform, -scores)
    assert objective(plan, scores, temperature) > objective(linear, scores, temperature) - 1e-3
    assert (plan * scores).sum() < (linear * scores).sum() + 1e-3
    if temperature >= 0.02:
        reference = ot.bregman.sinkhorn_log(*uniform, -scores, temperature, stopThr=1e-9, numItermax=5000)
        best = objective(reference, scores, temperature)
        assert objective(plan, scores, temperature) == pytest.approx(best, abs=1e-3)
        assert np.abs(plan - reference).sum() < 0.01


def test_low_temperatures_approach_the_linear_programme():
    scores = scores_of(27, 54, 8)
    best = -ot.emd2(np.full(27, 1 / 27), np.full(54, 1 / 54), -scores)
    gaps = [best - (transport_plan(scores, temperature)[1] * scores).sum() for temperature in TEMPERATURES]
    assert gaps[0] > gaps[1] > gaps[2] and abs(gaps[2]) < 2e-3


def test_a_plan_does_not_depend_on_where_it_starts():
    scores = scores_of(6, 12, 5)
    dual, plan = transport_plan(scores, 0.02)
    again = transport_plan(scores, 0.02, dual)[1]
    elsewhere = transport_plan(scores, 0.02, np.random.default_rng(1).normal(size=12))[1]
    assert again == pytest.approx(plan, abs=1e-12)
    assert elsewhere == pytest.approx(plan, abs=2e-3 / 12)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 6), st.integers(1, 5), st.integers(1, 7), st.integers(0, 1000))
def test_carried_memberships_and_their_gradient_are_those_of_the_dense_formula(n, coarse, fine, seed):
    generator = torch.Generator().manual_seed(seed)
    members = torch.rand(n, fine, generator=generator, dtype=torch.float64, requires_grad=True)
    plan = torch.rand(coarse, fine, generator=generator, dtype=torch.float64)
    weights = torch.randn(n, coarse, generator=generator, dtype=torch.float64)
    ours = carried_up(members, plan)
    loops = [[max(plan[k, j] * row[j] for j in range(fine)).item() for k in range(coarse)] for row in members]
    assert ours.detach().numpy() == pytest.approx(np.array(loops))
    (gradient,) = torch.autograd.grad((ours * weights).sum(), members)
    dense = (plan[None] * members[:, None]).amax(2)
    (expected,) = torch.autograd.grad((dense * weights).sum(), members)
    assert gradient.numpy() == pytest.approx(expected.numpy())


def test_the_gradient_of_carried_memberships_is_that_of_differences():
    members = torch.tensor([[0.1, 0.5, 0.9], [0.7, 0.2, 0.4]], dtype=torch.float64, requires_grad=True)
    plan = torch.tensor([[0.9, 0.3, 0.2], [0.1, 0.6, 0.7]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda rows: carried_up(rows, plan), members)


@pytest.mark.parametrize("scale", ["columns", "literal"])
def test_the_loss_is_that_of_its_definition(scale):
    model = hierarchy(plan=scale, sparsity=0.2, structure=0.7, temperature=0.05)
    codes = codes_of()
    directions = [centres.detach().numpy() for centres in model.centres]
    places = codes.permute(0, 2, 3, 1).reshape(-1, 4).numpy()
    members = [
        np.array([[max(cosine(code, centre), 0) for centre in level] for code in places])
        for level in directions
    ]
    cluster = -sum(level.max(1).mean() for level in members)
    match = 0.0
    for (coarse, fine), (upper, lower) in zip(pairwise(members), pairwise(directions), strict=True):
        scores = np.array([[max(cosine(a, b), 0) for b in lower] for a in upper])
        plan = transport_plan(scores, 0.05)[1] * (len(lower) if scale == "columns" else 1)
        carried = np.array([[(row * fine[p]).max() for row in plan] for p in range(len(places))])
        match += np.abs(carried - coarse).mean()
    parts = model.loss(codes, 0.5)
    assert parts["cluster"].item() == pytest.approx(cluster)
    assert parts["match"].item() == pytest.approx(match, rel=1e-6)
    assert parts["hierarchy"].item() == pytest.approx(0.2 * cluster + 0.7 * match, rel=1e-6)


def test_the_literal_plan_is_that_of_columns_over_their_number():
    columns, literal = hierarchy(plan="columns"), hierarchy(plan="literal")
    for level, fine in enumerate((4, 8)):
        assert torch.allclose(columns.plan(level), literal.plan(level) * fine)
        assert columns.plan(level).sum(0).numpy() == pytest.approx(np.ones(fine), abs=1e-3)


def test_codes_and_centres_learn_and_the_plan_is_a_constant():
    model, codes = hierarchy(sparsity=0.0), codes_of().requires_grad_()
    model.loss(codes, 0.5)["hierarchy"].backward()
    assert codes.grad.any() and learns(model.centres)
    # The same loss with plans that cannot pass on a gradient has the same gradients.
    plans = [model.plan(level) for level in range(2)]
    again, centres = codes.detach().clone().requires_grad_(), copy.deepcopy(model.centres)
    rows = torch.nn.functional.normalize(again.permute(0, 2, 3, 1).flatten(0, 2), dim=1)
    members = [(rows @ torch.nn.functional.normalize(level, dim=1).mT).relu() for level in centres]
    match = sum(
        ((plan * fine[:, None]).amax(2) - coarse).abs().mean()
        for plan, (coarse, fine) in zip(plans, pairwise(members), strict=True)
    )
    centres.zero_grad()
    (0.3 * match).backward()
    assert again.grad.numpy() == pytest.approx(codes.grad.numpy(), abs=1e-6)
    for expected, found in zip(centres, model.centres, strict=True):
        assert found.grad.numpy() == pytest.approx(expected.grad.numpy(), abs=1e-6)


def test_planted_nested_directions_give_their_nesting():
    rng = np.random.default_rng(0)
    parents = [np.array([1, 0, 0, 1]), np.array([3, 0, 2, 1, 0, 3, 1, 2])]
    centres = [np.linalg.qr(rng.normal(size=(16, 16)))[0][:2]]
    for of in parents:
        rows = centres[-1][of] + 0.15 * rng.normal(size=(len(of), 16))
        centres.append(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    for of, pair in zip(parents, pairwise(centres), strict=True):
        assert matched_parents(*pair, 0.01).tolist() == of.tolist()


def test_a_low_temperature_gives_finite_losses_and_gradients():
    model, codes = hierarchy(temperature=0.002, levels=4), codes_of().requires_grad_()
    for _ in range(3):
        parts = model.loss(codes, 0.5)
        parts["hierarchy"].backward()
    assert all(part.isfinite() for part in parts.values()) and codes.grad.isfinite().all()
    assert all(level.grad.isfinite().all() for level in model.centres)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_equal_codes_give_finite_losses_and_gradients(value):
    model, codes = hierarchy(), torch.full((1, 4, 2, 3), value, dtype=torch.float64, requires_grad=True)
    parts = model.loss(codes, 0.5)
    parts["hierarchy"].backward()
    assert all(part.isfinite() for part in parts.values()) and codes.grad.isfinite().all()


def test_one_level_is_a_clustering_alone():
    parts = hierarchy(levels=1, sparsity=0.5).loss(codes_of(), 0.5)
    assert "match" not in parts and parts["hierarchy"].item() == pytest.approx(0.5 * parts["cluster"].item())


def test_before_its_start_the_hierarchy_is_silent():
    model, codes = hierarchy(start=0.4, first="kmeans"), codes_of().requires_grad_()
    model.loss(codes, 0.39)["hierarchy"].backward()
    assert not codes.grad.any() and not model.begun
    assert model.loss(codes, 0.4)["hierarchy"] != 0 and model.begun


def test_first_centres_are_those_of_the_codes_once():
    model = hierarchy(first="kmeans")
    segments = torch.eye(4, dtype=torch.float64)[torch.arange(30) % 4].T.reshape(1, 4, 5, 6)
    model.loss(segments, 0.0)
    for centre in model.centres[1].detach().numpy():
        assert sorted(np.round(centre, 6).tolist()) == [0, 0, 0, 1]
    before = copy.deepcopy(model.state_dict())
    model.loss(codes_of(), 0.0)
    assert all(torch.equal(before[f"centres.{i}"], level) for i, level in enumerate(model.centres))


def test_temperature_falls_geometrically_and_stays():
    falling = Hierarchy(temperature=0.01, anneal_from=0.16)
    assert [temperature_at(falling, done) for done in (0.0, 0.175, 0.35, 0.7, 1.0)] == pytest.approx(
        [0.16, 0.08, 0.04, 0.01, 0.01]
    )
    assert temperature_at(Hierarchy(temperature=0.05), 0.3) == 0.05


def test_a_saved_state_goes_on_as_if_nothing_had_been():
    def trained(model, seeds):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        for seed in seeds:
            optimizer.zero_grad()
            model.loss(codes_of(seed), 0.5)["hierarchy"].backward()
            optimizer.step()
        return model

    first = trained(hierarchy(first="kmeans"), (1, 2))
    torch.manual_seed(9)
    resumed = MatchedHierarchy(first.settings, 2, 4).double()
    resumed.load_state_dict(copy.deepcopy(first.state_dict()))
    ours, theirs = (trained(model, (3, 4)).state_dict() for model in (first, resumed))
    assert first.duals.any()
    assert all(torch.equal(theirs[name], value) for name, value in ours.items())


def test_sizes_follow_the_factor():
    assert hierarchy(levels=3, factor=1.5).sizes == [2, 3, 4]
    assert [len(level) for level in hierarchy(levels=2).centres] == [2, 4]


def test_idle_centres_move_to_codes_and_busy_ones_stay():
    torch.manual_seed(0)
    hierarchy = MatchedHierarchy(Hierarchy(1, first="random", revive=2), 3, 4)
    busy, idle = torch.eye(4)[0], -torch.eye(4)[0]
    hierarchy.centres[0].data.copy_(torch.stack([2 * busy, 2 * idle, 2 * idle]))
    codes = (busy + 0.1 * torch.rand(2, 3, 3, 4)).permute(0, 3, 1, 2)
    for done in (0.0, 0.1):
        hierarchy.loss(codes, done)
    assert torch.equal(hierarchy.centres[0][1:], torch.stack([2 * idle, 2 * idle]))
    hierarchy.loss(codes, 0.2)
    moved = hierarchy.centres[0].detach()
    assert torch.equal(moved[0], 2 * busy)
    rows = normalize(codes.permute(0, 2, 3, 1).flatten(0, 2), dim=1)
    for centre in moved[1:]:  # to a code, as long as centres are on average
        assert (torch.linalg.vector_norm(rows - centre / 2, dim=1) < 1e-5).any()


@pytest.mark.parametrize(("revive", "done", "training"), [(0, 0.1, True), (2, 0.8, True), (2, 0.1, False)])
def test_centres_stay_where_they_are_at_the_end_and_when_asked_to(revive, done, training):
    hierarchy = MatchedHierarchy(Hierarchy(1, first="random", revive=revive), 3, 4).train(training)
    before = hierarchy.centres[0].detach().clone()
    codes = torch.ones(1, 4, 2, 2)
    for _ in range(5):
        hierarchy.loss(codes, done)
    assert torch.equal(hierarchy.centres[0], before)
