"""Files of features or images with labels, read as samples labelled with nodes of a taxonomy."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from hyperclade.data.features import files_beside, read_features, suffix_of
from hyperclade.data.formats.csv import read_text_table
from hyperclade.data.formats.parquet import columns_of, parts_of
from hyperclade.data.image_rows import common_size, open_images
from hyperclade.data.images import ImageItem, image_folder, image_parquet, on_background
from hyperclade.data.labelled import LabelledSet, count_incomplete, node_labels
from hyperclade.data.opening import LIST_SUFFIXES, what_is
from hyperclade.progress import counted
from hyperclade.trees.taxonomy import Taxonomy


def labelled_features(
    path: str | os.PathLike,
    taxonomy: Taxonomy | None = None,
    *,
    labels: str | None = None,
    columns: Sequence[str] | None = None,
) -> LabelledSet:
    """Read a feature file (see `hyperclade.data.features`) whose labels are names of nodes.

    Parameters
    ----------
    taxonomy : Taxonomy, optional
        None: labels are paths from the top, "animal/dog".
    labels : str, optional
        Column or file of the labels, by default the column "label". A cell names one node, or several joined
        by "@". Rows for which a file of their own has no label are left out, which a remark says.
    columns : sequence of str, optional
        Names or patterns of the columns that are features.

    Raises
    ------
    ValueError
        No labels, a row without, a label that the taxonomy lacks, or no sample in any leaf; names the row.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "x.csv")
    ...     _ = path.write_text("label,x\\nanimal/dog,1\\nanimal,2\\n")
    ...     samples = labelled_features(path)
    >>> samples.targets().tolist(), samples.completed
    ([[True, True], [True, False]], 1)
    """
    table = read_features(path, labels=labels, features=columns)
    if table.labels is None:
        raise ValueError(
            f"{path} has no column 'label'; say which column or file has the labels (option `labels`)"
            + "".join(f"; {remark}" for remark in table.remarks)
        )
    known = set() if taxonomy is None else set(taxonomy.names)
    cells = [None if cell is None else str(cell) for cell in table.labels]
    names = [[] if cell is None else [cell] if cell in known else cell.split("@") for cell in cells]
    features, ids = table.dense()
    rows, remarks = np.arange(len(names)), table.remarks
    if (beside := files_beside({"label": labels})["label"]) is not None and None in cells and any(cells):
        rows = np.flatnonzero([cell is not None for cell in cells])
        left = f"{counted(len(names) - len(rows), 'row')} of {len(names):,}"
        remarks = (*remarks, f"{beside}: {left} without a label left out")
    nodes, taxonomy = _nodes(
        [names[row] for row in rows], taxonomy, lambda at: f"{path}: row {rows[at]} (counted from 0)"
    )
    titles = None if table.columns is None else tuple(table.columns)
    completed = count_incomplete(nodes, taxonomy)
    if len(rows) < len(names):
        features, ids = features[rows], tuple(ids[row] for row in rows)
    return LabelledSet(features, nodes, taxonomy, ids, completed, columns=titles, remarks=remarks)


def labelled_images(
    source: str | os.PathLike,
    taxonomy: Taxonomy | None = None,
    *,
    labels: str | Sequence[str] = "label",
    size: tuple[int, int] | None = None,
    background: str = "white",
) -> LabelledSet:
    """Read images with labels; those that do not decode are left out and named in `skipped`.

    Parameters
    ----------
    source : path
        A folder, an image's label being the folder it lies in: its whole path below `source`, or its own name
        where the taxonomy has no such path. A Parquet file with the column "image" (encoded bytes). Or a CSV
        file with the column "path", relative to the file's folder.
    taxonomy : Taxonomy, optional
        None: folders inside folders, or the columns `labels` read as paths, make the taxonomy.
    labels : str or sequence of str
        Column of a Parquet or CSV file, or columns from coarse to fine. Their cells joined by "/" are a path
        of the taxonomy, or else each names a node; empty cells say nothing.
    size : (h, w), optional
        What to bring the images to; default: the size that all have, or one that is told.
    background : str
        Colour that transparent parts are laid on.

    Raises
    ------
    ValueError
        No images or labels, a label that the taxonomy lacks, or no sample in any leaf; names file and row.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for path in ("animal/dog/rex.png", "animal/cat/tom.png"):
    ...         Path(folder, path).parent.mkdir(parents=True)
    ...         Image.new("RGB", (4, 3)).save(Path(folder, path))
    ...     samples = labelled_images(folder)
    >>> samples.ids, samples.taxonomy.names
    (('animal/cat/tom.png', 'animal/dog/rex.png'), ('animal', 'animal/cat', 'animal/dog'))
    >>> samples.inputs.read([0]).shape
    (1, 3, 3, 4)
    """
    source = Path(source)
    if what_is(source) == "folder":
        items = image_folder(source)
        parts = [item.id.split("/")[:-1] for item in items]
        names = _paths_or(parts, [above[-1:] for above in parts], taxonomy)
        nodes, taxonomy = _nodes(names, taxonomy, lambda row: f"{source}: {items[row].id}")
    else:
        items, cells = listed_images(source, [labels] if isinstance(labels, str) else list(labels))
        names = _paths_or(cells, cells, taxonomy)
        nodes, taxonomy = _nodes(names, taxonomy, f"{source}: row {{}} (counted from 0)".format)
    found, remarks = common_size(items, size)
    images, good, skipped = open_images(on_background(items, background), found)
    nodes = nodes[good]
    ids = tuple(items[k].id for k in good)
    completed = count_incomplete(nodes, taxonomy)
    return LabelledSet(images, nodes, taxonomy, ids, completed, skipped, remarks=remarks)


def listed_images(
    source: str | os.PathLike, columns: Sequence[str] = ()
) -> tuple[list[ImageItem], list[list[str]]]:
    """Images that a table lists, and the filled cells of some of its columns.

    The table is a Parquet file with the column "image", or a CSV file with the column "path" (see
    `labelled_images`). Gives n images, not yet decoded, and for each the text of its cells that are not
    empty. Raises ValueError for a file of another kind, a column that is not there, rows of another length
    than the header, or a row without path; names file and row.
    """
    source, columns = Path(source), list(columns)
    kind = what_is(source, otherwise="texts")
    if kind == "image table" or source.suffix.lower() == ".parquet":
        items = [item for batch in image_parquet(source) for item in batch]
        if not items:
            raise ValueError(f"{source}: no rows")
        have = columns_of(source)
    elif suffix_of(source) in LIST_SUFFIXES:
        frame = read_text_table(source)
        have = frame.columns.tolist()
        if not len(frame):
            raise ValueError(f"{source}: no rows below the header {', '.join(have)}")
        if "path" not in have:
            raise ValueError(f"{source}: no column 'path'; the file has {', '.join(have)}")
        bare = frame["path"].str.strip() == ""
        if bare.any():
            raise ValueError(
                f"{source}: row {bare.argmax()} (counted from 0) has no path; fill it in or drop it"
            )
        items = [ImageItem(path, None, Path(path).stem, source.parent / path) for path in frame["path"]]
    else:
        raise ValueError(
            f"{source} is no folder of images, nor a .parquet, .csv or .tsv file that lists some"
        )
    missing = [column for column in columns if column not in have]
    if missing:
        raise ValueError(f"{source}: no column {missing[0]!r} for the labels; the file has {', '.join(have)}")
    if kind == "image table":
        frame = pd.concat([pd.read_parquet(part, columns=columns) for part in parts_of(source)])
    cells = frame[columns].fillna("").astype(str).to_numpy().tolist()
    return items, [[cell for cell in row if cell] for row in cells]


def _paths_or(
    parts: list[list[str]], otherwise: list[list[str]], taxonomy: Taxonomy | None
) -> list[list[str]]:
    """For each row its parts joined to a path if that is a node, or if there is no taxonomy yet."""
    known = None if taxonomy is None else set(taxonomy.names)
    paths = ["/".join(of_row) for of_row in parts]
    return [
        [path] if path and (known is None or path in known) else names
        for path, names in zip(paths, otherwise, strict=True)
    ]


def _nodes(
    names: list[list[str]], taxonomy: Taxonomy | None, place: Callable[[int], str]
) -> tuple[np.ndarray, Taxonomy]:
    if taxonomy is None:
        first = {name: row for row, of_row in reversed(list(enumerate(names))) for name in of_row}
        for path, row in first.items():
            if "" in path.split("/"):
                raise ValueError(f"{place(row)}: label {path!r} has an empty part between '/'")
        if not first:
            raise ValueError(f"{place(0)} and all others have no label")
        taxonomy = Taxonomy.from_paths(sorted(first))
    nodes = node_labels(names, taxonomy, place)
    if not np.isin(taxonomy.leaves, nodes).any():
        raise ValueError(f"{place(0)} and all others have no leaf as a label, so every class is empty")
    return nodes, taxonomy
