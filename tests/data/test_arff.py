"""Hierarchical ARFF files give the samples and taxonomy that are written there; faults name the line."""

import gzip

import numpy as np
import pytest
from scipy.io.arff import loadarff

from hyperclade.data.arff import (
    labelled_arff,
    read_arff_features,
    read_arff_table,
    read_hierarchical_arff,
)
from hyperclade.data.samples import data_home, load_imclef

HEADER = "@relation r\n% note\n@attribute x numeric\n@attribute class hierarchical 1,1/2,1,1/3,4/5\n\n@DATA\n"


def write(folder, rows, header=HEADER):
    path = folder / "x.arff"
    path.write_text(header + rows)
    return path


def test_by_hand(tmp_path):
    samples = read_hierarchical_arff(write(tmp_path, "0.5,1@1/2\n% none\n-2,4/5@1\n3,1/3\n"))
    assert samples.taxonomy.names == ("1", "1/2", "1/3", "4", "4/5")
    assert samples.inputs.tolist() == [[0.5], [-2.0], [3.0]]
    assert samples.inputs.dtype == np.float32
    assert samples.labels.tolist() == [[0, 1], [4, 0], [2, -1]]
    assert samples.targets().astype(int).tolist() == [[1, 1, 0, 0, 0], [1, 0, 0, 1, 1], [1, 0, 1, 0, 0]]
    assert samples.completed == 2  # 4/5 came without 4, 1/3 without 1
    assert samples.ids == ("line 7", "line 9", "line 10")


def test_test_file_shares_the_taxonomy(tmp_path):
    train = read_hierarchical_arff(write(tmp_path, "0,1\n1,4/5\n"))
    other = "@attribute x numeric\n@attribute class hierarchical 4,4/5\n@data\n"
    test = read_hierarchical_arff(write(tmp_path, "0,4@4/5\n", other), train.taxonomy)
    assert test.taxonomy is train.taxonomy
    assert test.labels.tolist() == [[3, 4]]
    with pytest.raises(ValueError, match="line 5 has the label '9', which the taxonomy lacks"):
        read_hierarchical_arff(write(tmp_path, "0,4\n1,9@4\n", other), train.taxonomy)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (HEADER + "1,1/7\n", "x.arff: line 7 has the label '1/7'"),
        (HEADER + "1,\n", "line 7 has the label ''"),
        (HEADER + "0,1\n1,?\n", "line 8 has the label .*, a missing one"),
        (HEADER + "0,1\n1_0,1\n", "line 8: '1_0' is no finite number"),
        (HEADER + "nan,1\n", "line 7: 'nan' is no finite number"),
        (HEADER + "1e99,1\n", "line 7: '1e99' is no finite number"),
        (HEADER + "5%,1\n", "line 7: '5%' is no finite number"),
        (HEADER + "inf,1\n", "line 7: 'inf' is no finite number"),
        (HEADER + "1,2,1\n", "line 7 has 3 values for 2 attributes"),
        (HEADER, "0 rows"),
        ("@attribute x real\n@data\n1\n", "0 hierarchical attributes"),
        ("@attribute x string\n@data\nx\n", "0 hierarchical attributes"),
        ("@attribute x string\n@attribute c hierarchical 1\n@data\nx,1\n", "no attribute is numeric"),
        ("a,b\n1,2\n", "line 1: 'a,b' .* not an ARFF file"),
        ("@attribute x real\n@atribute y real\n@data\n1\n", "line 2: '@atribute y real'"),
        ("@attribute x\n@data\n1\n", "line 1: '@attribute x' is no attribute"),
        ("@attribute x {a,b\n@data\na\n", "line 1: .* is no attribute"),
        ("@attribute x {}\n@data\na\n", "line 1: attribute 'x' lists no values"),
        ("@attribute x {a,b,a}\n@data\na\n", "line 1: attribute 'x' lists the value 'a' more than once"),
        ("@attribute x relational\n@data\n1\n", "attribute 'x' has the type 'relational'"),
        (HEADER + "'1,1\n", r"line 7: a quote \('\) is never closed"),
        (HEADER + "1,'1'x\n", r"line 7: a quote \('\) is never closed, or text follows"),
        (HEADER + "{0 1}\n", "line 7 has the label .*, a missing one"),
        (HEADER + "{0 1, 2 1}\n", "line 7: '2 1' is not the number of one of the 2 attributes"),
        (HEADER + "{0 1, 1}\n", "line 7: '1' is not the number"),
        (HEADER + "{0 1, 0 2}\n", "line 7 has several values for attribute number 0"),
        (HEADER + "{0 1, 1 1} 5\n", "line 7: a sparse row is"),
        (HEADER + "1,1\0\n", "x.arff: not readable as text .it has NUL"),
        ("@attribute c hierarchical 1,1//2\n@data\n1\n", "line 1: path '1//2' has an empty part"),
    ],
)
def test_faults_name_the_line(tmp_path, text, match):
    with pytest.raises(ValueError, match=match):
        read_hierarchical_arff(write(tmp_path, text, ""))


def test_blanks_of_any_kind_part_names_and_types(tmp_path):
    header = "@attribute\tx\treal\t[0,9]\n@attribute 'my class' \t hierarchical\t1, 1/2\n@data\n"
    samples = read_hierarchical_arff(write(tmp_path, "0.5,1/2\n", header))
    assert samples.taxonomy.names == ("1", "1/2")
    assert samples.inputs.tolist() == [[0.5]]


def test_features_of_files_without_labels(tmp_path):
    unknown = write(tmp_path, "0.5,?\n-2,1/2\n")
    features, ids = read_arff_features(unknown)
    assert features.tolist() == [[0.5], [-2.0]] and features.dtype == np.float32
    assert ids == ("line 7", "line 8")
    without = write(tmp_path, "0.5,1\n", "@attribute x numeric\n@attribute y real\n@data\n")
    assert read_arff_features(without)[0].tolist() == [[0.5, 1.0]]
    with pytest.raises(ValueError, match="line 8: 'much' is no finite number"):
        read_arff_features(write(tmp_path, "1,?\nmuch,?\n"))
    with pytest.raises(ValueError, match="no features"):
        read_arff_features(write(tmp_path, "1\n", "@attribute c hierarchical 1\n@data\n"))


QUOTE = "'"

# As cellcycle_GO has it: edges of a graph, missing values, labels that are names of nodes.
GO = """@RELATION 'cellcycle0.names'

@ATTRIBUTE cln3-1                                  numeric
@ATTRIBUTE 0point02%_MMS_#2                        numeric
@ATTRIBUTE class                                   hierarchical root/GO1,root/GO2,GO1/GO3,GO2/GO3,GO3/GO4

@DATA
-0.15,?,GO2@GO3
?,1,GO4
0.45,3,GO1@GO2
"""


def test_edges_of_the_gene_ontology(tmp_path):
    said = []
    samples = read_hierarchical_arff(write(tmp_path, GO, ""), say=said.append)
    names = samples.taxonomy.names
    assert sorted(names) == ["GO1", "GO2", "GO3", "GO4", "root"]
    edges = {(names[child], names[parent]) for parent, child in samples.taxonomy.edges}
    assert edges == {("GO1", "root"), ("GO2", "root"), ("GO3", "GO1"), ("GO3", "GO2"), ("GO4", "GO3")}
    assert [{names[node] for node in row if node >= 0} for row in samples.labels] == [
        {"GO2", "GO3"},
        {"GO4"},
        {"GO1", "GO2"},
    ]
    np.testing.assert_allclose(samples.inputs, [[-0.15, 2], [0.15, 1], [0.45, 3]], rtol=1e-6)
    assert len(said) == 2
    assert "2 missing values of 2 numeric attributes became the means of the file's own" in said[0]
    assert "line 5: the entries of 'class' are read as edges of a graph" in said[1]


@pytest.mark.parametrize(
    ("entries", "labels", "names"),
    [
        ("root/GO1,root/GO2,GO1/GO3", "GO1", {"root", "GO1", "GO2", "GO3"}),  # no label tells
        (
            "root/apparel, apparel/shirts, root/shoes",
            "apparel@shirts",
            {"root", "apparel", "shirts", "shoes"},
        ),
        ("animal/dog,animal/cat", "dog", {"animal", "dog", "cat"}),
        ("root,root/a,a/b", "b", {"root", "a", "b"}),
        ("animal/dog,animal/cat", "animal/dog", {"animal", "animal/dog", "animal/cat"}),
        ("animal/dog,animal/cat", "animal", {"animal", "animal/dog", "animal/cat"}),
        ("000/00,000,001/00,001", "001/00", {"000", "000/00", "001", "001/00"}),  # as of diatoms
        ("01/01,01/02,02/01", "02/01", {"01", "02", "01/01", "01/02", "02/01"}),  # edges would be a cycle
        ("1,1/1,1/1/1", "1/1/1", {"1", "1/1", "1/1/1"}),
    ],
)
def test_paths_or_edges(tmp_path, entries, labels, names):
    text = f"@attribute x real\n@attribute c hierarchical {entries}\n@data\n1,{labels}\n"
    samples = read_hierarchical_arff(write(tmp_path, text, ""))
    assert set(samples.taxonomy.names) == names
    assert [samples.taxonomy.names[node] for node in samples.labels[0]] == labels.split("@")


@pytest.mark.parametrize(
    ("entries", "labels", "match"),
    [
        ("1/2,2/3", "1/2", "line 2: the entries may be paths or edges"),
        ("root,root/a,a/b", "a", "line 2: the entries may be paths or edges"),
        ("a/b,b/c,c/a", "b", "line 2: the taxonomy has a cycle"),
        ("root/a,a/b", "c", "line 4 has the label 'c', which the taxonomy lacks"),
        ("root/a,a/", "a", "line 2: path 'a/' has an empty part"),
    ],
)
def test_what_may_be_paths_or_edges_is_refused(tmp_path, entries, labels, match):
    text = f"@attribute x real\n@attribute c hierarchical {entries}\n@data\n1,{labels}\n"
    with pytest.raises(ValueError, match=match):
        read_hierarchical_arff(write(tmp_path, text, ""))


def test_nominal_attributes_are_one_column_for_each_value(tmp_path):
    header = (
        "@attribute chip {A,'B c',A-D}\n@ATTRIBUTE strand{w,c}\n@attribute n Integer\n"
        "@attribute class HIERARCHICAL 1,1/2\n@data\n"
    )
    samples, table = labelled_arff(write(tmp_path, "'B c',w,1,1\nA-D,?,2,1/2\n?,c,3,1\n", header))
    assert table.columns == ("chip=A", "chip=B c", "chip=A-D", "strand=w", "strand=c", "n")
    assert samples.inputs.tolist() == [[0, 1, 0, 1, 0, 1], [0, 0, 1, 0, 0, 2], [0, 0, 0, 0, 1, 3]]
    assert table.remarks == (
        f"{tmp_path / 'x.arff'}: 2 missing values of 2 nominal attributes became 0 in all columns",
    )
    with pytest.raises(
        ValueError, match="line 7: 'B' is none of the values of the attribute 'chip' in line 1"
    ):
        read_hierarchical_arff(write(tmp_path, "A,w,1,1\nB,w,1,1\n", header))


def test_missing_values_are_means_of_the_file_or_those_given(tmp_path):
    header = "@attribute x real\n@attribute y real\n@attribute z real\n@attribute c hierarchical 1\n@data\n"
    train, table = labelled_arff(write(tmp_path, "1,?,3,1\n?,?,4,1\n4,?,?,1\n", header))
    assert train.inputs.tolist() == [[1, 0, 3], [2.5, 0, 4], [4, 0, 3.5]]
    assert table.means == {"x": 2.5, "y": 0.0, "z": 3.5}
    assert [remark.partition(": ")[2] for remark in table.remarks] == [
        "2 missing values of 2 numeric attributes became the means of the file's own known values",
        "no value is known of 'y', which became 0",
    ]
    path = write(tmp_path, "?,?,?,?\n9,9,9,?\n", header)
    said = []
    features, _ = read_arff_features(path, means=table.means, say=said.append)
    assert features.tolist() == [[2.5, 0, 3.5], [9, 9, 9]]
    assert said == [
        f"{path}: 3 missing values of 3 numeric attributes became the means of the samples learned from"
    ]
    assert read_arff_table(path).features[0].tolist() == [9, 9, 9]


def test_sparse_rows(tmp_path):
    header = (
        "@attribute x real\n@attribute c {no,yes}\n@attribute y real\n"
        "@attribute k hierarchical 1,1/2\n@data\n"
    )
    samples = read_hierarchical_arff(
        write(tmp_path, "{0 0.5, 3 1/2}\n{3 1@1/2,1 yes}\n{ 2 ? , 3 '1' }\n7,no,4,1\n", header)
    )
    expected = [[0.5, 1, 0, 0], [0, 0, 1, 0], [0, 1, 0, 4 / 3], [7, 1, 0, 4]]
    np.testing.assert_allclose(samples.inputs, expected, rtol=1e-6)
    assert samples.labels.tolist() == [[1, -1], [0, 1], [0, -1], [0, -1]]


def test_quotes_comments_and_blanks(tmp_path):
    text = r"""% a note, it's 'open
@RELATION "two 'words'" % note
@attribute	'a, "b" {c}'	REAL	% note
@attribute it's Numeric
@attribute "say \"so\""{'x, y',"it\'s",'''', 50%, '?'}
@attribute class hierarchical "a b","a b/c d", 'e, f' ,"g"/'h i'
@data
1, 2, 'x, y', 'a b@a b/c d' % note, it's
3	,	4	,"it's","e, f" @ "a b/c d"
5,6,'\'',g / h i %, 'and so on
7	8	'?'	"a b"
9,10,50%,'g'
"""
    samples, table = labelled_arff(write(tmp_path, text, ""))
    value = 'say "so"='
    assert table.columns[:2] == ('a, "b" {c}', "it's")
    assert table.columns[2:] == (f"{value}x, y", f"{value}it's", f"{value}'", f"{value}50%", f"{value}?")
    assert samples.taxonomy.names == ("a b", "a b/c d", "e, f", "g", "g/h i")
    assert samples.labels.tolist() == [[0, 1], [2, 1], [4, -1], [0, -1], [3, -1]]
    assert samples.inputs[:, :2].tolist() == [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]
    assert samples.inputs[:, 2:].argmax(axis=1).tolist() == [0, 1, 2, 4, 3]
    assert table.ids == ("line 8", "line 9", "line 10", "line 11", "line 12")


def test_text_and_dates_are_left_out_and_named(tmp_path):
    header = (
        '@attribute ID String\n@attribute "day" DATE "yyyy-MM-dd"\n@attribute x real\n'
        "@attribute c hierarchical a\n@data\n"
    )
    samples, table = labelled_arff(write(tmp_path, "'a, b','2020-01-01',1,a\n?,?,2,a\n", header))
    assert samples.inputs.tolist() == [[1], [2]] and table.columns == ("x",)
    assert table.remarks == (
        f"{tmp_path / 'x.arff'}: left out, as they are no features: 'ID' (string), 'day' (date)",
    )


def test_names_of_columns_are_unique(tmp_path):
    text = "@attribute x real\n@attribute x real\n@attribute x=1 real\n@attribute x {1}\n@data\n1,2,3,1\n"
    path = write(tmp_path, text, "")
    table = read_arff_table(path)
    assert table.columns == ("x", "x (2)", "x=1", "x (3)=1")
    assert table.remarks == (
        f"{path}: several attributes have one name; the later ones are called 'x (2)', 'x (3)'",
    )
    text = "@attribute x=1 real\n@attribute x {1}\n@data\n3,1\n"
    assert read_arff_table(write(tmp_path, text, "")).columns == ("x=1", "x=1 (2)")


def test_byte_order_mark_and_windows_lines(tmp_path):
    path = tmp_path / "x.arff"
    path.write_bytes(b"\xef\xbb\xbf@attribute x real\r\n@data\r\n1\r\n")
    assert read_arff_features(path)[0].tolist() == [[1]]


@pytest.mark.parametrize("name", ["glass.arff", "iris.arff", "zoo.arff", "segment.arff.gz"])
def test_agrees_with_scipy(name):
    if data_home() is None:
        pytest.skip("no data folder")
    path = data_home() / "uci" / name
    opening = gzip.open if path.suffix == ".gz" else open
    with opening(path, "rt") as file:
        agrees_with_scipy(read_arff_table(path), *loadarff(file))


def test_agrees_with_scipy_on_missing_values(tmp_path):
    header = "@relation r\n@attribute x real\n@attribute c {a, 'b c'}\n@attribute y integer\n@data\n"
    path = write(tmp_path, "1.5,'b c',3\n?,?,2\n", header)
    data, meta = loadarff(path)
    assert np.isnan(data["x"]).tolist() == [False, True] and data["c"].tolist() == [b"b c", b"?"]
    data["x"][1] = 1.5
    agrees_with_scipy(read_arff_table(path), data, meta)


def agrees_with_scipy(table, data, meta):
    columns, features = [], []
    for name, kind in zip(meta.names(), meta.types(), strict=True):
        if kind == "numeric":
            columns.append(name.strip(QUOTE))  # SciPy keeps the quotes
            features.append(data[name])
            continue
        for value in meta[name][1]:
            columns.append(f"{name.strip(QUOTE)}={value}")
            features.append(data[name] == value.encode())
    assert table.columns == tuple(columns)
    assert (table.features == np.array(features, dtype=np.float32).T).all()


def test_damaged_gzip(tmp_path):
    whole = gzip.compress((HEADER + "1,1\n").encode())
    for damaged in (b"plain", whole[: len(whole) // 2]):
        (tmp_path / "x.arff.gz").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"x.arff.gz: not readable"):
            read_hierarchical_arff(tmp_path / "x.arff.gz")


@pytest.mark.parametrize(("name", "by_level"), [("07A", [8, 25, 63]), ("07D", [4, 16, 26])])
def test_imclef(name, by_level):
    if data_home() is None:
        pytest.skip("no data folder")
    names = []
    for split, n in (("train", 10_000), ("test", 1_006)):
        samples = load_imclef(name, split)
        names.append(samples.taxonomy.names)
        assert samples.inputs.shape == (n, 80)
        assert np.bincount(samples.taxonomy.depth).tolist() == by_level
        assert samples.labels.shape == (n, 3)
        assert (samples.taxonomy.depth[samples.labels] == [0, 1, 2]).all()  # one path, from the top
        assert (samples.targets().sum(axis=1) == 3).all()
        assert samples.completed == 0
    assert names[0] == names[1]
    path = data_home() / "imclef" / f"ImCLEF{name}_Test.arff.gz"
    with gzip.open(path, "rt") as file:
        last = file.read().strip().split("\n")[-1].split(",")
    assert samples.inputs[-1].tolist() == [float(cell) for cell in last[:-1]]
    assert [samples.taxonomy.names[node] for node in samples.labels[-1]] == last[-1].split("@")


def test_imclef_asks_for_a_known_name():
    with pytest.raises(ValueError, match="'07A' or '07D', got '07B'"):
        load_imclef("07B", "train")
