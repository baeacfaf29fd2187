"""Partitions asked for: which there are, and which no tree has."""

import pytest

from hyperclade.report import Cuts
from hyperclade.trees import Tree

FOUR = Tree([4, 4, 5, 5, 6, 6, -1], height=[0, 0, 0, 0, 1, 2, 3])


def test_labels_by_column_in_the_order_asked_for():
    columns = Cuts(1, "4,2,4", 1.5).of(FOUR)
    assert {column: labels.tolist() for column, labels in columns.items()} == {
        "cut_1": [0, 0, 0, 0],
        "level_4": [0, 1, 2, 3],
        "level_2": [0, 0, 1, 1],
        "height_1.5": [0, 0, 1, 2],
    }
    assert Cuts(levels=(4, 2)).counts == Cuts(levels="4, 2").counts == [4, 2]
    assert Cuts().of(FOUR) == {}


@pytest.mark.parametrize(
    ("cuts", "n", "message"),
    [
        (Cuts(0), None, "--cut must be from 1, got 0"),
        (Cuts(5), 4, "--cut must be from 1 to the number of rows, 4, got 5"),
        (Cuts(levels=[2, 5]), 4, "--levels must be from 1 to the number of rows, 4, got 5"),
        (Cuts(levels="2;5"), None, "such as 5,20,100; got '2;5'"),
        (Cuts(height=-1.0), None, "--height must not be below 0, got -1"),
        (Cuts(height=float("nan")), None, "--height must not be below 0"),
    ],
)
def test_what_no_tree_has_is_refused(cuts, n, message):
    with pytest.raises(ValueError, match=message):
        cuts.check(n)


def test_what_a_tree_has_passes():
    Cuts(4, "1,4", 0.0).check(4)
    Cuts(1000, [1000]).check()
