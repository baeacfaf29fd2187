"""The benchmark of metric learning: measurements at small size, and a report that says what they found."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
retrieval = pytest.importorskip("retrieval")
from retrieval_report import tables  # noqa: E402

SETTING = {
    "command": "python benchmarks/retrieval.py", "date": "2026-01-01T00:00:00", "threads": 2,
    "machine": {"cpu": "a processor", "cores": 2, "memory_gib": 24}, "versions": {"torch": "2"},
    "jobs": 2, "device": "cpu", "complete": True,
}  # fmt: skip


def test_search_and_relabelling_at_small_size():
    found = retrieval.search(rows=900, d=16, repeats=1)
    assert found["right"] == found["checked"] == 200 and found["largest_error"] < 1e-9
    text = tables({"search": SETTING | {"records": found}})["search"]
    assert "900 × 16" in text and "200 of 200" in text


def test_planted_rows_lie_about_their_clusters():
    rows, groups = retrieval.planted(4000, 32, 0), retrieval.planted_groups(4000, 0)
    assert [own.max() + 1 for own in groups] == [1000, 100, 10]
    spread = [np.mean([rows[own == label].var(axis=0).sum() for label in range(5)]) for own in groups]
    assert spread[0] < spread[1] < spread[2] < rows.var(axis=0).sum()
    assert np.linalg.norm(retrieval.clipped(rows), axis=1).max() <= 2.3 + 1e-5


def test_the_report_says_whether_the_index_holds_what_it_should():
    found = {
        "rows": 10, "d": 2, "build_seconds": 1.0, "bytes": 2**20, "opening_seconds": 0.1, "lists": 4,
        "probes": 1, "query_ms": {"50": 1.0, "95": 2.0}, "recall_at_10": 0.99,
        "faiss_ivf": {"build_seconds": 1.0, "recall_at_10": 0.9, "query_ms": {"50": 0.5, "95": 0.6}},
    }  # fmt: skip
    assert "| yes |" in tables({"index": SETTING | {"records": found}})["index"]
    slow = found | {"query_ms": {"50": 1.0, "95": 60.0}}
    assert "**no**" in tables({"index": SETTING | {"records": slow}})["index"]


def test_tables_have_all_rows_and_means_over_seeds():
    from hyperclade.learning.tables import planned, read_tables
    from hyperclade.retrieval.system import SYSTEM

    runs = planned(SYSTEM, read_tables(SYSTEM.package)[1], seeds=[0, 1])
    assert len(runs) == 18
    figures = dict.fromkeys(("map_at_r", "nmi_kmeans", "nmi_hierarchy", "dendrogram_purity"), 0.3)

    def record(run):
        level = figures | {"recall_at_1": 0.5 + 0.02 * run.recipe.seed}
        return run.about | {"seconds": 60.0, "report": {"levels": {"class": level, "superclass": level}}}

    records = [record(run) for run in runs]
    text = tables({"cifar100": SETTING | {"records": records}})["cifar100"]
    assert "| UHML | 2 | 51.00 ± 1.41 | 51.00 ± 1.41 | 30.00 | 30.00 | 30.00 | 30.00 |" in text


def test_what_is_not_finished_is_not_made_up(tmp_path):
    options = ["cifar100", "--collect", "--cache", str(tmp_path), "--out", str(tmp_path / "r.json")]
    assert retrieval.main(options) == 0
    section = retrieval.load_sections(tmp_path / "r.json")["cifar100"]
    assert section["records"] == [] and not section["complete"]
    with pytest.raises(SystemExit):
        retrieval.main(["nothing"])
