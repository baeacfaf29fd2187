"""`hyperclade evaluate recognition`: judge a trained method on labelled samples."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperclade.cli.train_recognition import read_samples
from hyperclade.recognition.config import Source

if TYPE_CHECKING:
    from hyperclade.data.labelled import LabelledSet
    from hyperclade.data.masks import MaskedSet
    from hyperclade.recognition.module import Recognition

_MEASURES = {
    "map": "MAP, mean over samples of average precision",
    "micro_ap": "micro-AP, of all cells in one ranking",
    "cv": "CV, edges whose child scores above the parent",
    "cv_closure": "CV as MBM's program counts",
    "cmap": "CMAP, the better of the two below",
    "cmap_min": "CMAP by minima over ancestors",
    "cmap_max": "CMAP by maxima over descendants",
}


def evaluate_recognition(
    checkpoint: str,
    *,
    data: str,
    source: Source,
    split: str | None = None,
    cost: bool = False,
    out: str | None = None,
    device: str = "auto",
    progress: bool = True,
) -> None:
    """Judge the scores of a trained method: MAP, coherence, mistakes; of pixels, mIoU by level.

    Args:
        checkpoint: Folder of a finished run, or its model.ckpt.
        data: As for training: imclef07a, imclef07d, cifar100, camvid, or a file or folder.
        source: How files are read; images are brought to the size of those in training by default.
        split: Of imclef07a and others by name: train, test (the default), val. Of all data that were trained
            on, validation: the part that training held out of them.
        cost: Also measure parameters (those used in training alone included), FLOPs and samples a second.
        out: JSON file for all figures.
        device: auto, cpu, cuda or cuda:N.
        progress: Show a bar.
    """
    from rich.console import Console

    from hyperclade.recognition import evaluation
    from hyperclade.recognition.sources import NAMED
    from hyperclade.recognition.training import load

    console = Console(highlight=False, markup=False, soft_wrap=True)
    module = load(checkpoint, device=device)
    if split is None and data in NAMED:
        split = "test"
    samples = _samples(module, data, split, source)
    figures: dict[str, Any] = {"checkpoint": str(checkpoint), "data": data, "split": split}
    figures |= evaluation.evaluate(module, samples, progress=progress)
    if "levels" in figures:
        _print_levels(console, figures)
    else:
        _print_scores(console, figures)
    if cost:
        figures["cost"] = evaluation.cost(module, samples)
        parameters, flops, speed = figures["cost"].values()
        console.print(
            f"{parameters / 1e6:.2f} M parameters, those used in training alone included; "
            f"{flops / 1e9:.3f} GFLOPs a sample (a multiplication and an addition are two), {speed:.2f} "
            "samples a second, one at a time"
        )
    if out is not None:
        from hyperclade.data.atomic import atomic_write

        with atomic_write(Path(out), "w") as file:
            json.dump(figures, file, indent=1, allow_nan=False)
            file.write("\n")
        console.print(f"Written to {out}")


def trained_source(module: "Recognition", source: Source) -> Source:
    """How to read samples like those in training: images of their size, masks of their classes."""
    names, nodes = module.task.taxonomy.names, module.task.class_nodes
    return replace(
        source,
        size=source.size or module.task.size,
        classes=source.classes or ([names[node] for node in nodes] or None),
    )


def _samples(
    module: "Recognition", data: str, split: str | None, source: Source
) -> "LabelledSet | MaskedSet":
    from hyperclade.recognition.training import unseen_part

    unseen = split == "validation"
    source = trained_source(module, source)
    samples = read_samples(data, None if unseen else split, source, module.task.taxonomy)
    return unseen_part(module, samples) if unseen else samples


def _print_scores(console: Any, figures: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    for name, title in _MEASURES.items():
        table.add_row(title, f"{100 * figures[name]:.2f} %")
    mistakes = figures.get("mistakes", {})
    for name, value in mistakes.items():
        if name == "top1_error":
            table.add_row("top-1 error", f"{100 * value:.2f} %")
        elif name == "mistake_distance":
            shown = "–" if value is None else f"{value:.3f}"
            table.add_row("hierarchical distance of mistakes", shown)
        elif name != "n_samples":
            table.add_row(f"hierarchical distance {name.removeprefix('distance')}", f"{value:.3f}")
    console.print(f"{figures['n_samples']:,} samples, {figures['n_nodes']:,} nodes")
    console.print(table)


def _print_levels(console: Any, figures: dict[str, Any]) -> None:
    console.print(f"{figures['n_samples']:,} images, {100 * figures['pixel_accuracy']:.2f} % of pixels right")
    for level in figures["levels"]:
        console.print(f"mIoU of level {level['level']}: {100 * level['mean_iou']:.2f} %")
        found = level["iou"].items()
        console.print(
            "  " + ", ".join(f"{name} {'–' if iou is None else f'{100 * iou:.1f}'}" for name, iou in found)
        )
