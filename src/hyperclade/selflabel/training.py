"""Training runs in a folder: start, stop, resume, load."""

import hashlib
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as lightning
import torch

from hyperclade.data.paired import PairedSet
from hyperclade.environment import pick_device
from hyperclade.learning import runs
from hyperclade.learning.runs import CHECKPOINT, HISTORY, LAST, RECIPE, LastCheckpoint, plain
from hyperclade.selflabel.config import Recipe
from hyperclade.selflabel.module import SelfLabelling
from hyperclade.selflabel.recipes import recipe_from

__all__ = ["CHECKPOINT", "HISTORY", "LAST", "RECIPE", "History", "load", "train"]

_SETTINGS = {"recipe", "frame_channels", "n_pairs"}  # without which a module cannot be made
_MAY_CHANGE = {f"training.{name}" for name in ("precision", "n_workers", "checkpoint_every")}
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
    finished = (folder / CHECKPOINT).exists()
    with runs.quiet():
        trainer = None if finished else _trainer(recipe, module, folder, device, progress, callbacks)
    folder.mkdir(parents=True, exist_ok=True)
    runs.claim(folder, _wanted(recipe, pairs, started_from), _MAY_CHANGE)
    if trainer is None:
        _restore(module, _read(folder / CHECKPOINT), folder / CHECKPOINT)
        runs.tidy(folder)
    else:
        runs.fit(trainer, module, folder, recipe.training.batch_size)
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
    path = runs.finished_checkpoint(Path(path))
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


def _wanted(recipe: Recipe, pairs: PairedSet, started_from: str | None) -> dict[str, Any]:
    """What decides the outcome of a run."""
    return {
        "recipe": plain(asdict(recipe)),
        "pairs": {
            "number": len(pairs),
            "frame_shape": list(pairs.frames.shape[1:]),
            "sound_shape": list(pairs.sounds.shape[1:]),
            "content": _content(pairs),
        },
        "warm_start": started_from,
    }


def _content(pairs: PairedSet) -> str:
    """Digest of names, rows, and the media of a few pairs: memory-mapped ones may not fit into memory."""
    some = np.linspace(0, len(pairs) - 1, _DIGESTED_PAIRS).astype(np.int64)
    frames, sounds = pairs.frames[pairs.frame_rows[some]], pairs.sounds[pairs.sound_rows[some]]
    digest = hashlib.sha256("\0".join(pairs.ids).encode(errors="surrogateescape"))
    for part in (pairs.frame_rows, pairs.sound_rows, frames, sounds):
        digest.update(part.tobytes())
    return digest.hexdigest()


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
    return runs.read_checkpoint(path, _SETTINGS, "self-labelling")


def _trainer(
    recipe: Recipe,
    module: SelfLabelling,
    folder: Path,
    device: str,
    progress: bool,
    callbacks: tuple[lightning.Callback, ...],
) -> lightning.Trainer:
    training = recipe.training
    last = LastCheckpoint(folder / LAST, training.checkpoint_every)
    return runs.make_trainer(
        module.n_steps,
        pick_device(device),
        devices=training.devices,
        precision=training.precision,
        progress=progress,
        callbacks=(last, History(folder / HISTORY), *callbacks),
        # Labels are too large to send at every step; statistics of normalisation are made equal before use.
        broadcast_buffers=False,
    )


@dataclass
class History(runs.History):
    """A line for each labelling: also what it changed."""

    def due(self, module: SelfLabelling, step: int) -> bool:
        return step in module.relabel_at or step == module.n_steps

    def report(self, module: SelfLabelling) -> dict[str, Any]:
        return module.labelling_report
