"""HP against loops over places, pairs and neighbours; which parts learn from what; pool and average."""

import dataclasses

import numpy as np
import pytest
import torch
from segmentation_cases import N_FEATURES, batch_of, cosine, learns, made, rows

from hyperclade.segmentation.hp import HP, contrast, mixing, positives

PLACES = torch.tensor([[0, 5, 11, 6], [3, 2, 1, 10], [4, 7, 8, 9]])  # on a grid of 3 × 4


def with_pool(n=5, **given):
    """A method with pool, and a head that has moved away from its average."""
    model = made(HP, n_pool=n, temperature=0.5, negatives=0.3, consistency=0.2, warmup=0.2, **given).eval()
    model.pool.normal_()
    model.n_pooled.fill_(n)
    model.pool_codes.copy_(model._taught(model.pool))
    with torch.no_grad():
        for p in model.project.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return model


def in_loops(model, batch, drawn):
    """The loss from its definition, a pair at a time; heads are the model's own."""
    features, codes = rows(batch.features), rows(model.project(batch.features))
    taught, viewed = rows(model.teacher(batch.features)), rows(model.project(batch.view))
    local, (b, h, w) = batch.local.numpy(), features.shape[:3]
    pool, pool_taught = model.pool.numpy(), rows(model.teacher(model.pool[:, :, None, None]))[:, 0, 0]
    where = [(crop, p // w, p % w) for crop in range(b) for p in PLACES[crop].tolist()]
    m = len(where)

    def projected(code):
        row = model.onto(torch.from_numpy(code)).detach().numpy()
        return row / np.linalg.norm(row)

    def mean_around(crop, y, x):
        total, weight = 0.0, 0.0
        for i, (dy, dx) in enumerate((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)):
            if 0 <= y + dy < h and 0 <= x + dx < w:
                total = total + local[crop, i, y, x] * codes[crop, y + dy, x + dx]
                weight += local[crop, i, y, x]
        return total / weight

    def is_positive(of, pooled, i, j):
        nearest = [max(cosine(of[where[k]], row) for row in pooled) for k in (i, j)]
        return i != j and cosine(of[where[i]], of[where[j]]) > min(nearest)

    agnostic = np.array([[is_positive(features, pool, i, j) for j in range(m)] for i in range(m)])
    specific = np.array([[is_positive(taught, pool_taught, i, j) for j in range(m)] for i in range(m)])
    share = max(0.0, (batch.done - 0.2) / 0.8)
    costs = []
    for z in ([projected(codes[at]) for at in where], [projected(mean_around(*at)) for at in where]):
        of_places, counts = [], []
        for i in range(m):
            if not agnostic[i].any():
                continue
            weights = agnostic[i] + share * specific[i]
            among = [k for k in range(m) if agnostic[i, k] or drawn[i, k]]
            total = sum(np.exp(z[i] @ z[k] / 0.5) for k in among)
            log_p = [np.log(np.exp(z[i] @ z[j] / 0.5) / total) for j in range(m)]
            of_places.append((weights * log_p).sum() / weights.sum())
            counts.append(weights.sum())
        counts = np.array(counts) / np.mean(counts)
        costs.append(-(0.5 / 0.07) * np.mean(counts * of_places))
    apart = [np.linalg.norm(projected(codes[at]) - projected(viewed[at])) for at in where]
    nearest = [max(cosine(code, c) for c in model.centres.detach().numpy()) for code in codes.reshape(-1, 4)]
    return sum(costs) / 2 + 0.2 * np.mean(apart) - np.mean(nearest), agnostic, specific


@pytest.mark.parametrize("done", [0.1, 0.7, 1.0])
def test_the_loss_is_that_of_its_definition(monkeypatch, done):
    model, batch = with_pool(), batch_of(done=done)
    drawn = (torch.rand(12, 12) < 0.3).fill_diagonal_(False)
    monkeypatch.setattr(model, "_places", lambda features: PLACES)
    monkeypatch.setattr(model, "_drawn", lambda agnostic: drawn)
    expected, agnostic, specific = in_loops(model, batch, drawn.numpy())
    # The case has to have what distinguishes the terms.
    assert (agnostic & ~specific).any() and (specific & ~agnostic).any() and not agnostic.any(1).all()
    parts, codes = model.loss(batch)
    assert parts["loss"].item() == pytest.approx(expected, rel=1e-9)
    assert torch.equal(codes, model.code(batch.features))


def test_places_of_a_planted_segment_are_positives_and_no_others():
    segments = torch.tensor([0, 0, 1, 1, 1, 2])
    directions = torch.eye(4, dtype=torch.float64)
    near = torch.nn.functional.normalize(directions[segments] + 0.05 * directions[3], dim=1)
    pool = torch.nn.functional.normalize(directions[:3] + 0.5 * directions[[1, 2, 0]], dim=1)
    found = positives(near, pool)
    assert torch.equal(found, (segments[:, None] == segments) & ~torch.eye(6, dtype=torch.bool))
    assert not positives(near, pool[:0]).any()


def test_one_side_is_enough_for_a_positive():
    rows = torch.tensor([[1.0, 0.0], [0.8, 0.6]])
    pool = torch.tensor([[0.6, 0.8]])  # nearer to the second than the first is, but not to the first
    assert positives(rows, pool).tolist() == [[False, True], [True, False]]


def test_specific_positives_count_from_the_warm_up_to_the_end():
    model = made(HP, warmup=0.2)
    assert [model.specific_weight(done) for done in (0.0, 0.2, 0.6, 1.0)] == pytest.approx([0, 0, 0.5, 1])


def test_what_lies_outside_the_grid_or_has_no_weight_is_not_mixed():
    local = torch.full((1, 9, 2, 2), 0.0)
    local[0, :, 0, 0] = torch.tensor([7.0, 7, 7, 7, 1, 2, 7, 0, 1])
    mixed = mixing(local, torch.tensor([[0, 3]]))
    assert mixed.tolist() == [[[0.25, 0.5, 0.0, 0.25], [0.0, 0.0, 0.0, 1.0]]]


def test_without_positives_there_is_nothing_to_contrast():
    rows = torch.randn(4, 3, requires_grad=True)
    loss = contrast(rows, torch.zeros(4, 4), torch.rand(4, 4) > 0.5, 0.8)
    loss.backward()
    assert loss == 0 and not rows.grad.any()


def test_head_and_projection_learn_from_the_contrast_the_probe_from_itself_and_the_average_from_nothing():
    model, batch = with_pool(), batch_of()
    parts, _ = model.loss(batch)
    (parts["loss"] - parts["probe"]).backward(retain_graph=True)
    assert learns(model.project.parameters()) and learns(model.onto.parameters())
    assert not learns(model.probe.parameters())
    model.zero_grad()
    parts["probe"].backward()
    assert learns(model.probe.parameters()) and not learns(model.project.parameters())
    assert not any(p.requires_grad for p in model.teacher.parameters())


@pytest.mark.parametrize("part", ["contrast", "local", "view"])
def test_every_part_trains_the_head(part):
    model = with_pool()
    model.loss(batch_of())[0][part].backward()
    assert learns(model.project.parameters()) and learns(model.onto.parameters())


def test_the_average_follows_the_head():
    model = with_pool(momentum=0.9)
    before = [p.clone() for p in model.teacher.parameters()]
    model.after_step()
    for old, average, new in zip(before, model.teacher.parameters(), model.project.parameters(), strict=True):
        assert torch.allclose(average, 0.9 * old + 0.1 * new)


def test_the_pool_fills_from_the_batches_and_then_stays():
    model = made(HP, n_pool=20, renew=3).train()
    first, second, third = (batch_of(seed=seed) for seed in (1, 2, 3))
    model.loss(first)
    assert model.n_pooled == 12 and not model.pool[12:].any()
    for i, row in enumerate(model.pool[:12]):
        of_crop = first.features[i // 4].flatten(1).T
        assert (of_crop == row).all(1).any()
    model.loss(second)
    full = model.pool.clone()
    assert model.n_pooled == 20 and full.any(1).all()
    model.loss(third)
    assert torch.equal(model.pool, full)


def test_in_evaluation_the_pool_does_not_change():
    model = made(HP).eval()
    model.loss(batch_of())
    assert model.n_pooled == 0 and not model.pool.any()


def test_the_codes_of_the_pool_are_renewed_by_the_average_every_few_steps():
    model = with_pool(momentum=0.5, renew=3)
    first = model.pool_codes.clone()
    for _ in range(2):
        model.after_step()
    assert torch.equal(model.pool_codes, first)
    model.after_step()
    assert not torch.allclose(model.pool_codes, first)
    codes = rows(model.teacher(model.pool[:, :, None, None]))[:, 0, 0]
    expected = codes / np.linalg.norm(codes, axis=1, keepdims=True)
    assert model.pool_codes.numpy() == pytest.approx(expected)


def test_places_are_different_ones_and_all_where_there_are_few():
    model, batch = made(HP, places=5), batch_of()
    assert all(len(set(places)) == 5 for places in model._places(batch.features).tolist())
    model = made(HP, places=50)
    assert model._places(batch.features).sort(1).values.tolist() == [list(range(12))] * 3


def test_as_many_others_are_drawn_as_asked_for():
    model = made(HP, negatives=0.25)
    drawn = model._drawn(torch.zeros(200, 200, dtype=torch.bool))
    assert drawn.float().mean() == pytest.approx(0.25, abs=0.02) and not drawn.diagonal().any()


def test_without_consistency_no_views_are_needed():
    batch = dataclasses.replace(batch_of(), view=None)
    parts, _ = made(HP, consistency=0.0).loss(batch)
    assert "view" not in parts and parts["loss"].isfinite()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"places": 0}, "places"),
        ({"temperature": 0.0}, "temperature must be positive"),
        ({"negatives": 1.5}, "negatives"),
        ({"warmup": 1.0}, "warmup"),
        ({"momentum": -0.1}, "momentum"),
    ],
)
def test_wrong_settings_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        HP(N_FEATURES, 2, **wrong)
