"""What a folder is for: claimed once, gone on with alike, refused otherwise; fingerprints of files."""

import json
import os
from pathlib import Path

import pytest

from hyperclade.data.store import (
    check_writable,
    claim,
    differences,
    fingerprint,
    folder_fingerprint,
    read_json,
)

WANTED = {"recipe": {"training": {"seed": 0, "area": (0.2, 1.0)}, "method": None}, "samples": {"n": 3}}


def test_a_folder_is_claimed_once_and_then_known(tmp_path):
    folder = tmp_path / "runs" / "first"
    assert claim(folder, "recipe.json", WANTED) is False
    assert json.loads((folder / "recipe.json").read_text()) == json.loads(json.dumps(WANTED))
    written = (folder / "recipe.json").stat().st_mtime_ns
    (folder / "model.ckpt").touch()  # other files of the run are no matter once it is claimed
    assert claim(folder, "recipe.json", WANTED) is True  # a tuple is the list that the file has
    assert (folder / "recipe.json").stat().st_mtime_ns == written


def test_what_differs_is_named(tmp_path):
    claim(tmp_path, "recipe.json", WANTED)
    other = {"recipe": {"training": {"seed": 1, "area": [0.2, 1.0], "new": 2}}, "samples": {"n": 4}}
    with pytest.raises(
        ValueError, match=r"another recipe\.training\.new, recipe\.training\.seed, samples\.n; choose another"
    ):
        claim(tmp_path, "recipe.json", other)
    with pytest.raises(ValueError, match=r"holds a trial with another samples\.n; leave it"):
        claim(
            tmp_path,
            "recipe.json",
            other,
            within="recipe",
            may_change=["training.seed", "training.new"],
            what="trial",
            advice="leave it",
        )
    assert claim(tmp_path, "recipe.json", WANTED)


def test_an_entry_that_only_the_folder_knows_differs_too():
    assert differences({"a": {"b": 1}, "c": 2}, {"a": {}}) == {"a.b": (1, None), "c": (2, None)}
    assert differences({"a": None}, {}) == {}  # as good as absent
    assert differences({"a": 1}, {"a": {"b": 1}}) == {"a": (1, {"b": 1})}


def test_an_older_file_is_completed_before_it_is_compared(tmp_path):
    claim(tmp_path, "recipe.json", {"recipe": {"seed": 0}})
    wanted = {"recipe": {"seed": 0, "colour": True}}
    with pytest.raises(ValueError, match=r"another colour;"):
        claim(tmp_path, "recipe.json", wanted, within="recipe")
    assert claim(tmp_path, "recipe.json", wanted, completed=lambda found: found | wanted)


def test_files_of_others_are_respected(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ValueError, match="is not empty and holds no run; choose another folder"):
        claim(tmp_path, "recipe.json", WANTED)
    assert os.listdir(tmp_path) == ["thesis.tex"]
    with pytest.raises(ValueError, match="is a file"):
        claim(tmp_path / "thesis.tex", "recipe.json", WANTED)
    assert claim(tmp_path, "recipe.json", WANTED, alone=False) is False


def test_what_an_interrupted_claim_left_is_no_other_file(tmp_path):
    (tmp_path / ".recipe.json.x1y2.tmp").touch()
    assert claim(tmp_path, "recipe.json", WANTED) is False


@pytest.mark.parametrize("text", ["{", "[1]", ""])
def test_damage_is_named(tmp_path, text):
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(
        ValueError, match=r"holds a run that cannot go on: .*recipe\.json is damaged"
    ) as caught:
        claim(tmp_path, "recipe.json", WANTED)
    assert str(caught.value).endswith("; choose another folder or remove it")
    assert ("it is empty" in str(caught.value)) == (not text)
    with pytest.raises(ValueError, match="is damaged"):
        read_json(tmp_path / "recipe.json")


def test_what_cannot_be_written_shows_before_the_work(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    check_writable(tmp_path / "new" / "figures.json")
    check_writable(tmp_path / "file")
    check_writable(tmp_path, folder=True)
    monkeypatch.chdir(tmp_path)
    check_writable("figures.json")
    assert os.listdir(tmp_path) == ["file"]
    for path, folder, message in (
        (tmp_path, False, "is a folder, cannot write a file there"),
        (tmp_path / "file", True, "is a file, cannot write a folder there"),
        (
            tmp_path / "file" / "x" / "y",
            False,
            r"cannot write to .*y: .*file is a file; choose another place",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            check_writable(path, folder=folder)
    monkeypatch.setattr(os, "access", lambda *_: False)  # what root never sees
    with pytest.raises(ValueError, match="may not be written to; choose another place"):
        check_writable(tmp_path / "new", folder=True)


def test_fingerprints_tell_files_apart_by_name_size_and_time(tmp_path):
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "a"
    path.write_text("x")
    first = folder_fingerprint(tmp_path)
    assert first == fingerprint([("in/a", path)]) != fingerprint([("b", path)])
    os.utime(path, ns=(1, 1))
    touched = folder_fingerprint(tmp_path)
    (tmp_path / "c").touch()
    assert len({first, touched, folder_fingerprint(tmp_path)}) == 3


def test_processes_that_claim_a_folder_at_once_all_have_it(tmp_path, monkeypatch):
    claimed = []

    def iterdir(folder, listed=Path.iterdir):
        if not claimed:  # another process is faster, between any two steps of this one
            claimed.append(True)
            claim(folder, "recipe.json", WANTED)
        return listed(folder)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    claim(tmp_path, "recipe.json", WANTED)
    assert claimed
    assert claim(tmp_path, "recipe.json", WANTED) is True
