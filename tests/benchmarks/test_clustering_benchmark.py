import contextlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage

from hyperclade import Tree
from hyperclade.data.samples import data_home
from hyperclade.metrics import ari, dendrogram_purity, nmi

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

for package in ("sknetwork", "genieclust"):
    pytest.importorskip(package, reason="needs hyperclade[bench]")

import clustering  # noqa: E402
import clustering_classes  # noqa: E402
import clustering_data  # noqa: E402
import clustering_growth  # noqa: E402
import clustering_versions  # noqa: E402
from clustering import Step, main  # noqa: E402
from clustering_jobs import stopped_tree, upper_tree  # noqa: E402
from clustering_methods import (  # noqa: E402
    CLASS_METHODS,
    METHODS,
    from_dendrogram,
    from_merges,
    link,
    neighbour_graph,
    unit_rows,
)
from clustering_report import tables, title  # noqa: E402
from measure import in_process, load_sections, measured, save_section  # noqa: E402
from report_text import rewrite  # noqa: E402

SETTING = {
    "command": "x", "date": "2026-01-01", "machine": {"cpu": "c", "cores": 2, "memory_gib": 8},
    "threads": 2, "versions": {}, "quick": False, "complete": True,
}  # fmt: skip


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
        section = SETTING | {"records": [{"data": "iris", "references": reference}, *records, agreement]}
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


def test_a_job_that_takes_too_long_leaves_no_program_of_its_own_behind(tmp_path):
    Path(tmp_path, "slow.py").write_text(
        "import subprocess\n"
        "def run(file):\n"
        "    subprocess.run(['sh', '-c', 'echo $$ > \"$0\"; exec sleep 60', file])\n"
    )
    file = tmp_path / "pid"
    assert "skipped" in in_process("slow:run", timeout=5, source=tmp_path, file=str(file))
    stopped = Path("/proc", file.read_text().strip(), "status")
    assert not stopped.exists() or "Z" in stopped.read_text().split("State:")[1].split()[0]


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
    assert title("wordnet:5000:1") == "WordNet 5,000" and title("glass@raw") == "glass, raw"


# ---- what a run takes from an earlier one ----


def asked_of(monkeypatch, tmp_path, *options, results=None, steps=("a", "b", "c")):
    """Jobs that a run of a section of three measures, with results by name."""
    asked = []

    def section(plan):
        for name in steps:
            answer = yield Step({"data": name}, "m:f", {"data": name, "seeds": plan.seeds}, plan.cap)
            assert answer.get("data") in (name, None)

    def in_process(job, *, timeout, source, **arguments):
        asked.append(arguments["data"])
        if arguments["data"] == "stop":
            raise KeyboardInterrupt
        return (results or {}).get(arguments["data"], {"runs": [{"seconds": 1.0}]})

    monkeypatch.setitem(clustering.SECTIONS, "ablation", section)
    monkeypatch.setattr(clustering, "in_process", in_process)
    monkeypatch.setattr(clustering, "tables", lambda sections: dict.fromkeys(sections, ""))
    out = tmp_path / "results.json"
    with contextlib.suppress(KeyboardInterrupt):
        main(["ablation", "--seeds", "0", "--out", str(out), *options])
    return asked, load_sections(out)["ablation"]


def test_what_was_measured_is_not_measured_again(monkeypatch, tmp_path):
    run = lambda *options, **more: asked_of(monkeypatch, tmp_path, *options, **more)  # noqa: E731
    assert run()[0] == ["a", "b", "c"]
    asked, section = run()
    assert asked == [] and section["complete"]
    assert [record["data"] for record in section["records"]] == ["a", "b", "c"]
    assert run("--fresh")[0] == ["a", "b", "c"]
    assert run("--seeds", "1")[0] == ["a", "b", "c"]  # other arguments


def test_an_interrupted_run_loses_nothing(monkeypatch, tmp_path):
    run = lambda *options, **more: asked_of(monkeypatch, tmp_path, *options, **more)  # noqa: E731
    run()
    asked, section = run(steps=("new", "stop", "a", "b", "c"))
    assert asked == ["new", "stop"] and not section["complete"]
    assert [record["data"] for record in section["records"]] == ["new", "a", "b", "c"]
    asked, section = run(steps=("new", "c", "b"))
    assert asked == [] and [record["data"] for record in section["records"]] == ["new", "c", "b"]


def test_failures_and_short_times_are_tried_again(monkeypatch, tmp_path):
    late, failed = {"skipped": "not finished in 9 s"}, {"skipped": "failed: E"}
    run = lambda *options, **more: asked_of(monkeypatch, tmp_path, *options, **more)  # noqa: E731
    run("--cap", "9", results={"a": late, "b": failed})
    assert run("--cap", "9", results={"b": failed})[0] == ["b"]
    assert run("--cap", "99")[0] == ["a", "b"]


def test_only_measures_what_matches_and_keeps_the_rest(monkeypatch, tmp_path):
    run = lambda *options, **more: asked_of(monkeypatch, tmp_path, *options, **more)  # noqa: E731
    asked, section = run("--only", '"data": "[ac]"')
    assert asked == ["a", "c"] and not section["complete"]
    asked, section = run("--only", '"data": "b"')
    assert asked == ["b"] and section["complete"]


# ---- data ----


def test_scaled_tables_have_rows_that_no_one_normalised():
    raw = clustering_data.load("wine@raw")
    low, high = raw.X.min(axis=0), raw.X.max(axis=0)
    scaled = clustering_data.load("wine@minmax")
    np.testing.assert_allclose(scaled.X * (high - low) + low, raw.X)
    assert (scaled.labels["class"] == raw.labels["class"]).all()
    standard = clustering_data.load("wine@standard").X
    np.testing.assert_allclose([standard.mean(axis=0), standard.var(axis=0)], [[0] * 13, [1] * 13], atol=1e-9)
    for name in ("wine@other", "segment", "nouns:5", "adult"):
        with pytest.raises(ValueError, match="no data set"):
            clustering_data.load(name)


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [
        ("nouns", (2337, 256), {"category": 49, "lexname": 17}),
        ("mnist", (5000, 784), {"digit": 10}),
        ("imclef07A:500:0", (500, 80), {"level 1": 8, "level 2": 25}),
        ("fsdd", (3000, 160), {"digit": 10, "speaker": 6}),
    ],
)
def test_embeddings_have_labels_that_their_neighbours_share(name, shape, classes):
    if data_home() is None:
        pytest.skip("no data folder")
    loaded = clustering_data.load(name)
    assert loaded.X.shape == shape
    found = {key: len(np.unique(values)) for key, values in loaded.labels.items()}
    assert found.keys() == classes.keys() and all(found[key] <= k for key, k in classes.items())
    graph = neighbour_graph(loaded.X, 1, "euclidean").tocoo()
    for values in loaded.labels.values():
        assert (values[graph.row] == values[graph.col]).mean() > 0.6  # 1/k by chance, k from 6


def test_nested_mixture_is_nested_and_the_start_of_a_longer_one(monkeypatch, tmp_path):
    monkeypatch.setattr(clustering_data, "CACHE", tmp_path)
    short, long = (clustering_data.load(f"nested:{n}:3") for n in (700, 9000))
    assert isinstance(long.X, np.memmap) and long.X.dtype == np.float16 and long.X.shape == (9000, 128)
    np.testing.assert_array_equal(short.X, long.X[:700])
    for key, values in long.labels.items():
        assert (short.labels[key] == values[:700]).all()
    assert (long.labels["15625"] // 25 == long.labels["625"]).all()
    assert (long.labels["625"] // 25 == long.labels["25"]).all()
    # Squared distances: 2 · .7² a feature within a cluster, and twice the variance of each level on top.
    X, pairs = long.X.astype(np.float64), np.random.default_rng(0).integers(9000, size=(200_000, 2))
    i, j = pairs[pairs[:, 0] != pairs[:, 1]].T
    squares = ((X[i] - X[j]) ** 2).sum(axis=1) / 128
    same = [long.labels[key][i] == long.labels[key][j] for key in ("25", "625", "15625")]
    expected = [2 * (0.49 + 0.25 + 0.49 + 1), 2 * (0.49 + 0.25 + 0.49), 2 * (0.49 + 0.25)]
    found = [squares[~same[0]].mean(), squares[same[0] & ~same[1]].mean(), squares[same[1] & ~same[2]].mean()]
    np.testing.assert_allclose(found, expected, rtol=0.1)


# ---- methods and jobs of classes and growth ----


@pytest.mark.parametrize("name", CLASS_METHODS["linkages"])
def test_cuts_of_linkages_are_scipys(name):
    rows = np.random.default_rng(4).normal(size=(60, 70))  # so wide that distances come from products
    method, metric = name.lower().split(", ")
    tree = CLASS_METHODS["linkages"][name].build(rows, 0)
    given = unit_rows(rows) if metric == "cosine" else rows
    merged = linkage(given, method, "cosine" if metric == "cosine" and method != "ward" else "euclidean")
    for k in (2, 7, 30):
        assert ari(fcluster(merged, k, "maxclust"), tree.cut(k)) == 1


def test_cuts_of_genie_and_paris_are_their_own():
    from genieclust import Genie
    from sknetwork.hierarchy import Paris, cut_straight

    rows = np.random.default_rng(5).normal(size=(80, 3))
    tree = CLASS_METHODS["Genie"]["Genie, euclidean"].build(rows, 0)
    paris = CLASS_METHODS["graphs"]["Paris, 15 neighbours, euclidean"].build(rows, 0)
    dendrogram = Paris().fit_transform(neighbour_graph(rows, 15, "euclidean"))
    for k in (2, 5, 11):
        assert ari(Genie(n_clusters=k).fit(rows.copy()).labels_, tree.cut(k)) == 1
        assert ari(cut_straight(dendrogram, k), paris.cut(k)) == 1


def test_dendrogram_with_separate_components_and_falling_heights():
    tree = from_dendrogram([[0, 1, 2, 2], [4, 2, 1, 3], [3, 5, np.inf, 4]])
    assert tree.cut(2).tolist() == [0, 0, 0, 1]
    assert (np.diff(tree.height[4:]) >= 0).all() and np.isfinite(tree.height).all()


def test_neighbour_graph_by_hand():
    graph = neighbour_graph(np.array([[0.0], [1.0], [3.0]]), 1, "euclidean")
    assert graph.toarray().tolist() == [[0, 1, 0], [1, 0, 0.5], [0, 0.5, 0]]


def test_classes_judge_a_tree_and_its_cut(monkeypatch):
    found = clustering_classes.judge("wine@minmax", "linkages", [3])
    assert (found["n"], found["d"], found["classes"]) == (178, 13, {"class": 3})
    (run,) = found["methods"]["Ward, euclidean"]["runs"]
    loaded = clustering_data.load("wine@minmax")
    truth, merged = loaded.labels["class"], linkage(loaded.X, "ward")
    cut = fcluster(merged, 3, "maxclust")
    assert run["nmi"]["class"] == pytest.approx(nmi(truth, cut))
    assert run["ari"]["class"] == pytest.approx(ari(truth, cut))
    purity = dendrogram_purity(Tree.from_merges(merged[:, :2].astype(int)), truth)
    assert run["purity"]["class"] == pytest.approx(purity)
    broken = {
        "a": CLASS_METHODS["Genie"]["Genie, cosine"],
        "b": METHODS["random"].__class__(lambda X, seed: 1 / 0),
    }
    monkeypatch.setitem(clustering_classes.CLASS_METHODS, "Genie", broken)
    found = clustering_classes.judge("wine@minmax", "Genie", [0])["methods"]
    assert found["a"]["runs"] and found["b"]["skipped"] == "failed: ZeroDivisionError: division by zero"


def test_growth_measures_stages_and_levels(monkeypatch, tmp_path):
    monkeypatch.setattr(clustering_data, "CACHE", tmp_path)
    found = clustering_growth.fit("nested:600:0", 0, {})
    assert found["seconds"] >= sum(found["stages"].values()) > 0
    assert set(found["nmi"]) == set(found["purity"]) == {"25", "625", "15625"}
    assert found["nmi"]["25"] > 0.8  # the 25 are far apart
    json.dumps(found)


def test_another_version_is_imported_first_and_options_it_lacks_are_left_out(monkeypatch, tmp_path):
    Path(tmp_path, "answer.py").write_text("def value():\n    return {'x': 1}\n")
    assert in_process("answer:value", source=tmp_path) == {"x": 1}
    monkeypatch.setattr(clustering_data, "CACHE", tmp_path)
    monkeypatch.setattr(clustering_versions, "CACHE", tmp_path)
    clustering_data.stored("wine@minmax")
    arguments = {"file": clustering_data.stored_name("wine@minmax"), "seed": 0}
    run = clustering_versions.timed(**arguments, options={"similarity": "cosine", "from the future": 1})
    assert run["seconds"] > 0 and run["cost"]["own"] > 0
    judged = clustering_versions.judge(arguments["file"], [0, 1], {})["runs"]
    assert [run["seed"] for run in judged] == [0, 1] and 0 < judged[0]["purity"]["class"] <= 1


# ---- their tables ----


def test_classes_table_ranks_among_peers():
    def group(data, **methods):
        runs = {
            name.replace("_", ", "): {
                "runs": [{m: {"class": v} for m in ("purity", "nmi", "ari")} for v in values]
            }
            for name, values in methods.items()
        }
        return {"data": data, "group": "g", "classes": {"class": 3}, "methods": runs}

    records = [
        group("wine@minmax", SHHC=[0.9, 0.7], SHHC_euclidean=[0.9], SHHC_cosine=[0.5]),
        group("wine@minmax", average_cosine=[0.75], Ward_cosine=[0.6]),
        group("iris@minmax", SHHC=[0.5], average_cosine=[0.8], Ward_cosine=[0.8]),
        group("iris@raw", SHHC_euclidean=[0.4], SHHC_cosine=[0.45]),
        {"data": "wine@minmax", "method": "SHHC before", "runs": group("", x=[0.3])["methods"]["x"]["runs"]},
        {"data": "iris@minmax", "group": "Genie", "skipped": "not finished in 9 s"},
    ]
    text = tables({"classes": SETTING | {"records": records}})["classes"]
    # Wine: 0.8 before 0.75 and 0.6, first by the mean but not by the worst seed; iris: 0.5 after two ties.
    assert "| SHHC | 0.650 | 2.0 | -0.300 | 1 (0) |" in text
    assert "| average, cosine | 0.775 | 1.2 | +0.000 | 1 |" in text
    assert "| SHHC before | 0.300 | 3.0 | -0.450 | 0 |" in text
    assert "| wine, minmax | 3 | 0.800 | 0.750 (average, cosine) |" in text
    assert "| wine, minmax | **0.900** | 0.500 | 0.300 |" in text
    assert "| iris, raw | 0.400 | **0.450** | – |" in text
    assert "distance : by cosine: dendrogram purity 1 : 1" in text
    assert "Not measured: iris, minmax, Genie: not finished in 9 s." in text


def test_growth_table_relates_sizes_and_peer():
    levels = {"25": 1.0, "625": 0.9, "15625": 0.8}

    def ours(n, seconds):
        return {
            "data": f"nested:{n}:0", "method": "SHHC", "seconds": seconds, "peak_mib": 900.0,
            "feature_mib": 5.0, "stages": {"tree": seconds / 2}, "nmi": levels, "purity": levels,
            "recall": None, "score": 0.5, "clusters": 3,
        }  # fmt: skip

    layers = [
        {"k": k, "noise": 0.1, "nmi": dict.fromkeys(levels, x) | {"25, kept": x + 0.1}}
        for k, x in ((9, 0.3), (7, 0.6))
    ]
    peer = {"data": "nested:40000:0", "method": "EVoC", "seconds": 9.0, "peak_mib": 70.0, "layers": layers}
    late = {"data": "nested:20000:0", "method": "EVoC", "skipped": "not finished in 1 s"}
    records = [ours(20000, 2.0), late, ours(40000, 4.5), peer]
    text = tables({"growth": SETTING | {"records": records}})["growth"]
    assert "| 40,000 | 4.50 | 2.25× | 900 | 9.00 | – | 70 | 2.00× | 5 |" in text
    assert "| 20,000 | 2.00 | – | 900 | failed or stopped | – | – | – | 5 |" in text
    assert "| SHHC | 20,000 | 1.000 | 0.900 | 0.800 | 1.000 | 0.900 | 0.800 | – | 0.5000 |" in text
    assert "| EVoC | 40,000 | 0.600 (k = 7; kept 0.700) |" in text
    assert "EVoC of 20,000 rows: not finished in 1 s" in text


def test_determinism_table_has_ratios_of_medians():
    records = [
        {"data": "digits@minmax", "method": "cosine", "version": version, "repetition": k, "seconds": s}
        for version, times in (("abc", (1.0, 2.0, 4.0)), ("present", (2.0, 3.0, 4.0)))
        for k, s in enumerate(times)
    ]
    text = tables({"determinism": SETTING | {"records": records}})["determinism"]
    assert "| digits, minmax | cosine | abc | 2.00 | 3.00 | 1.50× | 1.00 … 2.00 |" in text
