"""Labels, trees, positions and losses by their definitions; every system learns planted classes."""

import numpy as np
import ot
import pytest
import pytorch_lightning as lightning
import torch
from planted import SYSTEMS, planted_pairs, recipe
from sklearn.metrics import normalized_mutual_info_score

from hyperclade.data.paired import PairedSet
from hyperclade.learning.alignment import matching_columns
from hyperclade.learning.class_positions import centroid_similarity, class_tree
from hyperclade.learning.module import tensors
from hyperclade.selflabel import train
from hyperclade.selflabel.config import MODALITIES
from hyperclade.selflabel.module import SelfLabelling, both_features
from hyperclade.trees.layout import decode_ball

K = 6
TAUGHT = [name for name in SYSTEMS if name != "l3"]


def module(name, n=200, **settings):
    return SelfLabelling(recipe(name, **settings), planted_pairs(n))


class Losses(lightning.Callback):
    def __init__(self):
        self.values = []

    def on_train_batch_end(self, trainer, module, outputs, *_):
        self.values.append(float(outputs["loss"]))


@pytest.mark.parametrize("name", list(SYSTEMS))
def test_every_system_learns_planted_classes(name, tmp_path):
    # One labelling; labellers that start heads anew renew labels at every epoch.
    n, epochs = (1200, 1.0) if SYSTEMS[name].get("labeller") in ("kmeans", "hierarchy") else (200, 6.0)
    pairs, losses = planted_pairs(n), Losses()
    once = recipe(name, epochs=epochs, system={"n_relabellings": 1})
    trained = train(once, pairs, tmp_path, device="cpu", callbacks=(losses,))
    values = losses.values[0 if name == "l3" else trained.warmup_steps :]
    assert np.mean(values[-6:]) < 0.9 * np.mean(values[:3])
    for labels in trained.recipe.system.label_sets:  # of the trained network
        found = getattr(trained, f"labels_{labels}")
        assert found.min() >= 0 and found.max() < K
        for row in found:
            assert normalized_mutual_info_score(pairs.labels, row) > 0.35  # chance: .03


@pytest.mark.parametrize("name", TAUGHT)
def test_the_loss_is_cross_entropy_with_the_teachers_labels(name):
    taught = module(name)
    system = taught.recipe.system
    torch.manual_seed(0)
    for labels in system.label_sets:
        stored = getattr(taught, f"labels_{labels}")
        stored.copy_(torch.randint(0, K, stored.shape) ** 2 // K)  # of unequal sizes
    if system.hierarchy:
        for modality in MODALITIES:
            getattr(taught.net, f"positions_{modality}").uniform_(-0.2, 0.2)
    taught.eval()
    features, rows = {m: torch.randn(5, 8) for m in MODALITIES}, torch.tensor([3, 70, 8, 150, 199])
    found = taught._lesson_loss(features, rows).item()

    teacher = {"own": {m: m for m in MODALITIES}, "other": {"vision": "audio", "audio": "vision"}}
    losses = []
    for head in range(system.n_heads):
        for student, lesson in system.lessons:
            source = "joint" if system.teacher == "joint" else teacher[system.teacher][student]
            labels = getattr(taught, f"labels_{source}")[head].tolist()
            scores = taught.net.log_posterior(student, lesson, features[student])[head]
            for i, row in enumerate(rows.tolist()):
                weight = 1.0
                if system.labeller != "sinkhorn":
                    weight = len(labels) / K / labels.count(labels[row])
                losses.append(-weight * scores[i, labels[row]].item())
    assert found == pytest.approx(np.mean(losses), rel=1e-5)
    assert float(taught.head_loss.mean()) == pytest.approx(found, rel=1e-5)


def test_modalities_are_aligned_at_the_first_labelling():
    fresh = module("selavi", n=201)
    features = fresh.extract(fresh.samples)
    before = [[fresh.net.head_log_posterior(m, features[m], h) for m in MODALITIES] for h in (0, 1)]
    assert any((matching_columns([tuple(pair)]) != np.arange(K)).any() for pair in before)
    fresh.relabel(0)
    for head, (vision, audio) in enumerate(before):
        order = matching_columns([(vision, audio)])
        after = fresh.net.head_log_posterior("audio", features["audio"], head)
        torch.testing.assert_close(after, audio[:, order])
        np.testing.assert_array_equal(matching_columns([(vision, after)]), np.arange(K))
    weights = fresh.net.heads["audio_joint"].weight.clone()
    fresh.relabel(1)
    assert torch.equal(weights, fresh.net.heads["audio_joint"].weight)  # only once


@pytest.mark.parametrize("name", ["sela", "selavi", "ball"])
def test_labels_are_those_of_pots_transport_of_the_posteriors(name):
    fresh = module(name, n=240)
    with torch.no_grad():
        for head in fresh.net.heads.values():
            head.weight *= 30  # posteriors that are sure of themselves
    fresh.relabel(0)
    fresh.relabel(1)
    features = fresh.extract(fresh.samples)
    lesson = "joint" if fresh.recipe.system.teacher == "joint" else None
    fresh.eval()
    with torch.no_grad():
        scores = {
            m: fresh.net.log_posterior(m, lesson or m, features[m]).double().numpy() for m in MODALITIES
        }
    scores["joint"] = (scores["vision"] + scores["audio"]) / 2  # of the geometric mean of both
    for labels in fresh.recipe.system.label_sets:
        for head in range(2):
            plan = ot.sinkhorn(
                np.full(240, 1 / 240),
                np.full(K, 1 / K),
                -scores[labels][head],
                1 / 20,
                "sinkhorn_log",
                numItermax=5000,
            )
            found = getattr(fresh, f"labels_{labels}")[head].numpy()
            assert np.mean(found == plan.argmax(1)) > 0.97  # ours stops at 1 % of a cluster's size
            free = scores[labels][head].argmax(1)
            assert np.mean(free == plan.argmax(1)) < 0.9


@pytest.mark.parametrize("name", ["shhc", "selavi"])
def test_trees_are_of_the_features_of_their_modality(name):
    fresh = module(name)
    fresh.relabel(0)
    features = fresh.extract(fresh.samples)
    for head in range(2):
        labels = fresh.labels_joint[head].numpy()
        similarity = {m: centroid_similarity(features[m].numpy(), labels, K) for m in MODALITIES}
        similarity["joint"] = (similarity["vision"] + similarity["audio"]) / 2
        for view, values in similarity.items():
            assert fresh.tree(view, head).same_clades(class_tree(values))


def test_classes_lie_where_the_tree_of_each_modality_places_them():
    fresh = module("shhc")
    fresh.relabel(0)
    for modality in MODALITIES:
        for head, places in enumerate(getattr(fresh.net, f"positions_{modality}")):
            assert places.dtype == torch.float64
            assert decode_ball(places.numpy()).same_clades(fresh.tree(modality, head))
    assert not torch.equal(fresh.net.positions_vision, fresh.net.positions_audio)


def test_extraction_shares_what_pairs_share():
    pairs = planted_pairs(300)
    rng = np.random.default_rng(0)
    shared = PairedSet(pairs.frames, pairs.sounds, rng.integers(0, 300, 500), rng.integers(0, 300, 500))
    fresh = SelfLabelling(recipe(), shared)
    fresh.train()
    found = fresh.extract(shared)
    assert fresh.net.training and fresh.net.towers["vision"].training
    some = fresh.extract(shared, np.array([7, 490]))
    fresh.net.eval()
    with torch.no_grad():
        batch = tensors(shared.batch(list(range(500))))
        vision = fresh.net.features("vision", batch["frames"].float() / 255)
        sounds = pairs.sounds[np.unique(shared.sound_rows)]
        audio = fresh.net.features("audio", (batch["sounds"] - sounds.mean()) / sounds.std())
    for modality, expected in (("vision", vision), ("audio", audio)):
        torch.testing.assert_close(found[modality], expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(some[modality], expected[[7, 490]], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["deepcluster", "post"])
def test_labellers_that_start_heads_anew_do_so_once_an_epoch(name):
    assert module(name).relabel_at == {6, 12, 18}  # 200 pairs in batches of 32, one epoch of warm-up


def test_sounds_that_no_pair_uses_do_not_count_for_the_scale():
    pairs = planted_pairs(40)
    sounds = np.concatenate([np.full_like(pairs.sounds, 100), pairs.sounds])
    behind = PairedSet(pairs.frames, sounds, pairs.frame_rows, pairs.sound_rows + 40)
    scale = SelfLabelling(recipe(), behind).sound_scale
    torch.testing.assert_close(scale, torch.tensor([pairs.sounds.mean(), pairs.sounds.std()]))
    assert torch.equal(scale, SelfLabelling(recipe(), pairs).sound_scale)


@pytest.mark.parametrize(("batch_size", "largest"), [(8, 32), (128, 256)])
def test_extraction_keeps_to_blocks_of_four_batches(batch_size, largest, monkeypatch):
    fresh = module("selavi", n=300, batch_size=batch_size)
    seen, features = [], fresh.net.features
    monkeypatch.setattr(
        fresh.net, "features", lambda modality, x: seen.append(len(x)) or features(modality, x)
    )
    fresh.extract(fresh.samples)
    assert max(seen) == largest and sum(seen) == 600


def test_normalisation_settles_before_the_first_labels():
    fresh = module("selavi")
    fresh.train()
    images = torch.from_numpy(fresh.samples.frames[:, 0]).float() / 255
    tower = fresh.net.towers["vision"]
    expected = tower.blocks[0](images).mean((0, 2, 3))
    fresh._settle_normalisation()
    # 20 batches with momentum .1 leave .9^20 of the initial 0.
    torch.testing.assert_close(tower.blocks[1].running_mean, expected * (1 - 0.9**20), rtol=0.1, atol=5e-3)
    assert int(fresh.net.heads["audio_joint"].hidden[2].num_batches_tracked) == 20


def test_both_features_weigh_modalities_alike():
    torch.manual_seed(0)
    features = {"vision": 100 * torch.randn(9, 3) + 50, "audio": torch.randn(9, 5)}
    found = both_features(features)
    np.testing.assert_allclose(np.linalg.norm(found[:, :3], axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found[:, 3:], axis=1), 1, rtol=1e-5)
    expected = features["vision"] - features["vision"].mean(0)
    np.testing.assert_allclose(
        found[:, :3], expected / expected.norm(dim=1, keepdim=True), rtol=1e-4, atol=1e-6
    )


def test_the_head_of_least_loss_is_remembered():
    taught = module("selavi")
    taught.relabel(0)
    features = {m: torch.randn(4, 8) for m in MODALITIES}
    taught._lesson_loss(features, torch.arange(4))
    first = taught.head_loss.clone()
    assert (first > 0).all()
    taught._lesson_loss({m: torch.randn(4, 8) for m in MODALITIES}, torch.arange(4))
    assert (taught.head_loss != first).all()
    assert ((taught.head_loss - first).abs() < 0.05 * first).all()


def test_too_few_pairs():
    with pytest.raises(ValueError, match=r"5 pairs cannot make 6 clusters: lower the option system\.n_cl"):
        SelfLabelling(recipe(), planted_pairs(5))
    with pytest.raises(ValueError, match="at least 2 pairs"):
        SelfLabelling(recipe("l3"), planted_pairs(1))
    with pytest.raises(ValueError, match="got 15 for 8"):
        SelfLabelling(recipe("l3", devices=8), planted_pairs(15))
