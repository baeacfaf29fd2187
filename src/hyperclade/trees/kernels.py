"""Compiled passes over trees in flat arrays; where nothing else is said children come before parents."""

import numpy as np
from numba import njit

BLOCK = 16  # gaps per block of the range-maximum table: its memory is n/16·log n, its scans at most 30 steps


@njit(cache=True)
def sum_up(parent, values):
    """Sum of `values` `(m,)` over each node and all below it, `(m,)`."""
    total = values.copy()
    for node in range(len(parent) - 1):
        total[parent[node]] += total[node]
    return total


@njit(cache=True)
def levels(parent):
    """Levels of each node above the deepest leaf under it, `(m,) float64`."""
    height = np.zeros(len(parent))
    for node in range(len(parent) - 1):
        height[parent[node]] = max(height[parent[node]], height[node] + 1.0)
    return height


@njit(cache=True)
def depths(parent):
    """Edges from the root to each node, `(m,)`."""
    depth = np.zeros(len(parent), dtype=np.int64)
    for node in range(len(parent) - 2, -1, -1):
        depth[node] = depth[parent[node]] + 1
    return depth


@njit(cache=True)
def levels_any_order(parent, n_children):
    """Level above the deepest leaf and smallest leaf of each node, and how many nodes no cycle holds back."""
    m = len(parent)
    level = np.zeros(m, dtype=np.int64)
    smallest = np.arange(m)
    waiting = n_children.copy()
    queue = np.empty(m, dtype=np.int64)
    filled = 0
    for node in range(m):
        if waiting[node] == 0:
            queue[filled] = node
            filled += 1
        else:
            smallest[node] = m
    done = 0
    while done < filled:
        node = queue[done]
        done += 1
        above = parent[node]
        if above >= 0:
            level[above] = max(level[above], level[node] + 1)
            smallest[above] = min(smallest[above], smallest[node])
            waiting[above] -= 1
            if waiting[above] == 0:
                queue[filled] = above
                filled += 1
    return level, smallest, done


@njit(cache=True)
def longest_depths(n_parents, child_pointer, child_index):
    """Depths, and the number of parents of each node that a cycle holds back."""
    m = len(n_parents)
    depth = np.zeros(m, dtype=np.int64)
    waiting = n_parents.copy()
    queue = np.empty(m, dtype=np.int64)
    filled = 0
    for node in range(m):
        if waiting[node] == 0:
            queue[filled] = node
            filled += 1
    done = 0
    while done < filled:
        node = queue[done]
        done += 1
        for at in range(child_pointer[node], child_pointer[node + 1]):
            child = child_index[at]
            depth[child] = max(depth[child], depth[node] + 1)
            waiting[child] -= 1
            if waiting[child] == 0:
                queue[filled] = child
                filled += 1
    return depth, waiting


@njit(cache=True)
def children_by_leaf(parent, child_pointer, n):
    """Children of each node in the order of the smallest leaf under them."""
    place = child_pointer[:-1].copy()  # where the next child of a node goes
    children = np.empty(len(parent) - 1, dtype=np.int64)
    # The smallest leaf of a node is the first whose way up reaches it, so every edge is climbed once.
    for leaf in range(n):
        node = leaf
        while parent[node] >= 0:
            above = parent[node]
            children[place[above]] = node
            place[above] += 1
            if place[above] > child_pointer[above] + 1:  # an earlier leaf came through here
                break
            node = above
    return children


@njit(cache=True)
def starts(child_pointer, child_index, weight, own):
    """First slot of each node when a node takes `own` slots and then its children, `weight` slots each."""
    start = np.zeros(len(weight), dtype=np.int64)
    for node in range(len(weight) - 1, -1, -1):
        position = start[node] + own
        for at in range(child_pointer[node], child_pointer[node + 1]):
            start[child_index[at]] = position
            position += weight[child_index[at]]
    return start


@njit(cache=True)
def position_range(parent, position):
    """Lowest and highest position of the leaves under each node."""
    n = len(position)
    low = np.full(len(parent), n, dtype=np.int64)
    high = np.full(len(parent), -1, dtype=np.int64)
    low[:n] = position
    high[:n] = position
    for node in range(len(parent) - 1):
        above = parent[node]
        low[above] = min(low[above], low[node])
        high[above] = max(high[above], high[node])
    return low, high


@njit(cache=True)
def common_ancestors(first, second, start, stop, gap_node, gap_maxima):
    """Lowest common ancestor of each pair of nodes, from their intervals of leaves; see `Tree.lca`."""
    found = np.empty(len(first), dtype=np.int64)
    for at in range(len(first)):
        left, right = first[at], second[at]
        if start[left] > start[right]:
            left, right = right, left
        if start[right] < stop[left]:  # intervals of a tree that overlap are nested
            found[at] = max(left, right)
        else:
            found[at] = range_max(gap_node, gap_maxima, stop[left] - 1, start[right] - 1)
    return found


@njit(cache=True)
def collapsed(parent, height, size, n_children, min_size, min_gap, max_depth):
    """Which nodes stay, and the nearest ancestor that stays, of each node."""
    m = len(parent)
    keep = np.ones(m, dtype=np.bool_)
    host = np.full(m, -1, dtype=np.int64)
    depth = np.zeros(m, dtype=np.int64)
    for node in range(m - 2, -1, -1):
        above = parent[node] if keep[parent[node]] else host[parent[node]]
        host[node] = above
        depth[node] = depth[above] + 1
        if n_children[node] > 0:
            near = min_gap >= 0 and height[above] - height[node] <= min_gap * height[above]
            small = size[node] < min_size or n_children[node] == 1
            keep[node] = not (near or small or depth[node] >= max_depth)
    return keep, host


@njit(cache=True)
def dividing(parent, size):
    """Of leaves of which `size` are under each node: which nodes divide them, and the nearest such above."""
    above = parent.copy()
    divides = np.zeros(len(parent), dtype=np.bool_)
    for node in range(len(parent) - 2, -1, -1):
        if size[parent[node]] == size[node]:
            above[node] = above[parent[node]]
        elif size[node] > 0:
            divides[parent[node]] = True
    return divides, above


@njit(cache=True)
def joined_lengths(parent, keep, length):
    """Branch length of each node, with those of the nodes contracted right above it; unknown ones count 0."""
    joined = length.copy()
    for node in range(len(parent) - 2, -1, -1):
        above = joined[parent[node]]
        if not keep[parent[node]] and not np.isnan(above):
            joined[node] = above if np.isnan(joined[node]) else joined[node] + above
    return joined


@njit(cache=True)
def path_heights(parent, length):
    """Longest path from each node down to a leaf, negative lengths being 0; parents come before children."""
    height = np.zeros(len(parent))
    for node in range(len(parent) - 1, 0, -1):
        height[parent[node]] = max(height[parent[node]], height[node] + max(length[node], 0.0))
    return height


@njit(cache=True)
def lifted(parent, height):
    """Heights raised to those of the children."""
    lifted = height.copy()
    for node in range(len(parent) - 1):
        lifted[parent[node]] = max(lifted[parent[node]], lifted[node])
    return lifted


@njit(cache=True)
def cartesian_parents(rank):
    """Parents in the Cartesian tree of a permutation, largest on top, by rank; ids start at len(rank) + 1."""
    count = len(rank)
    parent = np.full(count, -1, dtype=np.int64)
    stack = np.empty(count, dtype=np.int64)  # ranks, falling
    top = 0
    for at in range(count):
        while top > 0 and stack[top - 1] < rank[at]:
            top -= 1
            above = rank[at] if top == 0 else min(rank[at], stack[top - 1])
            parent[stack[top]] = count + 1 + above
        stack[top] = rank[at]
        top += 1
    for at in range(1, top):
        parent[stack[at]] = count + 1 + stack[at - 1]
    return parent


@njit(cache=True)
def range_max(values, table, low, high):
    """Maximum of values[low..high], both ends included."""
    first, last = low // BLOCK, high // BLOCK
    best = values[low]
    if last - first < 2:
        for at in range(low, high + 1):
            best = max(best, values[at])
        return best
    for at in range(low, (first + 1) * BLOCK):
        best = max(best, values[at])
    for at in range(last * BLOCK, high + 1):
        best = max(best, values[at])
    level = 0
    while (2 << level) <= last - first - 1:
        level += 1
    return max(best, table[level, first + 1], table[level, last - (1 << level)])
