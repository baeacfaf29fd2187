"""The entry point `hyperclade COMMAND …`: picks the command and turns errors of the user into one line.

A command is a function with annotations and a docstring with an `Args:` section. Its first parameter is the
positional argument, the others are options; jsonargparse makes the parser from them. The module of a command
is imported only when that command runs, so that `hyperclade --help` answers at once.
"""

import inspect
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

# command: (module that holds the function of the same name, what it does)
COMMANDS = {
    "discover": ("hyperclade.cli.discover", "find the hierarchy in features, images or texts"),
    "embed": ("hyperclade.cli.embed", "compute features of images or texts with a pretrained encoder"),
}

_WRONG_USE, _INTERRUPTED, _TERMINATED = 2, 130, 143  # exit statuses, as shells have them


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 2 for an error of the user, 130 after Ctrl-C.

    Parameters
    ----------
    arguments : list of str, optional
        Default: those of the process.

    Examples
    --------
    >>> main(["--version"])  # doctest: +ELLIPSIS
    hyperclade ...
    0
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    command, rest = (arguments[0], arguments[1:]) if arguments else ("--help", [])
    if command in ("-h", "--help"):
        print(_help())
        return 0
    if command == "--version":
        from hyperclade import __version__

        print(f"hyperclade {__version__}")
        return 0
    if command not in COMMANDS:
        print(f"error: no command {command!r}; there are {', '.join(COMMANDS)}", file=sys.stderr)
        return _WRONG_USE
    if threading.current_thread() is threading.main_thread():  # others cannot handle signals
        signal.signal(signal.SIGTERM, _terminate)
    try:
        function = getattr(import_module(COMMANDS[command][0]), command)
        function(**_parse(function, command, rest))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return _INTERRUPTED
    except (ValueError, OSError, ImportError, MemoryError) as error:
        if os.environ.get("HYPERCLADE_DEBUG"):
            raise
        print(f"error: {_one_line(error)}", file=sys.stderr)
        return _WRONG_USE
    return 0


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {command:<{width}}  {summary}" for command, (_, summary) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: hyperclade COMMAND …",
            "",
            "Find the hierarchy in unlabelled data, and learn from it.",
            "",
            "commands:",
            *lines,
            "",
            "hyperclade COMMAND --help   options of a command",
            "hyperclade --version        version of this installation",
            "HYPERCLADE_DEBUG=1          show the traceback of an error",
        ]
    )


def _parse(function: Callable[..., None], command: str, arguments: list[str]) -> dict[str, Any]:
    parser = _parser(function, command)
    return parser.parse_args([_with_underscores(argument) for argument in arguments]).as_dict()


def _with_underscores(argument: str) -> str:
    """`--batch-size=9` as `--batch_size=9`; other arguments as they are."""
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument.partition("=")
    return "--" + name[2:].replace("-", "_") + equals + value


def _parser(function: Callable[..., None], command: str) -> "ArgumentParser":
    import docstring_parser
    from jsonargparse import ActionYesNo, ArgumentParser

    documented = docstring_parser.parse(inspect.getdoc(function) or "")
    about = {parameter.arg_name: parameter.description for parameter in documented.params}
    parser = ArgumentParser(prog=f"hyperclade {command}", description=documented.short_description)
    positional, *others = inspect.signature(function).parameters.values()
    optional: dict[str, Any] = {}
    if positional.default is not positional.empty:
        optional = {"nargs": "?", "default": positional.default}
    parser.add_argument(positional.name, type=str, help=about.get(positional.name), **optional)
    flags = [parameter for parameter in others if parameter.annotation in (bool, "bool")]
    handled: set[str | int] = {positional.name, *(flag.name for flag in flags)}
    parser.add_function_arguments(function, as_group=False, skip=handled)
    for flag in flags:
        parser.add_argument(
            f"--{flag.name}", action=ActionYesNo, default=flag.default, help=about.get(flag.name)
        )
    return parser


def _terminate(signum: int, frame: Any) -> None:
    """Leave through `finally` blocks, so that temporary files are removed."""
    raise SystemExit(_TERMINATED)


def _one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return " ".join(str(error).split()) or type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
