"""`hyperclade reproduce crossmodal`: the published systems side by side over seeds, in the papers' tables."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hyperclade.cli.runs import read_changes
from hyperclade.cli.train_selflabel import read_pairs
from hyperclade.selflabel.sources import AVDIGITS, Media

if TYPE_CHECKING:
    from hyperclade.selflabel.reproduce import Comparison

_SYSTEMS = ["random", "l3", "deepcluster", "xdc", "sela", "selavi", "shhc"]


def reproduce_crossmodal(
    *,
    out: str,
    media: Media,
    data: str = AVDIGITS,
    test_data: str | None = None,
    systems: list[str] = _SYSTEMS,
    seeds: list[int] = [0, 1, 2],  # noqa: B006 - read only
    overlays: list[str] | None = None,
    settings: str | None = None,
    merge_to: list[int] | None = None,
    probe: list[float] = [0.01, 0.1],  # noqa: B006
    fine_tune: float | None = 0.1,
    n_pairs: int | None = None,
    wrong_pairs: float = 0.0,
    noisy: Literal["vision", "audio"] | None = None,
    noise: float = 1.0,
    head: Literal["mean", "chosen", "oracle"] = "mean",
    jobs: int = 1,
    device: str = "auto",
) -> None:
    """Train and judge all systems on sound and vision, and print the papers' tables of them.

    All systems of a seed start from one L3 and learn for as long from the same pairs. What is finished in OUT
    is not done again, so a stopped comparison goes on when started again alike.

    Args:
        out: Folder for the runs and tables.json.
        media: Decoding of clips.
        data: "avdigits", CSV file or folder of clips; labels are used to judge alone.
        test_data: Clips to judge by; needed unless DATA is avdigits.
        systems: Of random (an untrained encoder), l3, deepcluster, xdc, sela, selavi, shhc.
        seeds: Of pairs, weights and order.
        overlays: Presets laid over each system's; default: avdigits for the data of that name.
        settings: YAML file laid over all, with the parts system, encoders and training.
        merge_to: Numbers of clusters to merge to by the trees; default: 20 and 10 for avdigits.
        probe: Fractions of labels for linear probes; `--probe` alone for none.
        fine_tune: Fraction of labels for fine-tuning; null for none.
        n_pairs: Learn from so many pairs, drawn at random.
        wrong_pairs: AV digits: fraction of the training pairs whose sound is another digit.
        noisy: AV digits: modality to degrade.
        noise: AV digits: noise over signal in the degraded modality.
        head: Whose figures to print of several heads: their mean, the one of least training loss, or the best
            by the classes.
        jobs: Runs at a time, each with its share of the cores.
        device: auto, cpu, cuda or cuda:N.
    """
    from rich.console import Console

    from hyperclade.data.atomic import atomic_write
    from hyperclade.selflabel.reproduce import Comparison, cluster_table, compare, downstream_table

    console = Console(highlight=False, markup=False, soft_wrap=True)
    digits = data == AVDIGITS
    if not digits and test_data is None:
        raise ValueError("clips have no test split: give --test_data")
    unknown = [name for name in systems if name not in _SYSTEMS]
    if unknown or not systems or not seeds:
        raise ValueError(f"--systems takes any of {', '.join(_SYSTEMS)}, and --seeds at least one number")
    if jobs < 1:
        raise ValueError(f"--jobs must be at least 1, got {jobs}")
    options: dict[str, Any] = {"n_pairs": n_pairs}
    if digits:
        options |= {"wrong_pairs": wrong_pairs, "noisy": noisy, "noise": noise}
    else:
        # The runs find all decoded, so how it is done is no part of what is compared.
        options |= {"media": replace(media, rebuild=False, retry_skipped=False, n_workers=None)}
    comparison = Comparison(
        data=data,
        test_data=test_data,
        options=options,
        overlays=tuple(overlays if overlays is not None else ["avdigits"] if digits else []),
        changes=read_changes(settings, ("system", "encoders", "training")),
        merge_to=tuple(merge_to if merge_to is not None else [20, 10] if digits else []),
        fractions=tuple(probe),
        tune_fraction=fine_tune,
    )
    _check(comparison, systems)
    _check_pairs(comparison, systems, media, seeds[0])
    folder = Path(out)
    _claim(folder, comparison)
    results = compare(
        comparison, folder, systems=systems, seeds=seeds, device=device, jobs=jobs, say=console.print
    )
    tables = {"clusters": cluster_table(results, head=head), "downstream": downstream_table(results)}
    with atomic_write(folder / "tables.json", "w") as file:
        json.dump({"head": head, "seeds": list(seeds)} | tables, file, indent=1)
        file.write("\n")
    _print_clusters(console, tables["clusters"], len(seeds))
    _print_downstream(console, tables["downstream"], len(seeds))
    console.print(f"\nWritten to {folder / 'tables.json'}")


def _check(comparison: "Comparison", systems: list[str]) -> None:
    """Settings that make no sense show before any of the work is done."""
    for system in systems:
        try:
            recipe = comparison.recipe(system, 0)
        except TypeError as error:
            raise ValueError(f"settings of {system}: {error}") from error
        if recipe.training.devices != 1:
            raise ValueError("a comparison trains each system on one device: leave training.devices at 1")
        wrong = [k for k in comparison.merge_to if not 1 <= k <= recipe.system.n_clusters]
        if wrong:
            raise ValueError(f"can merge to 1 … {recipe.system.n_clusters} clusters, not to {wrong[0]}")


def _check_pairs(comparison: "Comparison", systems: list[str], media: Media, seed: int) -> None:
    """Decode all clips, and see that the pairs are enough to train and to judge."""
    from hyperclade.selflabel.evaluation import labelled

    options = {name: value for name, value in comparison.options.items() if name != "media"}
    known = read_pairs(comparison.data, "train", media, random_state=seed, **options)
    source = comparison.test_data or comparison.data
    judged = read_pairs(source, "test", media, random_state=seed, class_names=known.class_names)
    for system in systems:
        wanted = comparison.recipe(system, seed).system
        if wanted.labeller != "none" and len(known) < wanted.n_clusters:
            raise ValueError(f"{len(known)} pairs cannot make the {wanted.n_clusters} clusters of {system}")
    needed = [(source, judged)]
    if comparison.fractions or comparison.tune_fraction is not None:
        needed.append((comparison.data, known))
    for data, pairs in needed:
        try:
            labelled(pairs)
        except ValueError as error:
            raise ValueError(f"{data}: {error}") from error


def _claim(folder: Path, comparison: "Comparison") -> None:
    """Write down what the folder compares; refuse one that compares something else."""
    from hyperclade.data.atomic import atomic_write

    wanted = json.loads(json.dumps(asdict(comparison)))
    path = folder / "comparison.json"
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        other = [name for name in wanted if found.get(name) != wanted[name]]
        if other:
            raise ValueError(
                f"{folder} compares something else (other {', '.join(other)}); choose another --out"
            )
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is not an empty folder and holds no comparison; choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, "w") as file:
        json.dump(wanted, file, indent=1)
        file.write("\n")


def _print_clusters(console: Any, rows: list[dict[str, Any]], n_seeds: int) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("model", no_wrap=True)
    table.add_column("")
    for name in ("clusters", "ceiling", "NMI", "ARI", "accuracy"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        measures = (_with_sd(row[name], n_seeds) for name in ("nmi", "ari", "hungarian_accuracy"))
        table.add_row(row["model"], row["view"], str(row["clusters"]), f"{row['ceiling']:.3f}", *measures)
    console.print(f"\nClusters of test pairs against their classes, mean{_over(n_seeds)}")
    console.print(table)
    console.print("ceiling: of the NMI of so many clusters of equal size")


def _print_downstream(console: Any, rows: list[dict[str, Any]], n_seeds: int) -> None:
    from rich.table import Table

    if not rows:
        return
    table = Table(box=None, pad_edge=False)
    for name in ("model", "test"):
        table.add_column(name, no_wrap=True)
    for name in ("labels", "V", "A", "AV"):
        table.add_column(name, justify="right", no_wrap=True)
    names = {"probe": "linear probe", "tuned": "fine-tuned"}
    for row in rows:
        accuracies = (_with_sd(row[view], n_seeds) for view in ("V", "A", "AV"))
        table.add_row(row["model"], names[row["kind"]], f"{100 * row['fraction']:g} %", *accuracies)
    console.print("\nAccuracy on labelled tasks")
    console.print(table)


def _with_sd(value: tuple[float, float], n_seeds: int) -> str:
    mean, sd = value
    return f"{100 * mean:.1f} ± {100 * sd:.1f}" if n_seeds > 1 else f"{100 * mean:.1f}"


def _over(n_seeds: int) -> str:
    return f" ± standard deviation over {n_seeds} seeds, in %" if n_seeds > 1 else ", in %"
