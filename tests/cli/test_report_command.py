"""The page through the command line: made by discover, rebuilt with media, titles and a second tree."""

import io
import json
import os
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from hyperclade.cli.main import main
from hyperclade.data.features import write_features


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Results over 40 images of four colours, whose features are their mean colours."""
    folder = tmp_path_factory.mktemp("report")
    rng = np.random.default_rng(0)
    colours = np.repeat(np.array([[200, 30, 30], [30, 200, 30], [30, 30, 200], [200, 200, 30]]), 10, axis=0)
    colours = colours + rng.integers(-20, 20, colours.shape)
    ids = []
    for k, colour in enumerate(colours):
        ids.append(f"{'rgby'[k // 10]}/{k}.png")
        path = folder / "images" / ids[-1]
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), tuple(colour.tolist())).save(path)
    write_features(
        folder / "x.parquet", colours.astype(np.float32), ids=ids, labels=[own[0] for own in ids],
        names=[f"</script> {own}" for own in ids],
    )  # fmt: skip
    assert main(["discover", str(folder / "x.parquet"), "--out", str(folder / "out")]) == 0
    return folder


def head_of(path):
    text = path.read_text(encoding="utf-8")
    start = text.index('id="hc-head">') + len('id="hc-head">')
    return json.loads(text[start : text.index("</script>", start)])


def reported(*arguments):
    return main(["report", *map(str, arguments)]) == 0


def fails(capsys, *arguments):
    capsys.readouterr()
    assert not reported(*arguments)
    text = capsys.readouterr().err
    assert text.startswith("error: ") and text.count("\n") == 1
    return text


@pytest.fixture
def copy(done, tmp_path):
    shutil.copytree(done / "out", tmp_path / "out")
    return tmp_path / "out"


def test_discover_writes_the_page_and_says_how_long_it_took(done):
    head = head_of(done / "out" / "report.html")
    summary = json.loads((done / "out" / "summary.json").read_text(encoding="utf-8"))
    assert head["title"] == "x.parquet · 40 rows × 3 features" and summary["seconds"]["page"] > 0
    assert head["trees"][0]["fingerprint"] == summary["tree"] and head["labels"] and head["images"] is None
    facts = dict(head["facts"])
    assert facts["similarity"] == "knn" and facts["labels"].startswith("Against 4 classes")


def test_the_page_is_the_same_when_rebuilt(done, copy, capsys):
    (copy / "report.html").unlink()
    before = {name: (copy / name).read_bytes() for name in os.listdir(copy)}
    assert reported(copy)
    assert str(copy / "report.html") in capsys.readouterr().out
    first, second = head_of(done / "out" / "report.html"), head_of(copy / "report.html")
    for head in (first, second):  # writing took time too
        head["facts"] = [own for own in head["facts"] if own[0] != "time"]
    assert first == second
    assert {name: (copy / name).read_bytes() for name in before} == before
    assert {*os.listdir(copy)} == {*before, "report.html"}


def test_media_title_and_target(done, copy, capsys, tmp_path):
    page, images = tmp_path / "page.html", tmp_path / "images"
    shutil.copytree(done / "images", images)
    assert reported(copy, "--media", images, "--title", "<b>Colours</b>\nof mine", "--out", page)
    head = head_of(page)
    assert (head["title"], head["subtitle"]) == ("<b>Colours</b>", "of mine")
    assert head["images"]["length"] == 40 and page.read_text().count('data-type="image/webp"') == 40
    assert "40 thumbnails of 40 samples" in capsys.readouterr().err
    assert head_of(copy / "report.html")["images"] is None
    shutil.rmtree(images / "r")
    assert reported(copy, "--media", images)
    assert head_of(copy / "report.html")["images"]["length"] == 30


def test_images_that_were_the_input_are_found_again(done, copy, tmp_path, capsys):
    files = [tmp_path / "a.parquet", tmp_path / "photos"]
    content = io.BytesIO()
    Image.new("RGB", (9, 9), "red").save(content, "PNG")
    ids = pd.read_parquet(copy / "assignments.parquet")["id"].tolist()
    pq.write_table(pa.table({"image": [content.getvalue()] * 2, "id": ids[5:7]}), files[0])
    (files[1] / ids[3]).parent.mkdir(parents=True)
    (files[1] / ids[3]).write_bytes(content.getvalue())
    for source, count in zip(files, (2, 1), strict=True):
        path = copy / "summary.json"
        path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"input": str(source)}))
        assert reported(copy)
        assert head_of(copy / "report.html")["images"]["length"] == count
    shutil.rmtree(files[1])
    capsys.readouterr()
    assert reported(copy) and head_of(copy / "report.html")["images"] is None
    assert f"no media: {files[1]} is not to be read any more; --media says where" in capsys.readouterr().err


def test_discover_makes_thumbnails_of_image_tables(done, tmp_path, monkeypatch):
    """The embedding is left out: its features are there already."""
    table = tmp_path / "images.parquet"
    content = io.BytesIO()
    Image.new("RGB", (9, 9), "red").save(content, "PNG")
    pq.write_table(pa.table({"image": [content.getvalue()] * 40}), table)

    def embedded(source, out, *_, **__):
        X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
        write_features(out, X, ids=[str(k) for k in range(40)])
        return type("Summary", (), {"skipped": []})

    monkeypatch.setattr("hyperclade.data.embedding.embed_beside", embedded)
    assert main(["discover", str(table), "--out", str(tmp_path / "out")]) == 0
    assert head_of(tmp_path / "out" / "report.html")["images"]["length"] == 40


def test_beside_another_outcome_and_a_taxonomy(done, copy, tmp_path, capsys):
    X = pd.read_parquet(done / "x.parquet")[::-1][:30]
    X.to_parquet(tmp_path / "y.parquet")
    assert main(["discover", str(tmp_path / "y.parquet"), "--out", str(tmp_path / "other")]) == 0
    capsys.readouterr()
    assert reported(copy, "--beside", tmp_path / "other")
    assert "10 samples of the first tree left out" in capsys.readouterr().err
    head = head_of(copy / "report.html")
    one, two = head["trees"]
    assert one["n"] == two["n"] == 30 and 0.3 < head["agreement"]["mean"] <= 1
    for tree in (one, two):
        assert tree["match"]["length"] == tree["m"] - 30
    kinds = tmp_path / "kinds.csv"
    kinds.write_text("child,parent\nr,warm\ny,warm\ng,cold\nb,cold\n")
    assert reported(copy, "--beside", kinds, "--out", tmp_path / "given.html")
    head = head_of(tmp_path / "given.html")
    assert [own["n"] for own in head["trees"]] == [40, 40] and head["trees"][1]["title"] == "the given tree"
    assert head["trees"][1]["m"] == 40 + 4 + 2 + 1


def test_what_is_wrong_is_said_in_a_line(done, copy, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert "holds no outcome" in fails(capsys, tmp_path / "empty")
    assert "is no folder" in fails(capsys, tmp_path / "gone")
    assert "no data" in fails(capsys, copy, "--media", tmp_path / "gone")
    assert "no folder of media" in fails(capsys, copy, "--media", done / "x.parquet")
    assert "is no file, nor one of the bundled" in fails(capsys, copy, "--beside", tmp_path / "gone")
    assert "holds no outcome" in fails(capsys, copy, "--beside", tmp_path / "empty")
    assert "no label of a sample" in fails(capsys, copy, "--beside", "cityscapes")
    (tmp_path / "mine.html").write_text("mine")
    assert "exists already" in fails(capsys, copy, "--out", tmp_path / "mine.html")
    assert "no folder" in fails(capsys, copy, "--out", tmp_path / "gone" / "x.html")
    assert (tmp_path / "mine.html").read_text() == "mine"
    before = (copy / "report.html").read_bytes()
    (copy / "tree.json").write_text("{}")
    assert "tree.json is damaged" in fails(capsys, copy)
    assert (copy / "report.html").read_bytes() == before
