"""Ways down a taxonomy stop where brute force says, and no deeper for a higher probability."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperclade.recognition.stopping import NOWHERE, cheapest_nodes, likely_nodes
from hyperclade.trees.taxonomy import Taxonomy

ANIMALS = Taxonomy.from_paths(["life/animal/dog", "life/animal/cat", "life/plant/oak", "life/plant/elm"])
FOREST = Taxonomy.from_paths(["animal/dog", "animal/cat", "rock"])
PETS = Taxonomy.from_edges([("dog", "pet"), ("dog", "canine"), ("wolf", "canine"), ("cat", "pet")])


def of_leaves(taxonomy, leaves):
    """Probabilities of all nodes from those of the leaves by name."""
    own = np.array([leaves.get(taxonomy.names[leaf].rpartition("/")[2], 0.0) for leaf in taxonomy.leaves])
    return own @ taxonomy.ancestor_matrix()[taxonomy.leaves].toarray()


def named(taxonomy, nodes):
    return [None if node == NOWHERE else taxonomy.names[node].rpartition("/")[2] for node in nodes.tolist()]


def brute_way(scores, taxonomy):
    """The whole way down to the likeliest child, as node ids."""
    way, below = [], taxonomy.roots.tolist()
    while below:
        way.append(max(below, key=lambda node: (scores[node], -node)))
        below = [child for parent, child in taxonomy.edges.tolist() if parent == way[-1]]
    return way


@pytest.mark.parametrize(
    ("leaves", "threshold", "end"),
    [
        ({"dog": 0.6, "cat": 0.3, "oak": 0.1}, 0.5, "dog"),
        ({"dog": 0.6, "cat": 0.3, "oak": 0.1}, 0.7, "animal"),
        ({"dog": 0.6, "cat": 0.3, "oak": 0.1}, 0.95, "life"),
        ({"dog": 0.6, "cat": 0.3, "oak": 0.1}, 1, "life"),
        ({"dog": 0.3, "cat": 0.3, "oak": 0.4}, 0.5, "animal"),
        ({"dog": 0.3, "cat": 0.3, "oak": 0.4}, 0.61, "life"),
        ({"dog": 0.3, "cat": 0.25, "oak": 0.45}, 0, "dog"),  # though oak is the likeliest leaf
        ({"dog": 0.5, "oak": 0.5}, 0.5, "dog"),
    ],
)
def test_down_to_the_likeliest_child(leaves, threshold, end):
    scores = of_leaves(ANIMALS, leaves)[None].astype(np.float32)
    assert named(ANIMALS, likely_nodes(scores, ANIMALS, threshold)) == [end]


def test_ways_that_no_root_is_likely_enough_for():
    scores = np.stack([of_leaves(FOREST, {"dog": 0.4, "rock": 0.35, "cat": 0.25}), np.zeros(4)])
    assert named(FOREST, likely_nodes(scores, FOREST, 0.65)) == ["animal", None]
    assert named(FOREST, likely_nodes(scores, FOREST, 0.7)) == [None, None]
    assert named(FOREST, cheapest_nodes(scores, FOREST)) == ["animal", "animal"]


def test_nodes_with_several_parents():
    scores = of_leaves(PETS, {"dog": 0.5, "cat": 0.3, "wolf": 0.2})[None]  # pet 0.8, canine 0.7
    assert named(PETS, likely_nodes(scores, PETS, 0.75)) == ["pet"]
    assert named(PETS, likely_nodes(scores, PETS, 0.5)) == ["dog"]
    assert named(PETS, cheapest_nodes(scores, PETS)) == ["dog"]
    scores = of_leaves(PETS, {"dog": 0.3, "cat": 0.35, "wolf": 0.35})[None]
    assert named(PETS, likely_nodes(scores, PETS, 0.6)) == ["pet"]  # as likely as canine, the smaller id


def test_ties_are_decided_by_others():
    scores, ties = np.array([[1.0, 0.5, 0.5, 0.5]]), np.array([[1.0, 0.6, 0.7, 0.9]])
    flat = Taxonomy.from_edges([("a", "top"), ("b", "top"), ("c", "top")])
    order = [flat.index(name) for name in ("top", "a", "b", "c")]
    scores, ties = scores[:, np.argsort(order)], ties[:, np.argsort(order)]
    assert named(flat, likely_nodes(scores, flat, 0.5, ties=ties)) == ["c"]
    assert named(flat, likely_nodes(scores, flat, 0.5)) == ["a"]


@pytest.mark.parametrize(
    ("leaves", "end"),
    [
        ({"dog": 0.6, "cat": 0.3, "oak": 0.1}, "dog"),
        ({"dog": 0.45, "cat": 0.4, "oak": 0.15}, "animal"),
        ({"dog": 0.3, "cat": 0.2, "oak": 0.25, "elm": 0.25}, "life"),
        ({"dog": 0.5, "cat": 0.5}, "animal"),  # of equal ones the least deep
        ({}, "life"),
    ],
)
def test_the_node_with_the_fewest_expected_edges(leaves, end):
    assert named(ANIMALS, cheapest_nodes(of_leaves(ANIMALS, leaves)[None], ANIMALS)) == [end]
    half = 0.5 * of_leaves(ANIMALS, leaves)[None]  # scores that do not sum to 1
    assert named(ANIMALS, cheapest_nodes(half, ANIMALS)) == [end]


@st.composite
def judged(draw, parents=2):
    """A small taxonomy, with up to so many parents of a node, and probabilities of the nodes of 3 samples."""
    m = draw(st.integers(2, 9))
    above = [
        draw(st.lists(st.integers(0, node - 1), max_size=parents, unique=True)) if node else []
        for node in range(m)
    ]
    taxonomy = Taxonomy([f"n{node}" for node in range(m)], above)
    rng = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    sharp = draw(st.sampled_from([0.2, 1.0, 5.0]))
    own = rng.dirichlet(np.full(len(taxonomy.leaves), sharp), size=3)
    return taxonomy, own @ taxonomy.ancestor_matrix()[taxonomy.leaves].toarray()


@settings(max_examples=80, deadline=None, derandomize=True, database=None)
@given(judged(), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_probability_never_leads_deeper(judged, one, other):
    taxonomy, scores = judged
    low, high = sorted([one, other])
    for row, deep, shallow in zip(
        scores, likely_nodes(scores, taxonomy, low), likely_nodes(scores, taxonomy, high), strict=True
    ):
        way = brute_way(row, taxonomy)
        stops = [NOWHERE, *way]
        assert stops.index(shallow) <= stops.index(deep)
        for threshold, end in ((low, deep), (high, shallow)):
            enough = np.cumprod(row[way] >= threshold - 1e-6).sum()
            assert end == stops[enough]


@settings(max_examples=80, deadline=None, derandomize=True, database=None)
@given(judged(parents=1))
def test_the_cheapest_node_is_that_of_brute_force(judged):
    taxonomy, scores = judged
    distance = taxonomy.distance_matrix()
    for row, node in zip(scores, cheapest_nodes(scores, taxonomy), strict=True):
        costs = [
            sum(row[leaf] * distance[other, leaf] for leaf in taxonomy.leaves)
            for other in range(len(taxonomy))
        ]
        assert costs[node] <= min(costs) + 1e-6
        likely = [other for other in range(len(taxonomy)) if row[other] > 0.5 + 1e-4]
        if likely and all(abs(share - 0.5) > 1e-4 for share in row):
            assert node == max(likely, key=lambda other: taxonomy.depth[other])
