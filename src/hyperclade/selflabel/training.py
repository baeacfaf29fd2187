"""Training runs in a folder: start, stop, resume, load."""

import json
import logging
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

import pytorch_lightning as lightning
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.strategies import DDPStrategy

from hyperclade.data.atomic import atomic_write
from hyperclade.data.paired import PairedSet
from hyperclade.encoders.pretrained import pick_device
from hyperclade.selflabel.config import Recipe
from hyperclade.selflabel.module import SelfLabelling, plain
from hyperclade.selflabel.recipes import recipe_from

CHECKPOINT, LAST, RECIPE, HISTORY = "model.ckpt", "last.ckpt", "recipe.json", "history.jsonl"


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

    A run that was killed goes on from its last checkpoint with the very steps it would have made; a finished
    one is loaded.

    Args:
        recipe: system, encoders, training, seed.
        pairs: what to learn from; class labels among them are never looked at.
        out: folder for `model.ckpt` (weights, labels, trees), `recipe.json` and `history.jsonl` (loss and
            labelling by step).
        device: "auto", "cpu", "cuda" or "cuda:N".
        warm_start: `model.ckpt` of another run whose towers to start from.
        progress: show a bar.
        callbacks: more callbacks of Lightning.

    Raises:
        ValueError: the folder holds a run of another recipe or other pairs; too few pairs; a device that is
            not there or whose memory does not suffice; a warm start that does not fit.
        KeyboardInterrupt: after Ctrl-C; the last checkpoint is kept.
    """
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file, cannot write a run there")
    module = SelfLabelling(recipe, pairs)
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder, recipe, pairs)
    if (folder / CHECKPOINT).exists():
        _restore(module, folder / CHECKPOINT)
        return module
    last = folder / LAST
    if warm_start is not None and not last.exists():
        _adopt_towers(module, Path(warm_start))
    with _quiet(), _explained_memory(recipe), _interruptible():
        trainer = _trainer(recipe, module, folder, device, progress, callbacks)
        trainer.fit(module, ckpt_path=str(last) if last.exists() else None, weights_only=True)
    trainer.save_checkpoint(folder / CHECKPOINT, weights_only=True)
    if trainer.is_global_zero:
        last.unlink(missing_ok=True)
    return module.eval()


def load(path: str | os.PathLike, pairs: PairedSet | None = None, *, device: str = "cpu") -> SelfLabelling:
    """A trained module in evaluation mode, from `model.ckpt` or the folder that holds it.

    Args:
        path: of the checkpoint or its folder.
        pairs: those it was trained on, if training is to go on; not needed for features and evaluation.
        device: to load it to.

    Raises:
        ValueError: no such file, an unfinished run, or a file that is not such a checkpoint.
    """
    path = Path(path)
    if path.is_dir():
        if not (path / CHECKPOINT).exists() and (path / LAST).exists():
            raise ValueError(f"the run in {path} is not finished: give `train` the same options to resume it")
        path = path / CHECKPOINT
    stored = _read(path)
    settings = stored["hyper_parameters"]
    module = SelfLabelling(
        recipe_from(settings["recipe"]),
        pairs,
        frame_channels=settings["frame_channels"],
        n_pairs=settings["n_pairs"],
    )
    module.load_state_dict(stored["state_dict"])
    return module.to(pick_device(device)).eval()


def _claim(folder: Path, recipe: Recipe, pairs: PairedSet) -> None:
    """Write down what the folder is for; refuse one that is for something else."""
    wanted = {"recipe": plain(asdict(recipe)), "n_pairs": len(pairs), "frames": list(pairs.frames.shape[1:])}
    path = folder / RECIPE
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        if found != wanted:
            what = ", ".join(sorted(_differences(found, wanted)))
            raise ValueError(f"{folder} holds a run with another {what}; choose another folder or remove it")
    elif any(not entry.name.startswith(f".{RECIPE}.") for entry in folder.iterdir()):
        raise ValueError(f"{folder} is not empty and holds no run; choose another folder")
    else:
        with atomic_write(path, "w") as file:
            json.dump(wanted, file, indent=1)


def _differences(a: Any, b: Any, prefix: str = "") -> Iterator[str]:
    for key in a.keys() | b.keys():
        if isinstance(a.get(key), dict) and isinstance(b.get(key), dict):
            yield from _differences(a[key], b[key], f"{prefix}{key}.")
        elif a.get(key) != b.get(key):
            yield f"{prefix}{key}".removeprefix("recipe.")


def _restore(module: SelfLabelling, path: Path) -> None:
    module.load_state_dict(_read(path)["state_dict"])
    module.eval()


def _adopt_towers(module: SelfLabelling, path: Path) -> None:
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


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ValueError(f"no checkpoint {path}")
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        assert {"state_dict", "hyper_parameters"} <= stored.keys()
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
    accelerator = "gpu" if target.type == "cuda" else "cpu"
    # Features travel between processes on the CPU, gradients on the GPU. Labels are too large to send at
    # every # step, and statistics of normalisation are made equal before they are used.
    strategy = DDPStrategy(
        find_unused_parameters=True,
        broadcast_buffers=False,
        process_group_backend="cpu:gloo,cuda:nccl" if accelerator == "gpu" else None,
    )
    devices: Any = training.devices
    if accelerator == "gpu" and not distributed and target.index is not None:
        devices = [target.index]
    return lightning.Trainer(
        max_steps=module.n_steps,
        accelerator=accelerator,
        devices=devices,
        strategy=strategy if distributed else "auto",
        precision=training.precision,
        logger=False,
        use_distributed_sampler=False,
        enable_model_summary=False,
        enable_progress_bar=progress,
        callbacks=[
            ModelCheckpoint(
                folder,
                filename=LAST.removesuffix(".ckpt"),
                every_n_train_steps=training.checkpoint_every,
                save_top_k=1,
                monitor=None,
                enable_version_counter=False,
            ),
            History(folder / HISTORY),
            *callbacks,
        ],
    )


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
                file.writelines(line for line in lines if json.loads(line)["step"] <= trainer.global_step)
        self.began = time.perf_counter()

    def on_train_batch_end(self, trainer: lightning.Trainer, module: Any, outputs: Any, *_: Any) -> None:
        self.losses.append(float(outputs["loss"]))
        step = trainer.global_step
        if trainer.is_global_zero and (step in module.relabel_at or step == module.n_steps):
            now = time.perf_counter()
            line = {
                "step": step,
                "loss": sum(self.losses) / len(self.losses),
                "seconds": round(now - self.began, 3),
                **module.labelling_report,
            }
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            self.losses.clear()
            self.began = now


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
            f"the GPU ran out of memory: lower --training.batch_size (now {recipe.training.batch_size}), "
            "--training.precision bf16-mixed halves activations, or choose --device cpu. "
            "The last checkpoint is kept and the run resumes from it"
        ) from error
