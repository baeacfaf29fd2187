"""Training runs in a folder, of any system: claim the folder, write checkpoints and history, stop, resume."""

import json
import logging
import math
import os
import signal
import threading
import time
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as lightning
import torch
from pytorch_lightning.callbacks import Checkpoint, RichProgressBar
from pytorch_lightning.plugins.io import TorchCheckpointIO
from pytorch_lightning.strategies import DDPStrategy
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from torch.utils.data import DataLoader

from hyperclade.data.atomic import atomic_write
from hyperclade.learning.schedule import StepBatches
from hyperclade.transport.shards import world

CHECKPOINT, LAST, RECIPE, HISTORY = "model.ckpt", "last.ckpt", "recipe.json", "history.jsonl"
CHECKPOINT_SECONDS = 300.0


def claim(folder: Path, wanted: dict[str, Any], may_change: Collection[str] = ()) -> None:
    """Write down in `recipe.json` what a folder is for.

    Args:
        folder: of the run; it exists.
        wanted: what decides the outcome of the run: its recipe (under "recipe"), its data.
        may_change: settings that a run which goes on may have otherwise, such as "training.precision".

    Raises:
        ValueError: the folder holds a run of something else, or files and no run.
    """
    path = folder / RECIPE
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        different = sorted(set(_differences(found, wanted)) - set(may_change))
        if different:
            raise ValueError(
                f"{folder} holds a run with another {', '.join(different)}; choose another folder or "
                "remove it"
            )
    elif any(not entry.name.startswith(f".{RECIPE}.") for entry in folder.iterdir()):
        raise ValueError(f"{folder} is not empty and holds no run; choose another folder")
    else:
        with atomic_write(path, "w") as file:
            json.dump(wanted, file, indent=1)


def plain(value: Any) -> Any:
    """Lists for tuples, so that checkpoints load with weights_only=True.

    >>> plain({"area": (0.2, 1.0)})
    {'area': [0.2, 1.0]}
    """
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def finished_checkpoint(path: Path) -> Path:
    """The checkpoint that a path names: a file, or `model.ckpt` in the folder of a finished run.

    Raises:
        ValueError: the folder holds a run that is not finished.
    """
    if not path.is_dir():
        return path
    if not (path / CHECKPOINT).exists() and (path / LAST).exists():
        raise ValueError(f"the run in {path} is not finished: give `train` the same options to resume it")
    return path / CHECKPOINT


def read_checkpoint(path: Path, settings: Collection[str], run: str) -> dict[str, Any]:
    """Weights ("state_dict") and settings ("hyper_parameters") of a checkpoint.

    Args:
        path: of the file.
        settings: without which a module cannot be made.
        run: what to call such a run in an error, "self-labelling".

    Raises:
        ValueError: no such file, or a file of another kind.
    """
    if not path.is_file():
        raise ValueError(f"no checkpoint {path}")
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        if not stored["state_dict"] or set(settings) - stored["hyper_parameters"].keys():
            raise KeyError("of another Lightning module")
    except Exception as error:
        raise ValueError(f"{path} is not a checkpoint of a {run} run ({type(error).__name__})") from error
    return stored


def fit(
    trainer: lightning.Trainer, module: lightning.LightningModule, folder: Path | None, batch_size: int
) -> None:
    """Train, from the last checkpoint in the folder if there is one, and leave `model.ckpt` in its place.

    Args:
        trainer: of `make_trainer`.
        module: to train.
        folder: of the run; None to write nothing.
        batch_size: to name in an error.

    Raises:
        ValueError: a GPU without memory enough for batches of that size.
        KeyboardInterrupt: after Ctrl-C; the last checkpoint is kept.
    """
    last = None if folder is None else folder / LAST
    with quiet(), _explained_memory(batch_size), _interruptible():
        start = str(last) if last is not None and last.exists() else None
        trainer.fit(module, ckpt_path=start, weights_only=True)
    if folder is None or last is None:
        return
    trainer.save_checkpoint(folder / CHECKPOINT, weights_only=True)
    if trainer.is_global_zero:
        tidy(folder)


def tidy(folder: Path) -> None:
    """Remove what a finished run no longer needs: the checkpoint that it would have resumed from."""
    for left in (folder / LAST, *folder.glob(f".{LAST}.*.tmp")):
        left.unlink(missing_ok=True)


def make_trainer(
    n_steps: int,
    target: torch.device,
    *,
    devices: int = 1,
    precision: Any = "32-true",
    progress: bool = True,
    callbacks: Sequence[lightning.Callback] = (),
    broadcast_buffers: bool = True,
) -> lightning.Trainer:
    """Lightning's trainer for so many steps, on one device or, with torchrun, on those of several machines.

    Args:
        n_steps: of the run.
        target: device, or kind of device if there are several.
        devices: processes of all machines together.
        precision: of Lightning.
        progress: show a bar.
        callbacks: of Lightning.
        broadcast_buffers: before each step, from the first process.

    Raises:
        ValueError: devices that are not there, or torchrun has started other processes.
    """
    n_machines, on_each = _processes(devices)
    accelerator = "gpu" if target.type == "cuda" else "cpu"
    # What the processes tell one another travels on the CPU, gradients on the GPU.
    strategy = DDPStrategy(
        find_unused_parameters=True,
        broadcast_buffers=broadcast_buffers,
        process_group_backend="cpu:gloo,cuda:nccl" if accelerator == "gpu" else None,
    )
    chosen: Any = on_each
    if accelerator == "gpu" and devices == 1 and target.index is not None:
        chosen = [target.index]
    try:
        return lightning.Trainer(
            max_steps=n_steps,
            accelerator=accelerator,
            devices=chosen,
            num_nodes=n_machines,
            plugins=[AtomicCheckpoints()],
            strategy=strategy if devices > 1 else "auto",
            precision=precision,
            logger=False,
            use_distributed_sampler=False,
            enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in callbacks),
            enable_model_summary=False,
            enable_progress_bar=progress,
            callbacks=[*([_Bar()] if progress else []), *callbacks],
        )
    except MisconfigurationException as error:
        raise ValueError(f"cannot train on {devices} devices: {error}") from error


def batch_loader(
    samples: Any, module: lightning.LightningModule, batch_size: int, seed: int, *, n_workers: int = 0
) -> DataLoader:
    """Batches of a whole run for this process, from the step that the trainer is at.

    Args:
        samples: with a length, and a `__getitems__` that makes a batch of rows.
        module: of the run; tells `n_steps`.
        batch_size: rows a step, on each process.
        seed: of their order.
        n_workers: that read batches.
    """
    rank, size = world()
    batches = StepBatches(
        len(samples),
        batch_size,
        cast(int, module.n_steps),
        seed=seed,
        first_step=lambda: module.trainer.global_step,
        rank=rank,
        world_size=size,
    )
    return DataLoader(samples, batch_sampler=batches, collate_fn=_as_it_is, num_workers=n_workers)


def _as_it_is(batch: Any) -> Any:
    return batch


class _Bar(RichProgressBar):
    """Lightning's bar over the steps of a run, which it would call "Epoch 0/-2"."""

    def _get_train_description(self, current_epoch: int) -> str:
        return "Training"


class AtomicCheckpoints(TorchCheckpointIO):
    """Writes checkpoints beside where they go, not in a folder for temporary files that may be elsewhere."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike, storage_options: Any = None
    ) -> None:
        with atomic_write(path) as file:
            torch.save(checkpoint, file)


class LastCheckpoint(Checkpoint):
    """Writes a checkpoint between steps: after so many of them, and after some minutes.

    None after the last step, where Lightning would find nothing left to do. The module tells `n_steps`.
    """

    def __init__(self, path: Path, every: int) -> None:
        self.path = path
        self.every = every
        self.written = 0.0

    def on_train_start(self, *_: Any) -> None:
        self.written = time.monotonic()

    def on_train_batch_end(self, trainer: lightning.Trainer, module: Any, *_: Any) -> None:
        step = trainer.global_step
        due = step % self.every == 0 or time.monotonic() - self.written > CHECKPOINT_SECONDS
        if trainer.strategy.reduce_boolean_decision(due, all=False) and step < module.n_steps:
            trainer.save_checkpoint(self.path)
            self.written = time.monotonic()


@dataclass
class History(lightning.Callback):
    """Appends mean loss and wall seconds since the line before, and what the module reports, to a file.

    A system says when by `due` and what more by `report`.
    """

    path: Path
    losses: list[Any] = field(default_factory=list)
    began: float = 0.0

    def due(self, module: Any, step: int) -> bool:
        raise NotImplementedError

    def report(self, module: Any) -> dict[str, Any]:
        raise NotImplementedError

    def on_train_start(self, trainer: lightning.Trainer, module: Any) -> None:
        """Drop what a stopped run wrote after the checkpoint that it resumes from."""
        if trainer.is_global_zero and self.path.exists():
            lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
            with atomic_write(self.path, "w") as file:
                file.writelines(line for line in lines if _step(line) <= trainer.global_step)
        self.began = time.perf_counter()

    def on_train_batch_end(self, trainer: lightning.Trainer, module: Any, outputs: Any, *_: Any) -> None:
        self.losses.append(float(outputs["loss"]))
        step = trainer.global_step
        if not self.due(module, step):
            return
        now = time.perf_counter()
        line = {
            "step": step,
            "loss": sum(self.losses) / len(self.losses),
            "seconds": round(now - self.began, 3),
            **self.report(module),
        }
        if trainer.is_global_zero:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        self.losses.clear()
        self.began = now


def read_history(path: Path) -> list[dict[str, Any]]:
    """Lines of a run's history; none without a file."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def unfinished_step(folder: Path) -> int | None:
    """Step of the checkpoint that an unfinished run left, None without one."""
    path = folder / LAST
    if not path.is_file():
        return None
    return int(torch.load(path, map_location="cpu", mmap=True, weights_only=True)["global_step"])


@contextmanager
def quiet() -> Iterator[None]:
    """Lightning without its notes on hardware and its hints that do not apply here."""
    logger = logging.getLogger("pytorch_lightning")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="pytorch_lightning")
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            yield
    finally:
        logger.setLevel(level)


def _differences(a: Any, b: Any, prefix: str = "") -> Iterator[str]:
    for key in a.keys() | b.keys():
        if isinstance(a.get(key), dict) and isinstance(b.get(key), dict):
            yield from _differences(a[key], b[key], f"{prefix}{key}.")
        elif a.get(key) != b.get(key):
            yield f"{prefix}{key}".removeprefix("recipe.")


def _processes(devices: int) -> tuple[int, int]:
    """Machines, and processes on each: those that torchrun has started, or all of them here."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return 1, devices
    started, here = int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])
    if started != devices or started % here:
        raise ValueError(
            f"torchrun has started {started} processes, {here} of them here, for --training.devices "
            f"{devices}: start as many as devices in all, and on every machine the same number"
        )
    return started // here, here


def _step(line: str) -> float:
    """Of a line of the history; infinite if a stop left half of it."""
    try:
        return json.loads(line)["step"]
    except ValueError:
        return math.inf


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C as KeyboardInterrupt; Lightning exits instead, and leaves the signal without a handler."""
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT) if in_main else None
    try:
        yield
    except SystemExit as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from stop
        raise
    finally:
        if handler is not None:
            signal.signal(signal.SIGINT, handler)


@contextmanager
def _explained_memory(batch_size: int) -> Iterator[None]:
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        raise ValueError(
            "the GPU ran out of memory: with --training.precision bf16-mixed, which halves activations, or "
            "--device cpu the run goes on from its last checkpoint; with a lower --training.batch_size (now "
            f"{batch_size}) it starts anew, in another folder"
        ) from error
