"""`report.html`: an outcome as one self-contained page to explore and correct in a browser.

The program of the page, built from `web/`, ships as `page.html` beside this module; here its data is put into
it: arrays as little-endian bytes, texts in blocks, all compressed, in elements that the page reads when it
needs them. What the elements hold is listed in the head (element `hc-head`). Nothing of it is markup.
"""

from __future__ import annotations

import base64
import io
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hyperclade.data.atomic import atomic_write
from hyperclade.environment import IntArray
from hyperclade.progress import Progress, Say, counted, say_if
from hyperclade.report.beside import aligned
from hyperclade.report.branches import main_branches
from hyperclade.report.media import Media
from hyperclade.report.outcome import Outcome
from hyperclade.report.partition import Partition
from hyperclade.report.text import facts, scores
from hyperclade.trees.tree import Tree, canonical_order

if TYPE_CHECKING:
    from hyperclade.trees.taxonomy import Taxonomy

PAGE = "report.html"
_MARKER = "<!--hyperclade:data-->"
_PER_BLOCK = 8192  # strings
_LEVEL = 4  # of compression; higher ones take far longer for the last percent
_MARKUP = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&"}
_MOST_CATEGORIES = 1000
_MOST_VALUES = 4_000_000  # in columns beside the labels, some 4.6 bytes each


def write_page(
    path: str | os.PathLike,
    outcome: Outcome,
    *,
    beside: Outcome | Taxonomy | None = None,
    media: Media | None = None,
    progress: Progress | None = None,
    say: Say | None = None,
) -> None:
    """Write an outcome as a page, whole or not at all.

    Parameters
    ----------
    path : path
        Of the HTML file.
    outcome : Outcome
    beside : Outcome or Taxonomy, optional
        A second tree over the same samples, which are matched by their ids; or one over the classes that
        their labels name. Samples that one lacks are in neither tree of the page.
    media : Media, optional
        Where thumbnails and sounds are made from.
    progress, say : callable, optional
        What the page lacks is said.

    Raises
    ------
    ValueError
        The samples of the two trees cannot be matched.
    """
    with atomic_write(Path(path), "w") as file:
        _write(file.write, outcome, beside, media, progress, say)


def page_text(
    outcome: Outcome,
    *,
    beside: Outcome | Taxonomy | None = None,
    media: Media | None = None,
    say: Say | None = None,
) -> str:
    """What `write_page` writes, as a text."""
    text = io.StringIO()
    _write(text.write, outcome, beside, media, None, say)
    return text.getvalue()


def _write(
    write: Callable[[str], Any],
    outcome: Outcome,
    beside: Outcome | Taxonomy | None,
    media: Media | None,
    progress: Progress | None,
    say: Say | None,
) -> None:
    text = (files("hyperclade.report") / "page.html").read_text(encoding="utf-8")
    before, after = text.split(_MARKER)
    pair = None if beside is None else aligned(outcome, beside, say)
    outcomes = [outcome] if pair is None else [pair.one, pair.two]
    write(before)
    elements = _Elements(write)
    head = {
        **_about(outcomes[0], say),
        "trees": [_tree(own, elements) for own in outcomes],
        **_samples(outcomes[0], elements, say),
        **_media(outcomes[0], media, elements, progress, say),
        "agreement": None,
    }
    if pair is not None:
        one, two = (own.title.partition("\n") for own in outcomes)
        if one[0] == two[0] and one[2] and two[2]:  # what sets them apart stands below
            head["trees"][0]["title"], head["trees"][1]["title"] = one[2], two[2]
        head["agreement"] = None if np.isnan(pair.mean) else {"mean": pair.mean}
        for tree, (_, jaccard) in zip(head["trees"], pair.matches, strict=True):
            tree["match"] = elements.numbers(jaccard, "float32")
    write(f'<script type="application/json" id="hc-head">{_json(head)}</script>\n')
    write(after)


def _json(value: Any) -> str:
    """JSON without a sign that could end its element."""
    return json.dumps(value, allow_nan=False).translate(_MARKUP)


class _Elements:
    """Writes blocks of data as elements, and gives the head their descriptions."""

    def __init__(self, write: Callable[[str], Any]) -> None:
        self._write = write
        self._count = 0

    def numbers(self, values: ArrayLike, dtype: str) -> dict[str, Any]:
        """An array as bytes in planes, which compress better than numbers."""
        array = np.ascontiguousarray(values, dtype=np.dtype(dtype).newbyteorder("<"))
        name = self._block(array.reshape(-1, 1).view(np.uint8).T.tobytes())
        return {"id": name, "dtype": dtype, "length": array.size, "filter": "shuffle"}

    def strings(self, values: Iterable[Any]) -> dict[str, Any]:
        """Texts as JSON arrays of at most so many; what is missing is empty."""
        texts = ("" if value is None or value != value else str(value) for value in values)
        count, ids = 0, []
        while own := list(islice(texts, _PER_BLOCK)):
            ids.append(self._block(json.dumps(own).encode()))
            count += len(own)
        return {"count": count, "per": _PER_BLOCK, "ids": ids}

    def file(self, name: str, kind: str, content: bytes) -> None:
        """The content of a file, not compressed once more."""
        text = base64.b64encode(content).decode()
        self._write(f'<script type="text/plain" id="hc-{name}" data-type="{kind}">{text}</script>\n')

    def _block(self, content: bytes) -> str:
        name = f"b{self._count}"
        self._count += 1
        text = base64.b64encode(zlib.compress(content, _LEVEL)).decode()
        self._write(f'<script type="text/plain" id="hc-{name}">{text}</script>\n')
        return name


def _about(outcome: Outcome, say: Say | None) -> dict[str, Any]:
    """What the page is about."""
    title, _, subtitle = outcome.title.partition("\n")
    try:
        lines = _facts(outcome)
    except (TypeError, ValueError, LookupError, AttributeError):  # of a summary edited by hand
        say_if(say, "facts and scores left out of the page: they are not as hyperclade writes them")
        lines = []
    return {
        "format": "hyperclade-page",
        "version": 1,
        "title": title or counted(outcome.tree.n_leaves, "sample"),
        "subtitle": subtitle,
        "facts": lines,
    }


def _facts(outcome: Outcome) -> list[list[str]]:
    """How the tree was found, and the scores of each flat clustering, as titles and texts."""
    told = facts(
        {
            **outcome.facts,
            **outcome.settings,
            "layers": [{"clusters": len(own.nodes)} for own in outcome.layers],
            "seconds": outcome.seconds,
        }
    )
    lines = [[name, str(text)] for name, text in told.items()]
    if outcome.evaluation is not None:
        against, (_, *measures), rows = scores(outcome.evaluation)
        lines.append(["labels", against])
        for name, *values in rows:
            own = zip(measures, values, strict=True)
            lines.append([name, ", ".join(f"{measure} {value}" for measure, value in own)])
    return lines


def _tree(outcome: Outcome, elements: _Elements) -> dict[str, Any]:
    tree, costs, parts = outcome.tree, outcome.cost_shares, outcome.parts
    named = {**outcome.shown_names, **outcome.node_names}
    about = {*named, *outcome.exemplars, *outcome.borderline}
    told = np.array(sorted(node for node in about if node >= tree.n_leaves), dtype=np.int64)
    return {
        "title": outcome.title.partition("\n")[0],
        "n": tree.n_leaves,
        "m": tree.n_nodes,
        "fingerprint": tree.fingerprint,
        "parent": elements.numbers(tree.parent, "int32"),
        "height": elements.numbers(tree.height[tree.n_leaves :], "float64"),
        "splits": _splits(tree, elements),
        "branches": main_branches(tree).tolist(),
        "layers": [{"title": own.column, "k": len(own.nodes)} for own in _stops(outcome)],
        "told": elements.numbers(told, "int32") if len(told) else None,
        "names": elements.strings(named.get(node, "") for node in told.tolist()) if named else None,
        "typical": _rows([outcome.exemplars.get(node, ()) for node in told.tolist()], elements),
        "borderline": _rows([outcome.borderline.get(node, ()) for node in told.tolist()], elements),
        "cost": None if costs is None else elements.numbers(costs, "float32"),
        "parts": None
        if parts is None
        else {
            "nodes": elements.numbers(parts.nodes, "int32"),
            "rows": elements.numbers(parts.rows, "float32"),
            "dim": parts.rows.shape[1],
        },
        "match": None,
    }


def _splits(tree: Tree, elements: _Elements) -> dict[str, Any] | None:
    """The inner nodes in canonical order, where that is not the order of their ids."""
    order = canonical_order(tree.parent, tree.height)[tree.n_leaves :]
    if np.array_equal(order, np.arange(tree.n_leaves, tree.n_nodes)):
        return None
    return elements.numbers(order, "int32")


def _rows(rows: Sequence[Sequence[int] | IntArray], elements: _Elements) -> dict[str, Any] | None:
    """Lists of leaves, filled up with −1."""
    width = max(map(len, rows), default=0)
    if width == 0:
        return None
    table = np.full((len(rows), width), -1, dtype=np.int32)
    for row, own in zip(table, rows, strict=True):
        row[: len(own)] = own
    return {"width": width, "block": elements.numbers(table, "int32")}


def _stops(outcome: Outcome) -> list[Partition]:
    """The partitions that are cuts of the tree into so many clusters, coarse to fine, each number once."""
    cuts = [own for own in (*outcome.cuts, *outcome.layers) if _is_cut(outcome.tree, own)]
    by_number = {len(own.nodes): own for own in cuts}
    return [own for _, own in sorted(by_number.items())]


def _is_cut(tree: Tree, partition: Partition) -> bool:
    nodes = partition.nodes
    return np.array_equal(np.sort(nodes), np.sort(tree.cut_nodes(len(nodes))))


def _samples(outcome: Outcome, elements: _Elements, say: Say | None) -> dict[str, Any]:
    n, ids, names = outcome.tree.n_leaves, outcome.ids, outcome.names
    if ids is not None and ids.dtype.kind in "iu" and np.array_equal(ids, np.arange(n)):
        ids = None
    return {
        "ids": None if ids is None else elements.strings(ids.tolist()),
        "names": None if names is None else elements.strings(names.tolist()),
        "columns": _with_own_titles(_columns(outcome, elements, say)),
        "labels": outcome.labels is not None,
    }


def _columns(outcome: Outcome, elements: _Elements, say: Say | None) -> Iterator[dict[str, Any]]:
    """What samples may be coloured by: labels, flat clusters that are no cuts, further values."""
    if outcome.labels is not None:
        yield _category("label", *_coded(outcome.labels), elements)
    for own in (*outcome.layers, *outcome.cuts):
        if not _is_cut(outcome.tree, own):
            named = [outcome.node_names.get(node) or label for label, node in enumerate(own.nodes.tolist())]
            yield _category(own.column, own.labels, named, elements)
    left, most = [], _MOST_VALUES // outcome.tree.n_leaves
    for title, values in outcome.values.items():
        array = np.asarray(values)
        if most <= 0:
            left.append(title)
        elif array.dtype.kind in "iuf":
            most -= 1
            yield {"title": title, "kind": "number", "codes": elements.numbers(_numbers(array), "float32")}
        else:
            codes, categories = _coded(array)
            if len(categories) > _MOST_CATEGORIES:
                left.append(title)
                continue
            most -= 1
            yield _category(title, codes, categories, elements)
    if left:
        say_if(say, f"{counted(len(left), 'column')} left out of the page, for its size: {', '.join(left)}")


def _with_own_titles(columns: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Columns of which none is called as another, or as what the page can colour by without them."""
    told, taken = [], {"branch", "layer", "agreement"}
    for column in columns:
        title = column["title"]
        while title in taken:
            title += " (column)"
        taken.add(title)
        told.append({**column, "title": title})
    return told


def _coded(values: ArrayLike) -> tuple[IntArray, list[Any]]:
    """Distinct values and their numbers, −1 where there is none."""
    codes, distinct = pd.factorize(np.asarray(values, dtype=object), sort=False)
    return codes, list(distinct)


def _category(title: str, codes: IntArray, values: Iterable[Any], elements: _Elements) -> dict[str, Any]:
    return {
        "title": title,
        "kind": "category",
        "values": elements.strings(values),
        "codes": elements.numbers(codes, "int32"),
    }


def _numbers(values: NDArray) -> NDArray[np.float32]:
    """Numbers with NaN for what no scale can show."""
    with np.errstate(over="ignore"):
        numbers = values.astype(np.float32)
    return np.where(np.isfinite(numbers), numbers, np.float32(np.nan))


def _media(
    outcome: Outcome, media: Media | None, elements: _Elements, progress: Progress | None, say: Say | None
) -> dict[str, Any]:
    """Thumbnails and sounds, and the leaves that have one."""
    leaves: dict[str, list[int]] = {"image": [], "sound": []}
    if media is not None:
        for item in media.of(outcome, progress, say):
            elements.file(f"{item.kind[0]}{item.leaf}", item.type, item.content)
            leaves[item.kind].append(item.leaf)
    return {
        f"{kind}s": elements.numbers(np.sort(own), "int32") if own else None for kind, own in leaves.items()
    }
