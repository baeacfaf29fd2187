"""What the package does where only its core is installed: all but learning, and it says what that needs."""

import subprocess
import sys

import pytest

# The same as where they are not installed: not found.
WITHOUT_TORCH = """
import sys
from importlib.machinery import PathFinder

class Core(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        learn = ("torch", "pytorch_lightning", "transformers", "geoopt", "av")
        return None if name.partition(".")[0] in learn else super().find_spec(name, path, target)

sys.meta_path = [Core if finder is PathFinder else finder for finder in sys.meta_path]
import numpy as np
import hyperclade as hc
X = np.random.default_rng(0).normal(size=(400, 6)) + 4 * np.repeat(np.eye(6)[:4], 100, axis=0)
"""


def run(statement):
    return subprocess.run([sys.executable, "-c", WITHOUT_TORCH + statement], capture_output=True, text=True)


@pytest.mark.parametrize(
    "statement",
    [
        "assert hc.SHHC(40, random_state=0, refine=True).fit(X).tree_.n_leaves == 400",
        "from hyperclade.hierarchy.precluster import precluster; assert np.ptp(precluster(X, 7).sizes) == 1",
        "assert hc.Linkage().fit(X).tree_.n_leaves == hc.HypHC(n_iterations=2).fit(X).tree_.n_leaves",
        "from hyperclade.metrics import dendrogram_purity as p; p(hc.Linkage().fit(X).tree_, X[:, 0] > 2)",
        "from hyperclade.transport import sinkhorn_streamed as s; assert s([X, X], epsilon=1).converged",
        "from hyperclade.data import PairedSet",
    ],
)
def test_the_core_needs_no_torch(statement):
    done = run(statement)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("hc.UFit().fit(X)", "UFit needs torch"),
        ("hc.HypHC(device='cuda').fit(X)", "device cuda needs torch"),
        ("hc.SHHC(device='cuda').fit(X)", "device cuda needs torch"),
        (
            "from hyperclade.hierarchy.precluster import precluster; precluster(X, 3, device='cuda')",
            "device cuda needs torch",
        ),
        ("from hyperclade.geometry import distance", "hyperclade.geometry.distance needs torch"),
        ("from hyperclade.recognition import HVSA", "hyperclade.recognition.HVSA needs torch"),
        ("import hyperclade.selflabel as s; s.SelfLabelling", "hyperclade.selflabel.SelfLabelling needs "),
        ("import hyperclade.encoders as e; e.load_encoder", "hyperclade.encoders.load_encoder needs torch"),
    ],
)
def test_what_needs_more_says_what_installs_it(statement, what):
    done = run(statement)
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"ModuleNotFoundError: {what}") and last.endswith(
        "pip install 'hyperclade[learn]'"
    )


@pytest.mark.parametrize(
    "command",
    [
        "train selflabel --data x --out y",
        "train recognition --data x.npy --out y",
        "evaluate selflabel x --data y",
        "evaluate recognition x --data y",
        "predict recognition x y --out z",
        "reproduce crossmodal --out x",
        "train selflabel --help",
        "discover --device cuda",
    ],
)
def test_commands_say_it_in_one_line(command):
    done = run(f"from hyperclade.cli.main import main; sys.exit(main({command.split()!r}))")
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.endswith("pip install 'hyperclade[learn]'\n")
    assert done.stderr.count("\n") == 1


def test_where_torch_is_installed_the_core_still_leaves_it_alone():
    statement = (
        "import sys, numpy as np\nfrom hyperclade import SHHC\n"
        "SHHC(9, device='cpu', random_state=0).fit(np.random.default_rng(0).normal(size=(60, 3)))\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", statement], check=True)
