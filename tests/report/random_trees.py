"""Trees of random shapes, for tests of what is drawn and told of trees."""

import numpy as np
from hypothesis import strategies as st

from hyperclade.trees import Tree


def random_tree(n, rng):
    """Random shapes from balanced to chains, some nodes with several children."""
    parent, alive = {}, list(range(n))
    made = n
    while len(alive) > 1:
        taken = min(len(alive), int(rng.integers(2, 4)))
        for _ in range(taken):
            parent[alive.pop(int(rng.integers(len(alive))))] = made
        alive.append(made)
        made += 1
    return Tree([parent.get(node, -1) for node in range(made)])


trees = st.builds(
    lambda n, seed: random_tree(n, np.random.default_rng(seed)), st.integers(2, 60), st.integers(0, 2**32 - 1)
)
