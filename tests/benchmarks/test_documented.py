"""What README and docs show of a command's output is what a committed run of it has printed."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RESULTS = json.loads((ROOT / "benchmarks" / "results" / "documented.json").read_text(encoding="utf-8"))
DOCUMENTS = {
    "README.md": "discover",
    "docs/discover.md": "wine",
    "docs/recognition.md": "recognition",
    "docs/segmentation.md": "segmentation",
    "docs/selflabel.md": "selflabel",
    "docs/tutorial.md": "tutorial",
}


def printed(section):
    return [line for run in RESULTS[section]["runs"] for line in run["printed"]]


def seconds(section, command):
    (run,) = (run for run in RESULTS[section]["runs"] if run["command"] == command)
    return run["seconds"]


def text_of(document):
    """With each command in one line."""
    return re.sub(r"\s*\\\n\s+", " ", (ROOT / document).read_text(encoding="utf-8"))


def outputs(document):
    """Lines of the code blocks that show output, but for commands and what is left out."""
    parts = re.split(r"^```.*$", text_of(document), flags=re.MULTILINE)
    blocks = [block.strip("\n").splitlines() for block in parts[1::2]]  # every other part is prose
    own = printed(DOCUMENTS[document])
    shown = [block for block in blocks if block[0].startswith("$ ") or block[0] in own]
    return [[line for line in block if line.strip() not in ("", "…") and line[0] != "$"] for block in shown]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_shown_output_is_what_was_printed(document):
    blocks = outputs(document)
    assert sum(map(len, blocks)) >= 8
    for block in blocks:
        lines = iter(printed(DOCUMENTS[document]))
        missing = [line for line in block if line not in lines]  # in that order
        assert not missing


def test_commands_are_those_that_ran():
    for document, section in DOCUMENTS.items():
        text = text_of(document)
        ran = [run["command"] for run in RESULTS[section]["runs"] if "small-run" not in run["command"]]
        assert all(f"hyperclade {command}" in text for command in ran)


def test_figures_in_sentences():
    selflabel = (ROOT / "docs" / "selflabel.md").read_text(encoding="utf-8")
    spent = seconds("selflabel", "train selflabel --config shhc --config avdigits --out run")
    assert f"took {spent // 60:.0f} min {spent % 60:.0f} s on" in selflabel
    (purity,) = re.findall(r"classes of labels: dendrogram purity (\S+)", "\n".join(printed("selflabel")))
    assert f"has a dendrogram purity of {float(purity):.3f}" in selflabel
    recognition = (ROOT / "docs" / "recognition.md").read_text(encoding="utf-8")
    small = RESULTS["recognition"]["runs"][-1]["printed"]
    (found,) = (float(line.split()[-2]) / 100 for line in small if line.startswith("MAP, mean"))
    assert f'evaluate(module, test)["map"]  # {found:.2f}' in recognition
    size = round(RESULTS["install"]["mib"], -1)
    assert f"without torch, {size} MiB" in (ROOT / "README.md").read_text(encoding="utf-8")
