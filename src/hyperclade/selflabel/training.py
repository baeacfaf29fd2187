"""Training runs in a folder: start, stop, resume, load."""

import hashlib
import json
import logging
import math
import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as lightning
import torch
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO
from pytorch_lightning.strategies import DDPStrategy
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from hyperclade.data.atomic import atomic_write
from hyperclade.data.paired import PairedSet
from hyperclade.encoders.pretrained import pick_device
from hyperclade.selflabel.config import Recipe
from hyperclade.selflabel.module import SelfLabelling, plain
from hyperclade.selflabel.recipes import recipe_from

CHECKPOINT, LAST, RECIPE, HISTORY = "model.ckpt", "last.ckpt", "recipe.json", "history.jsonl"
_SETTINGS = {"recipe", "frame_channels", "n_pairs"}  # without which a module cannot be made
_MAY_CHANGE = {f"training.{name}" for name in ("precision", "n_workers", "checkpoint_every")}
_CHECKPOINT_SECONDS = 300.0
_DIGESTED_PAIRS = 64


def train(
    recipe: Recipe,
    pairs: PairedSet,
    out: str | os.PathLike,
    *,
    device: str = "auto",
    warm_start: str | os.PathLike | None = None,
    progress: bool = True,
    callbacks: tuple[lightning.Callback, ...] = (),
) -> SelfLabelling:
    """Train a system on pairs, in a folder that a later call with the same recipe and pairs resumes from.

    A run that was killed goes on from its last checkpoint, which is minutes old at most, with the very steps
    it would have made; a finished one is loaded. Precision, reading processes and intervals of checkpoints
    may differ from call to call; another precision, of course, makes other steps.

    Args:
        recipe: system, encoders, training, seed.
        pairs: what to learn from; class labels among them are never looked at.
        out: folder for `model.ckpt` (weights, labels, trees), `recipe.json` and `history.jsonl` (loss and
            labelling by step).
        device: "auto", "cpu", "cuda" or "cuda:N". For several, `recipe.training.devices` names their number;
            torchrun has to start as many processes, on one machine or more.
        warm_start: `model.ckpt` of another run whose towers to start from.
        progress: show a bar.
        callbacks: more callbacks of Lightning.

    Raises:
        ValueError: the folder holds a run of another recipe, other pairs or another warm start; too few
            pairs; a device that is not there or whose memory does not suffice; a warm start that does not
            fit; processes of torchrun that are not as many as devices.
        KeyboardInterrupt: after Ctrl-C; the last checkpoint is kept.
    """
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file, cannot write a run there")
    module = SelfLabelling(recipe, pairs)
    started_from = None if warm_start is None else _adopt_towers(module, Path(warm_start))
    finished, last = (folder / CHECKPOINT).exists(), folder / LAST
    with _quiet():
        trainer = None if finished else _trainer(recipe, module, folder, device, progress, callbacks)
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder, recipe, pairs, started_from)
    if trainer is None:
        _restore(module, _read(folder / CHECKPOINT), folder / CHECKPOINT)
        return module.eval()
    with _quiet(), _explained_memory(recipe), _interruptible():
        trainer.fit(module, ckpt_path=str(last) if last.exists() else None, weights_only=True)
    trainer.save_checkpoint(folder / CHECKPOINT, weights_only=True)
    if trainer.is_global_zero:
        for left in (last, *folder.glob(f".{LAST}.*.tmp")):
            left.unlink(missing_ok=True)
    return module.eval()


def load(path: str | os.PathLike, pairs: PairedSet | None = None, *, device: str = "cpu") -> SelfLabelling:
    """A trained module in evaluation mode, from `model.ckpt` or the folder that holds it.

    Args:
        path: of the checkpoint or its folder.
        pairs: those it was trained on, if training is to go on; not needed for features and evaluation.
        device: to load it to.

    Raises:
        ValueError: no such file, an unfinished run, a file that is not such a checkpoint, or other pairs.
    """
    path = Path(path)
    if path.is_dir():
        if not (path / CHECKPOINT).exists() and (path / LAST).exists():
            raise ValueError(f"the run in {path} is not finished: give `train` the same options to resume it")
        path = path / CHECKPOINT
    stored = _read(path)
    settings = stored["hyper_parameters"]
    if pairs is not None and len(pairs) != settings["n_pairs"]:
        raise ValueError(f"{path} was trained on {settings['n_pairs']} pairs, got {len(pairs)}")
    module = SelfLabelling(
        recipe_from(settings["recipe"]),
        pairs,
        frame_channels=settings["frame_channels"],
        n_pairs=settings["n_pairs"],
        frame_shape=settings.get("frame_shape"),
        sound_shape=settings.get("sound_shape"),
    )
    _restore(module, stored, path)
    return module.to(pick_device(device)).eval()


def _claim(folder: Path, recipe: Recipe, pairs: PairedSet, started_from: str | None) -> None:
    """Write down what the folder is for; refuse one that is for something else."""
    wanted = {
        "recipe": plain(asdict(recipe)),
        "pairs": {
            "number": len(pairs),
            "frame_shape": list(pairs.frames.shape[1:]),
            "sound_shape": list(pairs.sounds.shape[1:]),
            "content": _content(pairs),
        },
        "warm_start": started_from,
    }
    path = folder / RECIPE
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        different = sorted(set(_differences(found, wanted)) - _MAY_CHANGE)
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


def _content(pairs: PairedSet) -> str:
    """Digest of names, rows, and the media of a few pairs: memory-mapped ones may not fit into memory."""
    some = np.linspace(0, len(pairs) - 1, _DIGESTED_PAIRS).astype(np.int64)
    frames, sounds = pairs.frames[pairs.frame_rows[some]], pairs.sounds[pairs.sound_rows[some]]
    digest = hashlib.sha256("\0".join(pairs.ids).encode(errors="surrogateescape"))
    for part in (pairs.frame_rows, pairs.sound_rows, frames, sounds):
        digest.update(part.tobytes())
    return digest.hexdigest()


def _differences(a: Any, b: Any, prefix: str = "") -> Iterator[str]:
    for key in a.keys() | b.keys():
        if isinstance(a.get(key), dict) and isinstance(b.get(key), dict):
            yield from _differences(a[key], b[key], f"{prefix}{key}.")
        elif a.get(key) != b.get(key):
            yield f"{prefix}{key}".removeprefix("recipe.")


def _restore(module: SelfLabelling, stored: dict[str, Any], path: Path) -> None:
    try:
        module.load_state_dict(stored["state_dict"])
    except RuntimeError as error:
        raise ValueError(f"the weights in {path} do not fit its recipe or the pairs: {error}") from error


def _adopt_towers(module: SelfLabelling, path: Path) -> str:
    """Start from the towers of a checkpoint; gives their digest."""
    path = path / CHECKPOINT if path.is_dir() else path
    state = _read(path)["state_dict"]
    kept = {
        name: value
        for name, value in state.items()
        if name.startswith(("net.towers.", "net.correspondence.")) or name == "sound_scale"
    }
    try:
        missing, _ = module.load_state_dict(kept, strict=False)
    except RuntimeError as error:
        raise ValueError(f"the towers of {path} have other sizes than this recipe's: {error}") from error
    if any(name.startswith("net.towers.") for name in missing):
        raise ValueError(f"the towers of {path} are other networks than this recipe's")
    digest = hashlib.sha256()
    for name, value in kept.items():
        digest.update(name.encode() + value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ValueError(f"no checkpoint {path}")
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        if not stored["state_dict"] or _SETTINGS - stored["hyper_parameters"].keys():
            raise KeyError("of another Lightning module")
    except Exception as error:
        raise ValueError(
            f"{path} is not a checkpoint of a self-labelling run ({type(error).__name__})"
        ) from error
    return stored


def _trainer(
    recipe: Recipe,
    module: SelfLabelling,
    folder: Path,
    device: str,
    progress: bool,
    callbacks: tuple[lightning.Callback, ...],
) -> lightning.Trainer:
    training = recipe.training
    target = pick_device(device)
    distributed = training.devices > 1
    n_machines, on_each = _processes(training.devices)
    accelerator = "gpu" if target.type == "cuda" else "cpu"
    # Features travel between processes on the CPU, gradients on the GPU. Labels are too large to send at
    # every step, and statistics of normalisation are made equal before they are used.
    strategy = DDPStrategy(
        find_unused_parameters=True,
        broadcast_buffers=False,
        process_group_backend="cpu:gloo,cuda:nccl" if accelerator == "gpu" else None,
    )
    devices: Any = on_each
    if accelerator == "gpu" and not distributed and target.index is not None:
        devices = [target.index]
    try:
        return lightning.Trainer(
            max_steps=module.n_steps,
            accelerator=accelerator,
            devices=devices,
            num_nodes=n_machines,
            plugins=[AtomicCheckpoints()],
            strategy=strategy if distributed else "auto",
            precision=training.precision,
            logger=False,
            use_distributed_sampler=False,
            enable_model_summary=False,
            enable_progress_bar=progress,
            callbacks=[
                LastCheckpoint(folder / LAST, training.checkpoint_every),
                History(folder / HISTORY),
                *callbacks,
            ],
        )
    except MisconfigurationException as error:
        raise ValueError(f"cannot train on {training.devices} devices: {error}") from error


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


class AtomicCheckpoints(TorchCheckpointIO):
    """Writes checkpoints beside where they go, not in a folder for temporary files that may be elsewhere."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike, storage_options: Any = None
    ) -> None:
        with atomic_write(path) as file:
            torch.save(checkpoint, file)


class LastCheckpoint(Checkpoint):
    """Writes a checkpoint between steps: after so many of them, and after some minutes.

    None after the last step: Lightning would find nothing left to do there, not even the last labelling.
    """

    def __init__(self, path: Path, every: int) -> None:
        self.path = path
        self.every = every
        self.written = 0.0

    def on_train_start(self, *_: Any) -> None:
        self.written = time.monotonic()

    def on_train_batch_end(self, trainer: lightning.Trainer, module: Any, *_: Any) -> None:
        step = trainer.global_step
        due = step % self.every == 0 or time.monotonic() - self.written > _CHECKPOINT_SECONDS
        if trainer.strategy.reduce_boolean_decision(due, all=False) and step < module.n_steps:
            trainer.save_checkpoint(self.path)
            self.written = time.monotonic()


@dataclass
class History(lightning.Callback):
    """Appends loss, wall seconds since the line before and what the last labelling changed to a file."""

    path: Path
    losses: list[float] = field(default_factory=list)
    began: float = 0.0

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
        if step not in module.relabel_at and step != module.n_steps:
            return
        now = time.perf_counter()
        line = {
            "step": step,
            "loss": sum(self.losses) / len(self.losses),
            "seconds": round(now - self.began, 3),
            **module.labelling_report,
        }
        if trainer.is_global_zero:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        self.losses.clear()
        self.began = now


def _step(line: str) -> float:
    """Of a line of the history; infinite if a stop left half of it."""
    try:
        return json.loads(line)["step"]
    except ValueError:
        return math.inf


@contextmanager
def _quiet() -> Iterator[None]:
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
def _explained_memory(recipe: Recipe) -> Iterator[None]:
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        raise ValueError(
            "the GPU ran out of memory: with --training.precision bf16-mixed, which halves activations, or "
            "--device cpu the run goes on from its last checkpoint; with a lower --training.batch_size (now "
            f"{recipe.training.batch_size}) it starts anew, in another folder"
        ) from error
