"""`hyperclade train recognition`: train a method on samples labelled with nodes of a taxonomy."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hyperclade.cli.runs import run_in_folder
from hyperclade.recognition.config import Backbone, Method, Recipe, Source, Training

if TYPE_CHECKING:
    from hyperclade.data.labelled import LabelledSet
    from hyperclade.data.masks import MaskedSet
    from hyperclade.trees.taxonomy import Taxonomy

_NAMED = 5  # that a list names before it says how many more there are


def train_recognition(
    *,
    data: str,
    out: str,
    method: Method,
    backbone: Backbone,
    training: Training,
    source: Source,
    seed: int = 0,
    device: str = "auto",
    progress: bool = True,
) -> None:
    """Train a method of structured recognition: HVSA, leaf softmax, HXE, HSSN and others.

    `--config` takes a preset by name, or a YAML file; of several, each is laid over those before it, and
    options on the command line over all. A run that was stopped goes on when started again alike.

    Args:
        data: imclef07a, imclef07d, cifar100, camvid, ARFF or feature file, folder of images, Parquet or CSV
            file that lists images.
        out: Folder for the run: model.ckpt, recipe.json, history.jsonl.
        method: How nodes are scored from features.
        backbone: What turns images into features.
        training: How long and how.
        source: How files are read.
        seed: Seed of all that is random.
        device: auto, cpu, cuda or cuda:N.
        progress: Show a bar.
    """
    from rich.console import Console

    from hyperclade.recognition.training import train

    console = Console(highlight=False, markup=False, soft_wrap=True)
    recipe = Recipe(method, backbone, training, seed)
    samples = read_samples(data, None, source)
    console.print(_about(recipe, samples))
    empty = samples.empty_classes()
    if empty:
        _print_list(f"{len(empty)} classes without samples:", empty)
    run_in_folder(
        console,
        Path(out),
        lambda: train(recipe, samples, out, device=device, progress=progress),
        "hyperclade evaluate recognition",
    )


def read_samples(
    data: str, split: str | None, source: Source, taxonomy: "Taxonomy | None" = None
) -> "LabelledSet | MaskedSet":
    """Samples by `load_samples`, with lines about what was left out or completed."""
    from hyperclade.recognition.sources import load_samples

    samples = load_samples(data, split, taxonomy=taxonomy, source=source)
    if samples.skipped:
        about = tuple(f"{name}: {reason}" for name, reason in samples.skipped)
        _print_list(f"{len(about)} images skipped:", about)
    completed = getattr(samples, "completed", 0)
    if completed:
        print(f"{completed} samples lacked ancestors of their labels; completed", file=sys.stderr)
    return samples


def _print_list(title: str, lines: tuple[str, ...]) -> None:
    print(title, file=sys.stderr)
    for line in lines[:_NAMED]:
        print(f"  {line}", file=sys.stderr)
    if len(lines) > _NAMED:
        print(f"  … and {len(lines) - _NAMED} more", file=sys.stderr)


def _about(recipe: Recipe, samples: "LabelledSet | MaskedSet") -> str:
    from hyperclade.recognition.module import Task

    task, training = Task.of(samples), recipe.training
    if task.size is None:
        what = f"{task.n_features} features"
    else:
        what = f"images of {task.size[0]} × {task.size[1]}"
        if task.kind == "pixels":
            what = f"pixels of {what}"
        if recipe.backbone.name is not None:
            what += f" by {'frozen ' if recipe.backbone.frozen else ''}{recipe.backbone.name}"
            what += f", {recipe.backbone.head} head" if task.kind == "pixels" else ""
    taxonomy = task.taxonomy
    return (
        f"{len(samples):,} samples ({what}), {len(taxonomy):,} nodes, {len(taxonomy.leaves):,} of them "
        f"leaves, {int(taxonomy.depth.max()) + 1} levels\n{recipe.method.name}; {training.epochs:g} epochs, "
        f"seed {recipe.seed}"
    )
