import itertools

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tree_strategies import trees

from hyperclade.trees import Taxonomy, Tree


@st.composite
def acyclic_edges(draw):
    """Pairs (child, parent) of shuffled names; parents precede children in a hidden order."""
    m = draw(st.integers(2, 15))
    pairs = draw(st.lists(st.tuples(st.integers(1, m - 1), st.integers(0, m - 2)), min_size=1, max_size=30))
    label = draw(st.permutations([f"node {node}" for node in range(m)]))
    return [(label[child], label[parent % child]) for child, parent in pairs]


def graph_of(edges):
    return networkx.DiGraph((parent, child) for child, parent in edges)


@settings(max_examples=80, deadline=None)
@given(acyclic_edges())
def test_closure_depth_and_relatives_against_networkx(edges):
    taxonomy, graph = Taxonomy.from_edges(edges), graph_of(edges)
    names = np.array(taxonomy.names)
    assert set(names) == set(graph)
    matrix = taxonomy.ancestor_matrix()
    assert matrix.dtype == bool
    closure = matrix.toarray()
    for node, name in enumerate(taxonomy.names):
        above, below = networkx.ancestors(graph, name), networkx.descendants(graph, name)
        assert set(names[taxonomy.ancestors(name)]) == above
        assert set(names[taxonomy.descendants(node)]) == below
        assert set(names[closure[node]]) == above | {name}
        up = graph.subgraph(above | {name})
        assert taxonomy.depth[node] == networkx.dag_longest_path_length(up)
        assert taxonomy.index(name) == node
    assert set(names[taxonomy.leaves]) == {name for name in graph if graph.out_degree(name) == 0}
    assert set(names[taxonomy.roots]) == {name for name in graph if graph.in_degree(name) == 0}
    assert taxonomy.is_tree == all(degree <= 1 for _, degree in graph.in_degree)


@settings(max_examples=80, deadline=None)
@given(acyclic_edges())
def test_edges_heights_and_pairs_against_networkx(edges):
    taxonomy, graph = Taxonomy.from_edges(edges), graph_of(edges)
    names = taxonomy.names
    assert {(names[parent], names[child]) for parent, child in taxonomy.edges} == set(graph.edges)
    assert len(taxonomy.edges) == graph.number_of_edges()
    below = {name: graph.subgraph(networkx.descendants(graph, name) | {name}) for name in names}
    height = {name: networkx.dag_longest_path_length(below[name]) for name in names}
    assert taxonomy.height.tolist() == [height[name] for name in names]
    ways = dict(networkx.all_pairs_shortest_path_length(graph))  # downwards
    top = [name for name in names if graph.in_degree(name) == 0]
    distance, lca_height = taxonomy.distance_matrix(), taxonomy.lca_height_matrix()
    for (i, a), (j, b) in itertools.product(enumerate(names), repeat=2):
        common = [name for name in names if a in ways[name] and b in ways[name]]
        if common:
            expected = min(ways[name][a] + ways[name][b] for name in common)
            assert lca_height[i, j] == min(height[name] for name in common)
        else:
            expected = 2 + sum(min(ways[name][node] for name in top if node in ways[name]) for node in (a, b))
            assert lca_height[i, j] == max(height.values()) + 1
        assert distance[i, j] == expected


@settings(max_examples=60, deadline=None)
@given(trees(max_children=4, single_children=True))
def test_distances_in_a_tree_are_those_of_its_undirected_graph(tree):
    taxonomy = Taxonomy.from_tree(tree, [f"node {node}" for node in range(tree.n_nodes)])
    graph = networkx.Graph(taxonomy.edges.tolist())
    graph.add_nodes_from(range(len(taxonomy)))
    expected = networkx.floyd_warshall_numpy(graph, nodelist=range(len(taxonomy)))
    assert np.array_equal(taxonomy.distance_matrix(), expected)
    assert taxonomy.distance_matrix().dtype == taxonomy.lca_height_matrix().dtype == np.int64


@settings(max_examples=80, deadline=None)
@given(acyclic_edges())
def test_levels_are_a_way_down_from_a_root(edges):
    taxonomy, graph = Taxonomy.from_edges(edges), graph_of(edges)
    nodes = np.arange(len(taxonomy))
    levels = taxonomy.levels(nodes)
    assert levels.shape == (taxonomy.depth.max() + 1, len(taxonomy))
    assert taxonomy.levels().tolist() == levels[: taxonomy.depth.max() + 1, taxonomy.leaves].tolist()
    for node in nodes:
        depth = taxonomy.depth[node]
        way = [taxonomy.names[step] for step in levels[: depth + 1, node]]
        assert (levels[depth:, node] == node).all()
        assert graph.in_degree(way[0]) == 0
        assert all(graph.has_edge(above, below) for above, below in itertools.pairwise(way))


@settings(max_examples=60, deadline=None)
@given(acyclic_edges(), st.data())
def test_a_cycle_is_named(edges, data):
    graph = graph_of(edges)
    below = data.draw(st.sampled_from(sorted(graph)))
    above = data.draw(st.sampled_from(sorted(networkx.ancestors(graph, below) | {below})))
    edges = [*edges, (above, below)]
    with pytest.raises(ValueError, match="has a cycle: ") as caught:
        Taxonomy.from_edges(edges)
    way = str(caught.value).split("cycle: ")[1].split(" -> ")
    assert way[0] == way[-1] and len(way) > 1
    assert all(pair in edges for pair in itertools.pairwise(way))


@settings(max_examples=60, deadline=None)
@given(trees(max_children=4, single_children=True))
def test_a_tree_keeps_its_nodes(tree):
    names = [f"node {node}" for node in range(tree.n_nodes)]
    taxonomy = Taxonomy.from_tree(tree, names)
    assert taxonomy.leaves.tolist() == list(range(tree.n_leaves)) and taxonomy.is_tree
    assert taxonomy.edges.tolist() == [[above, node] for node, above in enumerate(tree.parent[:-1])]
    assert taxonomy.depth.tolist() == tree.depth.tolist()


def test_edges_may_name_roots():
    taxonomy = Taxonomy.from_edges([("dog", "animal"), ("animal", ""), ("rock", "")])
    assert taxonomy.names == ("dog", "animal", "rock")
    assert [taxonomy.names[root] for root in taxonomy.roots] == ["animal", "rock"]


def test_paths_with_another_separator_and_repeats():
    taxonomy = Taxonomy.from_paths(["a.b.c", "a.b", "a.b.c"], sep=".")
    assert taxonomy.names == ("a", "a.b", "a.b.c")
    assert taxonomy.levels([2]).tolist() == [[0], [1], [2]]


def test_deep_chain():
    m = 200_000
    taxonomy = Taxonomy(map(str, range(m)), np.arange(-1, m - 1))
    assert taxonomy.depth[-1] == m - 1
    assert len(taxonomy.ancestors(m - 1)) == m - 1


def test_arrays_are_read_only():
    taxonomy = Taxonomy(["a", "b"], [[], [0]])
    with pytest.raises(ValueError, match="read-only"):
        taxonomy.depth[0] = 1


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Taxonomy([], []), "at least one node"),
        (lambda: Taxonomy(["a", "a"], [[], []]), "'a' occurs more than once"),
        (lambda: Taxonomy(["a"], [[1]]), r"0\.\.0"),
        (lambda: Taxonomy(["a", "b"], [[]]), "each of the 2 nodes"),
        (lambda: Taxonomy(["a", "b"], np.array([-1])), r"\(2,\) integers"),
        (lambda: Taxonomy(["a", "b"], np.array([-2, 0])), r"0\.\.1"),
        (lambda: Taxonomy(["a"], [[0]]), "cycle: a -> a"),
        (lambda: Taxonomy.from_edges([]), "at least one node"),
        (lambda: Taxonomy.from_paths(["a//b"]), "empty part"),
        (lambda: Taxonomy.from_tree(Tree([2, 2, -1]), ["a"]), "all 3 nodes"),
        (lambda: Taxonomy(["a"], [[]]).index("b"), "no node 'b'"),
        (lambda: Taxonomy(["a"], [[]]).ancestors(1), "node 1 is not"),
    ],
)
def test_bad_input_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
