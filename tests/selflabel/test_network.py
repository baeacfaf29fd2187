"""The network's posteriors by their definitions, and renumbering of clusters."""

from itertools import product

import geoopt
import pytest
import torch
from planted import SYSTEMS, recipe

from hyperclade.selflabel.config import MODALITIES, Encoders, System
from hyperclade.selflabel.network import CrossModalNet
from hyperclade.selflabel.system import SYSTEM

N, K = 9, 6


def network(name, **system):
    torch.manual_seed(0)
    chosen = recipe(name, system=system)
    net = CrossModalNet(chosen.system, chosen.encoders, 1)
    for key, values in net.named_buffers():
        if key.startswith("positions"):
            values.copy_(torch.rand(values.shape) / 4)
        elif "running_mean" in key:
            values.uniform_(-0.2, 0.2)
    return net.eval()


def features():
    torch.manual_seed(1)
    return torch.randn(N, 8)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"system": {"labeller": "kmean"}}, 'labeller must be one of "none", "kmeans", .* got \'kmean\''),
        ({"system": {"geometry": "sphere"}}, "geometry must be one of"),
        ({"system": {"radius": 8.5}}, "radius must be at most 8, where heads are clipped, got 8.5"),
        ({"training": {"precision": 16}}, 'precision must be one of "32-true", "bf16-mixed", "16-mixed"'),
        ({"training": {"epochs": 0.0}}, "epochs must be positive with labeller 'sinkhorn'"),
    ],
)
def test_settings_without_meaning_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        SYSTEM.recipe_from(settings)


def test_correspondence_alone_needs_no_epochs_of_labels():
    assert (
        SYSTEM.recipe_from({"system": {"labeller": "none"}, "training": {"epochs": 0}}).training.epochs == 0
    )


@pytest.mark.parametrize("name", [name for name in SYSTEMS if name != "l3"])
def test_posteriors_of_one_head_are_the_means_over_its_lessons(name):
    net = network(name)
    for student in MODALITIES:
        every = [net.log_posterior(s, lesson, features()) for s, lesson in net.system.lessons if s == student]
        for scores in every:
            torch.testing.assert_close(scores.exp().sum(-1), torch.ones_like(scores[..., 0]))
        expected = torch.stack(every).mean(0)
        assert len(every) == (2 if net.system.hierarchy else 1)
        for head in range(net.system.n_heads):
            found = net.head_log_posterior(student, features(), head)
            assert found.dtype == torch.float32 and found.shape == (N, K)
            torch.testing.assert_close(found, expected[head].float(), rtol=1e-5, atol=1e-5)


def test_free_classes_of_the_ball_are_tangent_vectors():
    net = network("ball")
    ball = geoopt.PoincareBall()
    outputs = net.heads["vision_joint"](features()).double()
    places = ball.expmap0(net.positions_vision_joint.double())
    far = ball.dist(ball.expmap0(outputs)[:, :, None], places[:, None])
    torch.testing.assert_close(
        net.log_posterior("vision", "joint", features()), torch.log_softmax(-far, -1), rtol=1e-7, atol=1e-9
    )


def test_lessons_of_a_hierarchy_use_the_positions_of_their_tree():
    net = network("shhc")
    before = {lesson: net.log_posterior(*lesson, features()) for lesson in net.system.lessons}
    net.positions_audio += 0.1
    changed = {
        lesson
        for lesson, scores in before.items()
        if not torch.equal(scores, net.log_posterior(*lesson, features()))
    }
    assert set(before) == set(product(MODALITIES, MODALITIES))
    assert changed == {("vision", "audio"), ("audio", "audio")}


@pytest.mark.parametrize("name", ["selavi", "ball", "euclidean"])
def test_permuting_clusters_permutes_the_posterior_of_one_head(name):
    net = network(name)
    order = [3, 0, 5, 1, 2, 4]
    before = net.log_posterior("audio", "joint", features()).detach().clone()
    other = net.log_posterior("vision", "joint", features()).detach().clone()
    net.permute_clusters("audio", "joint", 1, order)
    after = net.log_posterior("audio", "joint", features())
    torch.testing.assert_close(after[1], before[1][:, order])
    torch.testing.assert_close(after[0], before[0])
    torch.testing.assert_close(net.log_posterior("vision", "joint", features()), other)


def test_features_of_several_frames_are_their_mean():
    net = network("selavi")
    frames = torch.rand(3, 4, 1, 12, 12)
    one_by_one = torch.stack([net.features("vision", frames[:, [index]]) for index in range(4)]).mean(0)
    torch.testing.assert_close(net.features("vision", frames), one_by_one)


@pytest.mark.parametrize("name", list(SYSTEMS))
def test_there_is_a_head_for_each_lesson(name):
    net = network(name)
    assert len(net.heads) == {"l3": 0, "shhc": 4, "shhc_flat": 4}.get(name, 2)
    assert net.corresponds(features(), features()).shape == (N, 2)


def test_who_learns_from_whom():
    assert recipe("deepcluster").system.lessons == (("vision", "vision"), ("audio", "audio"))
    assert recipe("xdc").system.lessons == (("vision", "audio"), ("audio", "vision"))
    assert recipe("selavi").system.lessons == (("vision", "joint"), ("audio", "joint"))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"hierarchy": True}, "needs geometry"),
        ({"hierarchy": True, "geometry": "ball", "teacher": "own"}, 'needs teacher "joint"'),
        ({"hierarchy": True, "geometry": "ball"}, 'needs first_labels "features"'),
        ({"labeller": "hierarchy", "teacher": "own"}, 'needs teacher "joint"'),
        ({"labeller": "kmeans"}, 'needs teacher "own" or "other"'),
        ({"n_clusters": 0}, "n_clusters must be at least 1"),
        ({"temperature": 0.0}, "temperature must be positive"),
        ({"radius": float("nan")}, "radius must be positive"),
    ],
)
def test_systems_that_make_no_sense(settings, message):
    with pytest.raises(ValueError, match=message):
        System(**settings)


def test_full_size_towers_by_default():
    assert Encoders().channels == [64, 128, 256, 512]
