"""`hyperclade apply`: corrections made by hand in the page of a hierarchy, taken back into its results."""

from pathlib import Path


def apply(folder: str, edits: str, *, out: str, classes: int | None = None, overwrite: bool = False) -> None:
    """Apply edits of a hierarchy, and write the new one to a folder as `hyperclade discover` does.

    The folder also has classes to learn: taxonomy.csv, whose leaves are the clusters of a cut under what is
    above them, the column class of assignments.parquet, and classes.parquet, with the class of each row of
    the data (none for a row that was dropped). `hyperclade train recognition` takes them as --source.taxonomy
    OUT/taxonomy.csv --source.labels OUT/classes.parquet.

    Parameters
    ----------
    folder : str
        Results of `hyperclade discover` or `hyperclade apply`.
    edits : str
        JSON file of edits, as the page of the results exports it.
    out : str
        Folder to write; another than that of the results.
    classes : int, optional
        Number of classes. Default: of the cut that was shown when the edits were exported, or else of the
        finest layer.
    overwrite : bool
        Replace OUT if it exists.
    """
    from hyperclade.cli.console import bar, console, table
    from hyperclade.data.atomic import atomic_directory
    from hyperclade.data.store import check_replaceable
    from hyperclade.progress import counted
    from hyperclade.report.edited import FILES, write_edited
    from hyperclade.report.media import media_of
    from hyperclade.report.page import PAGE, write_page
    from hyperclade.trees.edits import read_edits

    source, target = Path(folder), Path(out)
    for path in (source, Path(edits)):
        if target.resolve() in (path.resolve(), *path.resolve().parents):
            raise ValueError(f"{path} would be replaced by --out {target}; choose another folder")
    check_replaceable(target, {PAGE, *FILES})
    wanted = read_edits(edits)
    with atomic_directory(target, overwrite=overwrite) as new, bar() as (progress, say):
        summary, outcome, made = write_edited(source, new, wanted, classes, progress=progress, say=say)
        media = media_of(outcome.facts.get("input"), say)
        write_page(new / PAGE, outcome, media=media, progress=progress, say=say)
    about = summary["edited"]
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in about["by_kind"].items())
    rows = counted(len(outcome.tree), "row")
    on = console()
    told = {
        "edits": f"{about['edits']:,}{f' ({kinds})' if kinds else ''}",
        "rows": f"{rows}, {about['rows_dropped']:,} dropped",
        "layers": ", ".join(f"{len(layer.nodes):,}" for layer in outcome.layers) + " clusters",
        "classes": f"{len(made.names):,}, under {len(made.edges) - len(made.names):,} other nodes",
    }
    on.print(table(("", ""), list(told.items()), left=2, header=False))
    on.print()
    for line in outcome.outline():
        on.print(line, overflow="ellipsis", no_wrap=True, soft_wrap=False)
    written = [name for name in (PAGE, *FILES) if (target / name).exists()]
    on.print(f"\nWritten to {target}: {', '.join(written)}")
