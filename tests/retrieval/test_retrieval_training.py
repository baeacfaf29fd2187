"""Runs of every loss: exact after a stop, alike for a seed, from images and from features, frozen or not."""

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.decomposition import PCA

from hyperclade.data.image_rows import ImageRows
from hyperclade.learning.runs import HISTORY, LAST, read_history
from hyperclade.retrieval.config import METHODS
from hyperclade.retrieval.evaluation import evaluate, judge
from hyperclade.retrieval.module import Retrieval
from hyperclade.retrieval.sources import RetrievalSet
from hyperclade.retrieval.system import SYSTEM, load, preset, preset_names, train
from small_segmentation import save_vit
from stopped_runs import Stop, assert_same_state

SMALL = {"hier": {"n_proxies": 10, "neighbours": 3}, "stml": {"wide": 8, "neighbours": 4}}
KINDS = {"stml": "neighbours", "contrastive": "kmeans", "hyp-vit": "labels"}


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    return save_vit(tmp_path_factory.mktemp("vit"))


def features(n=48, d=6, seed=0, views=2):
    """Rows about six points, two for each of three kinds, in views that differ a little."""
    rng = np.random.default_rng(seed)
    fine = np.arange(n) % 6
    centres = np.random.default_rng(9).normal(size=(3, d))[np.arange(6) // 2]
    centres = centres + 0.6 * np.random.default_rng(8).normal(size=(6, d))
    rows = centres[fine] + 0.2 * rng.normal(size=(n, d))
    rows = rows[:, None] + 0.05 * rng.normal(size=(n, 1 + views, d))
    paths = tuple(f"kind{own // 2}/class{own}" for own in fine)
    return RetrievalSet(rows.astype(np.float32), paths, tuple(map(str, range(n))), learning=True)


def images(n=24, size=16, seed=0):
    rng = np.random.default_rng(seed)
    colour = np.arange(n) % 3
    pixels = rng.integers(0, 60, (n, 3, size, size))
    pixels[np.arange(n), colour] += 180
    rows = ImageRows.of_pixels(pixels.astype(np.uint8))
    return RetrievalSet(rows, tuple("abc"[own] for own in colour), tuple(map(str, range(n))), learning=True)


def recipe(name="uhml", *, network=None, frozen=True, **changes):
    given = {
        "method": {"name": name, "settings": SMALL.get(name, {})},
        "head": {"dim": 4},
        "labelling": {"kind": KINDS.get(name, "hierarchy"), "counts": [12, 6, 3], "every": 1.0},
        "backbone": {"name": network and str(network), "frozen": frozen, "views": 2, "size": 32},
        "training": {"epochs": 3, "batch_size": 12, "instances": 3, "checkpoint_every": 2},
    }
    given["training"]["ema"] = 0.9 if name == "stml" else 0.0
    for part, settings in changes.items():
        given[part] = {**given.get(part, {}), **settings} if isinstance(settings, dict) else settings
    return SYSTEM.recipe_from(given)


@pytest.mark.parametrize("method", [name for name in METHODS if name != "none"])
def test_a_stopped_run_ends_as_one_that_was_not(method, tmp_path):
    chosen = recipe(method)
    whole = train(chosen, features(), device="cpu")
    with pytest.raises(SystemExit):
        train(chosen, features(), tmp_path / "run", device="cpu", callbacks=[Stop(7)])
    assert (tmp_path / "run" / LAST).exists()
    resumed = train(chosen, features(), tmp_path / "run", device="cpu")
    assert_same_state(whole, resumed)
    assert_same_state(load(tmp_path / "run"), resumed)
    assert [line["step"] for line in read_history(tmp_path / "run" / HISTORY)] == [4, 8, 12]


@pytest.mark.parametrize("frozen", [True, False])
def test_images_with_a_frozen_backbone_or_one_that_learns_too(frozen, vit, tmp_path):
    chosen = recipe(network=vit, frozen=frozen, labelling={"counts": [6, 3]})
    run = train(chosen, images(), tmp_path / "run", device="cpu")
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"model.ckpt", "recipe.json", HISTORY}
    again = load(tmp_path / "run")
    figures = evaluate(again, images(seed=1), [1])
    assert figures["levels"]["class"]["recall_at_1"] > 0.9
    first = Retrieval(chosen, images())
    moved = [
        not torch.equal(a, b)
        for (name, a), (_, b) in zip(first.net.named_parameters(), run.net.named_parameters(), strict=True)
        if name.startswith("body") and "pooler" not in name  # new at each loading
    ]
    assert any(moved) is not frozen
    pictures = images(seed=2)
    pixels = pictures.inputs.read(slice(None)).transpose(0, 2, 3, 1)
    encoder = again.encoder()
    found = encoder.encode_images([Image.fromarray(picture) for picture in pixels])
    assert encoder.dim == 4
    np.testing.assert_allclose(found, again.embed(pictures), atol=1e-5)


def test_another_backbone_of_the_same_name_is_another_run(tmp_path):
    own = save_vit(tmp_path / "vit", seed=3)
    chosen = recipe(network=own, labelling={"counts": [6, 3]})
    with pytest.raises(SystemExit):
        train(chosen, images(), tmp_path / "run", device="cpu", callbacks=[Stop(1)])
    first = {file.name for file in (tmp_path / "run").glob("features-*")}
    save_vit(tmp_path / "vit", seed=4)
    SYSTEM.prepare(chosen, images(), tmp_path / "run", device="cpu")
    assert {file.name for file in (tmp_path / "run").glob("features-*")} - first  # nothing is taken for it
    with pytest.raises(ValueError, match="holds a run with another backbone"):
        train(chosen, images(), tmp_path / "run", device="cpu")


def test_prepared_views_are_drawn_and_the_plain_ones_are_judged(vit):
    chosen, samples = recipe(network=vit), images()
    prepared = SYSTEM.prepare(chosen, samples, None, device="cpu")
    assert prepared.inputs.shape[:2] == (24, 3)
    assert SYSTEM.prepare(chosen, images().subset(range(24)), None, device="cpu").kind == "features"
    module = Retrieval(chosen, samples)
    np.testing.assert_allclose(module.embed(samples), module.embed(prepared), atol=2e-3)


def test_the_head_starts_as_principal_components_at_the_scale_asked_for():
    samples = features(views=0)
    unit = torch.nn.functional.normalize(torch.from_numpy(samples.inputs[:, 0]), dim=1).numpy()
    chosen = recipe("none", head={"dim": 4, "scale": 0.5}, training={"epochs": 0})
    found = train(chosen, samples, device="cpu").embed(samples)
    expected = PCA(4).fit_transform(unit)
    expected *= 0.5 / np.sqrt(np.square(expected).sum(axis=1).mean())
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-4)
    white = recipe("none", head={"dim": 4, "scale": 0.5, "whiten": 0.5}, training={"epochs": 0})
    deviation = train(white, samples, device="cpu").embed(samples).std(axis=0)
    np.testing.assert_allclose(deviation, 0.25, rtol=1e-3)  # 0.5 / √4


def test_another_seed_is_another_run_and_the_same_seed_the_same():
    runs = [train(recipe(seed=seed), features(), device="cpu") for seed in (0, 0, 1)]
    assert_same_state(*runs[:2])
    assert not torch.equal(runs[0].net.head.weight, runs[2].net.head.weight)


def test_a_batch_has_groups_of_the_newest_labels_and_their_degrees():
    module = train(recipe(), features(), device="cpu")
    module.samples = features()
    rows = module.drawn(3)
    groups = module.levels[0].numpy()[rows].reshape(4, 3)
    assert (groups == groups[:, :1]).all() and len(set(groups[:, 0])) == 4
    degrees, levels = module.degrees(rows).numpy(), module.levels.numpy()
    for i, j in [(0, 1), (0, 5), (4, 11)]:
        assert degrees[i, j] == sum(own[rows[i]] == own[rows[j]] for own in levels)
    with_views = train(recipe(labelling={"views_level": True}), features(), device="cpu")
    with_views.samples = features()
    assert with_views.degrees(np.array([5, 5, 6])).diagonal().tolist() == [4, 4, 4]
    assert with_views.degrees(np.array([5, 5, 6]))[0, 1] == 4


def test_true_labels_are_levels_too_and_labels_are_never_looked_at_else():
    bare = features()
    unlabelled = RetrievalSet(bare.inputs, None, bare.ids, learning=True)
    a, b = train(recipe(), bare, device="cpu"), train(recipe(), unlabelled, device="cpu")
    assert_same_state(a, b)
    supervised = train(recipe(labelling={"kind": "labels"}), bare, device="cpu")
    assert supervised.levels.tolist() == [own.tolist() for own in list(bare.labelled().values())[::-1]]
    with pytest.raises(ValueError, match="no labels"):
        train(recipe(labelling={"kind": "labels"}), unlabelled, device="cpu")


def test_figures_of_planted_classes():
    rng = np.random.default_rng(0)
    fine = np.arange(60) % 6
    vectors = np.eye(6)[fine] + 0.5 * np.eye(6)[fine // 2 * 2] + 0.01 * rng.normal(size=(60, 6))
    figures = judge(vectors, recipe().space.metric, {"kind": fine // 2, "class": fine}, [1, 2])
    for level in figures["levels"].values():
        assert level["recall_at_1"] == 1 and level["nmi_kmeans"] == pytest.approx(1)
        assert level["nmi_hierarchy"] == pytest.approx(1) and level["dendrogram_purity"] == 1
    assert figures["levels"]["class"]["map_at_r"] == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training": {"batch_size": 4}}, "no two groups of 3 instances"),
        ({"training": {"batch_size": 60}}, "48 samples are fewer than a batch of 60"),
        ({"training": {"devices": 2}}, "one device"),
        ({"method": {"name": "stml", "settings": {}}}, r"training\.ema"),
        ({"method": {"name": "uhml", "settings": {"gamma": 1}}}, "no setting 'gamma'"),
        ({"labelling": {"kind": "neighbours"}}, "uhml needs labels"),
        ({"labelling": {"counts": [3, 6]}}, "must fall"),
        ({"labelling": {"kind": "kmeans", "thresholds": [1.0]}}, "thresholds cut a hierarchy"),
        ({"space": {"curvature": 0.0}}, "curvature must be positive"),
        ({"head": {"scale": 0.0}}, "scale must be positive"),
        ({"backbone": {"frozen": False, "name": "x"}}, "has nothing to see"),
    ],
)
def test_recipes_that_make_no_sense(changes, message):
    with pytest.raises(ValueError, match=message):
        train(recipe(**changes), features(), device="cpu")


def test_equal_samples_are_nothing_to_learn_from():
    same = RetrievalSet(np.ones((20, 5), np.float32), None, tuple(map(str, range(20))), learning=True)
    with pytest.raises(ValueError, match="same features"):
        train(recipe(), same, device="cpu")


@pytest.mark.parametrize("name", preset_names())
def test_presets_make_recipes(name):
    chosen = preset(name)
    assert chosen.method.name in METHODS
    SYSTEM.with_defaults(chosen)
