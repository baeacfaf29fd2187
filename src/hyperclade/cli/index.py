"""`hyperclade index`: make an index of images, texts or features, or bring one up to date."""

from typing import Literal


def index(
    source: str,
    *,
    out: str,
    model: str | None = None,
    metric: Literal["hyperbolic", "euclidean", "cosine"] | None = None,
    curvature: float = 0.1,
    tree: bool = True,
    rebuild: bool = False,
    batch_size: int = 64,
    seed: int = 0,
    device: str = "auto",
    progress: bool = True,
) -> None:
    """Make an index that `hyperclade query` asks, with a hierarchy over its items.

    Run again with the same options it brings the index up to date: of a folder of images, files that are new
    or have changed are embedded, and those that are gone are no longer answered with. A call that was stopped
    goes on where it was.

    Parameters
    ----------
    source : str
        Folder of images (their folders become labels), Parquet file of images, text file with a text a line,
        or feature file.
    out : str
        Folder of the index.
    model : str, optional
        Folder of a trained retrieval run, or an encoder: efficientnet-lite0 (default for images),
        all-minilm-l6-v2 (default for texts), or a transformers model by its Hugging Face name or local
        folder.
    metric : str, optional
        How features are compared (default: cosine); a model knows that itself.
    curvature : float
        c of hyperbolic features, those that `predict retrieval` has written.
    tree : bool
        Also find a hierarchy over the items.
    rebuild : bool
        Find lists and hierarchy anew, over all items.
    batch_size : int
        Images or texts at a time.
    seed : int
        Seed of lists and hierarchy.
    device : str
        auto, cpu, cuda or cuda:N.
    progress : bool
        Show a bar.
    """
    from hyperclade.cli.console import bar, console
    from hyperclade.data.opening import IMAGE_SUFFIXES, passed_over
    from hyperclade.progress import say_all, say_if, say_skipped
    from hyperclade.retrieval.index import Index

    with bar(progress) as (report, say):
        made, update = Index.build(
            source, out, model, metric=metric, curvature=curvature, tree=tree, rebuild=rebuild,
            batch_size=batch_size, device=device, random_state=seed, progress=report,
        )  # fmt: skip
        say_all(say, update.remarks)
        say_skipped(say, update.skipped, "inputs")
        say_if(say, passed_over(source, IMAGE_SUFFIXES))
    changes = f"{update.new:,} new, {update.changed:,} changed, {update.gone:,} gone"
    console().print(f"{len(made):,} items in {out}: {changes}, {len(update.skipped):,} skipped")
