"""The commands of README run as they are printed, on files of the names it uses; trainings are cut short."""

import json
import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from generated_media import write_media
from hyperclade.cli import main as entry
from hyperclade.report import Outcome

README = Path(__file__).parents[2] / "README.md"
SHORTER = {
    "train selflabel": "--training.epochs 1 --training.batch_size 4 --system.n_clusters 2 --media.n_bins 40",
    "train segmentation": "--training.epochs 1 --method.n_clusters 3 --training.batch_size 2",
    "train retrieval": "--training.epochs 1 --labelling.counts [4,2] --training.batch_size 8",
    "train recognition": "--training.epochs 1 --training.batch_size 4",
}


def commands():
    lines = re.findall(r"^\$? ?(hyperclade .*?)(?:   +#.*)?$", README.read_text("utf-8"), re.MULTILINE)
    return [shlex.split(line)[1:] for line in lines]


def another_tree(home):
    assert entry.main(["discover", "photos", "--similarity", "cosine", "--out", "other"]) == 0


def exported_edits(home):
    """What the page of `result` saves after its top has been renamed."""
    tree = Outcome.read(home / "result").tree
    edits = {"format": "hyperclade-edits", "version": 1, "tree": tree.fingerprint, "cut": 3}
    edits |= {"leaves": tree.n_leaves, "nodes": tree.n_nodes}
    edits["edits"] = [{"op": "rename", "node": tree.root, "name": "life"}]
    (home / "edits.json").write_text(json.dumps(edits))


BEFORE = {"report": another_tree, "apply": exported_edits}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The files that the commands name; photos of three kinds and many sizes."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 6)) + 5 * (np.arange(40) % 3)[:, None]
    np.save(tmp_path / "features.npy", X)
    (tmp_path / "names.txt").write_text("".join(f"row {k}\n" for k in range(40)))
    frame = pd.DataFrame(X, columns=["acid", "sugar", "ash", "alcohol", "hue", "phenols"])
    frame.to_csv(tmp_path / "wine.csv")
    frame[:9].to_csv(tmp_path / "new.csv")
    for folder, n in (("photos", 8), ("new-photos", 2)):
        for kind, colour in (
            ("bird/owl", (200, 60, 60)),
            ("bird/hen", (60, 200, 60)),
            ("tree/oak", (60, 60, 200)),
        ):
            (tmp_path / folder / kind).mkdir(parents=True)
            for k in range(n):
                size = (40 + 7 * k, 56 - 3 * k)
                image = Image.effect_noise(size, 60 + k).convert("RGB")
                picture = Image.blend(image, Image.new("RGB", size, colour), 0.7)
                picture.save(tmp_path / folder / kind / f"{k}.{('jpg', 'png', 'jfif')[k % 3]}")
    (tmp_path / "photos" / "notes.txt").touch()
    Image.new("RGB", (50, 40), (200, 60, 60)).save(tmp_path / "owl.jpg")
    rows = ["path,label"]
    for k in range(8):
        write_media(tmp_path / f"{k}.mp4", seconds=1.2, burst=0.1 * k, size=(64, 48))
        rows.append(f"{k}.mp4,{'ab'[k % 2]}")
    (tmp_path / "clips.csv").write_text("\n".join(rows))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.skipif(not find_spec("efficientnet_lite_pytorch"), reason="efficientnet-lite-pytorch is missing")
def test_the_commands_run_as_printed(home, capsys):
    ran = 0
    for arguments in commands():
        words = " ".join(arguments[:2])
        more = ["--overwrite"] if arguments[0] == "discover" else shlex.split(SHORTER.get(words, ""))
        if arguments[0] in BEFORE:
            BEFORE[arguments[0]](home)
        if arguments[0] == "train":
            run = home / "run"
            if run.exists():
                run.rename(home / f"run{ran}")
        assert entry.main([*arguments, *more]) == 0, (arguments, capsys.readouterr().err[-2000:])
        ran += 1
    assert ran >= 15
    told = capsys.readouterr().err
    assert "the first column, which has no name, is taken for ids" in told
    assert "1 file passed over: 1 .txt" in told
    assert "images of" in told and "are brought to 256 × 256 pixels" in told
