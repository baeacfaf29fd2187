"""Compiled steps of `hyperclade.trees.edits`, over a tree that changes in place.

Ids are in no order here. `parent` is -1 at the root and -2 where a node, or the subtree under it, has left
the tree; what lies below such a node is not marked. `count` is the number of children of each node and
`total` the sum of their ids, which is the id of the last one where one is left.
"""

import numpy as np
from numba import njit

ROOT, GONE = -1, -2


@njit(cache=True)
def nearest_marked(parent, nodes, marked, known):
    """Nearest node above each of `nodes` that is marked; where there is none ROOT, or GONE out of the tree.

    `known` are m zeros of int64 to work in, so that no edge is climbed twice.
    """
    nearest = np.empty(len(nodes), dtype=np.int64)
    for at in range(len(nodes)):
        above = parent[nodes[at]]
        while above >= 0 and not marked[above] and known[above] == 0:
            above = parent[above]
        if above >= 0 and not marked[above]:
            above = known[above] - 3
        nearest[at] = above
        node = parent[nodes[at]]
        while node >= 0 and not marked[node] and known[node] == 0:
            known[node] = above + 3
            node = parent[node]
    return nearest


@njit(cache=True)
def detach(parent, count, total, nodes):
    """Take nodes out of the tree, each once however often it is named; gives the parents that they had."""
    lost = np.full(len(nodes), GONE, dtype=np.int64)
    for at in range(len(nodes)):
        lost[at] = _detach(parent, count, total, nodes[at])
    return lost


@njit(cache=True)
def attach(parent, count, total, nodes, above):
    """Hang nodes under another; under ROOT a node becomes the root."""
    for node in nodes:
        _attach(parent, count, total, node, above)


@njit(cache=True)
def keep_only(parent, count, total, tops):
    """Take out all but the subtrees of `tops`, disjoint, and what is above; gives the parents they had."""
    stays = np.zeros(len(parent), dtype=np.bool_)
    for top in tops:
        node = parent[top]
        while node >= 0 and not stays[node]:
            stays[node] = True
            node = parent[node]
    for top in tops:
        stays[top] = True
    is_top = np.zeros(len(parent), dtype=np.bool_)
    is_top[tops] = True
    lost = np.empty(len(parent), dtype=np.int64)
    filled = 0
    for node in range(len(parent)):
        above = parent[node]
        if above >= 0 and stays[above] and not is_top[above] and not stays[node]:
            lost[filled] = _detach(parent, count, total, node)
            filled += 1
    return lost[:filled]


@njit(cache=True)
def settle(parent, count, total, lost):
    """After nodes have lost children: the empty ones vanish, those with one child left give it their place.

    False if nothing of the tree is left.
    """
    at_last = lost.copy()  # where each way up over empty nodes ends
    for at in range(len(lost)):
        node = lost[at]
        if node == ROOT:  # the root itself was taken out
            return False
        while node >= 0 and parent[node] != GONE and count[node] == 0:
            if parent[node] == ROOT:
                return False
            node = _detach(parent, count, total, node)
        at_last[at] = node
    for node in at_last:
        if node >= 0 and parent[node] != GONE and count[node] == 1:
            child = total[node]
            above = _detach(parent, count, total, node)
            _attach(parent, count, total, child, above)
    return True


@njit(cache=True)
def lift(parent, height, node, least):
    """Raise a node and those above it to at least a height."""
    while node >= 0 and height[node] < least:
        height[node] = least
        node = parent[node]


@njit(cache=True)
def _detach(parent, count, total, node):
    above = parent[node]
    parent[node] = GONE
    if above >= 0:
        count[above] -= 1
        total[above] -= node
    return above


@njit(cache=True)
def _attach(parent, count, total, node, above):
    parent[node] = above
    if above >= 0:
        count[above] += 1
        total[above] += node
