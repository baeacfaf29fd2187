"""`hyperclade train selflabel`: train a self-labelling system on pairs of frames and sounds."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hyperclade.cli.runs import run_in_folder
from hyperclade.selflabel.config import Encoders, Recipe, System, Training
from hyperclade.selflabel.sources import AVDIGITS, Media, cache_folder, load_pairs

if TYPE_CHECKING:
    from hyperclade.data.paired import PairedSet


def train_selflabel(
    *,
    data: str,
    out: str,
    system: System,
    encoders: Encoders,
    training: Training,
    media: Media,
    n_pairs: int | None = None,
    wrong_pairs: float = 0.0,
    noisy: Literal["vision", "audio"] | None = None,
    noise: float = 1.0,
    warm_start: str | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: bool = True,
) -> None:
    """Train a system that labels sound and vision itself: L3, DeepCluster, XDC, SeLa, SeLaVi, sHHC.

    `--config` takes a preset by name, or a YAML file; of several, each is laid over those before it, and
    options on the command line over all. A run that was stopped goes on when started again alike.

    Args:
        data: "avdigits", CSV file of clips (path, start, end, label), or folder of media files.
        out: Folder for the run: model.ckpt, recipe.json, history.jsonl.
        system: The system: whose labels, who learns them, in which space.
        encoders: The network of each modality.
        training: How long and how.
        media: Decoding of clips.
        n_pairs: Learn from so many pairs, drawn at random.
        wrong_pairs: AV digits: fraction of the pairs whose sound is another digit.
        noisy: AV digits: modality to degrade.
        noise: AV digits: noise over signal in the degraded modality.
        warm_start: Finished run whose towers to start from (its folder or model.ckpt).
        seed: Seed of all that is random.
        device: auto, cpu, cuda or cuda:N.
        progress: Show bars.
    """
    from rich.console import Console

    from hyperclade.selflabel.training import train

    console = Console(highlight=False, markup=False, soft_wrap=True)
    recipe = Recipe(system, encoders, training, seed)
    pairs = read_pairs(
        data,
        "train",
        media,
        n_pairs=n_pairs,
        wrong_pairs=wrong_pairs,
        noisy=noisy,
        noise=noise,
        random_state=seed,
        bar=progress,
    )
    console.print(_about(recipe, pairs))
    run_in_folder(
        console,
        Path(out),
        lambda: train(recipe, pairs, out, device=device, warm_start=warm_start, progress=progress),
        "hyperclade evaluate selflabel",
    )


def read_pairs(
    data: str,
    split: str,
    media: Media,
    *,
    n_pairs: int | None = None,
    wrong_pairs: float = 0.0,
    noisy: Literal["vision", "audio"] | None = None,
    noise: float = 1.0,
    random_state: int = 0,
    class_names: tuple[str, ...] = (),
    bar: bool = True,
) -> "PairedSet":
    """Pairs by `load_pairs`, with a bar, and a line about the clips that could not be read."""
    with _decoding_bar(bar and data != AVDIGITS) as progress:
        pairs = load_pairs(
            data,
            split,
            n_pairs=n_pairs,
            wrong_pairs=wrong_pairs,
            noisy=noisy,
            noise=noise,
            random_state=random_state,
            media=media,
            class_names=class_names,
            progress=progress,
        )
    if data != AVDIGITS:
        _print_skipped(cache_folder(data, media))
    return pairs


def _about(recipe: Recipe, pairs: "PairedSet") -> str:
    system, training = recipe.system, recipe.training
    frames, sounds = (" × ".join(map(str, media.shape[1:])) for media in (pairs.frames, pairs.sounds))
    if system.labeller == "none":
        what = "correspondence alone"
    else:
        tree = f", hierarchies in the {system.geometry} of dimension {system.dim}" if system.hierarchy else ""
        heads = f"{system.n_heads} heads" if system.n_heads > 1 else "1 head"
        what = f"{system.labeller} labels ({system.teacher}), {system.n_clusters} clusters, {heads}{tree}"
    return (
        f"{len(pairs):,} pairs: frames {frames}, sounds {sounds}\n"
        f"{what}; {training.warmup_epochs:g} + {training.epochs:g} epochs, seed {recipe.seed}"
    )


def _print_skipped(cache: Path) -> None:
    from hyperclade.data.clip_cache import skipped_clips

    skipped = skipped_clips(cache)
    if not len(skipped):
        return
    print(f"{len(skipped)} clips skipped, listed in {cache / 'skipped.csv'}:", file=sys.stderr)
    for clip in skipped.head(5).itertuples():
        print(f"  {clip.path}: {clip.reason}", file=sys.stderr)
    if len(skipped) > 5:
        print(f"  … and {len(skipped) - 5} more", file=sys.stderr)


@contextmanager
def _decoding_bar(shown: bool) -> Iterator[Callable[[str, float], None] | None]:
    if not shown:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("decoding", total=1.0)
        yield lambda stage, fraction: bar.update(task, description=stage, completed=fraction)
