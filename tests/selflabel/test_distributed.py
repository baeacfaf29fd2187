"""Two processes on gloo give the labels of one, and train to the same weights."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from two_processes import labelled

from hyperclade.learning.runs import CHECKPOINT
from hyperclade.selflabel import load

HERE = Path(__file__).parent
SYSTEMS = ["deepcluster", "selavi", "shhc", "post"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [*command, str(HERE / "two_processes.py"), str(folder), *SYSTEMS],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return folder


def states(folder, kind, name):
    return [torch.load(folder / f"{kind}_{name}{rank}.pt", weights_only=True) for rank in (0, 1)]


@pytest.mark.parametrize("name", SYSTEMS)
def test_two_processes_give_the_labels_of_one(name, folder):
    alone = labelled(name)
    for state in states(folder, "labelled", name):
        for key, value in alone.items():
            if value.is_floating_point():
                torch.testing.assert_close(state[key], value, rtol=1e-4, atol=1e-5, msg=key)
            else:  # labels and trees
                assert torch.equal(state[key], value), key


@pytest.mark.parametrize("name", SYSTEMS)
def test_two_processes_train_one_network(name, folder):
    first, second = states(folder, "trained", name)
    module = load(folder / f"run_{name}")
    parameters = {key for key, _ in module.named_parameters()}
    for key, value in first.items():
        if key in parameters or key.startswith(("labels", "merges")):
            assert torch.equal(value, second[key]), key
    assert {path.name for path in (folder / f"run_{name}").iterdir()} >= {CHECKPOINT}
    for key, value in module.state_dict().items():
        assert torch.equal(value, first[key]), key
