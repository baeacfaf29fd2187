"""`hyperclade report`: the page of a hierarchy, rebuilt from what `hyperclade discover` has written."""

from dataclasses import replace
from pathlib import Path


def report(
    folder: str,
    *,
    media: str | None = None,
    beside: str | None = None,
    title: str | None = None,
    out: str | None = None,
) -> None:
    """Rebuild the page to explore a hierarchy in a browser, with thumbnails and sounds, or beside another.

    Parameters
    ----------
    folder : str
        Results of `hyperclade discover`.
    media : str, optional
        Folder of the images, sounds or clips that the ids name, or Parquet file of images. Default: what
        the hierarchy was found in, where it is still there and holds images.
    beside : str, optional
        A second tree over the same samples: another folder of results, matched by ids; or a taxonomy over
        the classes that the labels name (a file or a bundled one such as cifar100).
    title : str, optional
        Title of the page.
    out : str, optional
        HTML file to write, which must not be there. Default: report.html in the folder, replaced.
    """
    from hyperclade.cli.console import bar, console
    from hyperclade.data.taxonomies import read_taxonomy
    from hyperclade.report.media import Media, media_of
    from hyperclade.report.outcome import Outcome
    from hyperclade.report.page import PAGE, write_page

    target = Path(folder) / PAGE if out is None else Path(out)
    if out is not None:
        _check_target(target)
    given = None if media is None else Media(media)
    outcome = Outcome.read(folder)
    other = None
    if beside is not None:
        other = Outcome.read(beside) if Path(beside).is_dir() else read_taxonomy(beside)
    if title is not None:
        outcome = replace(outcome, title=title)
    with bar() as (progress, say):
        if given is None:
            given = media_of(outcome.facts.get("input"), say)
        write_page(target, outcome, beside=other, media=given, progress=progress, say=say)
    console().print(f"Written: {target} ({target.stat().st_size / 2**20:.1f} MiB)")


def _check_target(target: Path) -> None:
    if target.exists():
        raise ValueError(f"{target} exists already; choose another --out")
    if not target.parent.is_dir():
        raise ValueError(f"there is no folder {target.parent} to write {target.name} to")
