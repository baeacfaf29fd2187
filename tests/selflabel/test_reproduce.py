"""Where the systems of a comparison are judged; the comparison itself: tests/cli."""

import pytest
import torch
from planted import planted_pairs

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
