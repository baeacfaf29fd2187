"""What all systems do in Lightning's loop, seen at the smallest of them."""

from types import SimpleNamespace

import numpy as np
import pytest
import pytorch_lightning as lightning
import torch

from hyperclade.learning.runs import LAST
from hyperclade.learning.settings import Training
from toy import system as toy

SYSTEM = toy.SYSTEM


def samples(n=60):
    return SYSTEM.read("planted", "train", toy.Source(), n=n)


def recipe(**training):
    return toy.Recipe(training=Training(**{"batch_size": 10, "learning_rate": 0.1, "epochs": 2.0} | training))


def weights(net):
    return torch.cat([parameter.detach().flatten().clone() for parameter in net.parameters()])


class Noisy(toy.Layer):
    """What it learns from depends on torch's random numbers."""

    def training_step(self, batch, batch_idx):
        batch["inputs"] += torch.randn_like(batch["inputs"])
        return super().training_step(batch, batch_idx)


class Watch(lightning.Callback):
    """Weights of the network after each step; may stop before one."""

    def __init__(self, stop_at=None):
        self.seen, self.stop_at = [], stop_at

    def on_train_batch_end(self, trainer, module, *_):
        self.seen.append(weights(module.net))
        if trainer.global_step == self.stop_at:
            raise SystemExit


@pytest.mark.parametrize(
    ("n", "training", "steps_per_epoch", "n_steps"),
    [
        (65, {"epochs": 2.5}, 6, 15),  # an incomplete batch is dropped
        (65, {"epochs": 0.01}, 6, 1),
        (7, {"epochs": 3.0}, 1, 3),  # fewer samples than a batch
        (65, {"devices": 2}, 3, 6),
        (13, {"devices": 2}, 1, 2),
    ],
)
def test_steps_are_whole_batches_of_all_devices(n, training, steps_per_epoch, n_steps):
    module = toy.Layer(recipe(**training), 3, samples(n))
    assert (module.steps_per_epoch, module.n_steps) == (steps_per_epoch, n_steps)
    reported = [step for step in range(1, n_steps + 1) if module.reports_at(step)]
    assert reported == sorted({*range(steps_per_epoch, n_steps + 1, steps_per_epoch), n_steps})


@pytest.mark.parametrize(("n", "devices"), [(1, 1), (3, 2)])
def test_too_few_samples_are_refused(n, devices):
    with pytest.raises(ValueError, match=f"at least 2 samples for each device, got {n} for {devices}"):
        toy.Layer(recipe(devices=devices), 3, samples(n))


def test_batches_depend_on_the_step_alone():
    module = toy.Layer(recipe(), 3, samples())
    module.trainer = SimpleNamespace(global_step=0)
    whole = list(module.train_dataloader())
    module.trainer.global_step = 7
    late = list(module.train_dataloader())
    assert len(whole) == 12 and len(late) == 5
    for batch, expected in zip(late, whole[7:], strict=True):
        assert batch.keys() == {"inputs", "labels"}
        assert all(torch.equal(batch[name], expected[name]) for name in batch)
    epoch = torch.cat([batch["inputs"] for batch in whole[:6]]).numpy()
    assert sorted(map(tuple, epoch)) == sorted(map(tuple, module.samples.inputs))
    assert not torch.equal(whole[0]["inputs"], whole[6]["inputs"])


def test_a_run_that_was_stopped_makes_the_steps_it_would_have_made(tmp_path, monkeypatch):
    monkeypatch.setattr(toy, "Layer", Noisy)
    monkeypatch.setattr(Training, "ema", 0.9)
    whole, stopped, rest = Watch(), Watch(stop_at=8), Watch()
    made = recipe(checkpoint_every=3)
    module = SYSTEM.train(made, samples(), device="cpu", callbacks=[whole])
    with pytest.raises(SystemExit):
        SYSTEM.train(made, samples(), tmp_path, device="cpu", callbacks=[stopped])
    assert torch.load(tmp_path / LAST, weights_only=True)["global_step"] == 6
    torch.manual_seed(99)  # of another process
    resumed = SYSTEM.train(made, samples(), tmp_path, device="cpu", callbacks=[rest])
    assert all(map(torch.equal, [*stopped.seen[:6], *rest.seen], whole.seen))
    assert len(rest.seen) == 6 and torch.equal(weights(resumed.net), weights(module.net))


def test_the_seed_decides(monkeypatch):
    monkeypatch.setattr(toy, "Layer", Noisy)
    made = recipe(epochs=0.5)
    one, same = (weights(SYSTEM.train(made, samples(), device="cpu").net) for _ in range(2))
    made.seed = 1
    assert torch.equal(one, same)
    assert not torch.equal(one, weights(SYSTEM.train(made, samples(), device="cpu").net))


def test_the_average_of_the_weights_is_kept(monkeypatch):
    plain = weights(SYSTEM.train(recipe(), samples(), device="cpu").net)
    monkeypatch.setattr(Training, "ema", 0.75)
    watch = Watch()
    module = SYSTEM.train(recipe(), samples(), device="cpu", callbacks=[watch])
    average = watch.seen[0]
    for after in watch.seen[1:]:
        average = 0.75 * average + 0.25 * after
    assert torch.equal(watch.seen[-1], plain)  # training itself does not see it
    torch.testing.assert_close(weights(module.net), average)
    assert module.averaged is None and not torch.allclose(average, plain)


def test_gradients_are_clipped_to_a_norm(monkeypatch):
    monkeypatch.setattr(Training, "make_optimizer", lambda self, groups: torch.optim.SGD(groups))
    monkeypatch.setattr(Training, "rate", lambda self, step, n_steps: 1.0)
    for clip in (None, 0.01):
        monkeypatch.setattr(Training, "clip", clip)
        watch = Watch()
        SYSTEM.train(recipe(), samples(), device="cpu", callbacks=[watch])
        moves = [float((b - a).norm()) for a, b in zip(watch.seen, watch.seen[1:], strict=False)]
        if clip is None:
            assert min(moves) > 0.1 * 0.05
        else:
            assert moves == pytest.approx([0.1 * clip] * 11, rel=1e-3)


def test_groups_of_parameters_have_rates_of_their_own(monkeypatch):
    class Grouped(toy.Layer):
        def parameter_groups(self):
            return [
                {"params": [self.net.weight], "lr_scale": 1.0},
                {"params": [self.net.bias], "lr_scale": 0.0},
            ]

    module = Grouped(recipe(), 3, samples())
    found = module.configure_optimizers()
    assert [group["initial_lr"] for group in found["optimizer"].param_groups] == [0.1, 0.0]
    scheduler = found["lr_scheduler"]["scheduler"]
    found["optimizer"].step()
    scheduler.step()
    assert found["lr_scheduler"]["interval"] == "step"
    assert scheduler.get_last_lr() == [0.1 * module.recipe.training.rate(1, 12), 0.0]
    monkeypatch.setattr(toy, "Layer", Grouped)
    watch = Watch()
    SYSTEM.train(recipe(), samples(), device="cpu", callbacks=[watch])
    assert torch.equal(watch.seen[0][-3:], watch.seen[-1][-3:])
    assert not torch.equal(watch.seen[0][:-3], watch.seen[-1][:-3])


def test_what_is_reported_are_means_since_the_line_before():
    module = toy.Layer(recipe(), 3, samples())
    module.loss_parts = {"norm": torch.tensor(6.0)}
    assert module.report(4) == {"norm": 1.5}
    assert module.report(4) == {}


def test_work_between_steps_comes_before_each():
    before = []

    class Relabelled(toy.Layer):
        def before_step(self, step):
            before.append((step, self.training))

    module = Relabelled(recipe(epochs=0.5), 3, samples())
    trainer = lightning.Trainer(
        max_steps=3, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(module)
    assert before == [(0, True), (1, True), (2, True)]


def test_samples_not_in_memory_are_read_by_other_processes(monkeypatch):
    module = toy.Layer(recipe(n_workers=2), 3, samples())
    module.trainer = SimpleNamespace(global_step=0)
    assert module.train_dataloader().num_workers == 0
    monkeypatch.setattr(type(module.samples), "in_memory", False)
    assert module.train_dataloader().num_workers == 2


def test_other_samples_can_take_the_place_of_those_prepared_for():
    module = toy.Layer(recipe(), 3, samples())
    other = samples().subset(np.arange(60)[::-1].copy())
    module.learn_from(other)
    assert module.samples is other and module.n_steps == 12
