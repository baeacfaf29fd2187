import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.cluster.hierarchy import linkage

from hyperclade import Tree
from hyperclade.metrics.dendrograms import dendrogram_purity

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

for package in ("sknetwork", "genieclust"):
    pytest.importorskip(package, reason="needs hyperclade[bench]")

from clustering import main  # noqa: E402
from clustering_jobs import stopped_tree, upper_tree  # noqa: E402
from clustering_methods import METHODS, from_merges, link  # noqa: E402
from clustering_report import tables, title  # noqa: E402
from measure import in_process, load_sections, measured, save_section  # noqa: E402
from report_text import rewrite  # noqa: E402


def brute_force_cost(tree: Tree, weights: np.ndarray) -> float:
    i, j = np.triu_indices(len(weights), 1)
    return float(sum(weights[a, b] * tree.size[tree.lca(a, b)] for a, b in zip(i, j, strict=True)))


def test_quick_section_measures_stores_and_reports(tmp_path, capsys):
    out, document = tmp_path / "results.json", tmp_path / "benchmarks.md"
    save_section(out, "earlier", {"kept": True})
    main(["hyphc", "--quick", "--seeds", "0", "--out", str(out)])
    sections = load_sections(out)
    assert sections["earlier"] == {"kept": True}
    section = sections["hyphc"]
    assert section["quick"] and section["complete"]
    reference, compared = section["records"]
    assert reference["references"]["unit"] == (150**3 - 150) / 6
    run = compared["runs"][0]
    assert run["seed"] == 0 and run["seconds"] > 0 and run["peak_mib"] > 50
    cost = run["cost"]["cosine"] / reference["references"]["unit"]
    assert 0.69 < cost < 0.72  # random trees lie near 1

    shutil.copy(ROOT / "docs" / "benchmarks.md", document)
    rewrite(document, "clustering", tables({"hyphc": section}))
    text = document.read_text()
    assert f"{cost:.5f}" in text and "A quick run at tiny sizes" in text
    assert f"{cost:.5f}" in capsys.readouterr().out


def test_document_has_one_place_for_each_section():
    from clustering import SECTIONS
    from recognition import SECTIONS as RECOGNITION
    from selflabel import SECTIONS as SELFLABEL

    text = (ROOT / "docs" / "benchmarks.md").read_text()
    places = [f"clustering:{name}" for name in SECTIONS]
    places += [f"selflabel:{name}" for name in (*SELFLABEL, "decoding")]
    places += [f"recognition:{name}" for name in RECOGNITION]
    assert [text.count(f"<!-- {place} -->") for place in places] == [1] * len(places)
    assert text.count("<!-- end -->") == len(places)


def test_rewriting_changes_only_what_is_between_the_markers(tmp_path):
    document = tmp_path / "page.md"
    document.write_text(
        "a\n<!-- clustering:speed -->\nold\n<!-- end -->\nb\n<!-- clustering:scale -->\n<!-- end -->\n"
    )
    rewrite(document, "clustering", {"speed": r"| \1 |"})
    rewrite(document, "clustering", {"speed": "new"})
    expected = (
        "a\n<!-- clustering:speed -->\n\nnew\n\n<!-- end -->\nb\n<!-- clustering:scale -->\n<!-- end -->\n"
    )
    assert document.read_text() == expected
    with pytest.raises(ValueError, match="places"):
        rewrite(document, "clustering", {"quality": "new"})


def test_checks_of_quality_fail_where_a_rival_is_cheaper():
    def record(method, *costs):
        runs = [{"seconds": 1.0, "cost": {"cosine": cost, "knn": cost}} for cost in costs]
        return {"data": "iris", "method": method, "runs": runs}

    def checks(*records):
        reference = {"unit": 100.0} | {name: {"random": 100.0, "bound": 50.0} for name in ("cosine", "knn")}
        agreement = {"data": "iris", "costs": {"seed 0": 70.0, "average linkage": 70.01}}
        section = {
            "command": "x", "date": "2026-01-01", "machine": {"cpu": "c", "cores": 2, "memory_gib": 8},
            "threads": 2, "versions": {}, "quick": False, "complete": True,
            "records": [{"data": "iris", "references": reference}, *records, agreement],
        }  # fmt: skip
        return tables({"quality": section})["quality"].splitlines()[-1]

    ours = [record("SHHC (cosine)", 69.0, 71.0), record("SHHC (knn)", 60.0)]
    assert "| yes | average (1.0286)" in checks(*ours, record("average", 72.0))
    assert "| **no** | average (1.0000)" in checks(*ours, record("average", 70.0))
    assert "not measured: UFit" in checks(*ours, record("average", 72.0), {"data": "iris", "method": "UFit"})
    assert "0.0143 % (yes" in checks(*ours, record("average", 72.0))


def test_jobs_that_fail_or_take_too_long_are_named(capfd):
    assert in_process("json:dumps", obj=[1, 2]) == "[1, 2]"
    failed = in_process("json:loads", s="{")
    assert failed["skipped"].startswith("failed: json.decoder.JSONDecodeError")
    late = in_process("clustering_jobs:compare", timeout=0.05, data="iris", method="Ward", seeds=[0])
    assert late["skipped"].startswith("not finished")


def test_measured_sees_the_peak_of_the_call_and_not_an_earlier_one():
    np.ones(40_000_000).sum()
    result, small = measured(lambda: np.ones(1000).sum())
    _, large = measured(lambda: np.ones(10_000_000).sum())
    assert result == 1000
    assert small["added_mib"] < 40 < 70 < large["added_mib"]


def test_interrupted_save_keeps_the_old_file(tmp_path):
    path = tmp_path / "results.json"
    save_section(path, "a", {"x": 1})
    with pytest.raises(TypeError):
        save_section(path, "b", {"x": object()})
    assert json.loads(path.read_text()) == {"a": {"x": 1}}


def test_linkage_rows_in_any_order_give_the_same_tree():
    rng = np.random.default_rng(0)
    merged = linkage(rng.normal(size=(30, 3)), "average")
    order = rng.permutation(29)
    new_id = np.r_[np.arange(30), 30 + np.argsort(order)]
    shuffled = merged[order]
    shuffled[:, :2] = new_id[shuffled[:, :2].astype(int)]
    assert from_merges(shuffled).same_clades(Tree.from_merges(merged[:, :2].astype(int)))


@pytest.mark.parametrize("method", ["single", "complete", "average", "weighted", "ward"])
def test_link_agrees_with_scipy(method):
    rows = np.random.default_rng(1).normal(size=(40, 4))
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    expected = linkage(unit, "ward") if method == "ward" else linkage(rows, method, "cosine")
    assert link(rows, method).same_clades(Tree.from_merges(expected[:, :2].astype(int)))


@pytest.mark.parametrize("name", ["Paris", "Paris, all pairs", "LouvainHierarchy", "Genie"])
def test_peers_give_trees_over_all_rows_that_find_two_blobs(name):
    rng = np.random.default_rng(2)
    rows = np.r_[rng.normal([5, 0, 0], 1, (30, 3)), rng.normal([0, 5, 0], 1, (30, 3))]
    tree = METHODS[name].build(rows, 0)
    assert tree.n_leaves == 60
    assert dendrogram_purity(tree, np.arange(60) // 30) > 0.7  # ½ in random trees


def test_tree_stopped_at_clusters_costs_what_the_definition_says():
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(25, 3))
    full = link(rows, "average")
    labels = full.cut(6)
    top, same = upper_tree(full, labels)
    assert top.n_leaves == 6 and same is labels
    stopped = stopped_tree(top, labels)
    weights = rng.random((25, 25))
    weights += weights.T
    # By the definition: a pair within a cluster meets at the cluster, any other where it met before.
    expected = sum(
        weights[i, j] * (np.sum(labels == labels[i]) if labels[i] == labels[j] else full.size[full.lca(i, j)])
        for i in range(25)
        for j in range(i)
    )
    assert brute_force_cost(stopped, weights) == pytest.approx(expected)
    assert upper_tree(full, np.zeros(25, int))[0].n_leaves == 1
    assert upper_tree(full, np.arange(25))[0].same_clades(full)


def test_titles():
    assert [title(name) for name in ("iris", "wordnet:5000:1", "mixture:200000x512:0", "wordnet")] == [
        "iris", "WordNet 5,000", "mixture 200,000 × 512", "WordNet",
    ]  # fmt: skip
