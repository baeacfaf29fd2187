"""Runs are what a plain loop would do, and stopped anywhere and resumed they end bit for bit the same."""

import json
import shutil
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from planted_samples import TAXONOMY, planted_features, planted_images, planted_masks, recipe

from hyperclade import recognition
from hyperclade.data.labelled import LabelledSet
from hyperclade.learning.runs import CHECKPOINT, HISTORY, LAST, RECIPE, held_out
from hyperclade.learning.schedule import StepBatches
from hyperclade.recognition.config import METHODS, Backbone, Method, Training
from hyperclade.recognition.embedding import embed
from hyperclade.recognition.leaf_softmax import LeafSoftmax
from hyperclade.recognition.method import method_class
from hyperclade.recognition.module import Recognition, Task, _mixed
from hyperclade.recognition.system import SYSTEM, load, preset, preset_names, train
from hyperclade.trees.taxonomy import Taxonomy
from stopped_runs import Stop, assert_same_state

QUIET = {"device": "cpu"}
LITE = {"name": "efficientnet-lite0", "size": 32}
needs_lite = pytest.mark.skipif(
    not find_spec("efficientnet_lite_pytorch"),
    reason="efficientnet-lite-pytorch is not installed",
)


def test_training_is_a_plain_loop():
    samples = planted_features()
    chosen = recipe(
        settings={"hidden": [8], "dropout": 0.0}, optimizer="sgd", schedule="constant", warmup=0.0, ema=0.5
    )
    module = train(chosen, samples, **QUIET)
    x = samples.inputs.astype(np.float64)
    x = torch.from_numpy(((x - x.mean(0)) / x.std(0)).astype(np.float32))
    targets = torch.from_numpy(samples.targets()).float()
    torch.manual_seed(0)
    method = LeafSoftmax(6, TAXONOMY, hidden=[8], dropout=0.0)
    optimizer = torch.optim.SGD(method.parameters(), lr=1e-2, momentum=0.9, weight_decay=1e-4)
    average = None
    for rows in StepBatches(120, 16, module.n_steps, seed=0):
        optimizer.zero_grad()
        method.loss(x[rows], targets[rows])["loss"].backward()
        optimizer.step()
        now = [parameter.detach().clone() for parameter in method.parameters()]
        average = now if average is None else [(a + b) / 2 for a, b in zip(average, now, strict=True)]
    assert module.n_steps == 3 * (120 // 16)
    for expected, found in zip(average, module.net.method.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_learning_rates_by_group_and_step():
    chosen = recipe("mbm", settings={}, schedule="cosine", warmup=0.25, epochs=2.0)
    module = Recognition(chosen, Task.of(planted_features()), planted_features())
    made = module.configure_optimizers()
    scales = [group["lr_scale"] for group in module.net.method.parameter_groups()]
    assert len(set(scales)) > 1
    schedule = made["lr_scheduler"]["scheduler"]
    assert [group["initial_lr"] for group in made["optimizer"].param_groups] == [0.01 * s for s in scales]
    rates = []
    for _ in range(module.n_steps):
        rates.append(schedule.get_last_lr()[0] / (0.01 * scales[0]))
        made["optimizer"].step()
        schedule.step()
    # 14 steps, 4 of them rising
    falling = [(1 + np.cos(np.pi * k / 10)) / 2 for k in range(10)]
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1.0, *falling])


@pytest.mark.parametrize(
    "training",
    [
        {"ema": 0.9, "mixup": 0.4, "clip": 0.5, "optimizer": "adam"},
        {"optimizer": "sgd", "validation": 0.25, "validate_every": 2, "schedule": "constant"},
    ],
    ids=["adam", "sgd"],
)
def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(training, tmp_path):
    samples, chosen = planted_features(), recipe(**training)
    through = train(chosen, samples, tmp_path / "through", **QUIET)
    for step in (7, 13):
        with pytest.raises(SystemExit):
            train(chosen, samples, tmp_path / "stopped", callbacks=(Stop(step),), **QUIET)
        torch.rand(step)  # whatever the process did before
    with pytest.raises(ValueError, match="not finished"):
        load(tmp_path / "stopped")
    resumed = train(chosen, samples, tmp_path / "stopped", **QUIET)
    assert_same_state(through, resumed)
    assert_same_state(through, train(chosen, samples, None, **QUIET))
    assert_same_state(through, train(chosen, samples, tmp_path / "stopped", callbacks=(Stop(1),), **QUIET))
    assert_same_state(through, load(tmp_path / "stopped"))
    assert {path.name for path in (tmp_path / "stopped").iterdir()} == {CHECKPOINT, RECIPE, HISTORY}


@needs_lite
def test_a_stopped_run_on_pixels_goes_on(tmp_path):
    samples = planted_masks()
    chosen = recipe(
        backbone={"name": "efficientnet-lite0", "head": "ocr", "width": 8},
        **{"epochs": 1.0, "batch_size": 2, "pixels": 30, "crop_size": (32, 32), "checkpoint_every": 2},
    )
    through = train(chosen, samples, tmp_path / "through", **QUIET)
    with pytest.raises(SystemExit):
        train(chosen, samples, tmp_path / "stopped", callbacks=(Stop(2),), **QUIET)
    assert_same_state(through, train(chosen, samples, tmp_path / "stopped", **QUIET))
    stored = load(tmp_path / "stopped")
    assert stored.task.class_nodes == tuple(samples.class_nodes) and stored.task.size == (40, 48)


@needs_lite
def test_a_frozen_backbone_is_asked_once(tmp_path, monkeypatch):
    samples = planted_images()
    chosen = recipe(backbone=LITE | {"frozen": True}, batch_size=4, validation=0.25, epochs=8.0)
    with pytest.raises(SystemExit):
        train(chosen, samples, tmp_path, callbacks=(Stop(6),), **QUIET)
    (kept,) = tmp_path.glob("features-*.npy")
    assert np.load(kept).shape == (12, 1280)
    monkeypatch.setattr("hyperclade.recognition.embedding.embed", None)
    module = train(chosen, samples, tmp_path, **QUIET)
    assert {path.name for path in tmp_path.iterdir()} == {CHECKPOINT, RECIPE, HISTORY}
    monkeypatch.undo()
    # The same as to learn from the features, and to score the images.
    embedded = embed(samples, chosen.backbone, device="cpu")
    alone = train(replace(chosen, backbone=Backbone()), embedded, **QUIET)
    for name, value in alone.net.method.state_dict().items():
        assert torch.equal(value, module.net.method.state_dict()[name]), name
    scores = alone.scores(torch.from_numpy(embedded.inputs))
    torch.testing.assert_close(module.scores(torch.from_numpy(samples.inputs.read(slice(None)))), scores)


@needs_lite
def test_what_is_fine_tuned_moves_and_what_is_frozen_does_not():
    samples = planted_images()
    body = Recognition(recipe(backbone=LITE), Task.of(samples)).net.body.state_dict()
    for frozen in (True, False):
        chosen = recipe(backbone=LITE | {"frozen": frozen}, batch_size=6, epochs=2.0)
        after = train(chosen, samples, **QUIET).net.body.state_dict()
        assert all(torch.equal(body[name], after[name]) for name in body) == frozen


@pytest.mark.parametrize("kind", ["images", "pixels"])
def test_a_module_is_loaded_without_the_files_of_its_backbone(kind, tmp_path):
    transformers = pytest.importorskip("transformers")
    sizes = {"embedding_size": 8, "hidden_sizes": [8, 12], "depths": [1, 1], "layer_type": "basic"}
    net = transformers.ResNetModel(transformers.ResNetConfig(**sizes))
    net.half().save_pretrained(tmp_path / "net")
    processor = {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 32}}
    processor |= {"do_normalize": True, "image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.3, 0.4]}
    (tmp_path / "net" / "preprocessor_config.json").write_text(json.dumps(processor))
    samples = planted_images() if kind == "images" else planted_masks(n=4)
    chosen = recipe(
        backbone={"name": str(tmp_path / "net"), "width": 8}, epochs=1.0, batch_size=4, crop_size=(32, 32)
    )
    module = train(chosen, samples, tmp_path / "run", **QUIET)
    shutil.rmtree(tmp_path / "net")
    loaded = load(tmp_path / "run")
    assert_same_state(module, loaded)
    images = torch.from_numpy((samples.inputs if kind == "images" else samples.images).read([0, 1]))
    score = "scores" if kind == "images" else "pixel_scores"
    assert torch.equal(getattr(loaded, score)(images), getattr(module, score)(images))
    with pytest.raises(ValueError, match="net"):
        train(chosen, samples, **QUIET)


@needs_lite
def test_known_features_are_not_computed_again(monkeypatch):
    samples = planted_images()
    chosen = recipe(backbone=LITE | {"frozen": True}, batch_size=4)
    embedded = embed(samples, chosen.backbone, device="cpu")
    through = train(chosen, samples, **QUIET)
    monkeypatch.setattr("hyperclade.recognition.embedding.embed", None)
    assert_same_state(through, train(chosen, samples, prepared=embedded, **QUIET))
    with pytest.raises(ValueError, match="11 prepared samples for 12"):
        train(chosen, samples, prepared=embedded.subset(slice(1, None)), **QUIET)


@pytest.mark.parametrize("name", ["hvsa", "leaf-softmax", "soft-labels"])
def test_methods_compute_in_full_precision(name):
    samples = planted_features()
    modules = [
        train(recipe(name, settings={}, epochs=0.5, precision=precision), samples, **QUIET)
        for precision in ("32-true", "bf16-mixed")
    ]
    assert_same_state(*modules)
    rows = torch.from_numpy(samples.inputs)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(modules[1].scores(rows), modules[0].scores(rows))


@needs_lite
@pytest.mark.parametrize("name", ["hvsa", "leaf-softmax", "soft-labels"])
def test_backbones_compute_in_half_precision(name):
    chosen = recipe(
        name, settings={}, backbone=LITE, batch_size=6, epochs=0.5, precision="bf16-mixed", mixup=0.2
    )
    module = train(chosen, planted_images(), **QUIET)
    assert module.n_steps == 1
    assert all(value.isfinite().all() for value in module.state_dict().values())


def test_what_a_killed_run_left_beside_its_model_goes(tmp_path):
    train(recipe(epochs=1.0), planted_features(), tmp_path, **QUIET)
    for left in (LAST, "features-net-1a.npy", f".{LAST}.x1.tmp", ".features-net-1a.npy.x1.tmp"):
        (tmp_path / left).write_bytes(b"left")
    train(recipe(epochs=1.0), planted_features(), tmp_path, **QUIET)
    assert {path.name for path in tmp_path.iterdir()} == {CHECKPOINT, RECIPE, HISTORY}


def test_standardisation_knows_only_what_is_learned_from(tmp_path):
    samples = planted_features()
    module = train(recipe(validation=0.3, epochs=1.0), samples, tmp_path, **QUIET)
    known, unseen = held_out(samples, 0.3, 0)
    assert len(unseen) == 36 and sorted((*known.ids, *unseen.ids), key=int) == list(samples.ids)
    np.testing.assert_allclose(module.net.mean, known.inputs.mean(0, dtype=float), rtol=1e-6)
    np.testing.assert_allclose(module.net.deviation, known.inputs.astype(float).std(0), rtol=1e-5)
    assert held_out(samples, 0.3, 1)[1].ids != unseen.ids
    line = json.loads((tmp_path / HISTORY).read_text())
    assert line["validation"]["n_samples"] == 36
    plain = train(recipe(standardise=False, epochs=1.0), samples, **QUIET)
    assert plain.net.mean.eq(0).all() and plain.net.deviation.eq(1).all()


def test_constant_features_stay_finite():
    samples = planted_features()
    samples.inputs[:, 2] = 7.3
    module = train(recipe(epochs=1.0), samples, **QUIET)
    assert module.net.deviation[2] == 1
    assert module.scores(torch.from_numpy(samples.inputs)).isfinite().all()


def test_mixtures_are_of_two_samples():
    torch.manual_seed(0)
    inputs, targets = torch.eye(50), torch.eye(50)
    mixed, labels = _mixed(inputs, targets, 0.4)
    torch.testing.assert_close(mixed, labels)
    torch.testing.assert_close(mixed.sum(1), torch.ones(50))
    assert (mixed > 0).sum(1).max() == 2 and (mixed > 0.01).sum() > 60
    images, _ = _mixed(inputs.view(50, 2, 5, 5), targets, 0.4)
    assert images.shape == (50, 2, 5, 5)


def test_the_checkpoint_holds_the_taxonomy_and_no_code(tmp_path):
    pets = Taxonomy(["animal", "pet", "dog", "cat"], [[], [], [0, 1], [0, 1]])
    samples = planted_features()
    samples = LabelledSet(samples.inputs, 2 + np.arange(120)[:, None] % 2, pets, samples.ids)
    train(recipe("mvm", settings={}), samples, tmp_path, **QUIET)
    torch.load(tmp_path / CHECKPOINT, weights_only=True)
    module = load(tmp_path / CHECKPOINT)
    assert module.task.taxonomy.names == pets.names and module.recipe == recipe("mvm", settings={})
    assert np.array_equal(module.task.taxonomy.edges, pets.edges)
    assert not module.training


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_learns_and_is_loaded(name, tmp_path):
    samples = planted_features()
    chosen = recipe(name, settings={}, epochs=2.0)
    module = train(chosen, samples, tmp_path, **QUIET)
    lines = [json.loads(line) for line in (tmp_path / HISTORY).read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2] and lines[0]["loss"] != lines[1]["loss"]
    rows = torch.from_numpy(samples.inputs)
    assert module.scores(rows).shape == (120, len(TAXONOMY))
    torch.testing.assert_close(load(tmp_path).scores(rows), module.scores(rows), rtol=0, atol=0)


def test_a_folder_of_another_run_is_refused(tmp_path):
    samples = planted_features()
    train(recipe(epochs=1.0), samples, tmp_path, **QUIET)
    for other, what in (
        (recipe(epochs=2.0), "training.epochs"),
        (recipe(epochs=1.0, settings={"hidden": [9], "dropout": 0.2}), "method.settings.hidden"),
        (recipe(epochs=1.0, seed=3), "seed"),
    ):
        with pytest.raises(ValueError, match=f"another {what};"):
            train(other, samples, tmp_path, **QUIET)
    for changed in (
        replace(samples, inputs=samples.inputs + 1),
        replace(samples, labels=samples.labels[::-1].copy()),
        replace(samples, ids=(*samples.ids[:-1], "another")),
        replace(samples, taxonomy=Taxonomy([f"{name}!" for name in TAXONOMY.names], TAXONOMY._main_parent)),
    ):
        with pytest.raises(ValueError, match=r"another samples\.content;"):
            train(recipe(epochs=1.0), changed, tmp_path, **QUIET)


def test_what_is_no_checkpoint(tmp_path):
    with pytest.raises(ValueError, match="no checkpoint"):
        load(tmp_path)
    torch.save({"state_dict": {"w": torch.zeros(2)}, "hyper_parameters": {"recipe": 2}}, tmp_path / "b.ckpt")
    with pytest.raises(ValueError, match="is not a checkpoint of a recognition run"):
        load(tmp_path / "b.ckpt")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dropuot": 0.5}, "no setting 'dropuot'; it has dropout, hidden"),
        ({"hidden": "wide"}, "hidden"),
        ({"dropout": [1]}, "dropout"),
    ],
)
def test_settings_that_a_method_does_not_have(settings, message):
    with pytest.raises(ValueError, match=message):
        method_class(Method("leaf-softmax", settings))


def test_backbones_and_samples_have_to_fit():
    with pytest.raises(ValueError, match="features already"):
        train(recipe(backbone=LITE), planted_features(), **QUIET)
    for images in (planted_images(), planted_masks()):
        with pytest.raises(ValueError, match=r"need a backbone\.name"):
            train(recipe(), images, **QUIET)


def test_settings_out_of_range():
    for settings, message in (
        ({"epochs": 0.0}, "epochs must be positive"),
        ({"validation": 1.0}, "validation must be at least 0 and below 1"),
        ({"optimizer": "lion"}, 'one of "adam", "adamw", "sgd"'),
        ({"area": (0.5, 1.5)}, "area"),
        ({"clip": 0.0}, "clip"),
    ):
        with pytest.raises(ValueError, match=message):
            Training(**settings)
    with pytest.raises(ValueError, match="one of"):
        Method("magic")
    with pytest.raises(ValueError, match="training has no setting 'epoch'"):
        SYSTEM.recipe_from({"training": {"epoch": 3}})
    with pytest.raises(ValueError, match="none would be left"):
        held_out(planted_features(), 0.999, 0)


def test_numbers_may_be_spelled_as_yaml_reads_them_and_nothing_else():
    given = {"learning_rate": "1e-3", "epochs": 7, "area": [0.5, 1], "crop_size": [3, 4], "clip": None}
    training = SYSTEM.recipe_from({"training": given, "backbone": None}).training
    assert training == Training(learning_rate=1e-3, epochs=7.0, area=(0.5, 1.0), crop_size=(3, 4))
    for wrong, message in (
        ({"training": {"batch_size": 12.5}}, "training: .*batch_size.*12.5"),
        ({"training": {"epochs": True}}, "training: .*epochs.*True"),
        ({"training": {"epochs": None}}, "epochs must not be null"),
        ({"training": {"area": [0.5]}}, "training: .*area"),
        ({"training": {"colour": 1}}, "training: .*colour"),
        ({"training": [3]}, "training must hold settings by name"),
        ({"backbone": {"name": 5}}, "backbone: .*name"),
        ({"trainig": {"epochs": 3}}, "no part 'trainig'; it has method, backbone, training, seed"),
        ({"seed": 1.5}, "seed must be a whole number"),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            SYSTEM.recipe_from(wrong)
        assert "\n" not in str(caught.value)


def test_the_exported_method_is_that_of_recipes():
    chosen = recognition.Recipe(recognition.Method("mvm"), recognition.Backbone(), recognition.Training())
    assert issubclass(method_class(chosen.method)[0], recognition.NodeScorer)


def test_every_method_has_a_preset():
    assert set(METHODS) <= set(preset_names())
    assert all(preset(name).method.name == name for name in METHODS)
    mixed = preset("hxe", "camvid", seed=5)
    assert (mixed.method.name, mixed.seed, mixed.backbone.head) == ("hxe", 5, "deeplab")
    with pytest.raises(ValueError, match="no preset 'magic'"):
        preset("magic")
