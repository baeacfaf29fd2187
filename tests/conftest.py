"""Arrays of tests are small: a second thread costs more than it gives, and much more on a busy machine."""

import os

# Read when the libraries are loaded. Threads that wait for work shall not keep a core from other tests.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numba
import pytest
import torch

numba.get_num_threads()  # starts numba's threads, which gives torch as many


@pytest.hookimpl(tryfirst=True)  # before fixtures, some of which train
def pytest_runtest_setup():
    """Also after a test that asked for more threads."""
    torch.set_num_threads(1)
