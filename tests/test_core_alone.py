"""What the package does where only its core is installed: all but learning, and it says what that needs."""

import json
import subprocess
import sys

# As where they are not installed: not found.
WITHOUT_TORCH = """
import sys
from importlib.machinery import PathFinder

class Core(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        learn = ("torch", "pytorch_lightning", "transformers", "geoopt", "av")
        return None if name.partition(".")[0] in learn else super().find_spec(name, path, target)

sys.meta_path = [Core if finder is PathFinder else finder for finder in sys.meta_path]
import json
import numpy as np
import hyperclade as hc
from hyperclade.cli.main import main
X = np.random.default_rng(0).normal(size=(400, 6)) + 4 * np.repeat(np.eye(6)[:4], 100, axis=0)
"""
INSTALL = "pip install 'hyperclade[learn]'"


def run(code):
    return subprocess.run([sys.executable, "-c", WITHOUT_TORCH + code], capture_output=True, text=True)


def test_the_core_needs_no_torch():
    done = run("""
from hyperclade.data import PairedSet
from hyperclade.hierarchy.precluster import precluster
from hyperclade.metrics import dendrogram_purity
from hyperclade.transport import sinkhorn_streamed
model = hc.SHHC(40, random_state=0, refine=True).fit(X)
assert model.tree_.n_leaves == 400 and model.predict(X[:3]).shape == (3,)
assert np.ptp(precluster(X, 7).sizes) == 1
assert hc.HypHC(n_iterations=2).fit(X[:30]).tree_.n_leaves == 30
assert dendrogram_purity(hc.Linkage().fit(X).tree_, np.repeat(range(4), 100)) > 0.9
assert sinkhorn_streamed([X, X], epsilon=1).converged
""")
    assert done.returncode == 0, done.stderr


MISSING = {
    "hc.UFit().fit(X)": "UFit needs torch",
    "hc.HypHC(device='cuda').fit(X)": "device cuda needs torch",
    "hc.SHHC(device='cuda').fit(X)": "device cuda needs torch",
    "hc.hierarchy.precluster.precluster(X, 3, device='cuda')": "device cuda needs torch",
    "hc.geometry.distance": "hyperclade.geometry.distance needs torch",
    "hc.recognition.HVSA": "hyperclade.recognition.HVSA needs torch",
    "hc.selflabel.SelfLabelling": "hyperclade.selflabel.SelfLabelling needs ",
    "hc.encoders.load_encoder": "hyperclade.encoders.load_encoder needs torch",
}


def test_what_needs_more_says_what_installs_it():
    done = run(f"""
import hyperclade.encoders, hyperclade.geometry, hyperclade.hierarchy.precluster, hyperclade.recognition
import hyperclade.selflabel
said = []
for statement in {list(MISSING)}:
    try:
        said.append(eval(statement) and None)
    except ModuleNotFoundError as error:
        said.append(str(error))
print(json.dumps(said))
""")
    assert done.returncode == 0, done.stderr
    for said, expected in zip(json.loads(done.stdout), MISSING.values(), strict=True):
        assert said.startswith(expected) and said.endswith(f": {INSTALL}")


def test_commands_say_it_in_one_line():
    commands = [
        "train selflabel --data x --out y",
        "train recognition --data x.npy --out y",
        "evaluate selflabel x --data y",
        "evaluate recognition x --data y",
        "predict recognition x y --out z",
        "train segmentation --data x --out y",
        "predict segmentation x y --out z",
        "reproduce crossmodal --out x",
        "discover --device cuda",
    ]
    done = run(f"print([main(command.split()) for command in {commands}])")
    assert done.stdout == f"{[2] * len(commands)}\n", done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == len(commands)
    assert all(line.startswith("error: ") and line.endswith(INSTALL) for line in lines)


def test_embedding_leaves_nothing_behind(tmp_path):
    (tmp_path / "lines.txt").write_text("a\nb\n")
    done = run(
        f"print(main(['embed', {str(tmp_path / 'lines.txt')!r}, '--out', {str(tmp_path / 'x.npy')!r}]))"
    )
    assert done.stdout == "2\n" and done.stderr.strip().endswith(INSTALL), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["lines.txt"]


def test_where_torch_is_installed_the_core_still_leaves_it_alone():
    statement = (
        "import sys, numpy as np\nfrom hyperclade import SHHC\n"
        "SHHC(9, device='cpu', random_state=0).fit(np.random.default_rng(0).normal(size=(60, 3)))\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", statement], check=True)
