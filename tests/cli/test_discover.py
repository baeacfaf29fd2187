"""The command, run for real on small data: what it writes and refuses, and what an interruption leaves."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.cluster.hierarchy
import scipy.sparse
from PIL import Image
from sklearn.datasets import load_iris
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from hyperclade.cli import discover as module
from hyperclade.cli.main import main
from hyperclade.data.features import read_features, write_features
from hyperclade.data.samples import load_digits, load_nouns
from hyperclade.trees import Tree, decode_disk

FILES = {
    "tree.json", "tree.nwk", "linkage.npy", "assignments.parquet", "summary.json", "hierarchy.png",
    "nodes.parquet", "parts.npz", "cost_shares.npy", "report.html",
}  # fmt: skip
COMMAND = [sys.executable, "-m", "hyperclade.cli.main", "discover"]


def discovered(folder, file, *arguments):
    """Whether the command ends well, of a file in the folder and with results in `out` there."""
    return main(["discover", str(folder / file), "--out", str(folder / "out"), *map(str, arguments)]) == 0


def summary_of(folder, out="out"):
    return json.loads((folder / out / "summary.json").read_text(encoding="utf-8"))


def tree_of(folder, out="out"):
    return Tree.from_json((folder / out / "tree.json").read_text(encoding="utf-8"))


def nouns(step=8):
    sample = load_nouns()
    rows = slice(None, None, step)
    return sample.features[rows], sample.names[rows], sample.label_names[sample.labels[rows]]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """One run in a process of its own, with names, labels and ids in the file."""
    folder = tmp_path_factory.mktemp("discover")
    X, names, labels = nouns()
    write_features(
        folder / "nouns.parquet", X, names=names, labels=labels, ids=[f"id{k}" for k in range(len(X))]
    )
    run = subprocess.run(
        [*COMMAND, "nouns.parquet", "--out", "out", "--seed", "3"], cwd=folder, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return folder / "out", run.stdout, X, names, labels


def test_all_files_and_nothing_else_are_left(done):
    out = done[0]
    assert set(os.listdir(out)) == FILES
    assert set(os.listdir(out.parent)) == {"nouns.parquet", "out"}


def test_tree_files_agree(done):
    out, _, X, names, _ = done
    tree = Tree.from_json((out / "tree.json").read_text(encoding="utf-8"))
    assert tree.names == tuple(names) and tree.n_leaves == len(X)
    written = Tree.from_newick((out / "tree.nwk").read_text(encoding="utf-8"))
    order = [written.names.index(name) for name in tree.names]
    heights = scipy.cluster.hierarchy.cophenet(written.to_linkage())
    square = scipy.spatial.distance.squareform(heights)[np.ix_(order, order)]
    linkage = np.load(out / "linkage.npy", allow_pickle=False)
    assert scipy.cluster.hierarchy.is_valid_linkage(linkage)
    np.testing.assert_allclose(
        scipy.spatial.distance.squareform(square, checks=False), scipy.cluster.hierarchy.cophenet(linkage)
    )


def test_assignments_have_a_row_a_sample(done):
    out, _, X, names, _ = done
    rows = pd.read_parquet(out / "assignments.parquet")
    assert rows["id"].tolist() == [f"id{k}" for k in range(len(X))]
    assert rows["name"].tolist() == list(names) and rows["leaf"].tolist() == list(range(len(X)))
    points = rows[["x0", "x1"]].to_numpy()
    assert (np.linalg.norm(points, axis=1) < 1).all()
    tree = Tree.from_json((out / "tree.json").read_text(encoding="utf-8"))
    assert decode_disk(points).same_clades(tree)
    layers = [column for column in rows if column.startswith("layer_")]
    assert layers
    for column in layers:
        k = int(column.removeprefix("layer_"))
        assert adjusted_rand_score(rows[column], tree.cut(k)) == 1
        assert rows[column].nunique() == k


def test_layers_are_listed_with_their_nodes(done):
    out = done[0]
    rows = pd.read_parquet(out / "assignments.parquet")
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    tree = Tree.from_json((out / "tree.json").read_text(encoding="utf-8"))
    assert [layer["column"] for layer in summary["layers"]] == [c for c in rows if c.startswith("layer_")]
    for layer in summary["layers"]:
        for cluster in layer["listed"]:
            members = np.flatnonzero(rows[layer["column"]] == cluster["label"])
            assert sorted(tree.leaves(cluster["node"])) == members.tolist()
            assert cluster["size"] == len(members) and cluster["name"]


def test_summary_says_what_was_done(done):
    out, _, X, _, labels = done
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert (summary["rows"], summary["features"], summary["dtype"]) == (*X.shape, "float16")
    assert summary["similarity"] == "knn" and summary["seed"] == 3
    assert summary["cost"] > 0 and 0 < summary["score"] <= 1
    assert all(seconds >= 0 for seconds in summary["seconds"].values()) and summary["peak_memory_mib"] > 10
    assert summary["versions"]["numpy"] == np.__version__
    rows = pd.read_parquet(out / "assignments.parquet")
    for column, scores in summary["evaluation"]["layers"].items():
        assert scores["nmi"] == pytest.approx(normalized_mutual_info_score(labels, rows[column]))
        assert scores["ari"] == pytest.approx(adjusted_rand_score(labels, rows[column]))


def test_cost_is_that_of_the_tree_by_the_definition(tmp_path):
    """Over all pairs, by brute force."""
    X, _, _ = nouns(20)
    np.save(tmp_path / "X.npy", X)
    assert discovered(tmp_path, "X.npy", "--similarity", "cosine")
    summary, tree = summary_of(tmp_path), tree_of(tmp_path)
    assert summary["metric"] == "cosine" and summary["neighbour_recall"] is None
    unit = X.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    i, j = np.triu_indices(len(X), 1)
    cost = ((1 + (unit[i] * unit[j]).sum(axis=1)) / 2 * tree.size[tree.lca(i, j)]).sum()
    assert summary["cost"] == pytest.approx(cost, rel=1e-3)


def test_what_is_printed(done):
    out, text, X, _, _ = done
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert f"{len(X)} × 256 (float16)" in text and "knn" in text
    assert f"{summary['score']:.4f}" in text
    assert f"dendrogram purity {summary['evaluation']['dendrogram_purity']:.4f}" in text
    assert "euclidean" in text and summary["metric"] == "euclidean" and summary["neighbour_recall"] == 1
    lines = text[text.index(f"\n{len(X)} rows") :].splitlines()
    assert 4 <= sum("─ " in line for line in lines) <= 50
    shown = [line for line in lines if line.startswith(("├─ ", "└─ "))]
    assert sum(int(re.search(r"(?:  |… )([\d,]+)", line)[1]) for line in shown) == len(X)
    # the coarsest layer, and what each of its clusters is made of
    assert len(shown) == summary["layers"][0]["clusters"] and all(" % " in line for line in shown)


def test_picture_is_an_image(done):
    assert Image.open(done[0] / "hierarchy.png").size == (1800, 1800)


def test_labels_change_nothing_but_the_evaluation(done, tmp_path):
    out, _, X, names, labels = done
    ids = [f"id{k}" for k in range(len(X))]
    write_features(tmp_path / "shuffled.parquet", X, names=names, labels=labels[::-1], ids=ids)
    write_features(tmp_path / "none.parquet", X, names=names, ids=ids)
    for name in ("shuffled", "none"):
        target = tmp_path / name
        assert main(["discover", f"{tmp_path / name}.parquet", "--out", str(target), "--seed", "3"]) == 0
        for file in FILES - {"assignments.parquet", "summary.json", "hierarchy.png", "report.html"}:
            assert (target / file).read_bytes() == (out / file).read_bytes()
        rows, expected = (pd.read_parquet(folder / "assignments.parquet") for folder in (target, out))
        assert ("label" in rows) == (name == "shuffled")
        assert rows.drop(columns="label", errors="ignore").equals(expected.drop(columns="label"))
        again, first = (json.loads((f / "summary.json").read_text(encoding="utf-8")) for f in (target, out))
        assert again["layers"] == first["layers"]
        assert again["evaluation"] != first["evaluation"]


def test_options_and_files_of_values(tmp_path):
    sample = load_digits()
    np.save(tmp_path / "X.npy", sample.features[:200].astype(np.float32))
    (tmp_path / "labels.txt").write_text("\n".join(map(str, sample.labels[:200])))
    (tmp_path / "names.txt").write_text("\n".join(f"digit {row}" for row in range(200)))
    arguments = ["discover", str(tmp_path / "X.npy"), "--out", str(tmp_path / "out"), "--dim=3"]
    arguments += ["--similarity", "cosine", "--preclusters", "20"]
    arguments += ["--labels", str(tmp_path / "labels.txt"), "--names", str(tmp_path / "names.txt")]
    assert main(arguments) == 0
    rows = pd.read_parquet(tmp_path / "out" / "assignments.parquet")
    assert rows["cluster"].nunique() == 20 and {"x0", "x1", "x2"} <= set(rows.columns)
    assert rows["name"][7] == "digit 7" and rows["id"].tolist() == list(range(200))
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["similarity"] == "cosine" and summary["evaluation"]["classes"] == 10


def test_missing_labels_are_left_out_of_the_evaluation(tmp_path):
    X, names, labels = nouns(20)
    some = [None if row % 3 else label for row, label in enumerate(labels)]
    write_features(tmp_path / "X.npz", X, names=names, labels=some)
    assert (
        main(["discover", str(tmp_path / "X.npz"), "--out", str(tmp_path / "out"), "--preclusters=none"]) == 0
    )
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["evaluation"]["labelled_rows"] == len(range(0, len(X), 3))


def test_two_rows_without_names(tmp_path):
    np.save(tmp_path / "X.npy", np.eye(2))
    assert main(["discover", str(tmp_path / "X.npy"), "--out", str(tmp_path / "out")]) == 0
    assert set(os.listdir(tmp_path / "out")) == FILES
    assert np.load(tmp_path / "out" / "linkage.npy").shape == (1, 4)


# ---- tables: scaling, names of features, cuts ----


@pytest.fixture
def irises(tmp_path):
    sample = load_iris(as_frame=True)
    frame = sample.data.rename(columns=lambda name: name.replace(" (cm)", ""))
    frame["label"] = sample.target_names[sample.target]
    frame.to_csv(tmp_path / "iris.csv", index=False)
    np.save(tmp_path / "iris.npy", sample.data.to_numpy())
    (tmp_path / "labels.txt").write_text("\n".join(frame["label"]) + "\n")
    return tmp_path


def test_features_name_the_nodes_of_a_table(irises, capsys):
    assert discovered(irises, "iris.csv")
    text = capsys.readouterr().out
    assert "─ petal length low, petal width low  50  100 % setosa\n" in text
    names = [cluster["name"] for cluster in summary_of(irises)["layers"][0]["listed"]]
    assert "petal length low, petal width low" in names
    assert "petal length low, petal width low" in (irises / "out" / "tree.nwk").read_text(encoding="utf-8")
    assert discovered(irises, "iris.csv", "--columns", "none", "--overwrite")
    assert "─ 50 rows  100 % setosa\n" in capsys.readouterr().out


def test_rows_without_names_show_sizes_and_labels_but_no_numbers(irises, capsys):
    """Row numbers such as "#163478, #207438" told nothing."""
    assert discovered(irises, "iris.npy", "--labels", irises / "labels.txt")
    text = capsys.readouterr().out
    assert "─ 50 rows  100 % setosa\n" in text and "#" not in text
    assert "name" not in summary_of(irises)["layers"][0]["listed"][0]
    first = (irises / "out" / "tree.nwk").read_bytes()
    assert discovered(irises, "iris.npy", "--overwrite")
    assert "─ 50 rows\n" in capsys.readouterr().out
    assert (irises / "out" / "tree.nwk").read_bytes() == first  # labels are shown, no more


def test_names_of_features_may_be_given(irises, capsys):
    assert discovered(irises, "iris.npy", "--columns")
    assert "─ f2 low, f3 low  50\n" in capsys.readouterr().out
    (irises / "c.txt").write_text("a\nb\nc\nd\n")
    assert discovered(irises, "iris.npy", "--columns", irises / "c.txt", "--overwrite")
    assert "─ c low, d low  50\n" in capsys.readouterr().out
    (irises / "c.txt").write_text("a\nb\n")
    out = ["--out", irises / "other"]
    assert "2 names for 4 columns" in fails(capsys, irises / "iris.npy", *out, "--columns", irises / "c.txt")
    assert "no such file" in fails(capsys, irises / "iris.npy", *out, "--columns", "absent.txt")


@pytest.fixture
def scans(tmp_path):
    """Three kinds of images in two pairs of shots, by names with extensions, ids and function words."""
    rng = np.random.default_rng(0)
    kinds = [
        ("IMG_{:04} scan der zebra.png", 0),
        ("scan_the_zander_{:04}.jpg", 9),
        ("柴犬の写真{:04}.jpg", 90),
    ]
    X = np.concatenate([rng.normal(centre, 1, (20, 4)) for _, centre in kinds])
    names = [kind.format(k) for kind, _ in kinds for k in range(20)]
    write_features(tmp_path / "scans.npz", X.astype(np.float32), names=names)
    return tmp_path


def words_of(folder):
    """The words that name three clusters."""
    return {cluster["name"].split(" (")[0] for cluster in summary_of(folder)["cuts"][0]["listed"]}


def test_nodes_are_named_by_words_that_mean_something(scans, capsys):
    def found(*arguments):
        assert discovered(scans, "scans.npz", "--cut", 3, "--overwrite", *arguments)
        return words_of(scans)

    assert found() == {"zebra", "zander", "柴犬の写真"}
    printed = capsys.readouterr().out
    assert not re.search(r"\b(png|jpg|the|der|img) \(", printed, re.IGNORECASE)
    assert found("--stop-words", "Zebra,zander") == {"scan", "柴犬の写真"}
    assert found("--stop-words", "none") == {"der", "the", "柴犬の写真"}
    (scans / "words.txt").write_text("zebra\nscan\n", encoding="utf-8")
    assert found("--stop-words", scans / "words.txt") >= {"zander", "柴犬の写真"}
    absent = scans / "absent.txt"
    assert "absent.txt: no such file" in fails(capsys, scans / "scans.npz", "--stop-words", absent)


def test_stop_words_that_change_nothing_are_told(irises, capsys):
    for options in ((), ("--columns", "none")):
        assert discovered(irises, "iris.csv", "--stop-words", "width", "--overwrite", *options)
        assert "warning: --stop-words changes nothing" in capsys.readouterr().err


def test_letters_that_no_font_has_are_told_once(scans, capsys, monkeypatch):
    monkeypatch.setattr("hyperclade.report.lettering._families", dict)
    assert discovered(scans, "scans.npz")
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith("warning: hierarchy.png: ")
    assert "(Chinese, Japanese), drawn as □" in said
    assert summary_of(scans)["remarks"] == [said.strip()]


def test_partitions_asked_for_have_exactly_so_many_clusters(irises, capsys):
    asked = ["--cut", "3", "--levels", "20,5,5", "--height", "1.5"]
    assert discovered(irises, "iris.csv", *asked)
    rows, tree = pd.read_parquet(irises / "out" / "assignments.parquet"), tree_of(irises)
    summary, text = summary_of(irises), capsys.readouterr().out
    assert [cut["column"] for cut in summary["cuts"]] == ["cut_3", "level_20", "level_5", "height_1.5"]
    expected = {f"level_{k}": tree.cut(k) for k in (5, 20)}
    expected |= {"cut_3": tree.cut(3), "height_1.5": tree.cut_height(1.5)}
    for column, labels in expected.items():
        assert rows[column].tolist() == labels.tolist()
        assert column in summary["evaluation"]["layers"] and f"\n{column} " in text
    assert rows["cut_3"].nunique() == 3 and rows["level_20"].nunique() == 20
    for cut in summary["cuts"]:
        for cluster in cut["listed"]:
            members = np.flatnonzero(rows[cut["column"]] == cluster["label"])
            assert sorted(tree.leaves(cluster["node"])) == members.tolist()


def test_partitions_that_no_tree_has_are_refused(irises, capsys):
    arguments = [irises / "iris.csv", "--out", irises / "out"]
    assert "--cut must be from 1, got 0" in fails(capsys, *arguments, "--cut", "0")
    assert "--cut must be from 1 to the number of rows, 150" in fails(capsys, *arguments, "--cut", "151")
    assert "--levels must be from 1" in fails(capsys, *arguments, "--levels", "5,151")
    assert "such as 5,20,100; got '5;6'" in fails(capsys, *arguments, "--levels", "5;6")
    assert "--height must not be below 0" in fails(capsys, *arguments, "--height=-1")
    assert "--recall must be above 0" in fails(capsys, *arguments, "--recall", "1.5")
    assert not (irises / "out").exists()


def test_scaled_columns_count_alike(irises, capsys):
    """The unit of a column decides nothing then, and does otherwise."""
    X = np.load(irises / "iris.npy")
    for name, factor in (("small", 1), ("large", 1e4)):
        np.save(irises / f"{name}.npy", X * [1, 1, 1, factor] + [0, 0, 5, 0])
    trees = []
    for file in ("small.npy", "large.npy"):
        for scale in ("standard", "minmax", "none"):
            assert discovered(irises, file, "--scale", scale, "--overwrite")
            assert summary_of(irises)["scale"] == scale
            hint = capsys.readouterr().err
            assert (("--scale" in hint) == (scale == "none" and file == "large.npy")) and hint.count(
                "\n"
            ) <= 1
            trees.append(tree_of(irises))
    assert trees[0].same_clades(trees[3]) and trees[1].same_clades(trees[4])
    assert not trees[2].same_clades(trees[5])
    assert discovered(irises, "large.npy", "--metric", "cosine", "--overwrite")
    assert capsys.readouterr().err == "" and summary_of(irises)["metric"] == "cosine"


def test_constant_columns_are_named(tmp_path, capsys):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(40, 3)), columns=["a", "b", "c"]).assign(same=7.0, zero=0.0)
    frame.to_csv(tmp_path / "X.csv", index=False)
    assert discovered(tmp_path, "X.csv", "--scale", "standard")
    assert capsys.readouterr().err == (
        "warning: columns 'same', 'zero' are constant, and count for nothing under --scale standard\n"
    )


def test_scale_of_sparse_rows(tmp_path, capsys):
    X = scipy.sparse.random(60, 30, 0.3, format="csr", random_state=0)
    scipy.sparse.save_npz(tmp_path / "X.npz", X)
    assert "sparse" in fails(capsys, tmp_path / "X.npz", "--out", tmp_path / "out", "--scale", "standard")
    assert discovered(tmp_path, "X.npz", "--scale", "unit")


def test_scaled_rows_of_a_large_file_leave_nothing_behind(irises, monkeypatch):
    monkeypatch.setattr(module, "_IN_MEMORY", 100)
    assert discovered(irises, "iris.npy", "--scale", "minmax", "--save-model")
    assert set(os.listdir(irises / "out")) == FILES | {"model"}
    X = np.load(irises / "iris.npy")
    np.testing.assert_allclose(
        np.load(irises / "out" / "model" / "features.npy"),
        (X - X.min(axis=0)) / (X.max(axis=0) - X.min(axis=0)),
        atol=1e-6,
    )


def test_few_preclusters_are_explained(irises, capsys):
    assert discovered(irises, "iris.npy", "--preclusters", "3")
    assert "--cut 3" in capsys.readouterr().err


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, bool, np.float16])
def test_narrow_dtypes(dtype, tmp_path, capsys):
    """Two groups at the limits of the dtype."""
    rng = np.random.default_rng(0)
    limits = (0, 1) if dtype is bool else (np.iinfo if np.dtype(dtype).kind in "iu" else np.finfo)(dtype)
    low, high = limits if dtype is bool else (limits.min, limits.max)
    X = np.full((60, 12), low, dtype=dtype)
    X[:30, :6] = X[30:, 6:] = high
    flipped = rng.integers(0, 12, 60)
    X[np.arange(60), flipped] = np.where(X[np.arange(60), flipped] == high, low, high)
    np.save(tmp_path / "X.npy", X)
    assert discovered(tmp_path, "X.npy", "--cut", "2", "--columns")
    assert capsys.readouterr().err == "38 of 60 rows equal others; no layer tells equal rows apart\n"
    rows = pd.read_parquet(tmp_path / "out" / "assignments.parquet")
    assert adjusted_rand_score(rows["cut_2"], np.arange(60) < 30) == 1


@pytest.mark.parametrize("scale", ["none", "standard", "minmax", "unit"])
def test_rows_that_are_all_equal(scale, tmp_path, capsys):
    np.save(tmp_path / "X.npy", np.full((30, 4), 7.0))
    assert discovered(tmp_path, "X.npy", "--scale", scale, "--columns", "auto", "--cut", "4")
    rows = pd.read_parquet(tmp_path / "out" / "assignments.parquet")
    assert rows["cut_4"].nunique() == 4 and rows["layer_1"].nunique() == 1
    assert [name for name in rows if name.startswith("layer_")] == ["layer_1"]
    assert "all rows are equal; no layer tells equal rows apart" in capsys.readouterr().err


def test_rows_that_are_equal_in_part(tmp_path, capsys):
    (tmp_path / "x.csv").write_text(",x,y\n" + "".join(f"{k},{k % 3},{k % 3}\n" for k in range(30)))
    assert discovered(tmp_path, "x.csv")
    told = capsys.readouterr().err
    assert "the first column, which has no name, is taken for ids" in told
    assert "27 of 30 rows equal others" in told
    rows = pd.read_parquet(tmp_path / "out" / "assignments.parquet")
    assert [name for name in rows if name.startswith("layer_")] == ["layer_3"]
    assert (rows["layer_3"].to_numpy()[:3, None] == rows["layer_3"].to_numpy()[3:6]).trace() == 3
    assert rows["id"].tolist() == list(range(30))


def test_columns_are_chosen(tmp_path, capsys):
    rows = "".join(f"{k % 2},{k},{k % 7},town{k}\n" for k in range(30))
    (tmp_path / "x.csv").write_text("x,y,z,town\n" + rows)
    assert discovered(tmp_path, "x.csv", "--features", "x", "z*")
    assert "not used: columns 'y' (number), 'town' (text)" in capsys.readouterr().err
    assert main(["discover", str(tmp_path / "x.csv"), "--features", "w", "--out", str(tmp_path / "no")]) == 2
    assert "no column 'w' for the features" in capsys.readouterr().err


# ---- bad input ----


def fails(capsys, *arguments):
    """The one line of an error."""
    assert main(["discover", *map(str, arguments)]) == 2
    text = capsys.readouterr().err
    assert text.startswith("error: ") and text.count("\n") == 1
    return text


@pytest.fixture
def table(tmp_path):
    X, _, _ = nouns(40)
    np.save(tmp_path / "X.npy", X)
    return tmp_path / "X.npy"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.array([[1.0, np.nan], [0, 1]]), "row 0, column 1"),
        (np.array([[1.0, np.inf], [0, 1]]), "inf"),
        (np.zeros((0, 2)), "empty"),
        (np.ones((1, 2)), "minimum of 2|at least"),
        (np.ones(5), "2 dimensions"),
        (np.array([["a", "b"]]), "not numeric"),
    ],
    ids=["NaN", "infinity", "empty", "one row", "one dimension", "text"],
)
def test_bad_features(content, message, tmp_path, capsys):
    np.save(tmp_path / "bad.npy", content)
    assert re.search(message, fails(capsys, tmp_path / "bad.npy", "--out", tmp_path / "out"))
    assert os.listdir(tmp_path) == ["bad.npy"]


def test_bad_arguments(table, tmp_path, capsys):
    out = tmp_path / "out"
    assert "absent.npy" in fails(capsys, tmp_path / "absent.npy", "--out", out)
    (tmp_path / "X.xyz").touch()
    assert "'.xyz' is no known kind of data" in fails(capsys, tmp_path / "X.xyz", "--out", out)
    assert "--preclusters" in fails(capsys, table, "--out", out, "--preclusters", 1000)
    assert "dim" in fails(capsys, table, "--out", out, "--dim", 1)
    assert "no column 'colour'" in fails(capsys, table, "--out", out, "--labels", "colour")
    (tmp_path / "labels.txt").write_text("a\nb\n")
    assert "2 labels for the" in fails(capsys, table, "--out", out, "--labels", tmp_path / "labels.txt")
    assert "need DATA" in fails(capsys, "--out", out, "--labels", "x")
    (tmp_path / "texts.txt").write_text("a\nb\n")
    assert "no file 'genre'" in fails(capsys, tmp_path / "texts.txt", "--out", out, "--labels", "genre")
    absent = tmp_path / "absent.npy"
    assert "--device must be auto" in fails(capsys, absent, "--out", out, "--device", "banana")
    assert not out.exists()


def test_targets_that_cannot_be_written(table, tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    assert "is a file" in fails(capsys, table, "--out", tmp_path / "file")
    assert "file" in fails(capsys, table, "--out", tmp_path / "file" / "below")
    if os.geteuid() != 0:  # root may write anywhere
        (tmp_path / "closed").mkdir(mode=0o500)
        assert "ermission" in fails(capsys, table, "--out", tmp_path / "closed" / "out")


def test_existing_results_are_replaced_only_on_request(table, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["discover", str(table), "--out", str(out), "--similarity", "cosine"]) == 0
    before = (out / "summary.json").read_bytes()
    assert "holds" in fails(capsys, table, "--out", out)
    assert (out / "summary.json").read_bytes() == before
    assert main(["discover", str(table), "--out", str(out), "--overwrite"]) == 0
    assert json.loads((out / "summary.json").read_text(encoding="utf-8"))["similarity"] == "knn"
    assert set(os.listdir(tmp_path)) == {"X.npy", "out"}


def test_folders_of_other_origin_are_never_replaced(table, tmp_path, capsys):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("words")
    assert "chapter1.tex" in fails(capsys, table, "--out", tmp_path / "thesis", "--overwrite")
    assert "lies in" in fails(capsys, table, "--out", tmp_path, "--overwrite")
    assert (tmp_path / "thesis" / "chapter1.tex").exists() and table.exists()


# ---- interruptions ----


def started(folder, *arguments):
    """A run that has begun to work: its temporary folder is there."""
    rng = np.random.default_rng(0)
    np.save(folder / "X.npy", rng.normal(size=(3000, 32)).astype(np.float32))
    run = subprocess.Popen(
        [*COMMAND, "X.npy", "--out", "out", *arguments],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore Ctrl-C, and hand that on: the tests may run in one.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    for _ in range(6000):
        if any(path.name.startswith(".out.") for path in folder.iterdir()):
            return run
        assert run.poll() is None, run.stderr.read()
        time.sleep(0.01)
    raise AssertionError("the run did not begin")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_leaves_nothing(number, status, tmp_path):
    run = started(tmp_path)
    run.send_signal(number)
    _, text = run.communicate(timeout=120)
    assert run.returncode == status and "Traceback" not in text
    assert os.listdir(tmp_path) == ["X.npy"]


def test_a_killed_run_leaves_older_results_whole(tmp_path):
    np.save(tmp_path / "small.npy", np.eye(4))
    assert main(["discover", str(tmp_path / "small.npy"), "--out", str(tmp_path / "out")]) == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    run = started(tmp_path, "--overwrite")
    run.kill()
    run.communicate(timeout=60)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


# ---- from texts and images ----


class Letters:
    """Stands in for a network: how often each letter occurs, or the mean colour."""

    name = "letters"

    def __init__(self, kind):
        self.kind, self.dim = kind, 26 if kind == "text" else 3

    def encode_texts(self, texts):
        counts = [[text.count(chr(97 + k)) + 0.1 for k in range(26)] for text in texts]
        return np.array(counts, dtype=np.float32)

    def encode_images(self, images):
        return np.array([np.asarray(image).mean(axis=(0, 1)) for image in images], dtype=np.float32) + 1


@pytest.fixture
def letters(monkeypatch):
    monkeypatch.setattr(
        "hyperclade.encoders.pretrained.load_encoder", lambda name, device, kind=None: Letters(kind)
    )


@pytest.mark.learn
def test_texts_are_embedded_first(letters, tmp_path):
    texts = ["a small cat", "the old dog", "a tall oak", "an old cat", "the small dog", "the old oak"]
    (tmp_path / "texts.txt").write_text("\n".join(texts), encoding="utf-8")
    assert main(["discover", str(tmp_path / "texts.txt"), "--out", str(tmp_path / "out")]) == 0
    assert set(os.listdir(tmp_path)) == {"texts.txt", "out"}
    assert set(os.listdir(tmp_path / "out")) == FILES | {"features.npy", "features.rows.parquet"}
    table = read_features(tmp_path / "out" / "features.npy")
    assert table.names.tolist() == texts
    np.testing.assert_array_equal(table.features, Letters("text").encode_texts(texts))
    assert pd.read_parquet(tmp_path / "out" / "assignments.parquet")["name"].tolist() == texts


@pytest.mark.learn
def test_images_of_a_folder_with_a_broken_one(letters, tmp_path):
    rng = np.random.default_rng(0)
    for kind in ("red", "blue"):
        (tmp_path / "images" / kind).mkdir(parents=True)
        for k in range(4):
            colour = (rng.integers(0, 60, (8, 8, 3)) + np.eye(3)[0 if kind == "red" else 2] * 180).astype(
                np.uint8
            )
            Image.fromarray(colour).save(tmp_path / "images" / kind / f"{kind}{k}.png")
    (tmp_path / "images" / "red" / "broken.png").write_bytes(b"no image")
    assert main(["discover", str(tmp_path / "images"), "--out", str(tmp_path / "out")]) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["rows"] == 8 and summary["evaluation"]["dendrogram_purity"] == 1
    assert "broken.png" in (tmp_path / "out" / "features.npy.skipped.csv").read_text()
    assert Image.open(tmp_path / "out" / "hierarchy.png").size == (1800, 1800)


@pytest.mark.learn
def test_images_of_a_parquet_file(letters, tmp_path):
    images = []
    for k in range(6):
        data = io.BytesIO()
        Image.new("RGB", (4, 4), (200 if k % 2 else 9, 9, 9 if k % 2 else 200)).save(data, "png")
        images.append(data.getvalue())
    frame = pd.DataFrame({"image": images, "colour": ["blue", "red"] * 3})
    frame.to_parquet(tmp_path / "images.parquet")
    arguments = ["discover", str(tmp_path / "images.parquet"), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--labels", "colour"]) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["rows"] == 6 and summary["evaluation"]["classes"] == 2


@pytest.mark.learn
def test_features_outlive_a_failure_after_embedding(letters, tmp_path, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    (tmp_path / "texts.txt").write_text("\n".join(f"text {'abc'[k % 3]}" for k in range(9)))
    with monkeypatch.context() as patch:
        patch.setattr(
            "hyperclade.hierarchy.shhc.SHHC.fit", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        assert main(["discover", str(tmp_path / "texts.txt"), "--out", str(tmp_path / "out")]) == 130
    kept = tmp_path / "out.features.npy"
    assert kept.exists() and not (tmp_path / "out").exists()
    assert f"hyperclade discover {kept}" in capsys.readouterr().err
    assert str(kept) in fails(capsys, tmp_path / "texts.txt", "--out", tmp_path / "out")
    assert main(["discover", str(kept), "--out", str(tmp_path / "out")]) == 0
    assert pd.read_parquet(tmp_path / "out" / "assignments.parquet")["name"][0] == "text a"


def test_bundled_sample_is_the_default(monkeypatch, tmp_path, capsys):
    sample = load_nouns()
    few = type(sample)(sample.features[:150], sample.names[:150], sample.labels[:150], sample.label_names, "")
    monkeypatch.setattr("hyperclade.data.samples.load_nouns", lambda: few)
    monkeypatch.chdir(tmp_path)
    assert main(["discover"]) == 0
    assert set(os.listdir(Path("hierarchy"))) == FILES
    assert "150 × 256" in capsys.readouterr().out
