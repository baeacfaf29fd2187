"""The benchmark of the page: what is written at small size, and a report that tells of its bounds."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
page = pytest.importorskip("page")
from page_report import tables  # noqa: E402

SETTING = {
    "command": "python benchmarks/page.py", "date": "2026-01-01T00:00:00", "threads": 2, "limit": 60,
    "machine": {"cpu": "a processor", "cores": 2, "memory_gib": 24}, "versions": {"plotly": "7"},
}  # fmt: skip
FIGURES = {
    "what": "hyperclade", "leaves": 100_000, "load": 0.1, "seconds": [1.0, 3.0], "peak_mib": 400.0,
    "mib": 2.0, "first_picture_ms": [900.0, 1100.0, 5000.0], "median_frame_ms": [17.0], "frame_95_ms": [34.0],
    "tab_mib": [300.0],
}  # fmt: skip


def test_the_page_is_written_and_measured(tmp_path):
    path = tmp_path / "page.html"
    found = page.written("hyperclade", 600, str(path))
    assert 0 < found["seconds"] < 60 and found["peak_mib"] > 50
    text = path.read_text(encoding="utf-8")
    assert '"n": 600' in text and '"parts": {' in text


def test_peers_get_the_same_tree():
    ids, names, parents, sizes = page.nodes_of(300)
    assert len(ids) == len(names) == len(parents) == len(sizes) == 599
    assert parents.count("") == 1 and sizes[parents.index("")] == 300
    below = {own: [] for own in ids}
    for own, parent in zip(ids, parents, strict=True):
        if parent:
            below[parent].append(own)
    assert all(sizes[int(own)] == sum(sizes[int(c)] for c in parts) for own, parts in below.items() if parts)


def test_what_takes_too_long_is_a_finding():
    found = page.drawn("hyperclade", 600, repeats=1, limit=1e-9)
    assert found == {"skipped": "not written in 0 s"}


def test_the_report_says_whether_bounds_are_kept():
    records = [
        FIGURES,
        {"what": "plotly icicle", "leaves": 100_000, "load": 0.1, "skipped": "not shown in 60 s"},
    ]
    text = tables({"sizes": SETTING | {"records": records}})["sizes"]
    assert "| hyperclade | 2.00 ± 1.41 | 400 | 2.0 | 1,100 | 17 | 34 | 300 |" in text
    assert "| plotly icicle | – | – | – | – | – | – | not shown in 60 s |" in text
    assert "**no**" not in text and text.count(": yes") == 4 and "busy" not in text
    busy = [FIGURES | {"frame_95_ms": [61.0], "load": 5.0}]
    text = tables({"sizes": SETTING | {"records": busy}})["sizes"]
    assert "95th percentile < 60: **no**" in text and "busy with other work" in text


def test_what_is_not_measured_again_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "drawn", lambda name, n, repeats, limit: {"skipped": f"{repeats}"})
    out = ["--out", str(tmp_path / "r.json")]
    page.main(["--leaves", "10", "20", "--repeats", "1", *out])
    page.main(["--leaves", "20", "--what", "SciPy dendrogram", "--repeats", "2", *out])
    records = page.load_sections(tmp_path / "r.json")["sizes"]["records"]
    assert [one["leaves"] for one in records] == [10] * 5 + [20] * 5
    assert [one["skipped"] for one in records] == ["1"] * 9 + ["2"] and records[0]["what"] == "hyperclade"
