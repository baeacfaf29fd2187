"""What all systems do in Lightning's loop: optimiser and schedule, clipping, averaging, seeds, batches."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytorch_lightning as lightning
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from hyperclade.data.sets import Samples
from hyperclade.learning.schedule import StepBatches, seed_step
from hyperclade.transport.shards import world


class Learner(lightning.LightningModule):
    """A system's network in training; a subclass has its `training_step`, and its own labels and losses.

    All of its state lies in parameters and buffers, so a checkpoint resumes it exactly. A subclass makes
    `net`, saves its hyperparameters (the "recipe" and what else `System.restore` needs) and calls `prepare`
    where it is given samples.

    Attributes
    ----------
    recipe : dataclass
        All of the run but its data, with `training` and `seed`.
    net : torch.nn.Module
        The network that is trained.
    samples : Samples or None
        To learn from.
    judged : callable or None
        Figures by the samples held out, where there are such.
    averaged : AveragedModel or None
        In training with `ema`, the moving average of the weights of `net`; `keep_average` makes it `net`.
    n_steps, steps_per_epoch : int
        Length of the run and of an epoch, once there are samples.
    origin : dict
        What decides the outcome beside recipe and samples, such as a warm start.
    loss_parts : dict
        Sums, over the steps since they were last read, of what training reports beside the loss.
    """

    net: nn.Module
    broadcast_buffers = True  # to all processes before each step, from the first

    def __init__(self, recipe: Any) -> None:
        super().__init__()
        self.recipe = recipe
        self.samples: Any = None
        self.judged: Callable[[], dict[str, Any]] | None = None
        self.averaged: AveragedModel | None = None
        self.n_steps = self.steps_per_epoch = 0
        self.origin: dict[str, Any] = {}
        self.loss_parts: dict[str, Tensor] = {}

    def prepare(self, samples: Samples) -> None:
        """Get ready to learn from samples: count steps, begin the average of the weights.

        Raises ValueError for fewer than two samples for each device.
        """
        training = self.recipe.training
        if len(samples) < 2 * training.devices:  # batch normalisation needs two rows
            raise ValueError(
                f"training needs at least 2 {samples.word} for each device, got {len(samples)} for "
                f"{training.devices}"
            )
        if training.ema:
            self.averaged = AveragedModel(self.net, multi_avg_fn=get_ema_multi_avg_fn(training.ema))
            self.averaged.requires_grad_(False)
        batch = min(training.batch_size, len(samples) // training.devices)
        self.steps_per_epoch = max(1, len(samples) // (batch * training.devices))
        self.n_steps = self.steps_of(training.epochs)
        self.learn_from(samples)

    def learn_from(self, samples: Samples) -> None:
        """Train on these."""
        self.samples = samples

    def steps_of(self, epochs: float) -> int:
        return math.ceil(epochs * self.steps_per_epoch)

    def keep_average(self) -> None:
        """Go on without training, with the averaged weights."""
        if self.averaged is not None:
            self.net.load_state_dict(self.averaged.module.state_dict())
            self.averaged = None

    # ---- what a system may say otherwise ----

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Parameters ("params") to train, with the factor of their learning rate ("lr_scale").

        A group may have further options of the optimiser, such as its own "weight_decay".
        """
        return [{"params": list(self.parameters()), "lr_scale": 1.0}]

    def reports_at(self, step: int) -> bool:
        """Whether the history gets a line after this step."""
        return step % self.steps_per_epoch == 0 or step == self.n_steps

    def report(self, n_steps: int) -> dict[str, Any]:
        """What the line of the history says beside the loss, of so many steps: means of `loss_parts`."""
        line = {name: float(total) / n_steps for name, total in self.loss_parts.items()}
        self.loss_parts.clear()
        return line

    def note(self, parts: dict[str, Tensor]) -> None:
        """Add the parts of a step's loss, but for "loss", to `loss_parts`."""
        for name, part in parts.items():
            if name != "loss":
                before = self.loss_parts.get(name)
                self.loss_parts[name] = part.detach() if before is None else before + part.detach()

    def before_step(self, step: int) -> None:
        """What has to be done between steps, such as to renew labels."""

    # ---- the loop ----

    def train_dataloader(self) -> DataLoader:
        training, (rank, size) = self.recipe.training, world()
        batches = StepBatches(
            len(self.samples),
            training.batch_size,
            self.n_steps,
            seed=self.recipe.seed,
            first_step=lambda: self.trainer.global_step,
            rank=rank,
            world_size=size,
        )
        n_workers = 0 if self.samples.in_memory else training.n_workers
        return DataLoader(
            cast(Any, _Batches(self.samples)), batch_sampler=batches, collate_fn=dict, num_workers=n_workers
        )

    def configure_optimizers(self) -> Any:
        training = self.recipe.training
        groups = [
            {name: value for name, value in group.items() if name != "lr_scale"}
            | {"lr": training.learning_rate * group["lr_scale"]}
            for group in self.parameter_groups()
        ]
        optimizer = training.make_optimizer(groups)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: training.rate(step, self.n_steps)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        step = self.trainer.global_step
        self.before_step(step)
        seed_step(self.recipe.seed, step, world()[0])

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        if self.recipe.training.clip is not None:
            nn.utils.clip_grad_norm_(self.net.parameters(), self.recipe.training.clip)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        # Not after the batch, where a checkpoint would be written first.
        super().optimizer_step(*args, **kwargs)
        if self.averaged is not None:
            self.averaged.update_parameters(self.net)

    def on_train_end(self) -> None:
        if self.trainer.global_step >= self.n_steps:
            self.keep_average()


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """The module is in evaluation mode meanwhile."""
    was_training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(was_training)


class _Batches:
    """Batches of samples, by their rows, as tensors."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitems__(self, rows: list[int]) -> dict[str, Tensor]:
        return tensors(self.samples.batch(rows))


def tensors(batch: dict[str, Any]) -> dict[str, Tensor]:
    """The arrays of a batch as tensors."""
    return {name: torch.from_numpy(values) for name, values in batch.items()}
