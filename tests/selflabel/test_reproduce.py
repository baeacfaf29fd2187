"""Where the systems of a comparison are judged; the comparison itself: tests/cli."""

import pytest
import torch
from planted import planted_pairs

from hyperclade.learning import comparison as mechanism
from hyperclade.selflabel import compare, reproduce
from hyperclade.selflabel.reproduce import Comparison, plan, run_system
from hyperclade.selflabel.system import SYSTEM


def test_no_jobs(tmp_path):
    with pytest.raises(ValueError, match="jobs must be at least 1"):
        compare(Comparison(), tmp_path / "out", jobs=0)
    assert not (tmp_path / "out").exists()


def test_systems_are_judged_on_the_device_asked_for(tmp_path, monkeypatch):
    def judged_on(module, *_):
        return {"device": module.device.type, "training": module.training}

    monkeypatch.setattr(Comparison, "load", lambda *_: planted_pairs())
    monkeypatch.setattr(reproduce, "pick_device", torch.device)
    monkeypatch.setattr(reproduce, "judge", judged_on)
    comparison = Comparison(overlays=(), changes={"encoders": {"channels": [4, 8]}})
    run = next(run for run in plan(SYSTEM, comparison, systems=["random"]).runs if not run.first)
    found = run_system(SYSTEM, comparison, run, tmp_path, device="meta")  # there on every machine
    assert (found["device"], found["training"]) == ("meta", False)


def test_results_come_system_by_system_without_an_l3_that_nobody_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(mechanism, "compare", lambda plan, out: [run.about for run in plan.runs])

    def found(**asked):
        return [(run["system"], run["seed"]) for run in compare(Comparison(), tmp_path, **asked)]

    assert found(systems=["sela", "random"], seeds=[1, 0]) == [
        ("sela", 1), ("sela", 0), ("random", 1), ("random", 0),
    ]  # fmt: skip
    assert [name for name, _ in found(seeds=[0])] == list(reproduce.NAMES)


def test_tables_have_the_order_of_the_systems():
    made = plan(SYSTEM, Comparison(), seeds=[0])
    rows = [{"view": "joint", "clusters": 3, "head": "only", "nmi_ceiling": 1.0}]
    rows[0] |= dict.fromkeys(("nmi", "ari", "hungarian_accuracy"), 0.5)
    record, _ = made.outcome([run.about | {"clusters": rows} for run in made.runs])
    assert [row["model"] for row in record["clusters"]] == list(reproduce.NAMES.values())
