"""The cuts that the page's tests compare with are those of this library."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "web" / "tests" / "golden" / "cuts.json"


@pytest.fixture
def golden_cuts(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import golden_cuts

    yield golden_cuts
    sys.modules.pop("golden_cuts")


def test_the_golden_cuts_are_what_their_generator_makes(golden_cuts):
    assert GOLDEN.read_text(encoding="utf-8") == golden_cuts.golden_cuts()


def test_the_golden_cuts_hold_ties_several_children_and_other_numberings():
    cases = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert any(case["splits"] is not None for case in cases)
    assert any(len(set(case["height"][case["n"] :])) < len(case["height"]) - case["n"] for case in cases)
    assert any(len(cut["nodes"]) < cut["k"] for case in cases for cut in case["cuts"])
