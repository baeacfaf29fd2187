"""Labelled samples: targets against a walk up the parents, subsets, labels that are no nodes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperclade.data.labelled import LabelledSet, count_incomplete, node_labels
from hyperclade.trees.taxonomy import Taxonomy

PETS = Taxonomy.from_edges([("dog", "animal"), ("cat", "animal"), ("oak", "plant")])


@st.composite
def labelled_nodes(draw):
    m = draw(st.integers(1, 12))
    parents = [draw(st.lists(st.integers(0, node - 1), max_size=2)) if node else [] for node in range(m)]
    row = st.lists(st.integers(0, m - 1), min_size=1, max_size=4)
    return Taxonomy(map(str, range(m)), parents), draw(st.lists(row, min_size=1, max_size=5))


@given(labelled_nodes())
def test_targets_and_completion_against_a_walk(drawn):
    taxonomy, rows = drawn
    labels = node_labels([[str(node) for node in row] for row in rows], taxonomy, str)
    closed = [set(row).union(*(taxonomy.ancestors(node).tolist() for node in row)) for row in rows]
    samples = LabelledSet(np.zeros((len(rows), 1), np.float32), labels, taxonomy, ("",) * len(rows))
    assert [set(np.flatnonzero(row).tolist()) for row in samples.targets()] == closed
    some = samples.subset([len(rows) - 1, 0]).targets()
    np.testing.assert_array_equal(some, samples.targets()[[len(rows) - 1, 0]])
    incomplete = sum(all_of != set(row) for all_of, row in zip(closed, rows, strict=True))
    assert count_incomplete(labels, taxonomy) == incomplete
    leaves = {str(leaf) for leaf in taxonomy.leaves}
    assert set(samples.empty_classes()) == leaves - {str(node) for row in rows for node in row}


def test_subset_goes_along():
    samples = LabelledSet(np.eye(3, dtype=np.float32), np.array([[0], [2], [3]]), PETS, ("a", "b", "c"))
    part = samples.subset([2, 0])
    assert part.ids == ("c", "a")
    assert part.labels.tolist() == [[3], [0]]
    assert part.inputs.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert samples.subset(np.array([False, True, False])).ids == ("b",)


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        (np.array([[0], [9]]), "sample 'b' are not in -1..4"),
        (np.array([[0], [-1]]), "sample 'b' has no label"),
        (np.array([0, 1]), r"must be \(2, L\) int64"),
        (np.array([[0.0], [1.0]]), "int64"),
    ],
)
def test_labels_must_be_nodes(labels, match):
    with pytest.raises(ValueError, match=match):
        LabelledSet(np.zeros((2, 1), np.float32), labels, PETS, ("a", "b"))
    with pytest.raises(ValueError, match="1 ids for 2 samples"):
        LabelledSet(np.zeros((2, 1), np.float32), np.array([[0], [1]]), PETS, ("a",))
