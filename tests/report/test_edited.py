"""What is told of a tree after edits: what stays, where it goes to, and what no longer holds."""

import numpy as np
import pytest

from hyperclade.report import Outcome, Partition, Parts
from hyperclade.report.edited import edited_outcome
from hyperclade.trees import Edits, Tree

#     8 leaves: pairs 8..11, fours 12 and 13, all 14
TREE = Tree([8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, -1])


def outcome(**changed):
    fields = {
        "tree": TREE,
        "layers": [Partition.of(TREE, "layer_2", [0, 0, 0, 0, 1, 1, 1, 1])],
        "cuts": [Partition.of(TREE, "cut_4", TREE.cut(4)), Partition.of(TREE, "level_8", TREE.cut(8))],
        "clusters": np.array([0, 0, 2, 2, 1, 1, 1, 1]),
        "points": np.arange(16.0).reshape(8, 2) / 100,
        "ids": np.array(list("abcdefgh"), dtype=object),
        "labels": np.array(["x", "x", None, "y", "y", "y", "z", "z"], dtype=object),
        "node_names": {12: "left", 13: "right", 8: "ab"},
        "shown_names": {12: "LEFT", 8: "AB"},
        "exemplars": {12: np.array([3, 0, 1]), 14: np.array([7, 2])},
        "borderline": {13: np.array([4])},
        "cost_shares": np.arange(7) / 21,
        "parts": Parts(np.array([8, 9, 13]), np.eye(3, dtype=np.float32)),
        "values": {"weight": np.arange(8.0)},
        "facts": {"rows": 8, "cost": 5.0, "input": "toy"},
        "title": "toy",
    }
    return Outcome(**(fields | changed))


def after(*edits, said=None, **changed):
    return edited_outcome(outcome(**changed), Edits(list(edits)), said)


def test_no_edits_give_the_outcome_itself():
    before = outcome()
    same, leaves = edited_outcome(before, Edits([]))
    assert same is before and leaves.tolist() == list(range(8))


def test_names_alone_leave_all_else():
    done, _ = after(
        {"op": "rename", "node": 13, "name": "R"},
        {"op": "rename", "node": 8, "name": ""},
        {"op": "rename", "node": 2, "name": "sea"},
    )
    assert done.tree == TREE and done.node_names == {12: "left", 13: "R", 2: "sea"}
    assert (
        done.shown_names.get(12) == "LEFT" and done.shown_names.get(13) == "R" and 8 not in done.shown_names
    )
    assert done.names.tolist() == ["a", "b", "sea", *"defgh"] and done.ids.tolist() == list("abcdefgh")
    assert done.cost_shares.tolist() == outcome().cost_shares.tolist() and done.facts["cost"] == 5.0
    assert done.parts.nodes.tolist() == [8, 9, 13] and done.exemplars[12].tolist() == [3, 0, 1]


def test_what_no_longer_holds_goes():
    said = []
    done, leaves = after({"op": "drop", "nodes": [9, 0]}, said=said.append)
    # leaf 1 took the place of 8 and of 12 (which lost 9): 1, 4..7
    assert leaves.tolist() == [1, 4, 5, 6, 7] and len(done.tree) == 5
    assert done.ids.tolist() == list("befgh") and done.labels.tolist() == ["x", "y", "y", "z", "z"]
    assert done.points.tolist() == outcome().points[leaves].tolist()
    assert done.values["weight"].tolist() == leaves.tolist() and done.clusters.tolist() == [0, 1, 1, 1, 1]
    root = done.tree.root
    assert done.node_names == {root - 1: "right"} and done.borderline[root - 1].tolist() == [1]
    assert done.exemplars == {root: pytest.approx([4])}
    assert done.cost_shares is None and done.parts is None and "cost" not in done.facts
    assert done.facts["rows"] == 5 and done.facts["input"] == "toy"
    assert [own.column for own in done.cuts] == ["cut_4"] and said[1:] == ["the tree has no level_8 any more"]
    assert "cost and score" in said[0]
    assert done.evaluation["labelled_rows"] == 5


def test_members_that_moved_away_are_no_longer_typical():
    done, _ = after({"op": "move", "node": 3, "to": 13})
    (left,) = (node for node, name in done.node_names.items() if name == "left")
    assert done.exemplars[left].tolist() == [0, 1]
    assert done.parts is None


def test_parts_that_stay_whole_stay():
    done, _ = after({"op": "dissolve", "node": 12})
    rows = dict(zip(done.parts.nodes.tolist(), done.parts.rows.tolist(), strict=True))
    pairs = {tuple(sorted(done.tree.leaves(node).tolist())): row for node, row in rows.items()}
    assert pairs == {(0, 1): [1, 0, 0], (2, 3): [0, 1, 0], (4, 5, 6, 7): [0, 0, 1]}
    assert done.cost_shares is None


def test_rows_without_ids_keep_their_numbers_and_labels_may_all_go():
    said = []
    labels = np.array([None] * 4 + ["y"] * 4, dtype=object)
    done, _ = after({"op": "keep", "nodes": [12]}, said=said.append, ids=None, cuts=(), labels=labels)
    assert done.ids.tolist() == [0, 1, 2, 3] and done.labels is None and done.evaluation is None
    assert said[:1] == ["the rows left have no labels, so there is nothing to compare the tree with"]
    one, leaves = after(
        {"op": "keep", "nodes": [6]}, {"op": "rename", "node": 6, "name": "six"}, ids=None, cuts=()
    )
    assert leaves.tolist() == [6] == one.ids.tolist() and one.names.tolist() == ["six"]


def test_an_edited_outcome_is_written_and_read(tmp_path):
    done, _ = after({"op": "split", "node": 12, "nodes": [0, 2], "name": "new"}, {"op": "drop", "nodes": [5]})
    done.write(tmp_path)
    again = Outcome.read(tmp_path)
    assert again.tree.fingerprint == done.tree.fingerprint and again.node_names == done.node_names
    assert "new" in again.node_names.values()
    edits = Edits([], again.tree.fingerprint, 7, again.tree.n_nodes)
    assert edited_outcome(again, edits)[0] is again
