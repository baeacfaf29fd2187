"""What is told of a tree: of a fitted model, of a tree from elsewhere, in files and in lines."""

import json
import os

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.metrics import adjusted_rand_score

from hyperclade import SHHC
from hyperclade.data.features import FeatureTable
from hyperclade.hierarchy.members import typical_leaves
from hyperclade.report import Cuts, Outcome, Partition
from hyperclade.report.outcome_folder import FILES
from hyperclade.trees import Tree

FOUR = Tree([4, 4, 5, 5, 6, 6, -1])


@pytest.fixture(scope="module")
def iris():
    sample = load_iris()
    columns = [name.removesuffix(" (cm)") for name in sample.feature_names]
    labels = sample.target_names[sample.target].astype(object)
    labels[::10] = None
    return SHHC(random_state=0).fit(sample.data), FeatureTable(sample.data, labels=labels), columns


# ---- of a model ----


def test_partitions_are_those_of_the_model_and_those_asked_for(iris):
    model, table, _ = iris
    outcome = Outcome.of(model, table, cuts=Cuts(3, [5, 20], 1.5))
    assert outcome.tree is model.tree_ and outcome.clusters is model.labels_
    for layer, labels in zip(outcome.layers, model.layers_, strict=True):
        assert layer.column == f"layer_{labels.max() + 1}" and layer.labels.tolist() == labels.tolist()
    assert [own.column for own in outcome.cuts] == ["cut_3", "level_5", "level_20", "height_1.5"]
    for own in (*outcome.layers, *outcome.cuts):
        for label, node in enumerate(own.nodes.tolist()):
            assert sorted(model.tree_.leaves(node)) == np.flatnonzero(own.labels == label).tolist()


def test_nodes_are_named_by_columns_or_rows_and_else_not_at_all(iris):
    model, table, columns = iris
    assert not Outcome.of(model, table).node_names
    by_columns = Outcome.of(model, table, columns=columns)
    assert "petal length low, petal width low" in by_columns.node_names.values()
    assert any(line.startswith("├─ petal length low") for line in by_columns.outline())
    named = FeatureTable(table.features, names=np.array([f"flower {row}" for row in range(150)], object))
    by_rows = Outcome.of(model, named, exemplars=2)
    assert all("flower" in name for name in by_rows.node_names.values())
    numbers = FeatureTable(table.features, ids=np.arange(150))
    assert not Outcome.of(model, numbers).node_names
    texts = FeatureTable(table.features, ids=np.array([f"id{row}" for row in range(150)], object))
    assert all("id" in name for name in Outcome.of(model, texts).node_names.values())


def test_names_are_of_the_rows_as_they_were_and_typical_rows_of_those_compared(iris):
    _, table, columns = iris
    rows = np.asarray(table.features) * [0, 0, 0, 1]
    model = SHHC(random_state=0).fit(rows)
    outcome = Outcome.of(model, table, rows, columns=columns, exemplars=3)
    assert any("petal length" in name for name in outcome.node_names.values())
    assert set(outcome.exemplars) > set(outcome.node_names) >= set(outcome.layers[-1].nodes)
    for node, found in outcome.exemplars.items():
        assert found.tolist() == typical_leaves(model.tree_, rows, node, "euclidean")[:3].tolist()
        assert set(found) <= set(model.tree_.leaves(node))
    assert not Outcome.of(model, table, rows, exemplars=0).exemplars


def test_scores_are_of_the_rows_with_a_label(iris):
    model, table, _ = iris
    evaluation = Outcome.of(model, table, cuts=Cuts(3)).evaluation
    known = table.labels != None  # noqa: E711  element by element
    assert evaluation["labelled_rows"] == known.sum() == 135 and evaluation["classes"] == 3
    expected = adjusted_rand_score(table.labels[known], model.cut(3)[known])
    assert evaluation["layers"]["cut_3"]["ari"] == pytest.approx(expected)
    unlabelled = FeatureTable(table.features)
    assert Outcome.of(model, unlabelled).evaluation is None and not Outcome.of(model, unlabelled).mixes
    absent = FeatureTable(table.features, labels=np.full(150, None, dtype=object))
    with pytest.raises(ValueError, match="labels are all missing"):
        Outcome.of(model, absent)


def test_summary_holds_what_the_model_knows_between_what_is_given(iris, tmp_path):
    model, table, columns = iris
    stages = []
    outcome = Outcome.of(
        model,
        table,
        columns=columns,
        facts={"input": "irises"},
        settings={"seed": 0},
        seconds={"reading": 2.0},
        progress=lambda stage, _: stages.append(stage),
    )
    summary = outcome.write(tmp_path / "out", lambda stage, _: stages.append(stage))
    assert summary == json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    keys = list(summary)
    assert keys[:5] == ["format", "version", "tree", "title", "input"] and keys[-2:] == ["seed", "content"]
    assert (summary["format"], summary["version"]) == ("hyperclade-outcome", 1)
    assert summary["tree"] == model.tree_.fingerprint and summary["title"] == outcome.title
    assert set(summary["content"]["files"]) == set(os.listdir(tmp_path / "out")) == set(FILES)
    assert summary["cost"] == model.cost_ and summary["score"] == model.score_
    assert (summary["rows"], summary["features"], summary["dtype"]) == (150, 4, "float64")
    assert summary["clusters"] == model.n_clusters_
    assert list(summary["seconds"]) == ["reading", *model.timings_, "naming", "evaluation", "writing"]
    assert summary["seconds"]["reading"] == 2 and list(dict.fromkeys(stages)) == [
        "naming",
        "evaluation",
        "writing",
    ]
    listed = summary["layers"][0]["listed"]
    assert sum(cluster["size"] for cluster in listed) == 150 and all(cluster["name"] for cluster in listed)


def test_long_lists_of_clusters_are_counted_only():
    X = np.random.default_rng(0).normal(size=(300, 2))
    outcome = Outcome.of(SHHC(random_state=0).fit(X), FeatureTable(X), cuts=Cuts(levels=[200, 201]))
    short, long = outcome.summary()["cuts"]
    assert len(short["listed"]) == 200 and "listed" not in long and long["clusters"] == 201


# ---- of a tree from elsewhere ----


def test_a_tree_alone_is_enough(tmp_path):
    summary = Outcome(FOUR).write(tmp_path / "out")
    assert set(os.listdir(tmp_path / "out")) == set(FILES) - {"parts.npz", "cost_shares.npy"}
    assert pd.read_parquet(tmp_path / "out" / "assignments.parquet").to_dict("list") == {
        "id": [0, 1, 2, 3],
        "leaf": [0, 1, 2, 3],
    }
    assert summary["layers"] == [] and summary["evaluation"] is None and "clusters" not in summary
    assert Outcome(FOUR).outline() == ["4 rows", "├─ 2 rows", "└─ 2 rows"]


def test_files_hold_what_is_given(tmp_path):
    outcome = Outcome(
        FOUR,
        [Partition.of(FOUR, "layer_2", [1, 1, 0, 0])],
        [Partition.of(FOUR, "cut_4", [0, 1, 2, 3])],
        clusters=np.array([0, 0, 1, 1]),
        points=np.array([[0.1, 0.2], [0.3, 0.4], [-0.1, 0], [0, -0.5]]),
        ids=np.array(["a", "b", "c", "d"], dtype=object),
        names=np.array(["cat", "dog", "oak", "elm"], dtype=object),
        labels=np.array(["pet", "pet", "tree", None], dtype=object),
        node_names={4: "animals"},
        facts={"judged": 0.5},
    )
    summary = outcome.write(tmp_path)
    rows = pd.read_parquet(tmp_path / "assignments.parquet")
    assert list(rows) == ["id", "name", "label", "leaf", "cluster", "layer_2", "cut_4", "x0", "x1"]
    assert rows["layer_2"].tolist() == [1, 1, 0, 0] and rows["x1"].tolist() == [0.2, 0.4, 0, -0.5]
    assert (tmp_path / "tree.nwk").read_text(encoding="utf-8").count("animals") == 1
    assert Tree.from_json((tmp_path / "tree.json").read_text(encoding="utf-8")).names == tuple(outcome.names)
    assert summary["judged"] == 0.5 and summary["clusters"] == 2
    assert summary["layers"][0]["listed"] == [
        {"label": 0, "node": 5, "size": 2},
        {"label": 1, "node": 4, "size": 2, "name": "animals"},
    ]
    assert summary["evaluation"]["layers"]["layer_2"]["ari"] == 1
    assert outcome.outline()[1:] == ["├─ 2 rows  100 % pet", "└─ 2 rows  100 % tree"]


def test_labels_that_are_no_clusters_of_the_tree_are_refused():
    for labels in ([0, 1, 0, 1], [0, 0, 2, 2], [0, 0, 1], [-1, -1, 0, 0], [0, 0, 0, 1]):
        with pytest.raises(ValueError, match="kinds"):
            Partition.of(FOUR, "kinds", labels)


def test_values_of_another_number_of_rows_are_refused():
    for what in ("clusters", "points", "ids", "names", "labels"):
        with pytest.raises(ValueError, match=f"need {what} of the 4 leaves, got 3"):
            Outcome(FOUR, **{what: np.zeros(3, dtype=np.int64)})
    with pytest.raises(ValueError, match="need 'width' of the 4 leaves, got 3"):
        Outcome(FOUR, values={"width": np.zeros(3)})
    with pytest.raises(ValueError, match="need cost shares of the 3 inner nodes, got 4"):
        Outcome(FOUR, cost_shares=np.zeros(4))


def test_versions_are_of_what_is_installed(monkeypatch):
    monkeypatch.setattr("hyperclade.report.outcome._VERSIONED", ("numpy", "no-such-package-at-all"))
    assert list(Outcome(FOUR).summary()["versions"]) == ["numpy", "python"]
