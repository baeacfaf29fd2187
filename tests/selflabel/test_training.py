"""Runs in a folder: stopped anywhere and resumed, they end bit for bit like those that went through."""

import json
from dataclasses import replace

import pytest
import pytorch_lightning as lightning
import torch
from planted import planted_pairs, recipe

from hyperclade.selflabel.config import Encoders
from hyperclade.selflabel.training import CHECKPOINT, HISTORY, RECIPE, load, train

QUIET = {"device": "cpu", "progress": False}


class Stop(lightning.Callback):
    """Ends the process's work after a step, as a kill would."""

    def __init__(self, step, error=SystemExit):
        self.step, self.error = step, error

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == self.step:
            raise self.error("stopped")


def assert_same_state(a, b):
    assert a.state_dict().keys() == b.state_dict().keys()
    for name, value in a.state_dict().items():
        assert torch.equal(value, b.state_dict()[name]), name


def history(folder):
    lines = [json.loads(line) for line in (folder / HISTORY).read_text().splitlines()]
    return [line["step"] for line in lines]


# 6 steps of warm-up and 18 of learning, labelled at 6, 8, 12, 17; checkpoints at 5, 10, 15, 20.
@pytest.mark.parametrize("name", ["l3", "deepcluster", "sela", "selavi", "shhc", "ball"])
def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(name, tmp_path):
    pairs = planted_pairs()
    through = train(recipe(name), pairs, tmp_path / "through", **QUIET)
    stops = (7, 13, 19) if name in ("deepcluster", "shhc") else (13,)
    for step in stops:
        with pytest.raises(SystemExit):
            train(recipe(name), pairs, tmp_path / "stopped", callbacks=(Stop(step),), **QUIET)
        torch.rand(step)  # whatever the process did before
    with pytest.raises(ValueError, match="not finished"):
        load(tmp_path / "stopped")
    resumed = train(recipe(name), pairs, tmp_path / "stopped", **QUIET)
    assert_same_state(through, resumed)
    assert history(tmp_path / "through") == history(tmp_path / "stopped")
    assert {path.name for path in (tmp_path / "stopped").iterdir()} == {CHECKPOINT, RECIPE, HISTORY}


@pytest.mark.parametrize("name", ["deepcluster", "shhc"])
def test_a_stop_right_before_a_labelling_changes_nothing(name, tmp_path):
    every = {"checkpoint_every": 2}  # checkpoints at 6, 8 and 12, where labels are renewed
    pairs = planted_pairs()
    through = train(recipe(name, **every), pairs, tmp_path / "through", **QUIET)
    for step in (7, 9, 13):
        with pytest.raises(SystemExit):
            train(recipe(name, **every), pairs, tmp_path / "stopped", callbacks=(Stop(step),), **QUIET)
        torch.rand(step)
    assert_same_state(through, train(recipe(name, **every), pairs, tmp_path / "stopped", **QUIET))


def test_a_finished_run_is_loaded(tmp_path):
    pairs = planted_pairs()
    first = train(recipe(), pairs, tmp_path, **QUIET)
    again = train(recipe(), pairs, tmp_path, callbacks=(Stop(1),), **QUIET)
    assert_same_state(first, again)
    for source in (tmp_path, tmp_path / CHECKPOINT):
        module = load(source)
        assert_same_state(first, module)
        assert not module.training and module.recipe == recipe()
    features, expected = load(tmp_path).extract(pairs), first.extract(pairs)
    for modality, values in expected.items():
        torch.testing.assert_close(features[modality], values, rtol=0, atol=0)


def test_the_checkpoint_holds_no_code(tmp_path):
    train(recipe(), planted_pairs(), tmp_path, **QUIET)
    stored = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    assert (stored["state_dict"]["labels_joint"] >= 0).all()


def test_the_history_tells_loss_and_labelling(tmp_path):
    train(recipe(), planted_pairs(), tmp_path, **QUIET)
    lines = [json.loads(line) for line in (tmp_path / HISTORY).read_text().splitlines()]
    assert [line["step"] for line in lines] == [6, 8, 12, 17, 24]
    assert all(line["loss"] > 0 for line in lines)
    assert all(0 <= line["changed_labels"] <= 1 for line in lines[1:])


def test_a_folder_of_another_run_is_refused(tmp_path):
    pairs = planted_pairs()
    train(recipe(epochs=1.0), pairs, tmp_path, **QUIET)
    for other, what in (
        (recipe(epochs=2.0), "training.epochs"),
        (recipe("ball", epochs=1.0), "system.dim, system.geometry"),
        (recipe(epochs=1.0, seed=3), "seed"),
    ):
        with pytest.raises(ValueError, match=f"another {what};"):
            train(other, pairs, tmp_path, **QUIET)
    with pytest.raises(ValueError, match="another n_pairs;"):
        train(recipe(epochs=1.0), pairs.subset(range(100)), tmp_path, **QUIET)


def test_foreign_folders_and_files_are_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    for out, message in ((tmp_path, "not empty"), (tmp_path / "thesis.txt", "is a file")):
        with pytest.raises(ValueError, match=message):
            train(recipe(), planted_pairs(), out, **QUIET)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_what_is_no_checkpoint(tmp_path):
    with pytest.raises(ValueError, match="no checkpoint"):
        load(tmp_path)
    (tmp_path / "a.ckpt").write_bytes(b"nothing of the kind")
    torch.save({"weights": torch.zeros(2)}, tmp_path / "b.ckpt")
    for name in ("a.ckpt", "b.ckpt"):
        with pytest.raises(ValueError, match="is not a checkpoint of a self-labelling run"):
            load(tmp_path / name)


def test_a_warm_start_takes_over_the_towers(tmp_path):
    pairs = planted_pairs()
    teacher = train(recipe("l3"), pairs, tmp_path / "l3", **QUIET)

    class Look(lightning.Callback):
        def on_train_start(self, trainer, module):
            for name, value in teacher.net.towers.state_dict().items():
                assert torch.equal(value, module.net.towers.state_dict()[name]), name
            raise SystemExit

    warm = recipe("selavi", warmup_epochs=0.0)
    with pytest.raises(SystemExit):
        train(warm, pairs, tmp_path / "a", warm_start=tmp_path / "l3", callbacks=(Look(),), **QUIET)
    other = replace(warm, encoders=Encoders(channels=[4, 6]))
    with pytest.raises(ValueError, match="other sizes"):
        train(other, pairs, tmp_path / "b", warm_start=tmp_path / "l3", **QUIET)
    with pytest.raises(ValueError, match="no checkpoint"):
        train(warm, pairs, tmp_path / "c", warm_start=tmp_path / "nowhere", **QUIET)


def test_out_of_memory_names_the_knob(tmp_path):
    with pytest.raises(ValueError, match=r"--training.batch_size \(now 32\)"):
        train(recipe(), planted_pairs(), tmp_path, callbacks=(Stop(7, torch.cuda.OutOfMemoryError),), **QUIET)
    through = train(recipe(), planted_pairs(), tmp_path.with_name("through"), **QUIET)
    assert_same_state(through, train(recipe(), planted_pairs(), tmp_path, **QUIET))


@pytest.mark.parametrize("n", [1, 5])
def test_too_few_pairs(n, tmp_path):
    with pytest.raises(ValueError, match=f"{n} pairs cannot make 6 clusters"):
        train(recipe(), planted_pairs(8).subset(range(n)), tmp_path / "run", **QUIET)


def test_mixed_precision_keeps_distances_in_float64(tmp_path):
    module = train(recipe("shhc", precision="bf16-mixed", epochs=1.0), planted_pairs(), tmp_path, **QUIET)
    assert module.net.positions_vision.dtype == torch.float64
    assert all(value.isfinite().all() for value in module.state_dict().values() if value.is_floating_point())
