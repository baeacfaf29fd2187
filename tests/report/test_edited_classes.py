"""Classes of a cut read back as the taxonomy they are, whatever they are called."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperclade.data.taxonomies import read_taxonomy
from hyperclade.report.classes import Classes
from hyperclade.trees import Tree
from report.random_trees import trees

ODD = [
    "a,b", 'say "x"', "two\nlines", "two\r\nlines", "=1+1", "@SUM(A1)", "", " ", "child", "parent", "path",
    "child,parent", "\0", "#x", "node 3", "x (2)", "x", "<b>", "\u202etfel", "é" * 20_000, "'", "\t",
    "a@b", "nan",
]  # fmt: skip


@settings(deadline=None)
@given(trees, st.data())
def test_the_file_reads_as_the_tree_above_the_cut(tmp_path_factory, tree, data):
    names = data.draw(st.lists(st.sampled_from(ODD), min_size=tree.n_nodes, max_size=tree.n_nodes))
    k = data.draw(st.integers(1, tree.n_leaves))
    classes = Classes.of(tree, k, names)
    assert classes.nodes.tolist() == tree.cut_nodes(k).tolist()
    assert classes.labels.tolist() == tree.cut(k).tolist()
    path = tmp_path_factory.mktemp("classes") / "taxonomy.csv"
    classes.write(path)
    taxonomy = read_taxonomy(path)
    assert [taxonomy.names[leaf] for leaf in taxonomy.leaves] == classes.names  # class i is leaf i
    assert taxonomy.is_tree and len(taxonomy.roots) == 1
    under = {}
    for label, node in enumerate(classes.nodes.tolist()):
        while node != -1:
            under.setdefault(node, set()).add(label)
            node = int(tree.parent[node])
    leaf = {int(node): label for label, node in enumerate(taxonomy.leaves)}
    found = [
        {leaf[int(one)] for one in [node, *taxonomy.descendants(node)] if int(one) in leaf}
        for node in range(len(taxonomy))
    ]
    assert sorted(map(sorted, found)) == sorted(map(sorted, under.values()))


def test_names_are_kept_where_they_can_be():
    tree = Tree([4, 4, 4, 4, -1])
    names = ["x", "x (2)", "x", " =1+1\r\n", ""]
    classes = Classes.of(tree, 4, names)
    assert classes.names == ["x", "x (2)", "x (3)", "=1+1"]
    assert classes.edges[0] == ("node 4", "")


def test_a_hundred_thousand_equal_names_take_no_time():
    n = 100_000
    classes = Classes.of(Tree(np.r_[np.full(n, n), -1]), n, ["same"] * (n + 1))
    assert len(set(classes.names)) == n and classes.names[-1] == "same (100000)"


def test_single_children_above_a_cut_stay():
    classes = Classes.of(Tree([3, 3, 5, 4, 5, 6, -1]), 2, list("abcdefg"))
    assert classes.edges == [("g", ""), ("f", "g"), *((name, "f") for name in classes.names)]
