"""Training runs in a folder, of any system: claim the folder, write checkpoints and history, stop, resume."""

import atexit
import functools
import json
import logging
import math
import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import pytorch_lightning as lightning
import torch
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO
from pytorch_lightning.strategies import DDPStrategy
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from hyperclade.data.atomic import atomic_write
from hyperclade.data.sets import Samples
from hyperclade.data.store import claim
from hyperclade.environment import pick_device
from hyperclade.learning.module import Learner
from hyperclade.learning.settings import Training, plain, recipe_from
from hyperclade.progress import Progress, Say

if TYPE_CHECKING:
    from hyperclade.learning.system import System

CHECKPOINT, LAST, RECIPE, HISTORY = "model.ckpt", "last.ckpt", "recipe.json", "history.jsonl"
CHECKPOINT_SECONDS = 300.0
_MAY_CHANGE = {f"training.{name}" for name in ("precision", "n_workers", "checkpoint_every")}
_SPLIT_STREAM = 1  # of the seed: apart from the numbers that training draws

Some = TypeVar("Some", bound=Samples)


def train(
    system: "System",
    recipe: Any,
    samples: Samples,
    out: str | os.PathLike | None = None,
    *,
    device: str = "auto",
    progress: Progress | None = None,
    callbacks: Sequence[lightning.Callback] = (),
    prepared: Samples | None = None,
    source: Any = None,
    **options: Any,
) -> Any:
    """Train a system on samples, in a folder that a later call with the same arguments resumes from.

    A run that was killed goes on from its last checkpoint, which is minutes old at most, with the very steps
    it would have made; a finished one is loaded. Precision, reading processes and intervals of checkpoints
    may differ from call to call; another precision, of course, makes other steps.

    Parameters
    ----------
    system : System
    recipe : dataclass
        The system's: all of a run but its data.
    samples : Samples
        To learn from, but for the part that `recipe.training.validation` holds out. Labels that a system
        does not learn from are never looked at.
    out : path, optional
        Folder for `model.ckpt`, `recipe.json` and `history.jsonl`. None writes nothing, with the same
        outcome.
    device : str
        "auto", "cpu", "cuda" or "cuda:N". For several, `recipe.training.devices` names their number; torchrun
        has to start as many processes, on one machine or more.
    progress : callable, optional
        Told of the share of the steps that are done.
    callbacks : sequence of Callback
        More callbacks of Lightning.
    prepared : Samples, optional
        What `system.prepare` makes of the samples, where it is known.
    source : dataclass, optional
        How the samples were read, which the run keeps for `system.source_like`.
    **options
        Of `system.learner`.

    Returns
    -------
    Learner
        In evaluation mode.

    Raises
    ------
    ValueError
        The folder holds a run of another recipe or of other samples; settings or samples that do not fit; a
        device that is not there or whose memory does not suffice; processes of torchrun that are not as many
        as devices.
    KeyboardInterrupt
        After Ctrl-C; the last checkpoint is kept.
    """
    folder = None if out is None else Path(out)
    if folder is not None and folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file, cannot write a run there")
    training: Training = recipe.training
    if prepared is not None and len(prepared) != len(samples):
        raise ValueError(f"{len(prepared)} prepared {samples.word} for {len(samples)}")
    known, unseen = held_out(samples, training.validation, recipe.seed)
    module: Learner = system.learner(recipe, known, **options)
    about = module.hparams["samples"] = samples.fingerprint()
    module.hparams["source"] = None if source is None else system.kept(source)
    finished = folder is not None and (folder / CHECKPOINT).exists()
    added: list[lightning.Callback] = [] if progress is None else [_Reported(progress)]
    if folder is not None:
        added += [LastCheckpoint(folder / LAST, training.checkpoint_every), History(folder / HISTORY)]
    with quiet():
        trainer = None if finished else make_trainer(module, device, [*added, *callbacks])
    if folder is not None:
        wanted = {"recipe": plain(recipe), samples.word: about, **module.origin}
        claim(
            folder, RECIPE, wanted, may_change=_MAY_CHANGE, within="recipe",
            completed=functools.partial(_completed, type(recipe)),
        )  # fmt: skip
    if trainer is None:
        assert folder is not None
        module.keep_average()
        restore(module, read_checkpoint(folder / CHECKPOINT, system), folder / CHECKPOINT)
    else:
        if prepared is None:
            prepared = system.prepare(recipe, samples, folder, device=device, progress=progress)
        if prepared is not samples:
            known, unseen = held_out(prepared, training.validation, recipe.seed)
            module.learn_from(known)
        module.judged = None if unseen is None else functools.partial(system.report, module, unseen)
        fit(trainer, module, folder)
    if folder is not None and (trainer is None or trainer.is_global_zero):
        tidy(folder, system.scratch)
    return module.eval()


def load(system: "System", path: str | os.PathLike, *, device: str = "cpu") -> Any:
    """A trained module in evaluation mode, from `model.ckpt` or the folder that holds it.

    Raises
    ------
    ValueError
        No such file, an unfinished run, or a file that is not such a checkpoint.
    """
    path = Path(path)
    if path.is_dir():
        if not (path / CHECKPOINT).exists() and (path / LAST).exists():
            raise ValueError(f"the run in {path} is not finished: give `train` the same options to resume it")
        path = path / CHECKPOINT
    stored = read_checkpoint(path, system)
    settings = stored["hyper_parameters"]
    module: Learner = system.restore(recipe_from(system.recipe(), settings["recipe"]), settings)
    for name in ("samples", "source"):  # runs of older versions lack them
        module.hparams[name] = settings.get(name)
    restore(module, stored, path)
    return module.to(pick_device(device)).eval()


def held_out(samples: Some, fraction: float, seed: int) -> tuple[Some, Some | None]:
    """Samples to learn from and, drawn at random, those to judge by; None of these if the fraction is 0.

    Raises ValueError where nothing would be left to learn from.
    """
    if fraction == 0:
        return samples, None
    n = max(1, round(fraction * len(samples)))
    if n >= len(samples):
        raise ValueError(f"{fraction:g} of {len(samples)} samples cannot be held out: none would be left")
    order = np.random.default_rng([seed, _SPLIT_STREAM]).permutation(len(samples))
    judged, known = np.sort(order[:n]), np.sort(order[n:])
    return samples.subset(known), samples.subset(judged)


def unseen_part(module: Learner, samples: Some) -> Some:
    """The part of the samples of training that it held out.

    Raises ValueError where training held nothing out, or these are other samples.
    """
    fraction = module.recipe.training.validation
    if not fraction:
        raise ValueError("training has held nothing out: its training.validation is 0")
    if module.hparams.get("samples") != samples.fingerprint():
        raise ValueError(
            "these are not the samples of training, or they are read otherwise (labels, size, void), so that "
            "nobody knows which of them it held out"
        )
    return cast(Some, held_out(samples, fraction, module.recipe.seed)[1])


def read_checkpoint(path: Path, system: "System") -> dict[str, Any]:
    """Weights ("state_dict") and settings ("hyper_parameters") of a checkpoint of a system.

    Raises ValueError for no such file, or a file of another kind.
    """
    if not path.is_file():
        raise ValueError(f"no checkpoint {path}")
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        if not stored["state_dict"] or set(system.saved) - stored["hyper_parameters"].keys():
            raise KeyError("of another Lightning module")
    except Exception as error:
        raise ValueError(
            f"{path} is not a checkpoint of a {system.title} run, or damaged ({type(error).__name__}): "
            "`train` makes another where it is removed"
        ) from error
    return stored


def restore(module: Learner, stored: dict[str, Any], path: Path) -> None:
    """Give a module the weights of a checkpoint."""
    try:
        module.load_state_dict(stored["state_dict"])
    except RuntimeError as error:
        raise ValueError(f"the weights in {path} do not fit its recipe or the samples: {error}") from error


def fit(trainer: lightning.Trainer, module: Learner, folder: Path | None) -> None:
    """Train, from the last checkpoint in the folder if there is one, and leave `model.ckpt` in its place.

    Raises ValueError for a GPU without memory enough, KeyboardInterrupt after Ctrl-C; the last checkpoint is
    kept.
    """
    last = None if folder is None else folder / LAST
    with quiet(), _explained_memory(module.recipe.training.batch_size), _interruptible():
        start = str(last) if last is not None and last.exists() else None
        trainer.fit(module, ckpt_path=start, weights_only=True)
    if folder is not None:
        trainer.save_checkpoint(folder / CHECKPOINT, weights_only=True)


def tidy(folder: Path, scratch: Sequence[str] = ()) -> None:
    """Remove what a finished run no longer needs: the checkpoint that it would have resumed from, scratch."""
    for name in (LAST, *scratch):
        for left in (*folder.glob(name), *folder.glob(f".{name}.*.tmp")):
            left.unlink(missing_ok=True)


def make_trainer(
    module: Learner, device: str, callbacks: Sequence[lightning.Callback] = ()
) -> lightning.Trainer:
    """Lightning's trainer for the module's steps, on one device or, with torchrun, on several machines'.

    Raises ValueError for devices that are not there, or other processes of torchrun than the recipe asks for.
    """
    training, target = module.recipe.training, pick_device(device)
    devices = training.devices
    n_machines, on_each = _processes(devices)
    accelerator = "gpu" if target.type == "cuda" else "cpu"
    # What the processes tell one another travels on the CPU, gradients on the GPU.
    strategy = DDPStrategy(
        find_unused_parameters=True,
        broadcast_buffers=module.broadcast_buffers,
        process_group_backend="cpu:gloo,cuda:nccl" if accelerator == "gpu" else None,
    )
    if devices > 1:
        _leave_group_at_exit()
    chosen: Any = on_each
    if accelerator == "gpu" and devices == 1 and target.index is not None:
        chosen = [target.index]
    try:
        return lightning.Trainer(
            max_steps=module.n_steps,
            accelerator=accelerator,
            devices=chosen,
            num_nodes=n_machines,
            plugins=[AtomicCheckpoints()],
            strategy=strategy if devices > 1 else "auto",
            precision=training.precision,
            logger=False,
            use_distributed_sampler=False,
            enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in callbacks),
            enable_model_summary=False,
            enable_progress_bar=False,
            callbacks=list(callbacks),
        )
    except MisconfigurationException as error:
        raise ValueError(f"cannot train on {devices} devices: {error}") from error


@dataclass
class _Reported(lightning.Callback):
    """Tells how far a run is."""

    progress: Progress

    def on_train_batch_end(self, trainer: lightning.Trainer, module: Any, *_: Any) -> None:
        if trainer.is_global_zero:
            self.progress("training", trainer.global_step / module.n_steps)


class AtomicCheckpoints(TorchCheckpointIO):
    """Writes checkpoints beside where they go, not in a folder for temporary files that may be elsewhere."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike, storage_options: Any = None
    ) -> None:
        with atomic_write(path) as file:
            torch.save(checkpoint, file)

    def load_checkpoint(self, path: Any, *args: Any, **options: Any) -> dict[str, Any]:
        with _whole(path):
            return super().load_checkpoint(path, *args, **options)


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
    """Appends mean loss and wall seconds since the line before, and what the module reports, to a file."""

    path: Path
    losses: list[Any] = field(default_factory=list)
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
        if not module.reports_at(step):
            return
        now = time.perf_counter()
        line = {
            "step": step,
            "loss": sum(self.losses) / len(self.losses),
            "seconds": round(now - self.began, 3),
            **module.report(len(self.losses)),
        }
        if trainer.is_global_zero:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        self.losses.clear()
        self.began = now


def read_history(path: Path) -> list[dict[str, Any]]:
    """Lines of a run's history; none without a file. Raises ValueError for a line that is none."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if _step(line) == math.inf:
            raise ValueError(f"{path}: line {number} is damaged; remove it")
    return [json.loads(line) for line in lines]


def unfinished_step(folder: Path) -> int | None:
    """Step of the checkpoint that an unfinished run left, None without one; ValueError if it is damaged."""
    path = folder / LAST
    if not path.is_file():
        return None
    with _whole(path):
        return int(torch.load(path, map_location="cpu", mmap=True, weights_only=True)["global_step"])


@contextmanager
def _whole(path: str | os.PathLike) -> Iterator[None]:
    """Say of a checkpoint that cannot be read what it is, and how to go on without it."""
    try:
        yield
    except Exception as error:  # whatever torch makes of bytes that are none of its own
        raise ValueError(
            f"the checkpoint {path} of an unfinished run is damaged ({type(error).__name__}): remove it, and "
            "the same command starts the run from its beginning"
        ) from error


def _completed(kind: type, found: dict[str, Any]) -> dict[str, Any]:
    """What claims a folder, with the standard values of settings that the run in it is older than."""
    if not isinstance(found.get("recipe"), dict):
        raise ValueError(f"{RECIPE} holds no recipe")
    return found | {"recipe": plain(recipe_from(kind, found["recipe"]))}


@contextmanager
def told(folder: Path, say: Say, warn: Say, judge: str) -> Iterator[None]:
    """Says what happens to the run in a folder: resumed, stopped, finished already, trained.

    Parameters
    ----------
    folder : Path
        Of the run.
    say, warn : callable
        Print a line, of a stop with `warn`.
    judge : str
        Command that judges runs, "hyperclade evaluate selflabel".
    """
    began, finished = time.monotonic(), (folder / CHECKPOINT).exists()
    if not finished and (step := unfinished_step(folder)) is not None:
        say(f"Resuming the run in {folder} from step {step}")
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        step = unfinished_step(folder)
        kept = "No checkpoint was written yet" if step is None else f"The checkpoint of step {step} is kept"
        warn(f"Stopped. {kept}; the same command goes on with the run.")
        raise
    if finished:
        say(f"The run in {folder} is finished already")
    else:
        history = read_history(folder / HISTORY)
        loss = f", loss {history[-1]['loss']:.3f}" if history else ""
        say(f"Trained in {time.monotonic() - began:.0f} s{loss}")
    say(f"Written to {folder / CHECKPOINT}; `{judge} {folder}` judges it")


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
        return float(json.loads(line)["step"])
    except (ValueError, TypeError, KeyError):
        return math.inf


@functools.cache
def _leave_group_at_exit() -> None:
    """A process that ends with threads of its group running may be aborted, and torchrun then kills all."""

    def leave() -> None:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()

    atexit.register(leave)


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
