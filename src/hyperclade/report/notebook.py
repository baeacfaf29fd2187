"""`show`: the page of a hierarchy in a notebook, whole in its output, without a server."""

from __future__ import annotations

import html
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from hyperclade.data.features import FeatureTable
from hyperclade.report.media import Media, media_of
from hyperclade.report.outcome import Outcome
from hyperclade.report.page import page_text

if TYPE_CHECKING:
    from hyperclade.hierarchy.shhc import SHHC
    from hyperclade.trees.taxonomy import Taxonomy

_HEIGHT = 720  # pixels


def show(
    what: SHHC | Outcome | str | os.PathLike,
    X: Any = None,
    *,
    names: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    ids: ArrayLike | None = None,
    media: str | os.PathLike | None = None,
    beside: Outcome | Taxonomy | None = None,
    height: int = _HEIGHT,
) -> Shown:
    """The page to explore a hierarchy, in the output of a notebook's cell.

    The page is whole in the output, and is kept with the notebook.

    Parameters
    ----------
    what : SHHC, Outcome or path
        A fitted model, an outcome, or a folder of results of `hyperclade discover`.
    X : (n, d) array or sparse matrix
        The rows that a model was fitted to, which it does not keep. Of a data frame the columns name nodes.
    names, labels, ids : (n,) array, optional
        What is known of a model's rows: names name nodes, labels colour and judge the tree.
    media : path, optional
        Folder or Parquet file with the images or sounds that the ids name.
    beside : Outcome or Taxonomy, optional
        A second tree, as `write_page` has it.
    height : int
        Of the page, in pixels.

    Returns
    -------
    Shown
        Which a notebook draws.

    Raises
    ------
    ValueError
        A model without its rows; rows, names or labels with something else; or no outcome in the folder.

    Examples
    --------
    >>> from hyperclade.trees import Tree
    >>> show(Outcome(Tree([4, 4, 5, 5, 6, 6, -1])))
    <a page of 4 samples; a notebook shows it>
    """
    if height < 1:
        raise ValueError(f"height must be a number of pixels, 1 or more, got {height}")
    about = {"names": names, "labels": labels, "ids": ids}
    if isinstance(what, (str, os.PathLike, Outcome)):
        more = [name for name, own in {"X": X, **about}.items() if own is not None]
        if more:
            raise ValueError(
                f"{', '.join(more)} can be given with a fitted model only; an outcome has its own"
            )
        outcome = what if isinstance(what, Outcome) else Outcome.read(Path(what))
    else:
        outcome = _of_model(what, X, about)
    say = partial(print, file=sys.stderr)
    found = media_of(outcome.facts.get("input"), say) if media is None else Media(media)
    return Shown(outcome.tree.n_leaves, page_text(outcome, beside=beside, media=found, say=say), height)


class Shown:
    """A page that a notebook shows in a frame of its own, apart from all else.

    Attributes
    ----------
    page : str
        The HTML document.
    height : int
    """

    def __init__(self, n: int, page: str, height: int = _HEIGHT) -> None:
        self._n, self.page, self.height = n, page, height

    def __repr__(self) -> str:
        return f"<a page of {self._n:,} samples; a notebook shows it>"

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{html.escape(self.page)}" sandbox="allow-scripts allow-downloads" '
            f'title="hierarchy of {self._n:,} samples" width="100%" height="{self.height}" '
            'style="border: 0"></iframe>'
        )


def _of_model(model: SHHC, X: Any, about: dict[str, Any]) -> Outcome:
    if not hasattr(model, "tree_"):
        raise ValueError(
            f"show takes a fitted SHHC, an Outcome or a folder of results, got {type(model).__name__}"
            + (", which is not fitted" if hasattr(model, "fit") else "")
        )
    if X is None:
        raise ValueError("show(model, X): give the rows that the model was fitted to; it does not keep them")
    columns = [str(name) for name in X.columns] if hasattr(X, "columns") else None
    rows = X if hasattr(X, "tocsr") else np.asarray(X)
    n = model.tree_.n_leaves
    if rows.ndim != 2 or rows.shape[0] != n:
        raise ValueError(f"X must be the {n:,} rows that the model was fitted to, got shape {rows.shape}")
    known = {role: None if own is None else _values(own, role, n) for role, own in about.items()}
    table = FeatureTable(rows, known["ids"], known["labels"], known["names"])
    return Outcome.of(model, table, columns=columns)


def _values(values: Any, role: str, n: int) -> np.ndarray:
    own = np.asarray(values) if role == "ids" else np.asarray(values, dtype=object)
    if own.shape != (n,):
        raise ValueError(f"{role} must be one for each of the {n:,} rows, got shape {own.shape}")
    return own
