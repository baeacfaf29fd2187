"""`hyperclade discover`: a hierarchy over every row of features, images or texts, written to a folder."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

_EMBEDDED = ("features.npy", "features.rows.parquet", "features.npy.skipped.csv")
_ENCODED = ("folder", "image table", "texts")
_GIVE = "a feature file, a folder or Parquet file of images, or a text file"
_SCALED = "scaled.npy"
_MOST_SHOWN = 4  # files, the first, that the last line names
_FEW_PRECLUSTERS = 20
_WIDE = 64  # characters of the table of scores, which are not to be cut short
_IN_MEMORY = 1 << 30  # bytes of scaled rows; those of larger memory maps lie in a file


def discover(
    data: str | None = None,
    out: str = "hierarchy",
    metric: Literal["euclidean", "cosine"] | None = None,
    scale: Literal["none", "standard", "minmax", "unit"] = "none",
    similarity: Literal["knn", "cosine", "euclidean", "softmax"] = "knn",
    cut: int | None = None,
    levels: str | None = None,
    height: float | None = None,
    preclusters: int | Literal["auto", "none"] = "auto",
    recall: float | None = None,
    labels: str | None = None,
    names: str | None = None,
    ids: str | None = None,
    features: list[str] | None = None,
    columns: str | Literal["auto"] | None = None,
    stop_words: str | None = None,
    encoder: str | None = None,
    background: str = "white",
    dim: int = 2,
    seed: int = 0,
    device: str = "auto",
    save_model: bool = False,
    overwrite: bool = False,
) -> None:
    """Find the hierarchy in features, images or texts, and write it to a folder.

    Parameters
    ----------
    data : str, optional
        Table of features (.npy, .npz, .parquet or a folder of such, .feather, .csv, .tsv, .jsonl, .vec, …),
        folder of images, Parquet file of images, or text file (.txt) with one text per line. Default: a
        bundled sample of everyday nouns.
    out : str
        Folder to write.
    metric : {"euclidean", "cosine"}, optional
        How rows are compared: euclidean (by distance) or cosine (by direction alone). Default: cosine with
        --similarity cosine, else euclidean.
    scale : {"none", "standard", "minmax", "unit"}
        What is done to the features first: standard (columns of mean 0 and variance 1), minmax (columns from
        0 to 1), unit (rows of length 1).
    similarity : {"knn", "cosine", "euclidean", "softmax"}
        What the tree keeps together: nearest neighbours (knn), or all rows by their cosine, their Euclidean
        distance, or a sharper softmax of the cosine.
    cut : int, optional
        Also label the rows by exactly this number of clusters, in column cut_K.
    levels : str, optional
        Also label them at these numbers of clusters (5,20,100), in columns level_5, level_20, …
    height : float, optional
        Also label them by the clusters that merge up to this height of the tree, in column height_H.
    preclusters : int or {"auto", "none"}
        Number of parts that the tree is built over before it is built inside each, for speed; "none": every
        row is a leaf from the start; "auto" decides by the number of rows. For a number of clusters see
        --cut.
    recall : float, optional
        Share of the true nearest neighbours to find among many rows, up to 1.
    labels : str, optional
        Column of the features, or file with a value per row. Used to evaluate, never to discover.
    names : str, optional
        Column of the features, or file with a value per row, to name rows and nodes by.
    ids : str, optional
        Column of the features, or file with a value per row (default: row numbers).
    features : list of str, optional
        Columns of the table that are features, by names or patterns ("x*"), or the array of an .npz. Default:
        the column of lists, or all columns of numbers without another role.
    columns : str or {"auto"}, optional
        Name nodes by the features that set them apart. Without a value by the names in the file (or f0, f1,
        …); with one by those in a text file, one per line; "none": never. Default: where features have names
        and rows have none.
    stop_words : str, optional
        Words in names of rows that name no node, beside the most frequent ones of large languages, which
        never do: word,word or a text file with one per line; "none" (alone, or first among them): these
        alone.
    encoder : str, optional
        For images and texts: efficientnet-lite0, all-minilm-l6-v2, or a transformers model by its Hugging
        Face name or local folder.
    background : str
        Colour that transparent parts of images are laid on, as CSS names it.
    dim : int
        Dimension of the Poincaré ball that the rows are placed in.
    seed : int
        Seed of all that is random.
    device : str
        auto, cpu, cuda or cuda:N.
    save_model : bool
        Keep the model in OUT, for `hyperclade assign`.
    overwrite : bool
        Replace OUT if it exists.
    """
    import numpy as np

    from hyperclade.cli.console import bar
    from hyperclade.data.atomic import atomic_directory
    from hyperclade.data.columns import named_columns, row_names
    from hyperclade.data.embedding import embed_beside
    from hyperclade.data.opening import IMAGE_SUFFIXES, passed_over, what_is
    from hyperclade.data.samples import read_or_sample
    from hyperclade.data.scaling import remarks, scaling_of
    from hyperclade.data.texts import listed_words
    from hyperclade.progress import say_all, say_if, say_skipped, timed
    from hyperclade.report.cuts import Cuts

    seconds: dict[str, float] = {}
    beside = {"labels": labels, "names": names, "ids": ids}
    source, target = None if data is None else Path(data), Path(out)
    asked = Cuts(cut, levels, height)
    asked.check()
    stopped = None if stop_words is None else listed_words(stop_words)
    if recall is not None and not 0 < recall <= 1:
        raise ValueError(f"--recall must be above 0 and at most 1, got {recall:g}")
    _check_target(target, source)
    with atomic_directory(target, overwrite=overwrite) as folder:
        embedded = None
        if source is not None and (encoder is not None or what_is(source, give=_GIVE) in _ENCODED):
            with timed(seconds, "embedding"):
                embedded = target.with_name(f"{target.name}.{_EMBEDDED[0]}")
                if embedded.exists() and not overwrite:
                    uses = f"`hyperclade discover {embedded}` uses it, --overwrite replaces it"
                    raise ValueError(f"{embedded} is left from an earlier run; {uses}")
                with bar() as (progress, say):
                    found = embed_beside(
                        source, embedded, encoder, beside,
                        background=background, device=device, overwrite=overwrite, progress=progress,
                    )  # fmt: skip
                    say_skipped(say, found.skipped, "inputs")
                    say_if(say, passed_over(source, IMAGE_SUFFIXES))
        with _kept(embedded), bar() as (progress, say):
            with timed(seconds, "reading", progress):
                table = read_or_sample(source, embedded, beside, features)
                titles, named_by = named_columns(table, columns)
            say_all(say, table.remarks)
            if stopped is not None and (named_by or row_names(table.names, table.ids) is None):
                say("warning: --stop-words changes nothing: no node is named by names of rows")
            X, n = table.features, table.features.shape[0]
            asked.check(n)
            if isinstance(k := preclusters, int):
                if not 1 <= k <= n:
                    raise ValueError(f"--preclusters must be from 1 to the number of rows, {n}, got {k}")
                if k < _FEW_PRECLUSTERS:
                    say(
                        f"warning: --preclusters {k} builds the tree over as many parts of equal size; "
                        f"for {k} natural clusters leave it out and say --cut {k}"
                    )
            with timed(seconds, "scaling", progress):
                scaling = scaling_of(X, scale)
                large = isinstance(X, np.memmap) and 4 * X.size > _IN_MEMORY
                rows = scaling.apply(X, out=folder / _SCALED if large else None)
                by_direction = (metric or similarity) == "cosine"
                for line in remarks(X, scaling, titles, by_direction=by_direction):
                    say(line)
            # Slow to import, so after the errors that come at once.
            from hyperclade.hierarchy import SHHC
            from hyperclade.report import Outcome, SavedDiscovery
            from hyperclade.report.media import media_of
            from hyperclade.report.page import PAGE, write_page

            model = SHHC(
                n_clusters=None if preclusters == "none" else preclusters,
                metric=metric,
                similarity=similarity,
                dim=dim,
                device=device,
                random_state=seed,
                progress=progress,
                **({} if recall is None else {"recall": recall}),
            ).fit(rows)
            if 2 * (equal := n - model.n_distinct_) > n:
                what = "all rows are equal" if equal == n - 1 else f"{equal:,} of {n:,} rows equal others"
                say(f"{what}; no layer tells equal rows apart")
            outcome = Outcome.of(
                model,
                table,
                rows,
                columns=named_by,
                stop_words=stopped,
                cuts=asked,
                title="everyday nouns" if source is None else source.name,
                facts={"input": "bundled nouns" if source is None else str(source)},
                settings={"scale": scale, "seed": seed},
                seconds=seconds,
                progress=progress,
            )
            if save_model:
                with timed(outcome.seconds, "writing", progress):
                    SavedDiscovery(model, scaling, titles).write(folder)
            with timed(outcome.seconds, "page", progress):
                media = media_of(None if source is None else str(source), say)
                write_page(folder / PAGE, outcome, media=media, progress=progress, say=say)
            summary = outcome.write(folder, progress, say)
            (folder / _SCALED).unlink(missing_ok=True)
            for name in _EMBEDDED if embedded is not None else ():
                path = target.with_name(f"{target.name}.{name}")
                if path.exists():
                    shutil.move(path, folder / name)
    _print(summary, outcome.outline(), target)


def _check_target(target: Path, source: Path | None) -> None:
    """What could be lost by replacing the folder `target` must be of this command's making."""
    if source is not None and target.exists() and target.resolve() in source.resolve().parents:
        raise ValueError(f"{source} lies in {target}, which would be replaced; choose another --out")
    if target.is_dir() and any(target.iterdir()):
        from hyperclade.report.outcome_folder import FILES
        from hyperclade.report.page import PAGE
        from hyperclade.report.saved import MODEL

        ours = {PAGE, *FILES, *_EMBEDDED, *([MODEL] if (target / MODEL / "model.json").exists() else [])}
        others = sorted({path.name for path in target.iterdir()} - ours)
        if others:
            raise ValueError(
                f"folder {target} holds files of other origin ({', '.join(others[:3])}); choose another --out"
            )


@contextmanager
def _kept(embedded: Path | None) -> Iterator[None]:
    """Say where the features are that an error or an interruption leaves behind."""
    try:
        yield
    except BaseException:
        if embedded is not None and embedded.exists():
            print(f"The features are kept: `hyperclade discover {embedded}` uses them.", file=sys.stderr)
        raise


def _print(summary: dict[str, Any], lines: list[str], target: Path) -> None:
    from hyperclade.cli.console import console, table
    from hyperclade.report.outcome_folder import FILES
    from hyperclade.report.page import PAGE
    from hyperclade.report.saved import MODEL
    from hyperclade.report.text import facts, scores

    on = console()
    on.print(table(("", ""), list(facts(summary).items()), left=2, header=False))
    if summary["evaluation"] is not None:
        title, columns, rows = scores(summary["evaluation"])
        on.print(f"\n{title}")
        console(_WIDE).print(table(columns, rows))
    on.print()
    for line in lines:
        on.print(line, overflow="ellipsis", no_wrap=True, soft_wrap=False)
    shown = [PAGE, *FILES[:_MOST_SHOWN], *([MODEL] if (target / MODEL).exists() else [])]
    others = len(summary["content"]["files"]) - _MOST_SHOWN
    on.print(f"\nWritten to {target}: {', '.join(shown)} and {others} more files")
