"""Taxonomies of files are the ones written down, bundled ones are those of their data, faults are named."""

import json

import numpy as np
import pandas as pd
import pytest

from hyperclade.data.samples import data_home
from hyperclade.data.taxonomies import BUNDLED, read_taxonomy
from hyperclade.trees.exchange import to_json
from hyperclade.trees.tree import Tree


def named_edges(taxonomy):
    names = taxonomy.names
    return {
        (names[child], names[parent])
        for child in range(len(names))
        for parent in taxonomy.parent_index[
            taxonomy.parent_pointer[child] : taxonomy.parent_pointer[child + 1]
        ]
    }


PETS = {("dog", "animal"), ("cat", "animal"), ("dog", "pet")}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.csv", "dog,animal\ncat,animal\n\ndog,pet\nrock,\n"),
        ("x.csv", "\ufeffParent,Child,note\nanimal,dog,a\nanimal, cat ,b\npet,dog,c\n,rock,d\n"),
        ("x.json", '{"animal": ["dog", "cat"], "pet": {"dog": null}, "rock": {}}'),
    ],
)
def test_one_taxonomy_in_each_format(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    taxonomy = read_taxonomy(tmp_path / name)
    assert named_edges(taxonomy) == PETS
    assert set(taxonomy.names) == {"dog", "cat", "animal", "pet", "rock"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.tsv", "child\tparent\ndog\tanimal\ncat\tanimal\ndog\tpet\nrock\t\n"),
        ("x.tsv", "dog\tanimal\n cat \tanimal\ndog\t pet\nrock\t\n"),
        ("x.csv", "Parents;note;Children\nanimal;a;dog\nanimal;b;cat\npet;c;dog\n;d;rock\n"),
        ("x.csv", "dog;animal\ncat;animal\n;\n\ndog;pet\nrock;\n"),
        ("x.csv", "dog\tanimal\ncat\tanimal\ndog\tpet\nrock\t\n"),
        ("x.csv", '"dog", "animal"\r\n"cat", "animal"\r\n"dog", "pet"\r\n"rock",\r\n'),
    ],
)
def test_signs_between_cells(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    taxonomy = read_taxonomy(tmp_path / name)
    assert named_edges(taxonomy) == PETS
    assert set(taxonomy.names) == {"dog", "cat", "animal", "pet", "rock"}


@pytest.mark.parametrize(
    ("name", "text", "edges"),
    [
        ("x.csv", '"a, ""b""","c;d"\n"e/f","c;d"\n', {('a, "b"', "c;d"), ("e/f", "c;d")}),
        ("x.csv", '"dog, big";animal\ncat;animal\n', {("dog, big", "animal"), ("cat", "animal")}),
        ("x.csv", "id,Paths\n1,a / b\n2,a/c\n", {("a/b", "a"), ("a/c", "a")}),
        ("x.csv", "path;note\na/b;x\n", {("a/b", "a")}),
        ("x.tsv", "a, b/c\n  \na, b\n", {("a, b/c", "a, b")}),
    ],
)
def test_names_with_signs_of_the_format(tmp_path, name, text, edges):
    (tmp_path / name).write_text(text)
    assert named_edges(read_taxonomy(tmp_path / name)) == edges


@pytest.mark.parametrize("header", ["", "path\n"])
def test_paths(tmp_path, header):
    (tmp_path / "x.csv").write_text(header + "animal/dog\nplant\n")
    taxonomy = read_taxonomy(tmp_path / "x.csv")
    assert taxonomy.names == ("animal", "animal/dog", "plant")


def test_discovered_tree(tmp_path):
    tree = Tree([3, 3, 4, 4, -1], names=["a", "b", "c"])
    (tmp_path / "tree.json").write_text(to_json(tree))
    assert named_edges(read_taxonomy(tmp_path / "tree.json")) == {
        ("a", "node 3"),
        ("b", "node 3"),
        ("node 3", "node 4"),
        ("c", "node 4"),
    }


@pytest.mark.parametrize(
    ("name", "text", "match"),
    [
        ("x.csv", "", "x.csv: empty"),
        ("x.csv", "a,b\nb,c\nd,c\nc,a\ne,a\n", "x.csv: line 4 closes a cycle: .* -> "),
        ("x.csv", "child,parent\na,a\n", "line 2 closes a cycle"),
        ("x.csv", "a,b\nc,b\na,b\n", r"x.csv: line 3 repeats line 1 \(a,b\)"),
        ("x.csv", "a,b\n,b\n", "line 2 has no name for the child"),
        ("x.csv", "a,b\nc\n", "line 2 has 1 cells, the first line 2"),
        ("x.csv", "a,b,c\n", "line 1 has 3 cells"),
        ("x.csv", "a/b\na//c\n", "line 2: path 'a//c' has an empty part"),
        ("x.csv", "a/b\nc\na/b\n", "line 3 repeats line 1"),
        ("x.csv", b"\xff\xfe,b\n", "not UTF-8"),
        ("x.csv", "node,parent\na,b\n", r"x.csv: line 1 \(node, parent\) seems to be a header; call"),
        ("x.csv", "child,child,parent\na,b,c\n", "seems to be a header"),
        ("x.csv", "a,b\n , \n ,b\n", "line 3 has no name for the child"),
        ("x.csv", "a / b\na/b\n", r"line 2 repeats line 1 \(a/b\)"),
        ("x.csv", 'a,"b\nc,d\n', "line 2 cannot be read as cells"),
        pytest.param(
            "x.csv",
            "a" * 200_000 + ",b\n",
            "x.csv: line 1 cannot be read as cells .field larger",
            id="long cell",
        ),
        pytest.param("x.csv", "a/" * 5_000 + "a\n", "x.csv: path 'a/a/.* has 5001 parts", id="long path"),
        ("x.csv", "a\0,b\n", "not UTF-8 text .it has NUL"),
        ("x.csv", "a,b\nc,d\n".encode("utf-16"), "not UTF-8"),
        ("x.json", b'{"\xff": 1}', "x.json: not UTF-8"),
        ("x.json", "{", "x.json: not JSON"),
        pytest.param("x.json", '{"a":' * 100_000, "x.json: nested too deeply", id="deep objects"),
        pytest.param("x.json", "[" * 100_000, "x.json: nested too deeply", id="deep lists"),
        ("x.json", '{"a": [["b"]]}', "below 'a' there must be an object or a list of names"),
        ("x.json", '{"a": [{"b": null}]}', "below 'a' there must be"),
        ("x.json", '{"a": [null]}', "below 'a' there must be"),
        ("x.json", '{"a": [1]}', "below 'a' there must be"),
        ("x.json", '{"a": "bc"}', "below 'a' there must be"),
        ("x.json", '{"a": [" "]}', "has no name for the child"),
        ("x.json", "{}", "x.json: a taxonomy needs at least one node"),
        ("x.json", "[1]", "need an object"),
        ("x.json", '{"a": 3}', "below 'a' there must be"),
        ("x.json", '{"a": ["b", "b"]}', "a name occurs twice below 'a'"),
        ("x.json", '{"a": {"b": {}, "b": {}}}', "'b' repeats"),
        ("x.json", '{"a": {"b": ["a"]}}', "x.json: the entry 'a' closes a cycle"),
        ("x.json", '{"format": "hyperclade-tree"}', "x.json: tree of version None"),
        ("x.txt", "a,b", "'.txt' is not known"),
    ],
)
def test_faults_name_file_and_line(tmp_path, name, text, match):
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=match):
        read_taxonomy(tmp_path / name)


def test_no_such_taxonomy():
    with pytest.raises(FileNotFoundError, match="cityscape is no file, nor one of the bundled"):
        read_taxonomy("cityscape")


@pytest.mark.parametrize(
    ("name", "n_nodes", "by_level"),
    [
        ("camvid", 17, [7, 11]),
        ("cifar100", 120, [20, 100]),
        ("cityscapes", 25, [7, 19]),
        ("cityscapes27", 33, [7, 27]),
        ("cocostuff27", 215, [2, 4, 27, 182]),
        ("lip", 23, [2, 3, 20]),
        ("pascal-person-part", 10, [2, 3, 7]),
        ("potsdam3", 9, [3, 6]),
    ],
)
def test_bundled_sizes(name, n_nodes, by_level):
    taxonomy = read_taxonomy(name)
    assert len(taxonomy) == n_nodes
    assert taxonomy.is_tree
    assert [len(np.unique(level)) for level in taxonomy.levels()] == by_level


@pytest.mark.parametrize(
    ("name", "upper", "lower"),
    [
        ("lip", [1, 2, 3, 4, 5, 6, 7, 10, 11, 13, 14, 15], [8, 9, 12, 16, 17, 18, 19]),
        ("pascal-person-part", [1, 2, 3, 4], [5, 6]),
    ],
)
def test_parts_of_people_by_mask_value(name, upper, lower):
    taxonomy = read_taxonomy(name)
    for body, values in (("upper-body", upper), ("lower-body", lower)):
        below = np.intersect1d(taxonomy.descendants(body), taxonomy.leaves)
        assert np.flatnonzero(np.isin(taxonomy.leaves, below)).tolist() == values
        assert taxonomy.names[taxonomy.ancestors(body)[0]] == "human"
    assert taxonomy.names[taxonomy.leaves[0]] == "background"


def test_cityscapes_by_training_id():
    taxonomy = read_taxonomy("cityscapes")
    classes = [taxonomy.names[leaf] for leaf in taxonomy.leaves]
    assert (classes[0], classes[10], classes[11], classes[18]) == ("road", "sky", "person", "bicycle")
    groups = [taxonomy.names[node] for node in taxonomy.levels()[0]]
    assert groups == (
        ["flat"] * 2
        + ["construction"] * 3
        + ["object"] * 3
        + ["nature"] * 2
        + ["sky"]
        + ["human"] * 2
        + ["vehicle"] * 6
    )


def test_tiered_imagenet_h_is_pruned_wordnet():
    taxonomy = read_taxonomy("tiered-imagenet-h")
    assert (len(taxonomy), len(taxonomy.leaves), taxonomy.depth.max()) == (843, 608, 12)
    assert taxonomy.is_tree
    assert [taxonomy.names[root] for root in taxonomy.roots] == ["n00001930"]
    assert np.diff(taxonomy.child_pointer)[np.setdiff1d(np.arange(843), taxonomy.leaves)].min() >= 2
    assert (np.diff([int(taxonomy.names[leaf][1:]) for leaf in taxonomy.leaves]) > 0).all()
    if data_home() is None:
        pytest.skip("no data folder")
    nouns = pd.read_parquet(data_home() / "wordnet" / "nouns.parquet", columns=["offset", "hypernyms"])
    above = {f"n{int(offset):08d}": [f"n{int(up):08d}" for up in ups] for offset, ups in nouns.to_numpy()}
    for child, parent in named_edges(taxonomy):
        reached, waiting = set(), [child]
        while waiting:
            node = waiting.pop()
            reached.add(node)
            waiting += above.get(node, [])
        assert parent in reached, (child, parent)


def test_cifar100_agrees_with_its_data():
    if data_home() is None:
        pytest.skip("no data folder")
    frame = pd.read_parquet(data_home() / "cifar100" / "test.parquet", columns=["label", "superclass"])
    taxonomy = read_taxonomy("cifar100")
    assert named_edges(taxonomy) == set(frame.itertuples(index=False, name=None))
    assert [taxonomy.names[leaf] for leaf in taxonomy.leaves] == sorted(frame["label"].unique())


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_survives_json(tmp_path, name):
    taxonomy = read_taxonomy(name)
    nested = {
        taxonomy.names[node]: {taxonomy.names[child]: {} for child in taxonomy.child_index[a:b]}
        for node, (a, b) in enumerate(
            zip(taxonomy.child_pointer[:-1], taxonomy.child_pointer[1:], strict=True)
        )
    }
    (tmp_path / "x.json").write_text(json.dumps(nested))
    assert named_edges(read_taxonomy(tmp_path / "x.json")) == named_edges(taxonomy)
