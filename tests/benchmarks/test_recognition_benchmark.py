"""What the benchmark of recognition stores and prints of runs that are finished, of all or of a few."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pytorch_lightning")
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from hyperclade.learning.settings import plain
from recognition import CANDIDATES, SECTIONS, TABLES, main


def finish(run, folder, value):
    """As if a run had ended with such a MAP."""
    report = dict.fromkeys(("cmap", "cv", "micro_ap", "cv_closure"), 0.25) | {"map": value}
    result = {
        **run.about, "recipe": plain(run.recipe), "seconds": 120.0, "parameters": 7, "report": report,
    }  # fmt: skip
    (folder / run.name).mkdir(parents=True)
    (folder / run.name / "result.json").write_text(json.dumps(result))


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("".join(f"<!-- recognition:{name} -->\n<!-- end -->\n" for name in SECTIONS))
    return path


def collect(tmp_path, document, *sections, seeds="3"):
    given = [*sections, "--collect", "--report", "--seeds", *map(str, range(int(seeds)))]
    given += ["--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "results.json")]
    assert main([*given, "--document", str(document)]) == 0
    return json.loads((tmp_path / "results.json").read_text()), document.read_text()


def test_a_part_of_the_runs_is_reported_with_its_numbers_of_seeds(tmp_path, document):
    rng = np.random.default_rng(0)
    values: dict[str, list[float]] = {}
    for run in SECTIONS["imclef07a"].runs([0, 1, 2]):
        known = {"hvsa": 3, "leaf-softmax": 2, "mbm": 1}
        if run.recipe.seed < known.get(run.about["system"], 0):
            value = float(rng.uniform(0.5, 0.9))
            values.setdefault(run.about["system"], []).append(100 * value)
            finish(run, tmp_path / "cache", value)
    stored, text = collect(tmp_path, document, "imclef07a")
    assert len(stored["imclef07a"]["records"]) == 6 and not stored["imclef07a"]["complete"]
    assert stored["imclef07a"]["recipes"]["mbm on imclef07a"]["method"]["name"] == "mbm"
    assert "Not finished" in text
    ours, rival = values["hvsa"], values["leaf-softmax"]
    assert f"| HVSA, coherent head | 3 | {np.mean(ours):.2f} ± {np.std(ours, ddof=1):.2f} | 25.00 |" in text
    assert f"| MBM | 1 | {values['mbm'][0]:.2f} | 25.00 " in text and "91.45 / 91.73 / 5.65 | 2.0 |" in text
    assert "C-HMCNN" not in text
    gaps = np.subtract(ours[:2], rival)
    assert f"hvsa {gaps.mean():.2f} ± {gaps.std(ddof=1):.2f} (2 seeds)" in text


def test_sections_without_runs_say_so_and_keep_the_others(tmp_path, document):
    for run in SECTIONS["ablation"].runs([0]):
        finish(run, tmp_path / "cache", 0.5)
    _, text = collect(tmp_path, document, "ablation", seeds="1")
    assert text.count("50.00 | 25.00 | 25.00") == sum(len(TABLES[number].rows) for number in range(6, 11))
    assert "Not finished" not in text
    stored, text = collect(tmp_path, document, "choice", seeds="1")
    assert stored.keys() == {"ablation", "choice"} and "No run is finished" in text
    assert "50.00 | 25.00 | 25.00" in text


def test_candidates_never_learn_from_what_judges_them_nor_see_the_test(tmp_path, document):
    runs = SECTIONS["choice"].runs([0, 1])
    assert len(runs) == 2 * 2 * (len(CANDIDATES) + 1)
    assert {run.recipe.training.validation for run in runs} == {0.3}
    assert len({run.name for run in runs}) == len(runs)
    for run in runs:
        finish(run, tmp_path / "cache", 0.5)
    _, text = collect(tmp_path, document, "choice", seeds="2")
    assert text.count("| as chosen | 2 | 50.00 |") == 2 and text.count("| no mixup | 2 |") == 2


def test_final_runs_learn_from_all_training_samples():
    for name in SECTIONS.keys() - {"choice"}:
        assert {run.recipe.training.validation for run in SECTIONS[name].runs([0])} == {0.0}


@pytest.mark.parametrize("given", [[], ["imclef"], ["imclef07a", "speed"]])
def test_unknown_sections_are_refused(given, capsys):
    with pytest.raises(SystemExit):
        main(given)
    assert "name sections of imclef07a" in capsys.readouterr().err
