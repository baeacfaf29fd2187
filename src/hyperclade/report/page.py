"""`report.html`: an outcome as one self-contained page to explore and correct in a browser.

The program of the page, built from `web/`, ships as `page.html` beside this module; here its data is put into
it: arrays as little-endian bytes, texts in blocks, all compressed, in elements that the page reads when it
needs them. What the elements hold is listed in the head (element `hc-head`). Nothing of it is markup.
"""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hyperclade.data.atomic import atomic_write
from hyperclade.progress import Progress
from hyperclade.report.branches import main_branches
from hyperclade.report.outcome import Outcome
from hyperclade.trees.tree import Tree, canonical_order

PAGE = "report.html"
_MARKER = "<!--hyperclade:data-->"
_PER_BLOCK = 8192  # strings
_LEVEL = 6  # of compression
_MARKUP = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&"}


def write_page(path: str | os.PathLike, outcome: Outcome, progress: Progress | None = None) -> None:
    """Write an outcome as a page, whole or not at all.

    Parameters
    ----------
    path : path
        Of the HTML file.
    outcome : Outcome
    progress : callable, optional
    """
    before, after = _template()
    with atomic_write(Path(path), "w") as file:
        file.write(before)
        elements = _Elements(file.write)
        head = _head(outcome, elements)
        file.write(f'<script type="application/json" id="hc-head">{_json(head)}</script>\n')
        file.write(after)


def _template() -> tuple[str, str]:
    text = (files("hyperclade.report") / "page.html").read_text(encoding="utf-8")
    before, after = text.split(_MARKER)
    return before, after


def _json(value: Any) -> str:
    """JSON without a sign that could end its element."""
    return json.dumps(value, allow_nan=False).translate(_MARKUP)


class _Elements:
    """Writes blocks of data as elements, and gives the head their descriptions."""

    def __init__(self, write: Callable[[str], Any]) -> None:
        self._write = write
        self._count = 0

    def numbers(self, values: NDArray, dtype: str) -> dict[str, Any]:
        """An array as bytes in planes, which compress better than numbers."""
        array = np.ascontiguousarray(values, dtype=np.dtype(dtype).newbyteorder("<"))
        planes = array.reshape(-1, 1).view(np.uint8).T
        name = self._block(planes.tobytes())
        return {"id": name, "dtype": dtype, "length": array.size, "filter": "shuffle"}

    def strings(self, values: Iterable[str]) -> dict[str, Any]:
        """Texts as JSON arrays of at most so many."""
        own = list(values)
        ids = [
            self._block(json.dumps(own[start : start + _PER_BLOCK]).encode())
            for start in range(0, len(own), _PER_BLOCK)
        ]
        return {"count": len(own), "per": _PER_BLOCK, "ids": ids}

    def _block(self, content: bytes) -> str:
        name = f"b{self._count}"
        self._count += 1
        text = base64.b64encode(zlib.compress(content, _LEVEL)).decode()
        self._write(f'<script type="text/plain" id="hc-{name}">{text}</script>\n')
        return name


def _head(outcome: Outcome, elements: _Elements) -> dict[str, Any]:
    title, _, subtitle = outcome.title.partition("\n")
    return {
        "format": "hyperclade-page",
        "version": 1,
        "title": title or f"{outcome.tree.n_leaves:,} samples",
        "subtitle": subtitle,
        "facts": [],
        "trees": [_tree(outcome, elements)],
        "ids": None if outcome.ids is None else elements.strings(map(str, outcome.ids)),
        "names": None if outcome.names is None else elements.strings(map(str, outcome.names)),
        "columns": list(_columns(outcome, elements)),
        "labels": outcome.labels is not None,
        "images": None,
        "sounds": None,
    }


def _tree(outcome: Outcome, elements: _Elements) -> dict[str, Any]:
    tree = outcome.tree
    told = np.array(sorted(outcome.node_names), dtype=np.int64)
    return {
        "title": "",
        "n": tree.n_leaves,
        "m": tree.n_nodes,
        "fingerprint": tree.fingerprint,
        "parent": elements.numbers(tree.parent, "int32"),
        "height": elements.numbers(tree.height[tree.n_leaves :], "float64"),
        "splits": _splits(tree, elements),
        "branches": main_branches(tree).tolist(),
        "layers": [{"title": own.column, "k": len(own.nodes)} for own in outcome.layers],
        "told": elements.numbers(told, "int32"),
        "names": elements.strings(outcome.node_names[node] for node in told.tolist()),
        "typical": _rows([outcome.exemplars.get(node, ()) for node in told.tolist()], elements),
        "borderline": None,
        "cost": None,
        "parts": None,
    }


def _splits(tree: Tree, elements: _Elements) -> dict[str, Any] | None:
    """The inner nodes in canonical order, where that is not the order of their ids."""
    order = canonical_order(tree.parent, tree.height)[tree.n_leaves :]
    if np.array_equal(order, np.arange(tree.n_leaves, tree.n_nodes)):
        return None
    return elements.numbers(order, "int32")


def _rows(rows: Sequence[Sequence[int] | NDArray], elements: _Elements) -> dict[str, Any] | None:
    """Lists of leaves, filled up with −1."""
    width = max(map(len, rows), default=0)
    if width == 0:
        return None
    table = np.full((len(rows), width), -1, dtype=np.int32)
    for row, own in zip(table, rows, strict=True):
        row[: len(own)] = own
    return {"width": width, "block": elements.numbers(table, "int32")}


def _columns(outcome: Outcome, elements: _Elements) -> Iterator[dict[str, Any]]:
    """What samples may be coloured by."""
    if outcome.labels is not None:
        codes, values = pd.factorize(np.asarray(outcome.labels, dtype=object), sort=False)
        yield {
            "title": "label",
            "kind": "category",
            "values": elements.strings(map(str, values)),
            "codes": elements.numbers(codes, "int32"),
        }
