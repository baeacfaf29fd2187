"""`hc.show` in a notebook that runs, and what it refuses."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import nbclient
import nbformat
import numpy as np
import pandas as pd
import pytest

import hyperclade as hc
from hyperclade.report import Outcome
from hyperclade.report.page import page_text
from hyperclade.trees import Tree

FOUR = Outcome(Tree([4, 4, 5, 5, 6, 6, -1]))
WEB = Path(__file__).parents[2] / "web"
CHROMIUM = Path("/usr/bin/chromium")
LOOK = """
import { chromium } from "playwright-core";
const [browserPath, file] = process.argv.slice(-2);
const off = ["quic", "background-networking", "component-update", "sync"];
const quiet = off.map((what) => `--disable-${what}`);
const browser = await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox", ...quiet] });
try {
  const page = await browser.newPage();
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("console", (line) => line.type() === "error" && wrong.push(line.text()));
  await page.goto(`file://${file}`);
  const frame = await (await page.waitForSelector("iframe")).contentFrame();
  await frame.waitForSelector("#app canvas, #app svg", { timeout: 20000 });
  const alerts = (await frame.$$("[role=alert]:not(:empty)")).length;
  console.log(JSON.stringify({ title: await frame.title(), alerts, wrong }));
} finally {
  await browser.close();
}
"""


def document(markup):
    (found,) = re.findall(r'<iframe srcdoc="([^"]*)"', markup)
    return html.unescape(found)


@pytest.fixture(scope="module")
def model():
    X = np.random.default_rng(0).normal(size=(60, 3)) + np.repeat([0, 9, 30], 20)[:, None]
    return hc.SHHC(random_state=0).fit(X), X


def test_a_notebook_holds_the_whole_page():
    cells = [
        "import hyperclade as hc, numpy as np",
        "X = np.random.default_rng(0).normal(size=(40, 3))\nmodel = hc.SHHC(random_state=0).fit(X)",
        "hc.show(model, X, names=[f'<b>sample</b> {k}' for k in range(40)], height=500)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    nbformat.validate(notebook)
    (output,) = notebook.cells[-1].outputs
    assert output.data["text/plain"] == "<a page of 40 samples; a notebook shows it>"
    markup = output.data["text/html"]
    page = document(markup)
    assert page.startswith("<!doctype html>") and page.rstrip().endswith("</html>") and "hc-head" in page
    assert 'height="500"' in markup and 'sandbox="allow-scripts allow-downloads"' in markup
    assert markup.count("<") == 2  # the frame and its end


@pytest.mark.skipif(
    not (CHROMIUM.exists() and shutil.which("node") and (WEB / "node_modules" / "playwright-core").exists()),
    reason="needs node, Chromium and `npm ci` in web/",
)
def test_a_browser_draws_the_page_in_its_frame(model, tmp_path):
    shown = hc.show(*model, names=[f"</iframe>\"'& {k}" for k in range(60)])
    file = tmp_path / "output.html"
    file.write_text(f"<!doctype html><meta charset=utf-8>{shown._repr_html_()}", encoding="utf-8")
    look = ["node", "--input-type=module", "-e", LOOK, "--", str(CHROMIUM), str(file)]
    done = subprocess.run(look, cwd=WEB, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["title"].startswith("60 rows × 3 features")
    assert seen["wrong"] == [] and seen["alerts"] == 0


def test_outcomes_folders_and_models_give_the_same_page(model, tmp_path):
    assert document(hc.show(FOUR)._repr_html_()) == page_text(FOUR)
    FOUR.write(tmp_path)
    assert hc.show(tmp_path).page == hc.show(str(tmp_path)).page == page_text(Outcome.read(tmp_path))
    fitted, X = model
    frame = pd.DataFrame(X, columns=["long", "wide", "high"])
    shown = hc.show(fitted, frame, labels=np.repeat(["a", "b", "c"], 20), ids=np.arange(60) + 7)
    assert repr(shown) == "<a page of 60 samples; a notebook shows it>" and shown.height == 720


def test_what_cannot_be_shown_is_said(model, tmp_path):
    fitted, X = model
    with pytest.raises(ValueError, match="give the rows"):
        hc.show(fitted)
    with pytest.raises(ValueError, match="60 rows that the model was fitted to, got shape"):
        hc.show(fitted, X[:9])
    with pytest.raises(ValueError, match="labels must be one for each of the 60 rows"):
        hc.show(fitted, X, labels=["a"])
    with pytest.raises(ValueError, match="SHHC, which is not fitted"):
        hc.show(hc.SHHC(), X)
    with pytest.raises(ValueError, match="X, names can be given with a fitted model only"):
        hc.show(FOUR, X, names=["a"])
    with pytest.raises(ValueError, match="holds no outcome"):
        hc.show(tmp_path)
    with pytest.raises(ValueError, match="height"):
        hc.show(FOUR, height=0)
