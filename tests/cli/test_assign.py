"""New rows of known kinds get the labels of their kind, in the file and by the errors one reads."""

import json
import os
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.datasets import load_iris

from hyperclade import SHHC
from hyperclade.cli.main import main
from hyperclade.data.features import write_features


@pytest.fixture(scope="module")
def irises():
    """Even rows to find the hierarchy in, odd ones to label; unscaled, one column would count for all."""
    sample = load_iris(as_frame=True)
    frame = sample.data.rename(columns=lambda name: name.replace(" (cm)", ""))
    frame["sepal width"] *= 1000
    frame["id"] = [f"iris{row}" for row in range(len(frame))]
    frame["species"] = sample.target_names[sample.target]
    return frame[::2].reset_index(drop=True), frame[1::2].reset_index(drop=True)


@pytest.fixture(scope="module")
def done(irises, tmp_path_factory):
    folder = tmp_path_factory.mktemp("assign")
    irises[0].to_csv(folder / "known.csv", index=False)
    arguments = [str(folder / "known.csv"), "--labels", "species", "--out", str(folder / "found")]
    assert main(["discover", *arguments, "--scale", "standard", "--cut", "3", "--save-model"]) == 0
    return folder / "found"


def assigned(done, source, tmp_path, *arguments, suffix=".parquet"):
    target = tmp_path / f"labels{suffix}"
    assert main(["assign", str(done), str(source), "--out", str(target), *map(str, arguments)]) == 0
    return pd.read_parquet(target) if suffix == ".parquet" else pd.read_csv(target)


def fails(capsys, *arguments):
    assert main(["assign", *map(str, arguments)]) == 2
    text = capsys.readouterr().err
    assert text.startswith("error: ") and text.count("\n") == 1
    return text


def test_known_rows_get_their_own_labels(done, irises, tmp_path):
    found = assigned(done, done.parent / "known.csv", tmp_path, "--labels", "species", "--cut", 3)
    known = pd.read_parquet(done / "assignments.parquet")
    for column in [name for name in known if name.startswith(("cluster", "layer_", "cut_"))]:
        assert found[column].tolist() == known[column].tolist(), column
    assert found["nearest_id"].tolist() == known["id"].tolist() == found["id"].tolist()
    assert found["label"].tolist() == irises[0]["species"].tolist()
    assert found["confidence"].between(0, 1).all() and found["outlier"].sum() <= 0.05 * len(found)


def test_new_rows_are_scaled_as_the_known_ones_and_labelled_as_by_the_library(done, irises, tmp_path):
    irises[1].to_parquet(tmp_path / "new.parquet")
    found = assigned(done, tmp_path / "new.parquet", tmp_path, "--labels", "species", "--levels", "2,9")
    columns = list(irises[0].columns[:4])
    known, new = (frame[columns].to_numpy() for frame in irises)
    mean, deviation = known.mean(axis=0), known.std(axis=0)
    model = SHHC(random_state=0).fit(((known - mean) / deviation).astype(np.float32))
    rows = ((new - mean) / deviation).astype(np.float32)
    expected = model.assign(rows)
    assert found["cluster"].tolist() == expected.labels.tolist()
    assert found["nearest_row"].tolist() == expected.nearest.tolist()
    assert found["outlier"].tolist() == expected.outlier.tolist()
    np.testing.assert_allclose(found["confidence"], expected.confidence, atol=1e-6)
    for k in (2, 9):
        assert found[f"level_{k}"].tolist() == model.predict(rows, k).tolist()
    for labels in model.layers_:
        k = int(labels.max()) + 1
        assert found[f"layer_{k}"].tolist() == model.predict(rows, k).tolist()
    species = irises[0]["species"].to_numpy()[found["nearest_row"]]
    assert (species == irises[1]["species"]).mean() > 0.9


def test_blocks_of_rows_change_nothing(done, irises, tmp_path, monkeypatch):
    irises[1].to_csv(tmp_path / "new.csv", index=False)
    whole = assigned(done, tmp_path / "new.csv", tmp_path, "--labels", "species", "--cut", 3)
    monkeypatch.setattr("hyperclade.report.saved._BLOCK", 7)
    again = assigned(done, tmp_path / "new.csv", tmp_path, "--labels", "species", "--cut", 3, "--overwrite")
    pd.testing.assert_frame_equal(whole, again)


def test_columns_are_matched_by_name(done, irises, tmp_path, capsys):
    new = irises[1].drop(columns=["id", "species"])
    new.to_csv(tmp_path / "new.csv", index=False)
    expected = assigned(done, tmp_path / "new.csv", tmp_path)
    new[new.columns[::-1]].assign(more=1.0).to_csv(tmp_path / "turned.csv", index=False)
    found = assigned(done, tmp_path / "turned.csv", tmp_path, "--overwrite")
    pd.testing.assert_frame_equal(found, expected)
    np.save(tmp_path / "new.npy", new.to_numpy())  # without names they are matched by place
    pd.testing.assert_frame_equal(assigned(done, tmp_path / "new.npy", tmp_path, "--overwrite"), expected)
    new.rename(columns={"petal width": "width"}).to_csv(tmp_path / "other.csv", index=False)
    text = fails(capsys, done, tmp_path / "other.csv", "--out", tmp_path / "x.csv")
    assert "no column 'petal width'; the columns are" in text and "other.csv" in text


def test_csv_holds_the_same(done, irises, tmp_path):
    irises[1].to_csv(tmp_path / "new.csv", index=False)
    table = assigned(done, tmp_path / "new.csv", tmp_path, "--names", "species")
    text = assigned(done, tmp_path / "new.csv", tmp_path, "--names", "species", suffix=".csv")
    pd.testing.assert_frame_equal(table, text, check_dtype=False)
    assert text["name"].tolist() == irises[1]["species"].tolist()


def test_a_row_far_from_all_is_an_outlier(done, irises, tmp_path, capsys):
    new = irises[1].iloc[:2, :4].copy()
    new.iloc[1] = [50.0, 1e6, -20.0, 90.0]
    new.to_csv(tmp_path / "new.csv", index=False)
    assert assigned(done, tmp_path / "new.csv", tmp_path)["outlier"].tolist() == [False, True]
    text = " ".join(capsys.readouterr().out.split())
    assert re.match(r"2 rows in (1 cluster|2 clusters) \(cluster\), mean confidence", text)
    assert ", 1 outlier → " in text


def test_sparse_rows(tmp_path):
    X = scipy.sparse.random(80, 40, 0.2, format="csr", random_state=0)
    scipy.sparse.save_npz(tmp_path / "X.npz", X)
    arguments = [str(tmp_path / "X.npz"), "--out", str(tmp_path / "found"), "--scale", "unit"]
    assert main(["discover", *arguments, "--save-model"]) == 0
    found = assigned(tmp_path / "found", tmp_path / "X.npz", tmp_path)
    assert (
        found["cluster"].tolist()
        == pd.read_parquet(tmp_path / "found" / "assignments.parquet")["cluster"].tolist()
    )
    assert found["nearest_row"].tolist() == list(range(80))


# ---- errors ----


def test_folders_without_a_model(done, tmp_path, capsys):
    np.save(tmp_path / "X.npy", np.eye(4))
    out = ["--out", tmp_path / "x.csv"]
    assert "is no folder; hyperclade discover" in fails(capsys, tmp_path / "no", tmp_path / "X.npy", *out)
    (tmp_path / "empty").mkdir()
    assert "--save-model makes one" in fails(capsys, tmp_path / "empty", tmp_path / "X.npy", *out)
    for name, text in (("scaling.json", "{}"), ("columns.json", "{"), ("top.npy", "no array")):
        shutil.copytree(done, tmp_path / name)
        (tmp_path / name / "model" / name).write_text(text)
        assert "incomplete or broken" in fails(capsys, tmp_path / name, tmp_path / "X.npy", *out)
    shutil.copytree(done, tmp_path / "mixed")
    rows = pd.read_parquet(done / "assignments.parquet")
    rows[:9].to_parquet(tmp_path / "mixed" / "assignments.parquet")
    assert "has 9 rows, but the model beside it 75" in fails(
        capsys, tmp_path / "mixed", tmp_path / "X.npy", *out
    )


def test_rows_that_do_not_fit(done, tmp_path, capsys):
    out = ["--out", tmp_path / "x.csv"]
    np.save(tmp_path / "X.npy", np.eye(5))
    assert "has 5 features, but the hierarchy in" in fails(capsys, done, tmp_path / "X.npy", *out)
    np.save(tmp_path / "X.npy", np.full((2, 4), np.nan))
    assert "is nan" in fails(capsys, done, tmp_path / "X.npy", *out)
    assert "does not exist" in fails(capsys, done, tmp_path / "absent.npy", *out)
    np.save(tmp_path / "X.npy", np.eye(4))
    assert "--cut must be from 1 to the number of rows, 75" in fails(
        capsys, done, tmp_path / "X.npy", *out, "--cut", 76
    )
    assert "--levels must be" in fails(capsys, done, tmp_path / "X.npy", *out, "--levels", "a")


def test_targets_that_cannot_be_written(done, tmp_path, capsys):
    np.save(tmp_path / "X.npy", np.eye(4))
    rest = [done, tmp_path / "X.npy", "--out"]
    assert ".parquet or .csv" in fails(capsys, *rest, tmp_path / "x.txt")
    assert "no folder" in fails(capsys, *rest, tmp_path / "no" / "x.csv")
    (tmp_path / "x.csv").write_text("mine")
    assert "exists already" in fails(capsys, *rest, tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text() == "mine"
    (tmp_path / "folder.csv").mkdir()
    assert "is a folder" in fails(capsys, *rest, tmp_path / "folder.csv", "--overwrite")


def test_an_interruption_leaves_the_older_file(done, tmp_path, monkeypatch):
    np.save(tmp_path / "X.npy", np.eye(4))
    (tmp_path / "x.csv").write_text("mine")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("pyarrow.csv.write_csv", interrupted)
    arguments = [str(done), str(tmp_path / "X.npy"), "--out", str(tmp_path / "x.csv"), "--overwrite"]
    assert main(["assign", *arguments]) == 130
    assert (tmp_path / "x.csv").read_text() == "mine" and len(os.listdir(tmp_path)) == 2


def test_nothing_in_a_saved_model_is_pickled(done):
    for path in (done / "model").iterdir():
        if path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        else:
            np.load(path, allow_pickle=False)


def test_ids_and_names_of_any_kind(tmp_path):
    write_features(tmp_path / "X.npz", np.random.default_rng(0).normal(size=(30, 3)), ids=range(100, 130))
    arguments = [str(tmp_path / "X.npz"), "--out", str(tmp_path / "found"), "--save-model"]
    assert main(["discover", *arguments]) == 0
    found = assigned(tmp_path / "found", tmp_path / "X.npz", tmp_path)
    assert found["nearest_id"].tolist() == list(range(100, 130)) == found["id"].tolist()
