"""The segmentation benchmark: its runs are those of the tables, its report says what the records say."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import segmentation
from segmentation_report import tables

SETTING = {
    "command": "python benchmarks/segmentation.py", "date": "2026-01-01T00:00:00", "threads": 2,
    "machine": {"cpu": "a processor", "cores": 2, "memory_gib": 24}, "versions": {"torch": "2"},
    "jobs": 2, "device": "cpu", "complete": True,
}  # fmt: skip

KINDS = ("learned", "merged", "kmeans", "shhc")


def record(run, mean_iou):
    levels = [{"clusters": k, "classes": 11, "mean_iou": dict.fromkeys(KINDS, k / 100)} for k in (11, 22, 44)]
    figures = {"accuracy": 2 * mean_iou, "mean_iou": mean_iou}
    report = figures | {"crf": figures, "levels": levels}
    return run.about | {"seconds": 60.0, "parameters": 1, "report": report}


def test_sections_are_the_tables_with_runs_shared():
    names = [run.name for run in segmentation.runs_of("camvid", [2])]
    assert names == [
        f"{row}-crf-true-camvid-2"
        for row in (
            "kmeans", "stego-lite0", "stego-lite0-omh", "hp-lite0", "hp-lite0-omh", "smooseg-lite0",
            "smooseg-lite0-omh",
        )
    ]  # fmt: skip
    ablation = [run.name for run in segmentation.runs_of("ablation-mosaics", [2])]
    assert len(ablation) == len(set(ablation)) == 14 and "stego-lite0-omh-mosaics-2" in ablation


def test_the_report_compares_seed_by_seed_and_names_what_is_not_implemented():
    runs = segmentation.runs_of("camvid", [2, 3])
    gain = 0.03
    records = [
        record(run, 0.2 + 0.01 * run.recipe.seed + gain * bool(run.recipe.hierarchy.levels)) for run in runs
    ]
    text = tables(
        {"camvid": SETTING | {"records": records}}, {"camvid": (segmentation.TABLES, (1,), "camvid")}
    )["camvid"]
    assert "| STEGO + OMH | 2 | 51.00 ± 1.41 | 25.50 ± 0.71 |" in text
    assert "| TransFGU (not implemented) | 0 | – | – | – | – | 77.90 / 16.80 |" in text
    assert "| stego | 2 | 3.00 (p = 0.000) | 6.00 (p = 0.000) | 3.00 (p = 0.000) |" in text
    assert "| hp-lite0-omh | 44 | 11 | 44.0 | 44.0 | 44.0 | – |" in text


def test_what_is_not_finished_is_not_made_up(tmp_path):
    options = [
        "camvid",
        "--collect",
        "--seeds",
        "2",
        "--cache",
        str(tmp_path),
        "--out",
        str(tmp_path / "r.json"),
    ]
    assert segmentation.main(options) == 0
    section = segmentation.load_sections(tmp_path / "r.json")["camvid"]
    assert section["records"] == [] and not section["complete"]
    with pytest.raises(SystemExit):
        segmentation.main(["nothing"])
