"""Whatever a file holds, its reader gives a result or a ValueError; what is well formed reads back."""

import csv
import gzip
import io
import json
import math
import re
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperclade.data.arff import labelled_arff, read_arff_table
from hyperclade.data.taxonomies import read_taxonomy
from hyperclade.trees import Taxonomy, Tree

few = settings(max_examples=60, deadline=None)
many = settings(max_examples=200, deadline=None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


def pieces(*words):
    """Texts of pieces that mean something to a reader, and of any signs."""
    return st.lists(st.sampled_from(words) | st.text(max_size=3), max_size=25).map("".join)


def refused_or_read(read, *args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # annotations of Newick
        try:
            return read(*args)
        except ValueError:
            return None


def named_edges(taxonomy):
    return {(taxonomy.names[child], taxonomy.names[parent]) for parent, child in taxonomy.edges}


# Any text

ARFF_WORDS = (
    "@relation r\n", "@attribute x real\n", "@attribute c {a,'b c'}\n", "@attribute s string\n", "@data\n",
    "@attribute k hierarchical a,a/b,c\n", "@attribute k hierarchical r/a,r/b,a/c\n", "@attribute ", "\t",
    "1", "1e999", "-.5", "?", ",", ", ", "{", "}", "{0 1, 1 a}", "a", "a/b", "@", "/", "'", '"', "\\", "%",
    " ", "\n", "\0", "\ufeff", "0 ", "2 ", "_", "nan",
)  # fmt: skip


@many
@given(
    pieces(*ARFF_WORDS)
    | pieces(*ARFF_WORDS).map("@attribute x real\n@attribute k hierarchical a,a/b\n@data\n1,a\n".__add__)
)
def test_any_arff(folder, text):
    path = folder / "any.arff"
    path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    table = refused_or_read(read_arff_table, path)
    both = refused_or_read(labelled_arff, path)
    if table is not None:
        assert table.features.shape == (len(table.ids), len(table.columns))
        assert np.isfinite(table.features).all()
    if both is not None:
        assert both[1].features.tobytes() == table.features.tobytes()


@few
@given(st.binary(max_size=60), st.integers(0, 40), st.sampled_from(["arff", "arff.gz", "csv", "tsv", "json"]))
def test_any_bytes(folder, data, kept, suffix):
    path = folder / f"bytes.{suffix}"
    start = {
        "arff": b"@attribute x real\n@data\n1\n",
        "arff.gz": gzip.compress(b"@attribute x real\n@data\n1\n", mtime=0),
        "csv": b"child,parent\na,b\n",
        "tsv": b"a\tb\n",
        "json": b'{"a": ["b"]}',
    }[suffix]
    path.write_bytes(start[:kept] + data)
    refused_or_read(read_arff_table if "arff" in suffix else read_taxonomy, path)


@many
@given(
    pieces(
        "child", "parent", "path", "a", "b", "/", ",", ";", "\t", "\n", "\r", '"', '""', " ", "\0", "\ufeff"
    ),
    st.sampled_from(["csv", "tsv"]),
)
def test_any_table(folder, text, suffix):
    path = folder / f"any.{suffix}"
    path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    refused_or_read(read_taxonomy, path)


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("ab\ud800 ", max_size=2),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.text("abc", max_size=2), below, max_size=3)
    ),
    max_leaves=12,
)


@many
@given(any_json | pieces("{", "}", "[", "]", '"a"', '"b"', ":", ",", "null", "1", '{"a": ', "\\ud800"))
def test_any_json(folder, content):
    path = folder / "any.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8", "surrogatepass")
    refused_or_read(read_taxonomy, path)
    if isinstance(content, dict):
        refused_or_read(read_taxonomy, content)


odd_values = any_json | st.lists(
    st.none() | st.integers(-2, 4) | st.floats() | st.sampled_from([10**400, 2**63, 2**64, True, "a"]),
    max_size=5,
)


@many
@given(st.data())
def test_any_tree_in_json(folder, data):
    content = {
        "format": "hyperclade-tree", "version": data.draw(st.sampled_from([1, 2])),
        "parent": [3, 3, 4, 4, -1], "height": [0, 0, 0, 1, 2.5], "names": ["a", "b", "c"],
        "inner_names": ["d", None], "branch_length": [1, 1, 1, None, 2],
    }  # fmt: skip
    for field in data.draw(st.lists(st.sampled_from(list(content)), max_size=2)):
        content[field] = data.draw(odd_values)
    for field in data.draw(st.sets(st.sampled_from(["inner_names", "branch_length", "names"]))):
        del content[field]
    text = json.dumps(content)
    tree = refused_or_read(Tree.from_json, text)
    (folder / "tree.json").write_text(text)
    refused_or_read(read_taxonomy, folder / "tree.json")
    if tree is not None:
        assert Tree.from_json(tree.to_json()) == tree


lengths = st.sampled_from(["", ":1", ":1e308", ":-1e308", ":1e-320", ":-0", ":1e309", ":x"])
clades = st.recursive(
    st.builds("{}{}".format, st.sampled_from(["", "a", "b_c", "'d''e'", '"f"', "0", "1"]), lengths),
    lambda below: st.builds(
        "({}){}{}".format,
        st.lists(below, min_size=1, max_size=3).map(",".join),
        pieces("n", "[&x]", "[y]"),
        lengths,
    ),
    max_leaves=8,
)


@many
@given(
    clades.map("{};".format)
    | pieces("(", ")", ",", ";", ":", "a", "0", "1", "'", '"', "[", "]", "[&R]", "1e308", "-1", " ", "\n")
)
def test_any_newick(text):
    tree = refused_or_read(Tree.from_newick, text)
    if tree is not None:
        assert np.isfinite(tree.height).all()
        again = Tree.from_newick(tree.to_newick())
        assert again.to_newick() == tree.to_newick()


@many
@given(st.data())
def test_damaged_newick(data):
    text = "((a:1,'b c':0.5)x:1e0[note],\"d\":2,(e)f)root;"
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        text = (
            text[:at]
            + data.draw(st.text("(),:;'\"[]a1 ", max_size=2))
            + text[at + data.draw(st.integers(0, 2)) :]
        )
    refused_or_read(Tree.from_newick, text)


# Well-formed tables

SIGNS = "ab1 '\"\\%{},;\t?é|"


def stripped(signs):
    return st.text(signs, min_size=1, max_size=5).map(str.strip).filter(bool)


@st.composite
def graphs(draw, names, *, max_parents=2):
    """Pairs (node, parents), parents first; some nodes have none."""
    found = draw(st.lists(names, min_size=2, max_size=7, unique=True))
    return [
        (name, draw(st.lists(st.sampled_from(found[:k]), max_size=max_parents, unique=True)) if k else [])
        for k, name in enumerate(found)
    ]


def edges_of(graph):
    return {(name, parent) for name, above in graph for parent in above}


def quoted(draw, text, plain=re.compile(r"[a-z0-9|é]+\Z")):
    """As ARFF has it: bare where that is possible, or in quotes of any kind, with or without backslashes."""
    if plain.match(text) and draw(st.booleans()):
        return text
    quote = draw(st.sampled_from("'\""))
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    if draw(st.booleans()):
        text = text.replace("\t", "\\t")
    return quote + text.replace(quote, draw(st.sampled_from(["\\" + quote, quote * 2]))) + quote


numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def arff_tables(draw):
    """Text of a file, and what it says: columns, features with NaN where missing, edges, labels of rows."""
    attributes = []
    for name in draw(st.lists(st.text(SIGNS, min_size=1, max_size=4), min_size=1, max_size=4, unique=True)):
        kind = draw(st.sampled_from(["numeric", "Real", "INTEGER", "nominal", "string", 'date "y-M"']))
        values = draw(st.lists(st.text(SIGNS, max_size=4), min_size=1, max_size=4, unique=True))
        attributes.append((name, kind, values if kind == "nominal" else []))
    attributes.append(("x", "real", []))
    nodes = stripped(SIGNS.replace("\\", "\\\n"))
    if draw(st.booleans()):
        graph = draw(graphs(nodes).filter(lambda graph: edges_of(graph)))
        edges = edges_of(graph)
        above = {parent for _, parent in edges}
        end = next(child for child, _ in sorted(edges) if child not in above)  # tells edges from paths
        graph = [node for node in graph if node[1] or node[0] in above]
        entries = [f"{quoted(draw, parent)}/{quoted(draw, child)}" for child, parent in sorted(edges)]
        labels = [name for name, _ in graph]
    else:
        graph = draw(graphs(nodes, max_parents=1))
        way = {}
        for name, parents in graph:
            way[name] = "/".join([way[parent] for parent in parents] + [name])
        edges = {(way[name], way[parent]) for name, parents in graph for parent in parents}
        labels = list(way.values())
        end = labels[0]
        entries = [quoted(draw, label) for label in draw(st.permutations(labels))]
    at = draw(st.integers(0, len(attributes)))
    attributes.insert(at, ("k", "Hierarchical", entries))

    lines = [
        "% it's a \"note",
        draw(st.sampled_from(["@relation r", "@RELATION 'a b'", '@relation "it\'s"'])),
    ]
    for name, kind, values in attributes:
        blank = draw(st.sampled_from([" ", "\t", " \t "]))
        if kind == "nominal":
            listed = draw(st.sampled_from([",", ", "])).join(quoted(draw, value) for value in values)
            rest = draw(st.sampled_from(["", blank])) + f"{{{listed}}}"
        else:
            rest = f"{blank}{kind}"
        if kind == "Hierarchical":
            rest += " " + draw(st.sampled_from([",", " , "])).join(values)
        note = draw(st.sampled_from(["", " % it's", "\t%{"]))
        lines.append(
            f"{draw(st.sampled_from(['@attribute', '@ATTRIBUTE']))}{blank}{quoted(draw, name)}{rest}{note}"
        )
    lines += ["", "@Data"]

    features, chosen, ids = [], [], []
    for row in range(draw(st.integers(1, 4))):
        own = draw(st.lists(st.sampled_from(labels), min_size=1, max_size=3)) + [end] * (row == 0)
        chosen.append(own)
        cells, values, omitted = [], [], set()
        for name, kind, listed in attributes:
            missing = draw(st.integers(0, 3)) == 0
            if name == "k" and kind == "Hierarchical":
                whole = draw(st.booleans())
                cells.append(quoted(draw, "@".join(own)) if whole else "@".join(quoted(draw, x) for x in own))
            elif kind == "nominal":
                value = None if missing else draw(st.sampled_from(listed))
                omitted |= {len(cells)} if value == listed[0] else set()
                cells.append("?" if missing else quoted(draw, value))
                values += [float(value == other) for other in listed]
            elif kind in ("string", 'date "y-M"'):
                cells.append("?" if missing else quoted(draw, draw(st.text(SIGNS, max_size=3))))
            else:
                number = math.nan if missing else draw(numbers)
                omitted |= {len(cells)} if number == 0 else set()
                cells.append("?" if missing else repr(number))
                values.append(number)
        features.append(values)
        note = draw(st.sampled_from(["", " % it's, {a}", "\t%"]))
        if draw(st.booleans()):
            given = [f"{k}{draw(st.sampled_from([' ', '  ']))}{cell}" for k, cell in enumerate(cells)]
            given = [entry for k, entry in enumerate(given) if k not in omitted]
            lines.append("{" + draw(st.sampled_from([",", " , "])).join(given) + "}" + note)
        else:
            lines.append(draw(st.sampled_from([",", " , ", ",\t", "\t"])).join(cells) + note)
        ids.append(f"line {len(lines)}")
        if draw(st.booleans()):
            lines.append("% a note")
    columns = [
        f"{name}={value}" if kind == "nominal" else name
        for name, kind, values in attributes
        if kind not in ("string", 'date "y-M"', "Hierarchical")
        for value in values or [""]
    ]
    return "\n".join(lines), columns, features, edges, set(labels), chosen, ids


@few
@given(arff_tables())
def test_arff_reads_back(folder, table):
    text, columns, features, edges, nodes, chosen, ids = table
    path = folder / "back.arff"
    path.write_text(text, encoding="utf-8")
    samples, found = labelled_arff(path)
    expected = np.array(features)
    known = ~np.isnan(expected)
    means = np.where(known, expected, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    assert samples.ids == tuple(ids)
    if len(set(columns)) == len(columns):
        assert found.columns == tuple(columns)
    assert (samples.inputs[known] == expected[known].astype(np.float32)).all()
    np.testing.assert_allclose(samples.inputs, np.where(known, expected, means), rtol=1e-6, atol=1e-40)
    assert set(samples.taxonomy.names) == nodes and named_edges(samples.taxonomy) == edges
    for row, own in zip(samples.labels, chosen, strict=True):
        assert [samples.taxonomy.names[node] for node in row if node >= 0] == own


def cells_text(rows, sign, quoting):
    file = io.StringIO()
    csv.writer(file, delimiter=sign, quoting=quoting, lineterminator="\n").writerows(rows)
    return file.getvalue()


@few
@given(graphs(stripped(SIGNS + "/\n")), st.data())
def test_table_of_edges_reads_back(folder, graph, data):
    sign, suffix = data.draw(st.sampled_from([(",", "csv"), (";", "csv"), ("\t", "csv"), ("\t", "tsv")]))
    pairs = [(name, parent) for name, above in graph for parent in above or [""]]
    header = data.draw(
        st.sampled_from([None, "child parent", "PARENT Child", "note Children parents", "parent x child"])
    )
    if header is None:
        rows = pairs
    else:
        rows = [header.split()]
        for name, parent in pairs:
            cell = {"c": name, "p": parent}
            rows.append([cell.get(title[0].lower(), "note") for title in rows[0]])
    bare = sign == "," or header is not None or suffix == "tsv"  # else a comma may part the cells as well
    quoting = data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])) if bare else csv.QUOTE_ALL
    mark = data.draw(st.sampled_from(["", "\ufeff"]))
    path = folder / f"edges.{suffix}"
    path.write_text(mark + cells_text(rows, sign, quoting), encoding="utf-8")
    taxonomy = read_taxonomy(path)
    assert named_edges(taxonomy) == edges_of(graph)
    assert set(taxonomy.names) == {name for name, _ in graph}


@few
@given(
    st.lists(
        st.lists(stripped(SIGNS), min_size=1, max_size=3).map("/".join), min_size=1, max_size=5, unique=True
    )
)
def test_table_of_paths_reads_back(folder, paths):
    path = folder / "paths.csv"
    rows = [["Path"], *([name] for name in paths)]
    expected = Taxonomy.from_paths(paths)
    for text in (cells_text(rows, ",", csv.QUOTE_MINIMAL), cells_text(rows[1:], ",", csv.QUOTE_ALL)):
        path.write_text(text, encoding="utf-8")
        taxonomy = read_taxonomy(path)
        assert taxonomy.names == expected.names
        assert taxonomy.edges.tolist() == expected.edges.tolist()


@few
@given(graphs(st.text(min_size=1, max_size=4).filter(str.strip)), st.data())
def test_json_reads_back(folder, graph, data):
    children = {name: [child for child, above in graph if name in above] for name, _ in graph}
    written = set()

    def below(names):
        nested = {}
        for name in names:
            own = [] if name in written else children[name]
            written.add(name)
            nested[name] = below(own)
        if not any(nested.values()) and data.draw(st.booleans()):
            return list(nested) or None
        return nested

    content = below([name for name, above in graph if not above])
    if not isinstance(content, dict):
        content = dict.fromkeys(content)
    path = folder / "back.json"
    path.write_text(json.dumps(content, ensure_ascii=data.draw(st.booleans())), encoding="utf-8")
    for source in (path, content):
        taxonomy = read_taxonomy(source)
        assert named_edges(taxonomy) == edges_of(graph)
        assert set(taxonomy.names) == {name for name, _ in graph}
