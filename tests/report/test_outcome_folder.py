"""An outcome is read back as it was written; a folder without one, or a damaged one, gets a clear line."""

import json
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_wine

from hyperclade import SHHC
from hyperclade.data.features import FeatureTable
from hyperclade.data.samples import load_nouns
from hyperclade.report import Cuts, Outcome, Partition, Parts
from hyperclade.trees import Tree

FOUR = Tree([4, 4, 5, 5, 6, 6, -1])


def assert_same(found, expected):
    """Every field of two outcomes, to the last bit; seconds as they are told."""
    assert found.tree == expected.tree and found.tree.fingerprint == expected.tree.fingerprint
    for kind in ("layers", "cuts"):
        ours, theirs = getattr(found, kind), getattr(expected, kind)
        assert [own.column for own in ours] == [own.column for own in theirs]
        for mine, other in zip(ours, theirs, strict=True):
            assert (
                mine.labels.tolist() == other.labels.tolist() and mine.nodes.tolist() == other.nodes.tolist()
            )
    for role in ("clusters", "points", "ids", "names", "labels", "cost_shares"):
        mine, other = getattr(found, role), getattr(expected, role)
        assert (mine is None) == (other is None), role
        if mine is not None:
            assert mine.tolist() == other.tolist(), role
            assert mine.dtype == (object if other.dtype.kind == "U" else other.dtype), role
    for role in ("node_names", "shown_names", "title", "facts", "settings"):
        assert getattr(found, role) == getattr(expected, role), role
    for role in ("exemplars", "borderline"):
        mine, other = getattr(found, role), getattr(expected, role)
        assert {node: rows.tolist() for node, rows in mine.items()} == {
            node: rows.tolist() for node, rows in other.items()
        }
    assert (found.parts is None) == (expected.parts is None)
    if found.parts is not None:
        assert found.parts.nodes.tolist() == expected.parts.nodes.tolist()
        assert found.parts.rows.tobytes() == expected.parts.rows.tobytes()
    assert [*found.values] == [*expected.values]
    for title, mine in found.values.items():
        assert mine.tolist() == expected.values[title].tolist()
        assert mine.dtype == expected.values[title].dtype
    assert found.evaluation == expected.evaluation and found.outline() == expected.outline()
    assert found.seconds == {stage: round(spent, 4) for stage, spent in expected.seconds.items()}


def back(outcome, folder):
    outcome.write(folder)
    return Outcome.read(folder)


@pytest.fixture(scope="module")
def wine():
    sample = load_wine()
    labels = sample.target_names[sample.target].astype(object)
    labels[::7] = None
    table = FeatureTable(sample.data, labels=labels, columns=[*sample.feature_names])
    model = SHHC(random_state=0).fit(sample.data)
    return Outcome.of(
        model, table, columns=table.columns, cuts=Cuts(3, [2, 10], 1.5), title="wine",
        facts={"input": "wine.csv"}, settings={"scale": "none", "seed": 0}, seconds={"reading": 0.123456},
    )  # fmt: skip


@pytest.fixture(scope="module")
def written(wine, tmp_path_factory):
    folder = tmp_path_factory.mktemp("written") / "wine"
    wine.write(folder)
    return folder


# ---- whole ----


def test_a_table_with_named_columns_and_some_labels(wine, written):
    found = Outcome.read(written)
    assert_same(found, wine)
    assert len(found.values) == 13 and len(found.node_names) >= 176
    assert found.cost_shares.sum() == pytest.approx(1) and len(found.parts.nodes) == 178
    # What the cost and the similarity of parts are of is tested where they are made.
    assert "wine" in found.title and found.labels[0] is None


def test_the_nouns(tmp_path):
    sample = load_nouns()
    table = FeatureTable(
        sample.features, labels=sample.label_names[sample.labels], names=sample.names, ids=sample.names[::-1]
    )
    model = SHHC(random_state=0, n_init=1).fit(sample.features)
    outcome = Outcome.of(model, table)
    found = back(outcome, tmp_path / "nouns")
    assert_same(found, outcome)
    assert len(found.parts.nodes) == 512 and found.parts.rows.shape == (512, 64)
    assert set(range(2337, model.tree_.root)) <= set(found.node_names)
    assert set(found.exemplars) == set(found.borderline) > set(found.node_names) and not found.values


def test_rows_with_numbers_alone(tmp_path):
    X = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float16)
    table = FeatureTable(X, ids=np.arange(30), labels=np.arange(30) % 2, columns=["id", "x0", "layer_2"])
    outcome = Outcome.of(SHHC(random_state=0).fit(X), table)
    found = back(outcome, tmp_path)
    assert_same(found, outcome)
    assert found.ids.tolist() == list(range(30)) and found.labels.dtype == np.int64
    assert found.values["id"].tolist() == X[:, 0].astype(np.float32).tolist()
    assert Outcome.read(tmp_path).values["x0"].dtype == np.float32
    rows = pd.read_parquet(tmp_path / "assignments.parquet")
    assert rows["id"].tolist() == list(range(30)) and rows["id (value)"].tolist() == X[:, 0].tolist()


def test_trees_of_one_and_two_leaves(tmp_path):
    for n, tree in ((1, Tree([-1])), (2, Tree([2, 2, -1])), (2, Tree([2, 2, -1], names=["a", "b"]))):
        outcome = Outcome(tree, facts={"rows": n})
        assert_same(back(outcome, tmp_path / f"{n}"), outcome)
    X = np.array([[0.0, 1.0], [2.0, 0.0]])
    outcome = Outcome.of(
        SHHC().fit(X), FeatureTable(X, names=np.array(["<b>", ""], object), columns=["a", "b"])
    )
    assert_same(back(outcome, tmp_path / "of"), outcome)
    equal = np.ones((5, 2))
    outcome = Outcome.of(SHHC().fit(equal), FeatureTable(equal))
    assert_same(back(outcome, tmp_path / "equal"), outcome)


def test_all_that_a_tree_from_elsewhere_may_have(tmp_path):
    height, length = [0, 0, 0, 0, 0.1, 1 / 3, 2], [0, 1, 2, 3, 4, 5, np.nan]
    tree = Tree(FOUR.parent, height, [*"abcd"], ["x", None, "y"], length)
    outcome = Outcome(
        tree,
        [Partition.of(tree, "kinds", [0, 0, 1, 1])],
        clusters=np.array([1, 1, 0, 0]),
        points=np.array([[0.1], [0.2], [0.3], [0.4]]),
        ids=np.array(["a#0", "b#1", "c#2", "d#3"]),
        labels=np.array([1, None, 3, 3], dtype=object),
        node_names={4: "<script>", 6: ""},
        shown_names={5: "日本"},
        exemplars={6: np.array([3, 0])},
        borderline={0: np.array([0])},
        cost_shares=np.array([0.5, 0.25, 0.25]),
        parts=Parts(np.array([4, 2, 3]), np.array([[1.0], [0.1], [0.2]], np.float32)),
        values={"x0": np.array([1, 2, 3, 4]), "x0 (value)": np.array([True, False, True, True]),
                "colour": np.array(["r", None, "g", "b"], dtype=object), "nan": np.array([np.nan, 1, 2, 3])},
        title="many\nlines",
        facts={"judged": {"as": [1, None]}},
    )  # fmt: skip
    found = back(outcome, tmp_path)
    assert np.isnan(found.values["nan"][0]) and not np.isnan(found.values["nan"][1:]).any()
    for own in (found, outcome):
        del own.values["nan"]
    assert_same(found, outcome)
    named = Outcome(FOUR, names=np.array(["p", "q", "r", "s"], dtype=object))
    assert_same(back(named, tmp_path), named)  # nothing of the earlier one is left
    assert not (tmp_path / "parts.npz").exists() and not (tmp_path / "cost_shares.npy").exists()


def test_folders_of_any_name_and_tables_with_more_columns(wine, written, tmp_path):
    folder = tmp_path / "k=3"
    shutil.copytree(written, folder)
    rows = pd.read_parquet(written / "assignments.parquet")
    rows.assign(own=1).to_parquet(folder / "assignments.parquet")
    assert_same(Outcome.read(folder), wine)
    for name in ("hierarchy.png", "tree.nwk"):
        assert name in json.loads((folder / "summary.json").read_text(encoding="utf-8"))["content"]["files"]


# ---- wrong ----


@pytest.fixture
def copy(written, tmp_path):
    shutil.copytree(written, tmp_path / "copy")
    return tmp_path / "copy"


def refused(folder):
    with pytest.raises(ValueError) as caught:
        Outcome.read(folder)
    text = str(caught.value)
    assert "\n" not in text and str(folder) in text and len(text) < 600
    return text


def changed_summary(folder, **changes):
    path = folder / "summary.json"
    summary = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(
        json.dumps({key: own for key, own in summary.items() if own is not ...}), encoding="utf-8"
    )


def test_no_outcome_at_all(tmp_path):
    assert "is no folder; hyperclade discover" in refused(tmp_path / "nothing")
    assert "holds no outcome: there is no summary.json" in refused(tmp_path)
    (tmp_path / "file").write_text("x", encoding="utf-8")
    assert "is no folder" in refused(tmp_path / "file")


def test_other_versions(copy):
    changed_summary(copy, version=2)
    assert "'hyperclade-outcome' of version 2; this release reads" in refused(copy)
    changed_summary(copy, format=None, version=1)
    assert "is None of version 1" in refused(copy)
    (copy / "summary.json").write_text('{"layers": [], "cuts": [], "versions": {}}', encoding="utf-8")
    assert "was written by an older release; run hyperclade discover again" in refused(copy)
    (copy / "summary.json").write_text("{}", encoding="utf-8")
    assert "is None of version None" in refused(copy)


@pytest.mark.parametrize("name", ["tree.json", "assignments.parquet", "nodes.parquet", "parts.npz",
                                  "cost_shares.npy", "linkage.npy"])  # fmt: skip
def test_half_copied(copy, name):
    (copy / name).unlink()
    assert f"is incomplete: {name} missing; copy all of it, or run hyperclade discover again" in refused(copy)


@pytest.mark.parametrize("name", ["summary.json", "tree.json", "assignments.parquet", "nodes.parquet",
                                  "parts.npz", "cost_shares.npy"])  # fmt: skip
def test_damaged_files_are_named(copy, name):
    path = copy / name
    whole = path.read_bytes()
    for length in [*range(0, len(whole), max(len(whole) // 40, 1)), len(whole) - 1]:
        if name == "summary.json" and length == len(whole) - 1:
            continue  # the last line end alone
        path.write_bytes(whole[:length])
        assert str(path) in refused(copy)
    path.write_bytes(b"\x00\xff" * 200)
    assert str(path) in refused(copy)
    path.unlink()
    path.mkdir()
    assert name in refused(copy)


def test_random_bytes_within_are_no_traceback(copy):
    """Some changes cannot be noticed; none ends in anything but a line."""
    rng = np.random.default_rng(0)
    for name in ("summary.json", "tree.json", "assignments.parquet", "nodes.parquet", "parts.npz"):
        path = copy / name
        whole = path.read_bytes()
        for _ in range(40):
            damaged = bytearray(whole)
            for at in rng.integers(len(whole), size=4):
                damaged[at] = rng.integers(256)
            path.write_bytes(bytes(damaged))
            try:
                Outcome.read(copy)
            except ValueError as error:
                assert "\n" not in str(error) and "copy" in str(error)
        path.write_bytes(whole)
    Outcome.read(copy)


def test_edited_trees(copy):
    content = json.loads((copy / "tree.json").read_text(encoding="utf-8"))
    content["height"][-1] += 1
    (copy / "tree.json").write_text(json.dumps(content), encoding="utf-8")
    assert "tree.json is not the tree of" in refused(copy) and "instead of editing it" in refused(copy)


def test_tables_of_other_rows(copy):
    path = copy / "assignments.parquet"
    rows = pd.read_parquet(path)
    rows[:-1].to_parquet(path)
    assert f"{path} is damaged or edited (177 rows, but the tree beside it has 178 leaves)" in refused(copy)
    rows[::-1].to_parquet(path)
    assert "rows do not stand in the order of leaves" in refused(copy)
    rows.drop(columns=["alcohol", "cut_3"]).to_parquet(path)
    assert "no column 'alcohol', 'cut_3'" in refused(copy)
    rows.assign(cut_3=rows["cut_3"].sample(frac=1, random_state=0).to_numpy()).to_parquet(path)
    assert "cut_3: the leaves of each label must be those under one node" in refused(copy)
    rows.assign(cluster=0.5).to_parquet(path)
    assert "numbers that must be whole are not" in refused(copy)
    rows.assign(x0=np.nan).to_parquet(path)
    assert "not all are finite" in refused(copy)


def test_nodes_and_parts_of_other_trees(copy):
    path = copy / "nodes.parquet"
    table = pq.read_table(path)
    for column, values, what in (
        ("node", table["node"].to_numpy() + 1000, "a node is none of the tree"),
        ("size", table["size"].to_numpy() + 1, "sizes are not those of the tree"),
        ("typical", pa.array([[178]] * table.num_rows), "a row of typical is no leaf"),
        ("name", pa.array([7] * table.num_rows), "7 is no str"),
    ):
        at = table.column_names.index(column)
        pq.write_table(table.set_column(at, column, pa.array(values)), path)
        assert what in refused(copy)
    pq.write_table(table, path)
    np.savez(copy / "parts.npz", nodes=[354, 0], rows=np.ones((2, 3), np.float32))
    assert "parts do not hold each leaf once" in refused(copy)
    np.savez(copy / "parts.npz", nodes=[354], rows=np.full((1, 3), np.nan, np.float32))
    assert "not all are finite" in refused(copy)
    np.savez(copy / "parts.npz", nodes=[354])
    assert "parts.npz is damaged or edited" in refused(copy)


def test_pickled_arrays_are_not_loaded(copy):
    np.save(copy / "cost_shares.npy", np.array([{}] * 177, dtype=object), allow_pickle=True)
    assert "cost_shares.npy is damaged or edited" in refused(copy)


@pytest.mark.parametrize("changes", [
    {"content": ...}, {"content": []}, {"content": {}}, {"layers": 3}, {"cuts": [{"column": 3}]},
    {"seconds": []}, {"title": 3}, {"evaluation": "good"}, {"tree": None}, {"layers": [{"column": "none"}]},
])  # fmt: skip
def test_edited_summaries(copy, changes):
    changed_summary(copy, **changes)
    refused(copy)


def test_a_stopped_write_leaves_no_outcome(wine, copy, monkeypatch):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("hyperclade.report.outcome_folder.draw_hierarchy", stop)
    with pytest.raises(KeyboardInterrupt):
        wine.write(copy)
    assert "holds no outcome" in refused(copy)
