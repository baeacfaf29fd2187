"""The tree over segments, its levels, names, labels and exemplars agree with the masks, counted by hand."""

import json
from itertools import combinations

import numpy as np
import pyarrow.parquet as pq
import pytest

from hyperclade.data.image_rows import VOID
from hyperclade.segmentation.levels import Levels
from hyperclade.segmentation.segments import Truth, segments_outcome

FINEST = 12


@pytest.fixture(scope="module")
def levels():
    rng = np.random.default_rng(0)
    parents = [np.arange(6) % 3, np.arange(FINEST) % 6]
    return Levels.of(rng.normal(size=(FINEST, 4)), parents)


def drawn(n, *, seed=0, present=FINEST):
    """Masks of blocks of 4 × 4 pixels, each image with its own few clusters."""
    rng = np.random.default_rng(seed)
    masks = []
    for _ in range(n):
        some = rng.choice(present, min(4, present), replace=False)
        masks.append(np.kron(rng.choice(some, (5, 6)), np.ones((4, 4), int)))
    return masks


def by_hand(masks, ids, least=0.005):
    return {
        f"{name}#{cluster}": (image, cluster)
        for image, (name, mask) in enumerate(zip(ids, masks, strict=True))
        for cluster in np.unique(mask).tolist()
        if (mask == cluster).mean() >= least
    }


@pytest.mark.parametrize("present", [1, 3, FINEST])
@pytest.mark.parametrize("n", [1, 2, 9])
def test_segments_hang_below_their_clusters_at_the_heights_of_the_learned_tree(levels, n, present):
    masks, ids = drawn(n, seed=n, present=present), [f"image {k}" for k in range(n)]
    outcome, rows = segments_outcome(levels, masks, ids), by_hand(masks, ids)
    tree, above = outcome.tree, levels.tree
    assert outcome.ids.tolist() == list(rows) and tree.n_leaves == len(rows)
    clusters = [cluster for _, cluster in rows.values()]
    for i, j in combinations(range(len(rows)), 2):
        a, b = clusters[i], clusters[j]
        assert tree.height[tree.lca(i, j)] == (0.0 if a == b else above.height[above.lca(a, b)])
    assert tree == tree.canonical()


def test_levels_are_partitions_with_the_names_of_clusters(levels):
    masks, ids = drawn(9), [str(k) for k in range(9)]
    outcome = segments_outcome(levels, masks, ids)
    clusters = np.array([cluster for _, cluster in by_hand(masks, ids).values()])
    assert [layer.column for layer in outcome.layers] == ["level_1", "level_2", "level_3"]
    for layer, labels, names in zip(outcome.layers, levels.labels, levels.names(), strict=True):
        own = labels[clusters]
        same = own[:, None] == own
        np.testing.assert_array_equal(layer.labels[:, None] == layer.labels, same)
        for label, node in enumerate(layer.nodes.tolist()):
            under = np.sort(outcome.tree.leaves(node))
            np.testing.assert_array_equal(under, np.flatnonzero(layer.labels == label))
            # Where levels have a cluster in common, the name is that of the finest.
            assert outcome.node_names[node].startswith(names[own[under[0]]])


def test_small_segments_are_left_out_but_each_image_has_one():
    levels = Levels.of(np.eye(3), [])
    mask = np.zeros((10, 20), int)
    mask[0, :2], mask[5, 5] = 1, 2
    outcome = segments_outcome(levels, [mask], ["a"], least=0.01)
    assert outcome.ids.tolist() == ["a#0", "a#1"]
    outcome = segments_outcome(levels, [mask, np.array([[2]])], ["a", "b"], least=1.0)
    assert outcome.ids.tolist() == ["a#0", "b#2"]
    outcome = segments_outcome(levels, [np.array([[0, 0, 1, 2]])], ["a"], least=0.9)
    assert outcome.ids.tolist() == ["a#0"] and outcome.tree.n_nodes == 1


def test_labels_are_the_majority_and_none_where_nothing_is_known():
    levels = Levels.of(np.eye(3), [])
    mask = np.array([[0, 0, 0, 1, 1, 2]])
    truth = np.array([[1, 1, 0, VOID, 0, VOID]], np.uint8)
    found = segments_outcome(levels, [mask], ["a"], truth=Truth([truth], ["sky", "road"]))
    assert found.labels.tolist() == ["road", "sky", None]
    assert found.evaluation["labelled_rows"] == 2
    unknown = np.full((1, 6), VOID, np.uint8)
    found = segments_outcome(levels, [mask], ["a"], truth=Truth([unknown], ["sky", "road"]))
    assert found.labels is None and found.evaluation is None


def test_exemplars_are_the_largest_segments_of_each_cluster(levels):
    masks, ids = drawn(9), [str(k) for k in range(9)]
    outcome = segments_outcome(levels, masks, ids, exemplars=3)
    shares = np.array([(masks[k] == c).mean() for k, c in by_hand(masks, ids).values()])
    assert set(outcome.exemplars) == {node for layer in outcome.layers for node in layer.nodes.tolist()}
    for node, chosen in outcome.exemplars.items():
        under = outcome.tree.leaves(node)
        assert set(chosen.tolist()) <= set(under.tolist()) and len(chosen) == min(3, len(under))
        np.testing.assert_array_equal(shares[chosen], np.sort(shares[under])[::-1][:3])
    assert segments_outcome(levels, masks, ids, exemplars=0).exemplars == {}


def test_it_is_written_like_every_outcome(levels, tmp_path):
    masks, ids = drawn(4), list("abcd")
    outcome = segments_outcome(levels, masks, ids, facts={"run": "x"})
    outcome.write(tmp_path)
    table = pq.read_table(tmp_path / "assignments.parquet").to_pydict()
    assert table["id"] == list(by_hand(masks, ids))
    assert table["level_2"] == outcome.layers[1].labels.tolist()
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["images"] == 4 and summary["segments"] == len(table["id"]) and summary["run"] == "x"
    assert summary["clusters_of_levels"] == [3, 6, 12]


def test_masks_that_do_not_fit_are_refused(levels):
    with pytest.raises(ValueError, match="got 1 images and 2 masks"):
        segments_outcome(levels, drawn(2), ["a"])
    with pytest.raises(ValueError, match="got 0 images and 0 masks"):
        segments_outcome(levels, [], [])
    with pytest.raises(ValueError, match="cluster 12; there are only 12"):
        segments_outcome(levels, [np.array([[FINEST]])], ["a"])
