"""Runs in a folder: stopped anywhere and resumed, they end bit for bit like those that went through."""

import json
import tempfile
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import pytorch_lightning as lightning
import torch
from planted import planted_pairs, recipe
from pytorch_lightning.strategies import DDPStrategy

from hyperclade.learning.runs import (
    CHECKPOINT,
    HISTORY,
    LAST,
    RECIPE,
    History,
    make_trainer,
    read_history,
    unfinished_step,
)
from hyperclade.selflabel.config import Encoders
from hyperclade.selflabel.module import SelfLabelling
from hyperclade.selflabel.system import load, train
from stopped_runs import Stop, assert_same_state

QUIET = {"device": "cpu"}


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
    (tmp_path / LAST).write_bytes(b"left by a kill")
    again = train(recipe(), pairs, tmp_path, callbacks=(Stop(1),), **QUIET)
    assert_same_state(first, again)
    assert not (tmp_path / LAST).exists()
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
    settings = stored["hyper_parameters"]
    assert (settings["frame_shape"], settings["sound_shape"]) == ([1, 1, 12, 12], [12, 12])
    module = load(tmp_path)
    assert (module.hparams["frame_shape"], module.hparams["sound_shape"]) == ([1, 1, 12, 12], [12, 12])


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
    with pytest.raises(ValueError, match=r"another pairs\.content, pairs\.number;"):
        train(recipe(epochs=1.0), pairs.subset(range(100)), tmp_path, **QUIET)


def test_a_folder_with_other_pairs_is_refused(tmp_path):
    pairs = replace(planted_pairs(), ids=tuple(f"clip{row}" for row in range(200)))
    with pytest.raises(SystemExit):
        train(recipe(), pairs, tmp_path, callbacks=(Stop(7),), **QUIET)
    for other in (
        {"frames": pairs.frames + np.uint8(1)},
        {"sounds": pairs.sounds * np.float32(1.5)},
        {"sound_rows": pairs.sound_rows[::-1].copy()},
        {"frame_rows": np.where(np.arange(200) == 1, 0, pairs.frame_rows)},
        {"ids": (*pairs.ids[:-1], "another")},
    ):
        with pytest.raises(ValueError, match=r"another pairs\.content;"):
            train(recipe(), replace(pairs, **other), tmp_path, **QUIET)
    with pytest.raises(ValueError, match=r"another pairs\.content, pairs\.sound_shape;"):
        train(recipe(), replace(pairs, sounds=pairs.sounds[:, :, :11]), tmp_path, **QUIET)
    train(recipe(), replace(pairs, labels=None), tmp_path, **QUIET)  # labels are not looked at


def test_what_the_run_does_not_depend_on_may_change(tmp_path):
    through = train(recipe(), planted_pairs(), tmp_path / "through", **QUIET)
    with pytest.raises(SystemExit):
        train(recipe(), planted_pairs(), tmp_path / "run", callbacks=(Stop(7),), **QUIET)
    with pytest.raises(SystemExit):  # after a GPU has run out of memory
        other = recipe(precision="bf16-mixed")
        train(other, planted_pairs(), tmp_path / "run", callbacks=(Stop(6),), **QUIET)
    other = recipe(checkpoint_every=7, n_workers=1)
    assert_same_state(through, train(other, planted_pairs(), tmp_path / "run", **QUIET))


def test_a_stop_in_the_last_labelling_does_not_lose_it(tmp_path, monkeypatch):
    every = recipe(checkpoint_every=4)  # also the number of steps, 24, is a multiple
    through = train(every, planted_pairs(), tmp_path / "through", **QUIET)
    relabel = SelfLabelling.relabel

    def stopped(module, step):
        if step == module.n_steps:
            raise SystemExit
        relabel(module, step)

    monkeypatch.setattr(SelfLabelling, "relabel", stopped)
    with pytest.raises(SystemExit):
        train(every, planted_pairs(), tmp_path / "stopped", **QUIET)
    monkeypatch.undo()
    assert_same_state(through, train(every, planted_pairs(), tmp_path / "stopped", **QUIET))


def test_minutes_too_make_a_checkpoint(tmp_path, monkeypatch):
    rare = recipe(checkpoint_every=10**6)
    with pytest.raises(SystemExit):
        train(rare, planted_pairs(), tmp_path / "early", callbacks=(Stop(7),), **QUIET)
    assert not (tmp_path / "early" / LAST).exists()
    monkeypatch.setattr("hyperclade.learning.runs.CHECKPOINT_SECONDS", -1.0)
    with pytest.raises(SystemExit):
        train(rare, planted_pairs(), tmp_path / "late", callbacks=(Stop(9),), **QUIET)
    assert torch.load(tmp_path / "late" / LAST, weights_only=True)["global_step"] == 8
    monkeypatch.undo()
    resumed = train(rare, planted_pairs(), tmp_path / "late", **QUIET)
    assert_same_state(resumed, train(rare, planted_pairs(), tmp_path / "early", **QUIET))


def test_checkpoints_are_written_where_they_go_or_not_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "another disk"))
    run = tmp_path / "run"
    with pytest.raises(SystemExit):
        train(recipe(), planted_pairs(), run, callbacks=(Stop(7),), **QUIET)
    before = (run / LAST).read_bytes()
    save = torch.save

    def full(stored, file):
        save(torch.zeros(9), file)
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="no space left"):
        train(recipe(), planted_pairs(), run, **QUIET)
    assert (run / LAST).read_bytes() == before
    assert {path.name for path in run.iterdir()} == {LAST, RECIPE, HISTORY}


def test_a_half_written_line_of_the_history_is_dropped(tmp_path):
    with pytest.raises(SystemExit):
        train(recipe(), planted_pairs(), tmp_path, callbacks=(Stop(9),), **QUIET)
    with open(tmp_path / HISTORY, "a") as file:
        file.write('{"step": 8, "lo')
    train(recipe(), planted_pairs(), tmp_path, **QUIET)
    assert history(tmp_path)[-3:] == [12, 17, 24]


def test_processes_that_write_no_history_keep_no_losses(tmp_path):
    callback = History(tmp_path / HISTORY)
    module = SimpleNamespace(reports_at=(2, 4, 5).__contains__, report=lambda n_steps: {})
    for step in range(1, 6):
        trainer = SimpleNamespace(is_global_zero=False, global_step=step)
        callback.on_train_batch_end(trainer, module, {"loss": 1.0})
        assert len(callback.losses) == (step in (1, 3))
    assert not callback.path.exists()


def torchrun(monkeypatch, world, local):
    for name, value in (("WORLD_SIZE", world), ("LOCAL_WORLD_SIZE", local), ("RANK", 0), ("LOCAL_RANK", 0)):
        monkeypatch.setenv(name, str(value))
    for name in ("TORCHELASTIC_RUN_ID", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "0")


def test_processes_of_torchrun_on_two_machines(tmp_path, monkeypatch):
    torchrun(monkeypatch, world=4, local=2)
    several = recipe(devices=4)
    trainer = make_trainer(SelfLabelling(several, planted_pairs()), "cpu")
    assert isinstance(trainer.strategy, DDPStrategy)
    assert (trainer.num_nodes, trainer.num_devices, trainer.world_size) == (2, 2, 4)


@pytest.mark.parametrize(("world", "local", "devices"), [(2, 2, 1), (2, 2, 4), (3, 2, 3)])
def test_other_numbers_of_processes_than_devices(world, local, devices, tmp_path, monkeypatch):
    torchrun(monkeypatch, world, local)
    with pytest.raises(ValueError, match=f"torchrun has started {world} processes, .*devices {devices}:"):
        train(recipe(devices=devices), planted_pairs(), tmp_path / "run", **QUIET)
    assert not (tmp_path / "run").exists()


def test_devices_that_are_not_there(tmp_path, monkeypatch):
    gpu = torch.device("cuda", 7)
    monkeypatch.setattr("hyperclade.learning.runs.pick_device", lambda name: gpu)
    with pytest.raises(ValueError, match="cannot train on 1 devices"):
        train(recipe(), planted_pairs(), tmp_path / "run", device="cuda:7")
    assert not (tmp_path / "run").exists()  # which another number of devices may still take


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
    torch.save({"state_dict": {"w": torch.zeros(2)}, "hyper_parameters": {"width": 2}}, tmp_path / "c.ckpt")
    for name in ("a.ckpt", "b.ckpt", "c.ckpt"):
        with pytest.raises(ValueError, match="is not a checkpoint of a self-labelling run"):
            load(tmp_path / name)


@pytest.mark.parametrize("kept", [0, 1000])
def test_a_torn_checkpoint_is_named_with_the_way_on(tmp_path, kept):
    run, last = tmp_path / "run", tmp_path / "run" / LAST
    stopping = recipe(checkpoint_every=2)
    with pytest.raises(SystemExit):
        train(stopping, planted_pairs(), run, **QUIET, callbacks=[Stop(5)])
    last.write_bytes(last.read_bytes()[:kept])
    message = r"checkpoint .*last\.ckpt of an unfinished run is damaged .*: remove it, and the same command"
    with pytest.raises(ValueError, match=message):
        train(stopping, planted_pairs(), run, **QUIET)
    with pytest.raises(ValueError, match=message):
        unfinished_step(run)
    last.unlink()
    again = train(stopping, planted_pairs(), run, **QUIET)
    assert_same_state(again, train(stopping, planted_pairs(), **QUIET))


@pytest.mark.parametrize("text", ["", "{}", '{"recipe": 3}'])
def test_a_damaged_recipe_is_named(tmp_path, text):
    train(recipe(), planted_pairs(), tmp_path / "run", **QUIET)
    (tmp_path / "run" / RECIPE).write_text(text)
    with pytest.raises(
        ValueError, match=r"run holds a run that cannot go on: .*recipe\.json .*; choose another"
    ):
        train(recipe(), planted_pairs(), tmp_path / "run", **QUIET)


def test_a_damaged_line_of_the_history_is_named(tmp_path):
    (tmp_path / HISTORY).write_text('{"step": 1, "loss": 2.0}\n{"ste')
    with pytest.raises(ValueError, match=r"history\.jsonl: line 2 is damaged"):
        read_history(tmp_path / HISTORY)


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
    with pytest.raises(ValueError, match="another warm_start;"):
        train(warm, pairs, tmp_path / "a", **QUIET)
    train(warm, pairs, tmp_path / "b", **QUIET)  # a start that failed has not taken the folder


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
