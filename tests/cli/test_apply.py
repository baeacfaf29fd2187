"""Corrections through the command line: what is in the new folder, what is told, what is refused."""

import json

import numpy as np
import pandas as pd
import pytest

from hyperclade.cli.main import main
from hyperclade.data.features import write_features
from hyperclade.data.labelled_files import labelled_features
from hyperclade.data.taxonomies import read_taxonomy
from hyperclade.report import Outcome
from hyperclade.trees import apply_edits, read_edits


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Results of 60 rows in six groups, four of them near one another."""
    folder = tmp_path_factory.mktemp("apply")
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0], [3, 0], [0, 3], [3, 3], [40, 0], [0, 60]])
    X = np.repeat(centres, 10, axis=0) + rng.normal(size=(60, 2)) / 4
    frame = pd.DataFrame(X, columns=["x", "y"]).assign(
        name=[f"item {row}" for row in range(60)], label=np.repeat(list("abcdef"), 10)
    )
    frame.to_csv(folder / "data.csv", index=False)
    assert main(["discover", str(folder / "data.csv"), "--out", str(folder / "found"), "--cut", "6"]) == 0
    return folder / "found"


def exported(found, path, edits, **changed):
    summary = json.loads((found / "summary.json").read_text())
    tree = Outcome.read(found).tree
    head = {"format": "hyperclade-edits", "version": 1, "tree": summary["tree"], "cut": None}
    sizes = {"leaves": tree.n_leaves, "nodes": tree.n_nodes}
    path.write_text(json.dumps({**head, **sizes, "edits": edits, **changed}))
    return path


def applied(*arguments):
    return main(["apply", *map(str, arguments)])


def fails(capsys, *arguments):
    assert applied(*arguments) == 2
    text = capsys.readouterr().err
    assert text.startswith("error: ") and text.count("\n") == 1
    return text


def groups(found):
    """The node of each of the six groups."""
    outcome = Outcome.read(found)
    return outcome.cuts[0].nodes[[outcome.cuts[0].labels[row] for row in range(0, 60, 10)]].tolist()


NAMES = ["=cmd,", 'a "quoted"\nline', "", "a@b", "a@b"]


def test_edits_give_a_tree_a_taxonomy_and_classes_to_learn(found, tmp_path, capsys):
    nodes = groups(found)
    edits = [
        {"op": "rename", "node": node, "name": name} for node, name in zip(nodes[:5], NAMES, strict=True)
    ]
    edits.append({"op": "drop", "nodes": [nodes[5]]})
    path = exported(found, tmp_path / "edits.json", edits, cut=5)
    assert applied(found, path, "--out", tmp_path / "new") == 0
    written = capsys.readouterr()
    told = written.out
    assert "cost and score" in written.err + told and (tmp_path / "new/report.html").exists()
    assert "6 (5 rename, 1 drop)" in told and "50 rows, 10 dropped" in told and "5, under 4 other" in told
    new, before = Outcome.read(tmp_path / "new"), Outcome.read(found)
    assert new.tree == apply_edits(before.tree, read_edits(path), before.node_names).tree
    assert new.names.tolist() == before.names[:50].tolist() and new.values.keys() == before.values.keys()
    summary = json.loads((tmp_path / "new/summary.json").read_text())
    assert summary["edited"] == {
        "from": str(found), "edits": 6, "by_kind": {"rename": 5, "drop": 1}, "rows_dropped": 10, "classes": 5,
    }  # fmt: skip
    taxonomy = read_taxonomy(tmp_path / "new/taxonomy.csv")
    classes = [taxonomy.names[leaf] for leaf in taxonomy.leaves]
    rows = pd.read_parquet(tmp_path / "new/assignments.parquet")
    of_groups = rows["class"].tolist()[::10]
    unnamed = next(node for node, old in enumerate(of_new(found, path)) if old == nodes[2])
    assert of_groups[:3] == ["=cmd,", 'a "quoted"\nline', f"node {unnamed}"]
    assert sorted(of_groups[3:]) == ["a@b", "a@b (2)"] and set(classes) == set(of_groups)
    assert all(set(rows["class"][at : at + 10]) == {rows["class"][at]} for at in range(0, 50, 10))
    beside = pd.read_parquet(tmp_path / "new/classes.parquet")
    assert beside["class"].isna().tolist() == [False] * 50 + [True] * 10
    assert beside["class"].tolist()[:50] == rows["class"].tolist()
    samples = labelled_features(
        found.parent / "data.csv", taxonomy, labels=str(tmp_path / "new/classes.parquet"), columns=["x", "y"]
    )
    assert [taxonomy.names[node] for node in samples.labels[:, 0]] == rows["class"].tolist()
    assert any("10 rows of 60 without a label left out" in remark for remark in samples.remarks)


def of_new(found, path):
    return apply_edits(Outcome.read(found).tree, read_edits(path)).origin.tolist()


def test_no_edits_change_nothing(found, tmp_path):
    path = exported(found, tmp_path / "edits.json", [])
    assert applied(found, path, "--out", tmp_path / "new") == 0
    for name in ("tree.json", "tree.nwk", "nodes.parquet", "parts.npz", "cost_shares.npy"):
        assert (tmp_path / "new" / name).read_bytes() == (found / name).read_bytes(), name
    rows, before = (pd.read_parquet(folder / "assignments.parquet") for folder in (tmp_path / "new", found))
    finest = max(before.filter(regex="^layer_"), key=lambda column: int(column.removeprefix("layer_")))
    pd.testing.assert_frame_equal(rows.drop(columns="class"), before)
    assert (rows.groupby("class")[finest].nunique() == 1).all()
    assert rows["class"].nunique() == before[finest].nunique()


def test_edits_follow_edits_and_classes_go_with_the_first_rows(found, tmp_path, capsys):
    nodes = groups(found)
    first = exported(found, tmp_path / "first.json", [{"op": "drop", "nodes": [nodes[0]]}])
    assert applied(found, first, "--out", tmp_path / "one") == 0
    second = exported(tmp_path / "one", tmp_path / "second.json", [{"op": "drop", "nodes": [0, 49]}])
    assert applied(tmp_path / "one", second, "--out", tmp_path / "two", "--classes", 3) == 0
    known = pd.read_parquet(tmp_path / "two/classes.parquet")["class"].notna()
    assert np.flatnonzero(~known).tolist() == [*range(11), 59] and len(known) == 60
    assert "error" not in capsys.readouterr().err
    assert "one of 60 leaves, this one has 50" in fails(
        capsys, tmp_path / "one", first, "--out", tmp_path / "three"
    )
    assert not (tmp_path / "three").exists()


def test_what_is_wrong_is_said_in_a_line(found, tmp_path, capsys):
    good = exported(found, tmp_path / "good.json", [])
    before = sorted((path.name, path.read_bytes()) for path in found.iterdir() if path.is_file())
    out = ("--out", tmp_path / "new")
    assert "would be replaced" in fails(capsys, found, good, "--out", found, "--overwrite")
    assert "would be replaced" in fails(capsys, found, good, "--out", found.parent, "--overwrite")
    assert "would be replaced" in fails(capsys, found, good, "--out", tmp_path, "--overwrite")
    assert "--classes must be from 1 to the number of rows left, 60" in fails(
        capsys, found, good, *out, "--classes", 61
    )
    assert "--classes must be" in fails(capsys, found, good, *out, "--classes", 0)
    assert "holds no outcome" in fails(capsys, tmp_path, good, *out)
    assert "missing.json" in fails(capsys, found, tmp_path / "missing.json", *out)
    (tmp_path / "text.json").write_text("{]")
    assert "text.json: not JSON" in fails(capsys, found, tmp_path / "text.json", *out)
    gone = [{"op": "dissolve", "node": groups(found)[0]}] * 2
    bad = exported(found, tmp_path / "bad.json", gone)
    assert "bad.json: edit 2 (dissolve): node" in fails(capsys, found, bad, *out)
    foreign = exported(found, tmp_path / "foreign.json", [], tree="0" * 32)
    assert "for another tree" in fails(capsys, found, foreign, *out)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters/dear.txt").write_text("Dear")
    refused = fails(capsys, found, good, "--out", tmp_path / "letters", "--overwrite")
    assert "files of other origin (dear.txt)" in refused
    assert not (tmp_path / "new").exists()
    assert applied(found, good, *out) == 0 and applied(found, good, *out, "--overwrite") == 0
    capsys.readouterr()
    assert "holds files already" in fails(capsys, found, good, *out)
    assert before == sorted((path.name, path.read_bytes()) for path in found.iterdir() if path.is_file())


def test_a_cut_that_is_not_there_is_told(found, tmp_path, capsys):
    nodes = groups(found)
    whole = [{"op": "merge", "nodes": nodes[:1]}]
    bad = exported(found, tmp_path / "bad.json", whole)
    assert "two nodes at least" in fails(capsys, found, bad, "--out", tmp_path / "new")
    star = [{"op": "keep", "nodes": [0, 1, 2]}]
    inner = [{"op": "dissolve", "node": int(node)} for node in range(60, 118)]
    flat = exported(found, tmp_path / "flat.json", inner)
    assert applied(found, flat, "--out", tmp_path / "flat", "--classes", 7) == 0
    assert "1 class: no cut of the tree has 7, the nearest below has 1" in capsys.readouterr().err
    few = exported(found, tmp_path / "few.json", star, cut=50)
    assert applied(found, few, "--out", tmp_path / "few") == 0
    assert len(read_taxonomy(tmp_path / "few/taxonomy.csv").leaves) == 3


@pytest.mark.learn
def test_a_model_learns_the_classes(found, tmp_path, capsys):
    nodes = groups(found)
    write_features(
        tmp_path / "x.npy", pd.read_csv(found.parent / "data.csv")[["x", "y"]].to_numpy(np.float32)
    )
    path = exported(found, tmp_path / "edits.json", [{"op": "drop", "nodes": nodes[5:]}], cut=5)
    assert applied(found, path, "--out", tmp_path / "new") == 0
    arguments = ["--source.taxonomy", f"{tmp_path}/new/taxonomy.csv"]
    arguments += ["--source.labels", f"[{tmp_path}/new/classes.parquet]", "--training.epochs", "1"]
    run = ["train", "recognition", "--data", f"{tmp_path}/x.npy", "--out", f"{tmp_path}/run", *arguments]
    assert main([*run, "--device", "cpu"]) == 0
    captured = capsys.readouterr()
    assert "10 rows of 60 without a label left out" in captured.out + captured.err
    assert "5 of them leaves" in captured.out
