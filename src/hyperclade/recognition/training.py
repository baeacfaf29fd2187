"""Training runs: start, stop, resume, load."""

import hashlib
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as lightning
import torch

from hyperclade.data.atomic import atomic_write
from hyperclade.data.image_rows import ImageRows
from hyperclade.data.labelled import LabelledSet
from hyperclade.data.masks import MaskedSet
from hyperclade.environment import pick_device
from hyperclade.learning import runs
from hyperclade.learning.runs import CHECKPOINT, HISTORY, LAST, LastCheckpoint
from hyperclade.recognition.config import Recipe
from hyperclade.recognition.embedding import embed
from hyperclade.recognition.evaluation import evaluate
from hyperclade.recognition.module import Recognition, Task
from hyperclade.recognition.recipes import recipe_from
from hyperclade.recognition.sources import Samples, held_out

FEATURES = "features.npy"  # of the frozen backbone, for the time of the run
_SETTINGS = {"recipe", "task"}  # without which a module cannot be made
_MAY_CHANGE = {f"training.{name}" for name in ("precision", "n_workers", "checkpoint_every")}
_DIGESTED = 64


def train(
    recipe: Recipe,
    samples: LabelledSet | MaskedSet,
    out: str | os.PathLike | None = None,
    *,
    device: str = "auto",
    progress: bool = True,
    callbacks: tuple[lightning.Callback, ...] = (),
    features: np.ndarray | None = None,
) -> Recognition:
    """Train a method on labelled samples, in a folder that a later call with the same arguments resumes from.

    A run that was killed goes on from its last checkpoint, which is minutes old at most, with the very steps
    it would have made; a finished one is loaded. Precision, reading processes and intervals of checkpoints
    may differ from call to call; another precision, of course, makes other steps.

    Args:
        recipe: method, backbone, training, seed.
        samples: to learn from, but for the part that `recipe.training.validation` holds out.
        out: folder for `model.ckpt` (weights, taxonomy), `recipe.json` and `history.jsonl` (loss by epoch,
            judgements of the part held out). None to write nothing, with the same outcome.
        device: "auto", "cpu", "cuda" or "cuda:N". For several, `recipe.training.devices` names their number;
            torchrun has to start as many processes, on one machine or more.
        progress: show a bar.
        callbacks: more callbacks of Lightning.
        features: `(n, d)` of the images by the frozen backbone, where they are known; default: compute them.

    Raises:
        ValueError: the folder holds a run of another recipe or other samples; a method's settings that do not
            fit; too few samples; a device that is not there or whose memory does not suffice; processes of
            torchrun that are not as many as devices.
        KeyboardInterrupt: after Ctrl-C; the last checkpoint is kept.
    """
    folder = None if out is None else Path(out)
    if folder is not None and folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file, cannot write a run there")
    embeds = Task.of(samples).kind == "images" and recipe.backbone.frozen
    if features is not None and (not embeds or len(features) != len(samples)):
        raise ValueError("features must be those of the samples, which are images for a frozen backbone")
    validation = recipe.training.validation
    known, unseen = held_out(samples, validation, recipe.seed)
    module = Recognition(recipe, Task.of(samples), known)
    about = module.hparams["samples"] = described(samples)
    finished = folder is not None and (folder / CHECKPOINT).exists()
    history = _History(folder / HISTORY, judged=unseen) if folder is not None else None
    if folder is not None and history is not None:
        last = LastCheckpoint(folder / LAST, recipe.training.checkpoint_every)
        callbacks = (last, history, *callbacks)
    with runs.quiet():
        trainer = None if finished else _trainer(module, pick_device(device), progress, callbacks)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        wanted = {"recipe": runs.plain(asdict(recipe)), "samples": about}
        runs.claim(folder, wanted, _MAY_CHANGE)
        if trainer is None:
            module.keep_average()
            _restore(module, _read(folder / CHECKPOINT), folder / CHECKPOINT)
            _tidy(folder)
            return module.eval()
    assert trainer is not None
    if isinstance(samples, LabelledSet) and embeds:
        if features is None:
            samples = _embedded(samples, recipe, folder, device, progress)
        else:
            samples = replace(samples, inputs=features)
        known, unseen = held_out(samples, validation, recipe.seed)
        module.learn_from(known)
        if history is not None:
            history.judged = unseen
    runs.fit(trainer, module, folder, recipe.training.batch_size)
    if folder is not None and trainer.is_global_zero:
        _tidy(folder)
    return module.eval()


def load(path: str | os.PathLike, *, device: str = "cpu") -> Recognition:
    """A trained module in evaluation mode, from `model.ckpt` or the folder that holds it.

    Args:
        path: of the checkpoint or its folder.
        device: to load it to.

    Raises:
        ValueError: no such file, an unfinished run, or a file that is not such a checkpoint.
    """
    path = runs.finished_checkpoint(Path(path))
    stored = _read(path)
    settings = stored["hyper_parameters"]
    module = Recognition(
        recipe_from(settings["recipe"]),
        Task.from_settings(settings["task"]),
        blueprint=settings.get("blueprint"),
    )
    module.hparams["samples"] = settings.get("samples")
    _restore(module, stored, path)
    return module.to(pick_device(device)).eval()


def unseen_part(module: Recognition, samples: Samples) -> Samples:
    """The part of the samples of training that it held out.

    Args:
        module: trained.
        samples: all those that `train` was given.

    Raises:
        ValueError: training held nothing out, or these are other samples.
    """
    fraction = module.recipe.training.validation
    if not fraction:
        raise ValueError("training has held nothing out: its training.validation is 0")
    if module.hparams.get("samples") != described(samples):
        raise ValueError(
            "these are not the samples of training, or they are read otherwise (labels, size, void), so that "
            "nobody knows which of them it held out"
        )
    judged = held_out(samples, fraction, module.recipe.seed)[1]
    assert judged is not None
    return judged


@dataclass
class _History(runs.History):
    """A line an epoch: also the parts of the loss and, now and then, the judgement of what is held out."""

    judged: LabelledSet | MaskedSet | None = None

    def due(self, module: Recognition, step: int) -> bool:
        return step % module.steps_per_epoch == 0 or step == module.n_steps

    def report(self, module: Recognition) -> dict[str, Any]:
        step, training = module.trainer.global_step, module.recipe.training
        epoch = step / module.steps_per_epoch
        line: dict[str, Any] = {"epoch": round(epoch, 3)}
        line |= {name: float(total) / len(self.losses) for name, total in module.loss_parts.items()}
        module.loss_parts.clear()
        last = step == module.n_steps
        if self.judged is not None and (last or epoch % training.validate_every == 0):
            line["validation"] = evaluate(module, self.judged)
        return line


def described(samples: LabelledSet | MaskedSet) -> dict[str, Any]:
    """What tells samples apart: their number, and a digest of ids, taxonomy, labels and a few inputs.

    Not of all inputs, which may not fit into memory.
    """
    some = np.linspace(0, len(samples) - 1, _DIGESTED).astype(np.int64)
    taxonomy = samples.taxonomy
    digest = hashlib.sha256("\0".join((*samples.ids, *taxonomy.names)).encode(errors="surrogateescape"))
    if isinstance(samples, MaskedSet):
        parts = [samples.class_nodes, samples.images.read(some), samples.masks.read(some)]
    else:
        inputs = samples.inputs
        parts = [samples.labels, inputs.read(some) if isinstance(inputs, ImageRows) else inputs[some]]
    for part in (taxonomy.edges, *parts):
        digest.update(np.ascontiguousarray(part).tobytes())
    return {"number": len(samples), "content": digest.hexdigest()}


def _embedded(
    samples: LabelledSet, recipe: Recipe, folder: Path | None, device: str, progress: bool
) -> LabelledSet:
    """With features for images, which the folder keeps until the run is finished."""
    path = None if folder is None else folder / FEATURES
    if path is not None and path.exists():
        return replace(samples, inputs=np.load(path, allow_pickle=False))
    found = embed(samples, recipe.backbone, device=device, progress=progress)
    if path is not None:
        with atomic_write(path) as file:
            np.save(file, np.asarray(found.inputs), allow_pickle=False)
    return found


def _tidy(folder: Path) -> None:
    runs.tidy(folder)
    for left in (folder / FEATURES, *folder.glob(f".{FEATURES}.*.tmp")):
        left.unlink(missing_ok=True)


def _trainer(
    module: Recognition, target: torch.device, progress: bool, callbacks: tuple[lightning.Callback, ...]
) -> lightning.Trainer:
    training = module.recipe.training
    return runs.make_trainer(
        module.n_steps,
        target,
        devices=training.devices,
        precision=training.precision,
        progress=progress,
        callbacks=callbacks,
    )


def _restore(module: Recognition, stored: dict[str, Any], path: Path) -> None:
    try:
        module.load_state_dict(stored["state_dict"])
    except RuntimeError as error:
        raise ValueError(f"the weights in {path} do not fit its recipe or the samples: {error}") from error


def _read(path: Path) -> dict[str, Any]:
    return runs.read_checkpoint(path, _SETTINGS, "recognition")
