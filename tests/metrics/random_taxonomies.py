"""Random taxonomies for tests of metrics, and the same as a networkx graph (parent → child)."""

import networkx
from hypothesis import strategies as st

from hyperclade.trees import Taxonomy


@st.composite
def taxonomies(draw, *, max_parents=2, one_root=False):
    """Nodes in shuffled order with up to so many parents each; a node without any is a root."""
    m = draw(st.integers(1, 9))
    label = draw(st.permutations(range(m)))
    parents = [[] for _ in range(m)]
    for node in range(1, m):
        drawn = draw(st.sets(st.integers(0, node - 1), min_size=int(one_root), max_size=max_parents))
        parents[label[node]] = [label[parent] for parent in drawn]
    return Taxonomy([f"node {node}" for node in range(m)], parents)


def graph_of(taxonomy):
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(len(taxonomy)))
    for node in range(len(taxonomy)):
        above = taxonomy.parent_index[taxonomy.parent_pointer[node] : taxonomy.parent_pointer[node + 1]]
        graph.add_edges_from((int(parent), node) for parent in above)
    return graph


def random_scores(rng, n, m):
    """Scores with many ties."""
    return rng.integers(-3, 4, (n, m)) / 3 if rng.random() < 0.7 else rng.normal(size=(n, m))
