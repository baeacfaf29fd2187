import json
import sys
import warnings
from io import BytesIO

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import cut_tree, is_monotonic, is_valid_linkage, linkage, to_tree
from scipy.spatial.distance import pdist
from tree_strategies import caterpillar, clades, labelled, trees

from hyperclade.trees import Tree

any_tree = trees(max_children=4, single_children=True)
nasty_text = st.text(
    st.sampled_from("ab01_'\"()[]:;,.-+ \t\näß中🌳&<>/") | st.characters(codec="utf-8"), max_size=8
)


def named(tree, names):
    return Tree(tree.parent, tree.height, names)


def described_nodes(tree):
    """Names of the leaves under each node, its name and its branch length, sorted."""
    names = [*tree.names, *(tree.inner_names or [None] * (tree.n_nodes - tree.n_leaves))]
    under = [sorted(tree.names[leaf] for leaf in leaves) for leaves in clades(tree)]
    return sorted(zip(under, map(repr, names), map(repr, tree.branch_length.tolist()), strict=True))


def named_clades(tree):
    return {frozenset(tree.names[leaf] for leaf in leaves) for leaves in clades(tree)}


@st.composite
def named_trees(draw):
    tree = draw(trees(max_leaves=12, max_children=4, single_children=True))
    n = tree.n_leaves
    return named(tree, draw(st.lists(nasty_text, min_size=n, max_size=n, unique=True)))


# Linkage


@settings(max_examples=60, deadline=None)
@given(any_tree)
def test_linkage_is_valid_and_refines_the_tree(tree):
    rows = tree.to_linkage()
    assert rows.shape == (tree.n_leaves - 1, 4) and rows.dtype == np.float64
    if tree.n_leaves < 2:
        return
    assert is_valid_linkage(rows) and is_monotonic(rows)
    again = Tree.from_linkage(rows)
    assert set(clades(tree)) <= set(clades(again))
    assert again.is_binary and np.isin(again.height, tree.height).all()
    i, j = np.triu_indices(tree.n_leaves, 1)
    assert again.height[again.lca(i, j)].tolist() == tree.height[tree.lca(i, j)].tolist()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(2, 30),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["single", "complete", "average", "ward", "centroid", "median"]),
)
def test_from_linkage_of_scipy(n, seed, method):
    points = np.random.default_rng(seed).integers(0, 6, (n, 2)).astype(float)  # many ties and duplicates
    rows = linkage(pdist(points), method)
    tree = Tree.from_linkage(rows)
    _, nodes = to_tree(rows, rd=True)
    assert clades(tree) == [frozenset(node.pre_order()) for node in nodes]
    if is_monotonic(rows):
        assert tree.height[n:].tolist() == rows[:, 2].tolist()
        assert cut_tree(tree.to_linkage(), n // 2).shape == (n, 1)
    else:
        for node in range(n, tree.n_nodes):
            below = [other for other in range(n, node + 1) if clades(tree)[other] <= clades(tree)[node]]
            assert tree.height[node] == max(rows[other - n, 2] for other in below)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.empty((0, 4)), "at least one row"),
        ([[0, 1, 2]], "shape"),
        ([[0, 1, np.nan, 2]], "NaN"),
        ([[0, 0.5, 1, 2]], "whole numbers"),
        ([[0, 1, -1, 2]], "negative"),
        ([[0, 1, 1, 3]], "row 0 of the linkage counts 3"),
        ([[0, 2, 1, 2]], r"merges\[0\]"),
        ([[0, 1, 1, 2], [0, 2, 1, 2]], "more than once"),
    ],
)
def test_bad_linkages_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        Tree.from_linkage(rows)


# Newick


@settings(max_examples=150, deadline=None)
@given(named_trees())
def test_newick_keeps_names_clades_and_heights(tree):
    again = Tree.from_newick(tree.to_newick())
    assert sorted(again.names) == sorted(tree.names)
    assert named_clades(again) == named_clades(tree)
    at = {name: leaf for leaf, name in enumerate(again.names)}
    i, j = np.triu_indices(tree.n_leaves)
    moved = np.array([at[name] for name in tree.names])
    found, expected = again.height[again.lca(moved[i], moved[j])], tree.height[tree.lca(i, j)]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(any_tree)
def test_newick_without_names_keeps_leaf_ids(tree):
    again = Tree.from_newick(tree.to_newick())
    assert again.names is None and again.same_clades(tree)
    np.testing.assert_allclose(np.sort(again.height), np.sort(tree.height), rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(named_trees(), st.integers(0, 2**32 - 1))
def test_newick_with_comments_and_blanks(tree, seed):
    rng = np.random.default_rng(seed)
    fillers = ["", "", " ", "\n\t", "[]", "[a (comment), with: 'quote;]", "[nested [one]] "]
    text = tree.to_newick(["" for _ in range(tree.n_nodes)])
    filled = "".join(str(rng.choice(fillers)) + sign if sign in "(),:;" else sign for sign in text)
    assert Tree.from_newick(filled) == Tree.from_newick(text)


@pytest.mark.parametrize(
    ("text", "names", "parent", "height"),
    [
        ("(B,(A,C,E),D);", "BACED", [6, 5, 5, 5, 6, 6, -1], [0, 0, 0, 0, 0, 1, 2]),
        ("((a:1,b:1)x:2,c:3)root:9;", "abc", [3, 3, 4, 4, -1], [0, 0, 0, 1, 3]),
        ("((a:.5,b:5e-1):+2.5E0,c:3.)[tail]; [end]", "abc", [3, 3, 4, 4, -1], [0, 0, 0, 0.5, 3]),
        ("((a:1,b:3):1,c);", "abc", [3, 3, 4, 4, -1], [0, 0, 0, 3, 4]),  # not ultrametric, one length missing
        ("('it''s',' ',['(']'[x]',\"q\");", ["it's", " ", "[x]", "q"], [4, 4, 4, 4, -1], [0, 0, 0, 0, 1]),
        ("(a_b,'1',2);", ["a_b", "1", "2"], [3, 3, 3, -1], [0, 0, 0, 1]),
        ("((2,0),1);", None, [3, 4, 3, 4, -1], [0, 0, 0, 1, 2]),
        ("(,);", None, [2, 2, -1], [0, 0, 1]),
        ("(a,);", ["a", ""], [2, 2, -1], [0, 0, 1]),
        ("alone;", ["alone"], [-1], [0]),
        ("((a)b)c;", ["a"], [1, 2, -1], [0, 1, 2]),
        ("\n(\na:0,\nb:0)\n;\n", "ab", [2, 2, -1], [0, 0, 0]),
    ],
)
def test_newick_reference_texts(text, names, parent, height):
    tree = Tree.from_newick(text)
    assert tree.names == (None if names is None else tuple(names))
    assert tree.parent.tolist() == parent
    assert tree.height.tolist() == height


def test_newick_written_by_hand():
    tree = Tree([4, 4, 5, 5, 6, 6, -1], [0, 0, 0, 0, 0.5, 1, 3], ["cat", "a b", "7", "x_y"])
    assert tree.to_newick() == "((cat:0.5,'a b':0.5):2.5,('7':1.0,'x_y':1.0):2.0);"
    everything = ["cat", "dog", None, "", "pets", "it's", "top"]
    assert tree.to_newick(everything) == "((cat:0.5,dog:0.5)pets:2.5,(:1.0,'':1.0)'it''s':2.0)top;"
    assert Tree([-1], names=["one leaf"]).to_newick() == "'one leaf';"
    with pytest.raises(ValueError, match="all 7 nodes"):
        tree.to_newick(["too", "few"])


@settings(max_examples=150, deadline=None)
@given(named_trees(), st.integers(0, 2**32 - 1), st.data())
def test_newick_keeps_inner_names_and_branch_lengths(tree, seed, data):
    n_inner = tree.n_nodes - tree.n_leaves
    inner = data.draw(st.lists(st.none() | nasty_text, min_size=n_inner, max_size=n_inner))
    lengths = labelled(tree, seed).branch_length
    tree = Tree(tree.parent, tree.height, tree.names, inner, lengths)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a name in quotes is no comment, whatever it holds
        again = Tree.from_newick(tree.to_newick())
    assert again.to_newick() == tree.to_newick()
    if again.branch_length is not None:  # else the heights have them
        assert described_nodes(again) == described_nodes(tree)


@pytest.mark.parametrize(
    ("text", "names", "inner_names", "written"),
    [
        # ete3, format 1: names of all nodes
        (
            "(((A:0.2,B:0.2)ab:0.1,(C:0.1,D:0.25)cd:0.2)abcd:0.5,E:1)root;",
            "ABCDE",
            {"ab", "cd", "abcd", "root"},
            "(((A:0.2,B:0.2)ab:0.1,(C:0.1,D:0.25)cd:0.2)abcd:0.5,E:1.0)root;",
        ),
        # ete3, format 0: support values, and whole ones
        (
            "((Homo_sapiens:1,Pan:1)0.95:0.5,(C:1e-05,D:2.5E+1)1:0.5)100:0;\n",
            ["Homo_sapiens", "Pan", "C", "D"],
            {"0.95", "1", "100"},
            "(('Homo_sapiens':1.0,Pan:1.0)0.95:0.5,(C:1e-05,D:25.0)1:0.5)100:0.0;",
        ),
        # ete3, formats 8 and 9: names alone, and leaves alone
        ("((A,B)ab,(C,D)cd)root;", "ABCD", {"ab", "cd", "root"}, "((A,B)ab,(C,D)cd)root;"),
        ("((A,B),(C,D));", "ABCD", None, "((A,B),(C,D));"),
        # ete3, format 100: structure alone
        ("((,),);", None, None, "((0,1),2);"),
        # dendropy: rooting, quoted names, a root of length 0, the line feed at the end
        (
            "[&R] ((A:1.0,'C d':1.5)'a-C d':2.0,'it''s':2.0):0.0;\r\n",
            ["A", "C d", "it's"],
            {"a-C d", None},
            "((A:1.0,'C d':1.5)a-C d:2.0,'it''s':2.0):0.0;".replace("a-C d", "'a-C d'"),
        ),
        ("[&U]\r\n(A:1.0,B:2.0,\r\n C:3.0);\r\n", "ABC", None, "(A:1.0,B:2.0,C:3.0);"),
        # neighbour joining: negative branches
        ("((A:-0.05,B:0.3):0.1,C:-2e-3);", "ABC", None, "((A:-0.05,B:0.3):0.1,C:-0.002);"),
        # double quotes, one doubled inside, and one that opens nothing
        (
            '("big dog":1,"a ""b""":2,5"6:1)"in [it]; \':";',
            ["big dog", 'a "b"', '5"6'],
            {"in [it]; ':"},
            "('big dog':1.0,'a \"b\"':2.0,'5\"6':1.0)'in [it]; '':';",
        ),
        # a byte order mark, blank and missing labels
        ("\ufeff(A:0.1,'':1,:1)'';", ["A", "", ""], {""}, "(A:0.1,'':1.0,'':1.0)'';"),
        # leaves that go by their ids, out of order
        ("((2:1,0:5)x:1,1:1);", None, {"x", None}, "((0:5.0,2:1.0)x:1.0,1:1.0);"),
    ],
)
def test_newick_of_other_programs_comes_back_whole(text, names, inner_names, written):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tree = Tree.from_newick(text)
    assert tree.names == (None if names is None else tuple(names))
    assert (None if tree.inner_names is None else set(tree.inner_names)) == inner_names
    assert tree.to_newick() == written
    assert Tree.from_newick(written).to_newick() == written
    assert Tree.from_json(tree.to_json()) == tree


def test_newick_of_the_issue():
    tree = Tree.from_newick("((A,B)ab:1,(C,D)cd:2)root;")
    assert tree.inner_names == ("ab", "cd", "root")
    assert tree.subtree(int(tree.lca(2, 3))).inner_names == ("cd",)
    assert tree.to_newick() == "((A,B)ab:1.0,(C,D)cd:2.0)root;"
    assert tree.to_networkx().nodes[tree.root]["name"] == "root"
    assert 'key="name">cd<' in tree.to_graphml()
    assert Tree.from_newick("(A:0.1,B:1);").to_newick() == "(A:0.1,B:1.0);"


def test_newick_heights_are_longest_paths_whatever_the_lengths():
    tree = Tree.from_newick("((A:-1,B:3)x:-2,(C:1,D:1)y:1,E:0.5)z:7;")
    assert tree.inner_names == ("y", "x", "z") and tree.height.tolist() == [0, 0, 0, 0, 0, 1, 3, 3]
    np.testing.assert_array_equal(tree.branch_length, [-1, 3, 1, 1, 0.5, 1, -2, 7])
    graph = tree.to_networkx()
    assert [graph.nodes[node]["branch_length"] for node in range(8)] == tree.branch_length.tolist()
    assert graph.nodes == networkx.read_graphml(BytesIO(tree.to_graphml().encode()), node_type=int).nodes


def test_ultrametric_newick_needs_no_branch_lengths():
    assert Tree.from_newick("((A:1,B:1)x:2,C:3);") == Tree(
        [3, 3, 4, 4, -1], [0, 0, 0, 1, 3], list("ABC"), ["x", None]
    )


@pytest.mark.parametrize(
    ("text", "dropped", "first"),
    [
        ("(A[&rate=1]:[&len=2]1.0,B:1.0)[&height={1,2}];", 3, r"\[&rate=1\]"),
        ("(A:1[&&NHX:S=human:E=1.1],B:1)[&&NHX:S=x];", 2, r"\[&&NHX:S=human:E=1.1\]"),
        ("[&R] [&W 1/3] (A:1,B:1);", 1, r"\[&W 1/3\]"),
        ("((A:1,B:1):1[95],C:2);", 1, r"\[95\]"),
    ],
)
def test_newick_annotations_that_are_lost_are_named(text, dropped, first):
    with pytest.warns(UserWarning, match=f"dropped {dropped}, such as {first}") as caught:
        tree = Tree.from_newick(text)
    assert caught[0].filename == __file__
    assert tree.names[:2] == ("A", "B") and tree.inner_names is None


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        ("(a,b)", 5),
        ("(a,b;", 4),
        ("(a,b));", 5),
        ("(a b);", 3),
        ("(a,b):x;", 6),
        ("(a:-x,b);", 3),
        ('(a,"b);', 3),
        ('(a,"b"c);', 6),
        ("(a:1e999,b);", 3),
        ("(a:nan,b);", 3),
        ("(a:,b);", 3),
        ("(a:1:2,b);", 4),
        ("(a,b); (c,d);", 7),
        ("(a,'b);", 3),
        ("(a,[b);", 3),
        ("(a,'[',[b[c]);", 7),
        ("(a]b);", 2),
        ("((a,b)(c,d));", 6),
        ("(a,b),c;", 5),
        ("[only a comment]  ;", 18),
        ("'a''b'c;", 6),
        ("a(b,c);", 1),
    ],
)
def test_broken_newick_names_the_character(text, position):
    with pytest.raises(ValueError, match=rf"character {position}\b"):
        Tree.from_newick(text)


@pytest.mark.parametrize("text", ["((a:1e308,c:1):1e308,b:1);", "(((a:1e308):1e308,c):-1e308,b:1);"])
def test_branches_longer_than_numbers_go_are_refused(text):
    with pytest.raises(ValueError, match="branch lengths add up to more than"):
        Tree.from_newick(text)


@settings(max_examples=300, deadline=None)
@pytest.mark.filterwarnings("ignore:Newick")
@given(st.text(st.sampled_from("ab'\"()[]:;,1.&- ")))
def test_any_text_is_a_tree_or_a_value_error(text):
    try:
        tree = Tree.from_newick(text)
    except ValueError as error:
        assert "character" in str(error)
    else:
        assert tree.n_leaves >= 1


def test_deep_newick_needs_no_recursion():
    depth = 100_000
    assert depth > sys.getrecursionlimit()
    tree = caterpillar(depth)
    again = Tree.from_newick(tree.to_newick())
    assert again.same_clades(tree)
    with pytest.raises(ValueError, match=f"character {depth}"):
        Tree.from_newick("(" * depth)


# JSON


@settings(max_examples=60, deadline=None)
@given(named_trees() | any_tree | st.builds(labelled, any_tree, st.integers(0, 2**32 - 1)))
def test_json_gives_an_equal_tree(tree):
    assert Tree.from_json(tree.to_json()) == tree
    assert Tree.from_json("\ufeff" + tree.to_json()) == tree


def test_json_of_the_first_version_is_read_and_still_written():
    text = '{"format":"hyperclade-tree","version":1,"parent":[2,2,-1],"height":[0.0,0.0,1.0],"names":null}'
    assert Tree.from_json(text) == Tree([2, 2, -1]) and Tree([2, 2, -1]).to_json() == text
    full = Tree([2, 2, -1], inner_names=["top"], branch_length=[0.5, np.nan, 2])
    assert full.to_json() == text.replace('n":1', 'n":2').replace(
        "}", ',"inner_names":["top"],"branch_length":[0.5,null,2.0]}'
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "newick"}, "not a tree"),
        ({"version": 2}, "missing or unknown: branch_length, inner_names"),
        ({"version": 3}, "version 3"),
        ({"version": [1]}, "version"),
        (
            {"version": 2, "inner_names": [1], "branch_length": None},
            '"inner_names" must be null or a list of st',
        ),
        (
            {"version": 2, "inner_names": None, "branch_length": ["1"]},
            '"branch_length" must be null or a list',
        ),
        ({"version": 2, "inner_names": ["a", "b"], "branch_length": None}, "1 internal nodes, got 2"),
        ({"inner_names": None}, "inner_names"),
        ({"extra": 1}, "extra"),
        ({"names": "ab"}, "list of strings"),
        ({"names": [1, 2]}, "list of strings"),
        ({"parent": [True, 2, -1]}, '"parent" must be'),
        ({"parent": [2.0, 2, -1]}, '"parent" must be'),
        ({"parent": [2**70, 2, -1]}, "integers"),
        ({"parent": "x"}, '"parent" must be'),
        ({"parent": [[2], 2, -1]}, '"parent" must be'),
        ({"height": [0, 0, None]}, '"height" must be'),
        ({"height": [0, 0, float("nan")]}, "finite"),
        ({"height": [0, 0, 10**400]}, "too large"),
        ({"parent": [2, 1, -1]}, "larger than 1"),
    ],
)
def test_bad_json_is_refused(change, message):
    content = json.loads(Tree([2, 2, -1]).to_json())
    with pytest.raises(ValueError, match=message):
        Tree.from_json(json.dumps(content | change))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        pytest.param("[" * 100_000, id="deep"),
        "[]",
        "null",
        "3",
        '{"format": "hyperclade-tree", "version": 1}',
    ],
)
def test_text_that_is_no_tree_is_refused(text):
    with pytest.raises(ValueError):
        Tree.from_json(text)


# Graphs


@settings(max_examples=40, deadline=None)
@given(named_trees())
def test_networkx_graph(tree):
    graph = tree.to_networkx()
    assert networkx.is_arborescence(graph)
    for leaf in range(tree.n_leaves):
        assert graph.nodes[leaf]["name"] == tree.names[leaf]
    for node in range(tree.n_nodes):
        below = networkx.descendants(graph, node) | {node}
        assert graph.nodes[node]["size"] == len([other for other in below if other < tree.n_leaves])
        assert graph.nodes[node]["height"] == tree.height[node]


def in_xml(sign):
    """The Char production of XML 1.0."""
    code = ord(sign)
    control = code < 0x20 and sign not in "\t\n\r"
    return "\ufffd" if control or 0xD800 <= code <= 0xDFFF or code in (0xFFFE, 0xFFFF) else sign


@settings(max_examples=40, deadline=None)
@given(named_trees())
def test_graphml_is_read_by_networkx(tree):
    names = [*tree.names, *[None] * (tree.n_nodes - tree.n_leaves)]
    names[-1] = 'the <top> & "more"'
    graph = networkx.read_graphml(BytesIO(tree.to_graphml(names).encode()), node_type=int)
    expected = tree.to_networkx(names)
    assert set(graph.edges) == set(expected.edges)
    for node, attributes in expected.nodes.items():
        if "name" in attributes:
            attributes["name"] = "".join(map(in_xml, attributes["name"]))
        assert graph.nodes[node] == attributes


def test_networkx_missing_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(ImportError, match="pip install networkx"):
        Tree([2, 2, -1]).to_networkx()
