"""Names that packages export but load only on first use, so that imports cost next to nothing."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def lazy_exports(
    package: str, home: dict[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """``__getattr__``, ``__dir__`` and ``__all__`` (PEP 562) for a package that exports names of its modules.

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    home : dict of str to str
        Module, relative to the package, that each exported name comes from.

    Notes
    -----
    Loading a name whose module needs a package that is not installed raises ModuleNotFoundError, which says
    what installs it.

    Examples
    --------
    >>> load, names, _ = lazy_exports("hyperclade.metrics", {"nmi": "partitions"})
    >>> load("nmi").__module__, names()
    ('hyperclade.metrics.partitions', ['nmi'])
    """

    def load(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            return getattr(import_module(f"{package}.{home[name]}"), name)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.startswith("hyperclade"):
                raise
            from hyperclade.environment import installation

            message = f"{package}.{name} needs {error.name}: {installation(error.name)}"
            raise ModuleNotFoundError(message) from error

    return load, lambda: sorted(home), list(home)
