"""Random trees for the tests of this folder."""

import numpy as np
from hypothesis import strategies as st

from hyperclade.trees import Tree


@st.composite
def trees(draw, max_leaves=30, max_children=2, single_children=False, ties=True, min_leaves=1):
    """Trees by random merges; heights grow by random steps, some of them 0 where ties are wanted."""
    n = draw(st.integers(min_leaves, max_leaves))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lopsided = draw(st.booleans())
    parent, height = [-1] * n, [0.0] * n
    open_nodes = list(range(n))
    while len(open_nodes) > 1:
        count = min(len(open_nodes), int(rng.integers(1 if single_children else 2, max_children + 1)))
        picked = [open_nodes.pop()] if lopsided and open_nodes[-1] >= n else []
        while len(picked) < count:
            picked.append(open_nodes.pop(int(rng.integers(len(open_nodes)))))
        step = 0.0 if ties and rng.random() < 0.3 else rng.exponential()
        for child in picked:
            parent[child] = len(parent)
        open_nodes.append(len(parent))
        height.append(max(height[child] for child in picked) + step)
        parent.append(-1)
    return Tree(parent, height)


def caterpillar(n):
    """Leaves 0 and 1 are merged first, then leaf after leaf joins."""
    return Tree.from_merges(np.column_stack([np.r_[0, np.arange(n, 2 * n - 2)], np.arange(1, n)]))


def balanced(n):
    """A balanced binary tree over n leaves, n a power of two."""
    return Tree.from_merges(np.arange(2 * n - 2).reshape(-1, 2))


def clades(tree):
    """Sets of leaves under the nodes, by walking up from every leaf."""
    under = [set() for _ in range(tree.n_nodes)]
    for leaf in range(tree.n_leaves):
        node = leaf
        while node != -1:
            under[node].add(leaf)
            node = int(tree.parent[node])
    return [frozenset(leaves) for leaves in under]


def renumbered(tree, seed):
    """Arguments of `Tree.from_parents` for the tree with its internal nodes in any numbering."""
    rng = np.random.default_rng(seed)
    n = tree.n_leaves
    old = np.r_[np.arange(n), n + rng.permutation(tree.n_nodes - n)]  # of each new id
    new = np.argsort(old)
    inner_names = tree.inner_names and [tree.inner_names[node - n] for node in old[n:]]
    length = None if tree.branch_length is None else tree.branch_length[old]
    parent = np.where(tree.parent < 0, -1, new[tree.parent])[old]
    return parent, tree.height[old], tree.names, inner_names, length


def labelled(tree, seed):
    """The tree with names of some internal nodes and with branch lengths, some unknown."""
    rng = np.random.default_rng(seed)
    n_inner = tree.n_nodes - tree.n_leaves
    names = [f"leaf {leaf}" for leaf in range(tree.n_leaves)]
    inner = [f"n{node}" if rng.random() < 0.7 else None for node in range(n_inner)]
    length = rng.normal(size=tree.n_nodes).round(2)
    length[rng.random(tree.n_nodes) < 0.2] = np.nan
    return Tree(tree.parent, tree.height, names, inner, length)
