"""Arrays of tests are small: a second thread costs more than it gives, and much more on a busy machine.

Where the core is installed alone, files that import what the learn extra installs are left out, and tests
marked as needing it; both are counted at the end.
"""

import os
import re

# Read when the libraries are loaded. Threads that wait for work shall not keep a core from other tests.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numba
import pytest

numba.get_num_threads()  # starts numba's threads, which gives torch as many
try:
    import torch
except ModuleNotFoundError:
    torch = None

_LEARN = r"^(?:import|from) (?:av|generated_media|geoopt|pytorch_lightning|torch|transformers)\b"
_left_out = []


@pytest.hookimpl(tryfirst=True)  # before fixtures, some of which train
def pytest_runtest_setup():
    """Also after a test that asked for more threads."""
    if torch is not None:
        torch.set_num_threads(1)


def pytest_ignore_collect(collection_path):
    if torch is not None or collection_path.suffix != ".py":
        return None
    if not re.search(_LEARN, collection_path.read_text(encoding="utf-8"), re.MULTILINE):
        return None
    _left_out.append(collection_path.name)
    return True


def pytest_collection_modifyitems(config, items):
    if torch is None:
        learn = [item for item in items if item.get_closest_marker("learn")]
        items[:] = [item for item in items if item not in learn]
        config.hook.pytest_deselected(items=learn)


def pytest_terminal_summary(terminalreporter):
    if _left_out:
        terminalreporter.write_line(f"without the learn extra, left out: {', '.join(sorted(_left_out))}")
