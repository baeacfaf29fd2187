"""Whatever a table holds, its reader gives features or a ValueError; what is well formed reads back."""

import csv
import io
import json
import struct

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hyperclade.data.features import read_features

many = settings(max_examples=150, deadline=None)
PIECES = (
    "1", "-2.5", "1e3", "0", ",", ";", "\t", "|", "\n", "\r\n", '"', " ", "x", "id", "label", "name", "index",
    "nan", "inf", "True", "False", "[1, 2]", '"[1, 2]"', "\ufeff", "\0", "é", "1_0", "0x1", "1,5", "#", "''",
)  # fmt: skip
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0", exclude_categories=["Cs", "Z"]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


def read_or_refused(path):
    try:
        table = read_features(path)
    except ValueError:
        return
    assert table.features.ndim == 2
    assert np.isfinite(np.asarray(table.features, dtype=np.float64)).all()
    for values in (table.ids, table.labels, table.names):
        assert values is None or len(values) == len(table.features)


@many
@given(
    st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text(max_size=40),
    st.sampled_from(["x.csv", "x.tsv", "x.vec", "x.txt", "x.jsonl"]),
)
def test_any_text(folder, text, name):
    (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    read_or_refused(folder / name)


@many
@given(
    st.binary(max_size=80),
    st.sampled_from(
        ["x.csv.gz", "x.npy", "x.npz", "x.parquet", "x.feather", "x.arrow", "x.jsonl.gz", "x.csv"]
    ),
)
def test_any_bytes(folder, content, name):
    (folder / name).write_bytes(content)
    read_or_refused(folder / name)


@many
@given(st.text(max_size=60) | st.sampled_from(["{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2)}"]))
def test_any_header_of_an_array(folder, header):
    content = header.encode("latin-1", "replace") + b"\n"
    path = folder / "header.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(content)) + content + bytes(32))
    read_or_refused(path)


@many
@given(st.data())
def test_tables_that_are_well_formed_read_back(folder, data):
    """Of any separator, with an index or names or none, columns of text between those of numbers."""
    n, d = data.draw(st.integers(2, 6)), data.draw(st.integers(1, 4))
    decimals = st.integers(-(10**6), 10**6).map(lambda value: value / 64)  # exact in any notation
    rows = data.draw(st.lists(st.lists(decimals, min_size=d, max_size=d), min_size=n, max_size=n))
    separator, comma = data.draw(
        st.sampled_from([(",", False), (";", True), ("\t", True), ("\t", False), ("|", False)])
    )
    columns = [f"x{k}" for k in range(d)]
    cells = [[repr(value).replace(".", ",") if comma else repr(value) for value in row] for row in rows]
    towns = data.draw(st.lists(WORDS.filter(lambda word: not _number(word)), min_size=n, max_size=n))
    if data.draw(st.booleans()):
        columns.append("town")
        cells = [[*row, town] for row, town in zip(cells, towns, strict=True)]
    indexed = data.draw(st.booleans())
    if indexed:
        columns.insert(0, data.draw(st.sampled_from(["", "index", "Unnamed: 0"])))
        cells = [[str(number), *row] for number, row in enumerate(cells)]
    text = io.StringIO()
    csv.writer(text, delimiter=separator, quoting=csv.QUOTE_MINIMAL).writerows([columns, *cells])
    assume(len(columns) > 1 or not comma)  # nothing tells its decimal sign from a separator
    path = folder / data.draw(st.sampled_from(["y.csv", "y.tsv"]))
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    table = read_features(path)
    np.testing.assert_array_equal(np.asarray(table.features, np.float64), rows)
    assert table.columns == [f"x{k}" for k in range(d)]
    assert (None if table.ids is None else table.ids.tolist()) == (list(range(n)) if indexed else None)
    path = folder / "y.jsonl"
    path.write_text("\n".join(json.dumps(dict(zip(table.columns, row, strict=True))) for row in rows))
    np.testing.assert_array_equal(read_features(path).features, rows)


def _number(word):
    try:
        float(word.replace(",", "."))
    except ValueError:
        return word.startswith(("[", "(")) or word.lower() in ("true", "false")
    return True
