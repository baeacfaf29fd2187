"""The learned hierarchy: nested, with every cluster of a level a node of the tree."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperclade.segmentation.levels import Levels, learned_levels
from hyperclade.segmentation.module import Network
from small_segmentation import recipe, save_vit


def nested(labels):
    """Whether each level divides the one above it."""
    return all(
        len({(a, b) for a, b in zip(coarse.tolist(), fine.tolist(), strict=True)}) == fine.max() + 1
        for coarse, fine in itertools.pairwise(labels)
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_clusters_of_every_level_are_nodes_of_the_tree(k, seed, depth):
    rng = np.random.default_rng(seed)
    sizes = [k * 2**level for level in range(depth + 1)]
    parents = [rng.integers(0, a, b) for a, b in itertools.pairwise(sizes)]
    levels = Levels.of(rng.normal(size=(sizes[-1], 5)), parents)
    assert nested(levels.labels) and levels.labels[-1].tolist() == list(range(sizes[-1]))
    for labels in levels.labels:
        nodes = levels.tree.nodes_of(labels)
        assert np.array_equal(levels.tree.size[nodes], np.bincount(labels))
        cut = levels.tree.cut(int(labels.max()) + 1)
        assert len({*zip(cut.tolist(), labels.tolist(), strict=True)}) == labels.max() + 1
    # The parents that were given, but for those without a cluster below them.
    above = np.arange(sizes[-1])
    for given_parents, labels in zip(parents[::-1], levels.labels[-2::-1], strict=True):
        above = given_parents[above]
        assert len({*zip(above.tolist(), labels.tolist(), strict=True)}) == len(set(above.tolist()))


def test_names_follow_the_way_from_the_top_and_make_a_taxonomy():
    angles = np.array([0.0, 0.1, 1.5, 1.6])
    centres = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    levels = Levels.of(centres, [np.array([0, 0, 1, 1])])
    assert levels.sizes == [2, 4]
    assert levels.names() == [["0", "1"], ["0/0", "0/1", "1/2", "1/3"]]
    taxonomy = levels.taxonomy()
    assert [taxonomy.names[leaf] for leaf in taxonomy.leaves] == levels.names()[1]
    assert taxonomy.ancestors("1/2").tolist() == [taxonomy.index("1")]


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    return save_vit(tmp_path_factory.mktemp("vit"))


def test_planted_parents_are_learned(vit):
    """Each direction has two near it, each of which has two again: the plans send those to it."""
    network = Network(recipe(vit, "stego", levels=3, settings={"n_code": 6}))
    middle = torch.cat([torch.eye(6)[:3]] * 2)
    middle[3:, 3] = 0.3
    fine = torch.cat([middle, middle])
    fine[6:, 4] = 0.1
    for centres, planted in zip(network.fitted, (torch.eye(6)[:3], middle, fine), strict=True):
        centres.copy_(planted)
    levels = learned_levels(network)
    assert levels.labels[0].tolist() == [0, 1, 2] * 4
    assert levels.labels[1].tolist() == [0, 1, 2, 3, 4, 5] * 2


def test_without_omh_k_means_at_the_finest_granularity_is_merged(vit):
    network = Network(recipe(vit, "stego", settings={"n_code": 4}))
    generator = torch.Generator().manual_seed(0)
    for centres in network.fitted:
        centres.copy_(torch.randn(centres.shape, generator=generator))
    levels = learned_levels(network)
    assert levels.sizes == [3, 6, 12] and nested(levels.labels)
