"""ARFF files: features, and samples labelled with nodes of a taxonomy.

| attribute | features |
|---|---|
| numeric, real, integer | one column; a missing value (`?`) is the mean of the known ones |
| nominal, `{a,b}` | a column for each value, as the header orders them, 1 where a row has it; missing: 0 |
| string, date | left out |
| hierarchical | the labels; no feature |

The header lists the nodes of a hierarchical attribute as paths, `1,1/2,1/2/7`, or, as the sets of the Gene
Ontology do, the edges of a graph, `root/GO1,GO1/GO2,GO1/GO3`. Labels of rows are then paths or nodes' names.
"""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from hyperclade.data.formats.arff import Attribute, Row, parse
from hyperclade.data.labelled import LabelledSet, count_incomplete, node_labels
from hyperclade.progress import Say, counted, say_all
from hyperclade.trees.taxonomy import Taxonomy


class ArffTable(NamedTuple):
    """Features of an ARFF file.

    Attributes
    ----------
    features : (n, d) float32
    ids : tuple of n str
        Line numbers, "line 85".
    columns : tuple of d str
        Unique names: of the attribute, "width", or with the value of a nominal one, "colour=red".
    means : dict of str to float
        What missing values of each numeric column became, or would have.
    remarks : tuple of str
        What was filled, left out or assumed, a line each.
    """

    features: np.ndarray
    ids: tuple[str, ...]
    columns: tuple[str, ...]
    means: dict[str, float]
    remarks: tuple[str, ...]


def read_hierarchical_arff(
    path: str | os.PathLike,
    taxonomy: Taxonomy | None = None,
    *,
    means: Mapping[str, float] | None = None,
    say: Say | None = None,
) -> LabelledSet:
    """Read an ARFF file (see the module's table) with one attribute "hierarchical", as labelled samples.

    Parameters
    ----------
    path : path
        `.arff` or `.arff.gz`, rows dense or sparse. A row's labels are joined by "@"; a label that the header
        lists twice or without its ancestors is one node all the same.
    taxonomy : Taxonomy, optional
        Taxonomy of another file of the same data, as test files need; by default that of the header.
    means : mapping of str to float, optional
        `ArffTable.means` of the samples learned from, for missing values; by default the file's own.
    say : callable, optional
        Told each of the remarks of `labelled_arff`.

    Returns
    -------
    LabelledSet
        With (n, d) float32 features; ids are line numbers, "line 85".

    Raises
    ------
    ValueError
        Not such a file, a value that is no finite number or not listed, a row without label, a label that the
        taxonomy lacks, or a header that may be paths as well as edges; names the line.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "x.arff")
    ...     text = "@attribute x numeric\\n@attribute class hierarchical 1,1/2,1/3\\n@data\\n0.5,1@1/2\\n"
    ...     _ = path.write_text(text)
    ...     samples = read_hierarchical_arff(path)
    >>> samples.taxonomy.names, samples.targets().tolist()
    (('1', '1/2', '1/3'), [[True, True, False]])
    """
    samples, table = labelled_arff(path, taxonomy, means=means)
    say_all(say, table.remarks)
    return samples


def labelled_arff(
    path: str | os.PathLike, taxonomy: Taxonomy | None = None, *, means: Mapping[str, float] | None = None
) -> tuple[LabelledSet, ArffTable]:
    """The samples of `read_hierarchical_arff`, and their features with columns' names, means and remarks."""
    attributes, rows = parse(path)
    found = [k for k, attribute in enumerate(attributes) if attribute.kind == "hierarchical"]
    if len(found) != 1:
        raise ValueError(f"{path}: {len(found)} hierarchical attributes; need one")
    names = [_labels(row.cells[found[0]], f"{path}: line {row.line}") for row in rows]
    remark: tuple[str, ...] = ()
    if taxonomy is None:
        used = {label for of_row in names for label in of_row}
        taxonomy, remark = _header_taxonomy(path, attributes[found[0]], used)
    labels = node_labels(names, taxonomy, lambda row: f"{path}: line {rows[row].line}")
    table = _table(path, attributes, rows, means)
    table = table._replace(remarks=table.remarks + remark)
    incomplete = count_incomplete(labels, taxonomy)
    samples = LabelledSet(
        table.features, labels, taxonomy, table.ids, incomplete,
        columns=table.columns, means=table.means, remarks=table.remarks,
    )  # fmt: skip
    return samples, table


def read_arff_features(
    path: str | os.PathLike, *, means: Mapping[str, float] | None = None, say: Say | None = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The features of `read_arff_table`, `(n, d) float32`, and the ids; `say` is told each of its remarks.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "x.arff")
    ...     _ = path.write_text("@attribute x numeric\\n@data\\n0.5\\n")
    ...     read_arff_features(path)
    (array([[0.5]], dtype=float32), ('line 3',))
    """
    table = read_arff_table(path, means=means)
    say_all(say, table.remarks)
    return table.features, table.ids


def read_arff_table(path: str | os.PathLike, *, means: Mapping[str, float] | None = None) -> ArffTable:
    """The features of a file as `read_hierarchical_arff` reads it, whose labels may be unknown or missing.

    `means` are `ArffTable.means` of the samples learned from. Raises ValueError for a value that is no finite
    number or not listed in the header, or if no attribute is a feature; names the line.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "x.arff")
    ...     _ = path.write_text("@attribute x real\\n@attribute c {a,b}\\n@data\\n1,b\\n?,a\\n")
    ...     table = read_arff_table(path, means={"x": 5.0})
    >>> table.columns, table.features.tolist()
    (('x', 'c=a', 'c=b'), [[1.0, 0.0, 1.0], [5.0, 1.0, 0.0]])
    """
    attributes, rows = parse(path)
    return _table(path, attributes, rows, means)


def _table(
    path: str | os.PathLike, attributes: list[Attribute], rows: list[Row], means: Mapping[str, float] | None
) -> ArffTable:
    names = _unique([attribute.name for attribute in attributes])
    widths = [len(attribute.values) if attribute.kind == "nominal" else 1 for attribute in attributes]
    used = [k for k, attribute in enumerate(attributes) if attribute.kind in ("numeric", "nominal")]
    numeric = [k for k in used if attributes[k].kind == "numeric"]
    nominal = [k for k in used if attributes[k].kind == "nominal"]
    start = dict(zip(used, np.cumsum([0, *(widths[k] for k in used)]).tolist(), strict=False))
    if not used:
        raise ValueError(f"{path}: no attribute is numeric or nominal, so there are no features")
    columns = _unique(
        [
            f"{names[k]}={value}" if attributes[k].kind == "nominal" else names[k]
            for k in used
            for value in attributes[k].values or ("",)
        ]
    )
    features = np.zeros((len(rows), len(columns)), dtype=np.float32)
    places = [start[k] for k in numeric]
    titles = [columns[place] for place in places]
    features[:, places], filled, told = _filled(path, _numbers(path, rows, numeric), titles, means or {})
    unknown = [_mark(path, rows, k, attributes[k], features[:, start[k] :]) for k in nominal]
    remarks = [*told, *_told_of_names(path, attributes, names)]
    if any(unknown):
        among = counted(len(unknown) - unknown.count(0), "nominal attribute")
        remarks.append(f"{path}: {counted(sum(unknown), 'missing value')} of {among} became 0 in all columns")
    ids = tuple(f"line {row.line}" for row in rows)
    return ArffTable(features, ids, tuple(columns), filled, tuple(remarks))


def _numbers(path: str | os.PathLike, rows: list[Row], numeric: list[int]) -> np.ndarray:
    """Values (n, k) float64 of the numeric attributes, NaN where one is missing."""
    values = np.array([[_number(row.cells[k]) for k in numeric] for row in rows], dtype=np.float64)
    wrong = np.abs(values) > np.finfo(np.float32).max
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(
            f"{path}: line {rows[row].line}: {rows[row].cells[numeric[column]]!r} is no finite number; mend "
            "it, write ? for a missing value, or drop the row"
        )
    return values


def _number(cell: str | None) -> float:
    """NaN for a missing value, infinity for what is no number."""
    if cell is None:
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        return math.inf
    return math.inf if math.isnan(value) or "_" in cell else value  # only Python reads 1_000 as a number


def _filled(
    path: str | os.PathLike, values: np.ndarray, titles: list[str], given: Mapping[str, float]
) -> tuple[np.ndarray, dict[str, float], list[str]]:
    """Values without NaN, what fills each column, and what is to be said of it."""
    missing = np.isnan(values)
    holes, known = missing.sum(axis=0), (~missing).sum(axis=0)
    own = np.where(missing, 0.0, values).sum(axis=0) / np.maximum(known, 1)
    is_given = np.array([title in given for title in titles], dtype=bool)
    fill = np.array([given.get(title, mean) for title, mean in zip(titles, own, strict=True)])
    remarks = []
    for columns, what in (
        (is_given, "the means of the samples learned from"),
        (~is_given & (known > 0), "the means of the file's own known values"),
    ):
        if total := int(holes[columns].sum()):
            among = counted(int((holes[columns] > 0).sum()), "numeric attribute")
            remarks.append(f"{path}: {counted(total, 'missing value')} of {among} became {what}")
    empty = [titles[k] for k in np.flatnonzero(~is_given & (known == 0))]
    if empty:
        remarks.append(f"{path}: no value is known of {_listed(empty)}, which became 0")
    means = dict(zip(titles, map(float, fill), strict=True))
    return np.where(missing, fill, values), means, remarks


def _mark(path: str | os.PathLike, rows: list[Row], k: int, attribute: Attribute, columns: np.ndarray) -> int:
    """Write 1 in the column of the value that each row has; returns how many rows have none."""
    place = {value: at for at, value in enumerate(attribute.values)}
    known = [(n, row.cells[k]) for n, row in enumerate(rows) if row.cells[k] is not None]
    for n, value in known:
        if value not in place:
            raise ValueError(
                f"{path}: line {rows[n].line}: {value!r} is none of the values of the attribute "
                f"{attribute.name!r} in line {attribute.line}: {_listed(attribute.values)}"
            )
        columns[n, place[value]] = 1
    return len(rows) - len(known)


def _told_of_names(path: str | os.PathLike, attributes: list[Attribute], names: list[str]) -> Iterable[str]:
    left_out = [
        f"{attribute.name!r} ({attribute.kind})"
        for attribute in attributes
        if attribute.kind in ("string", "date")
    ]
    if left_out:
        yield f"{path}: left out, as they are no features: {', '.join(left_out)}"
    renamed = [name for name, attribute in zip(names, attributes, strict=True) if name != attribute.name]
    if renamed:
        yield f"{path}: several attributes have one name; the later ones are called {_listed(renamed)}"


def _unique(names: list[str]) -> list[str]:
    """Names of which repeated ones are numbered, "x", "x (2)"."""
    taken = set(names)
    times: dict[str, int] = {}
    unique = []
    for name in names:
        times[name] = times.get(name, 0) + 1
        again = name
        while times[name] > 1 and again in taken:
            again = f"{name} ({times[name]})"
            times[name] += again in taken
        taken.add(again)
        unique.append(again)
    return unique


def _labels(cell: str | None, place: str) -> list[str]:
    if cell is None:
        raise ValueError(f"{place} has the label '?', a missing one; label the row, or drop it")
    return [_label(label) for label in cell.split("@")]


def _label(text: str) -> str:
    """A name or path without blanks around its parts."""
    return "/".join(part.strip() for part in text.split("/"))


def _header_taxonomy(
    path: str | os.PathLike, attribute: Attribute, used: set[str]
) -> tuple[Taxonomy, tuple[str, ...]]:
    """Taxonomy of the header, and what is to be said of how it was read; `used` are the labels of rows."""
    entries = [_label(value) for value in attribute.values]
    place = f"{path}: line {attribute.line}"
    try:
        edges = _edges(entries, used)
        if edges is None:
            return Taxonomy.from_paths(entries), ()
        remark = f"{place}: the entries of {attribute.name!r} are read as edges of a graph, parent/child"
        return Taxonomy.from_edges(edges), (remark,)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error


def _edges(entries: list[str], used: set[str]) -> list[tuple[str, str]] | None:
    """Edges (child, parent) of a header that lists such, None if it lists paths.

    Entries of one or two parts are paths where each first part is an entry itself, or labels are paths. They
    are edges where labels name a node that is a second part only, or where edges follow upon each other.
    """
    parts = [entry.split("/") for entry in entries]
    alone = {of_entry[0] for of_entry in parts if len(of_entry) == 1}
    pairs = [(of_entry[1], of_entry[0]) for of_entry in parts if len(of_entry) == 2]
    above, below = {parent for _, parent in pairs}, {child for child, _ in pairs}
    if above <= alone or max(map(len, parts)) > 2 or not all(map(all, parts)):
        return None
    edges = [*((name, "") for name in entries if name in alone), *pairs]
    if not used.isdisjoint(below - above - alone):
        return edges
    if above.isdisjoint(below):  # the tree is the same, only nodes are named by their paths
        return None
    if any("/" in label for label in used):
        try:
            Taxonomy.from_edges(edges)
        except ValueError:
            return None
    elif not alone:
        return edges
    raise ValueError(
        "the entries may be paths or edges; list the path of every node (1, 1/2), or edges (parent/child) "
        "alone, with names of nodes as labels"
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:5])) + (", …" if len(names) > 5 else "")
