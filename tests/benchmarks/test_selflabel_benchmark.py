"""What the benchmark of self-labelling runs, shares and stores."""

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("pytorch_lightning")
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import selflabel
from hyperclade.selflabel.reproduce import NAMES


def finish(folder, name, seed):
    """As if a run of version 0.1 had ended, whose results name no settings."""
    run = folder / f"{name}-{seed}"
    run.mkdir(parents=True)
    (run / "result.json").write_text(json.dumps({"system": name, "seed": seed, "seconds": 1.0, "tuned": []}))
    (run / "model.ckpt").write_text(f"{name} {seed}")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(selflabel, "CACHE", tmp_path)
    return tmp_path


def test_results_of_the_version_before_count(cache):
    for name in NAMES:
        for seed in (0, 1):
            finish(cache / "systems", name, seed)
    found = selflabel.systems([0, 1], 1)
    assert [(run["system"], run["seed"]) for run in found] == [(name, s) for name in NAMES for s in (0, 1)]
    assert found[0].keys() == {"system", "seed", "seconds", "tuned"}


def test_shorter_comparisons_on_the_same_data_start_from_the_l3_of_the_main_one(cache, monkeypatch):
    started = []

    def compare(plan, folder, *, jobs):
        started.append((folder.name, [run.name for run in plan.runs]))
        return [
            {**run.about, "recipe": {}, "l3": (folder / f"l3-{run.recipe.seed}" / "model.ckpt").exists()}
            for run in plan.runs
        ]

    monkeypatch.setattr(selflabel, "compare", compare)
    finish(cache / "systems", "l3", 0)
    found = selflabel.variants([0], 1)
    labelled = ["sela-0", "selavi-0", "shhc-0"]
    runs = dict(started)
    assert runs["K---10"] == labelled  # other data have an L3 of their own
    assert runs["20---wrong-pairs"] == runs["noisy-pictures"] == ["l3-0", *labelled]
    assert [run["system"] for run in found] == ["sela", "selavi", "shhc"] * 4
    assert [run["l3"] for run in found] == [True] * 3 + [False] * 9
    assert found[0].keys() == {"variant", "system", "seed", "l3"}
    assert (cache / "K---10" / "l3-0" / "model.ckpt").read_text() == "l3 0"
