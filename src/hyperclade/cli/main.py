"""The entry point `hyperclade COMMAND …`: picks the command and turns errors of the user into one line.

A command is a function with annotations and a docstring that describes its parameters; one of two words,
"train selflabel", is what `cli.systems` makes of a system that learns. Parameters before a `*`, or the first
where there is none, are positional arguments, the others options. Those of a dataclass have the options of
its fields (`--training.epochs 5`), and the command then reads YAML files of all its options (`--config
FILE`). Its module is imported only when it runs, so that `hyperclade --help` answers at once.
"""

import inspect
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, cast

from hyperclade.cli import systems

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

# command of one word, the function of that name in its module: what it does
COMMANDS = {
    "discover": "find the hierarchy in features, images or texts",
    "report": "the page of a hierarchy once more, with media, or beside another",
    "assign": "labels of new rows by a hierarchy that discover has saved",
    "apply": "take corrections of a hierarchy, made in its page, back into its results",
    "embed": "compute features of images or texts with a pretrained encoder",
    "index": "make an index of images, texts or features, or bring one up to date",
    "query": "the nearest items of an index, and their way down its hierarchy",
}

# options that take several values: annotation: type of each
_ITEM_OF = {
    str(kind): item
    for item in (int, float, str)
    for kind in (list[item], list[item] | None)  # type: ignore[valid-type]
}
_CONFIG = "YAML file of options, or a shipped preset by its name; may be given several times, later ones win"
_BARE_IS_AUTO = str | Literal["auto"] | None
_WRONG_USE, _INTERRUPTED, _TERMINATED = 2, 130, 143  # exit statuses, as shells have them


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 2 for an error of the user, 130 after Ctrl-C.

    Arguments are by default those of the process.

    >>> main(["--version"])  # doctest: +ELLIPSIS
    hyperclade ...
    0
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    command, rest = _split(arguments)
    if command in ("-h", "--help"):
        print(_help())
        return 0
    if command == "--version":
        from hyperclade import __version__

        print(f"hyperclade {__version__}")
        return 0
    if command is None:
        return _no_such(arguments[0])
    if threading.current_thread() is threading.main_thread():  # others cannot handle signals
        signal.signal(signal.SIGTERM, _terminate)
    try:
        if command in COMMANDS:
            function = getattr(import_module(f"hyperclade.cli.{command}"), command)
        else:
            function = systems.command(command)
        options = _parse(function, command, rest)
        if options.get("device", "auto") != "auto":
            _check_device(options["device"])
        function(**options)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return _INTERRUPTED
    except (ValueError, OSError, ImportError, MemoryError, RuntimeError) as error:
        if os.environ.get("HYPERCLADE_DEBUG") or (isinstance(error, RuntimeError) and not _gpu_full(error)):
            raise
        print(f"error: {_one_line(error)}", file=sys.stderr)
        return _WRONG_USE
    return 0


def _split(arguments: list[str]) -> tuple[str | None, list[str]]:
    """The command, of one word or two, and its arguments; None where there is no such command."""
    if not arguments:
        return "--help", []
    if arguments[0] in COMMANDS or arguments[0].startswith("-"):
        return arguments[0], arguments[1:]
    two = " ".join(arguments[:2])
    return (two if systems.is_command(two) else None), arguments[2:]


def _no_such(command: str) -> int:
    """Names what there is: the commands that begin with the word given, or else all."""
    every = COMMANDS | systems.commands()
    begun = {name: about for name, about in every.items() if name.startswith(f"{command} ")}
    if begun:
        print(f"hyperclade {command} …\n\n{_lines(begun)}")
    else:
        print(f"error: no command {command!r}; there are {', '.join(every)}", file=sys.stderr)
    return _WRONG_USE


def _help() -> str:
    return f"""usage: hyperclade COMMAND …

Find the hierarchy in unlabelled data, and learn from it.

commands:
{_lines(COMMANDS | systems.commands())}

hyperclade COMMAND --help   options of a command
hyperclade --version        version of this installation
HYPERCLADE_DEBUG=1          show the traceback of an error"""


def _lines(commands: dict[str, str]) -> str:
    width = max(map(len, commands))
    return "\n".join(f"  {command:<{width}}  {about}" for command, about in commands.items())


def _parse(function: Callable[..., None], command: str, arguments: list[str]) -> dict[str, Any]:
    from jsonargparse import ArgumentError

    parser = _parser(function, command)
    arguments = _with_sizes([_with_underscores(argument) for argument in arguments])
    arguments = _with_one_config(arguments, command)
    try:
        values = parser.parse_args(arguments).as_dict()
    except ArgumentError as error:
        raise ValueError(f"{error} (hyperclade {command} --help lists the options)") from error
    values.pop("config", None)
    for name, parameter in inspect.signature(function).parameters.items():
        if is_dataclass(parameter.annotation) and isinstance(values[name], dict):
            values[name] = cast("Callable[..., Any]", parameter.annotation)(**values[name])
    return values


def _with_underscores(argument: str) -> str:
    """`--batch-size=9` as `--batch_size=9`; other arguments as they are."""
    return re.sub(r"(?<=^--)[^=]*", lambda name: name[0].replace("-", "_"), argument)


def _with_sizes(arguments: list[str]) -> list[str]:
    """`--source.size 224 160` as `--source.size 224x160`; other arguments as they are."""
    joined: list[str] = []
    for argument in arguments:
        sides = [*joined[-1:], argument]
        if len(joined) > 1 and re.fullmatch(r"--\w+\.size", joined[-2]) and all(map(str.isdecimal, sides)):
            joined[-1] = "x".join(sides)
        else:
            joined.append(argument)
    return joined


def _parser(function: Callable[..., None], command: str) -> "ArgumentParser":
    import docstring_parser
    from jsonargparse import ActionYesNo, ArgumentParser

    told = docstring_parser.parse(inspect.getdoc(function) or "")
    about = {parameter.arg_name: parameter.description for parameter in told.params}
    parser = ArgumentParser(prog=f"hyperclade {command}", description=told.description, exit_on_error=False)
    parameters = inspect.signature(function).parameters
    handled: set[str | int] = set()
    if any(is_dataclass(parameter.annotation) for parameter in parameters.values()):
        parser.add_argument("--config", action="config", help=_CONFIG)
    positional = [name for name, one in parameters.items() if one.kind is not one.KEYWORD_ONLY]
    if len(positional) == len(parameters):
        positional = positional[:1]
    for name, parameter in parameters.items():
        given: dict[str, Any] = {"help": about.get(name)}
        if parameter.default is not parameter.empty:
            given["default"] = parameter.default
        if name in positional:
            if "default" in given:
                given["nargs"] = "?"
            parser.add_argument(name, type=str, **given)
        elif parameter.annotation in (bool, "bool"):
            parser.add_argument(f"--{name}", action=ActionYesNo, **given)
        elif parameter.annotation == _BARE_IS_AUTO:
            parser.add_argument(f"--{name}", type=str, nargs="?", const="auto", **given)
        elif (item := _ITEM_OF.get(str(parameter.annotation))) is not None:
            parser.add_argument(f"--{name}", type=item, nargs="*", **given)
        else:
            continue
        handled.add(name)
    parser.add_function_arguments(function, as_group=False, skip=handled)
    return parser


def _with_one_config(arguments: list[str], command: str) -> list[str]:
    """What all `--config` hold together before the other arguments, which are laid over it."""
    rest, names = [], []
    for argument in (left := iter(arguments)):
        name, equals, value = argument.partition("=")
        if name == "--config" and (found := value if equals else next(left, None)) is not None:
            names.append(found)
        else:
            rest.append(argument)
    if not names:
        return arguments
    return ["--config", json.dumps(systems.read_config(command, names)), *rest]


def _check_device(name: str) -> None:
    """A device that is not there is refused before any work, by every command alike."""
    from hyperclade.environment import device_of

    try:
        device_of(name)
    except ValueError as error:
        raise ValueError(f"--{error}") from error


def _terminate(signum: int, frame: Any) -> None:
    """Leave through `finally` blocks, so that temporary files are removed."""
    raise SystemExit(_TERMINATED)


def _gpu_full(error: BaseException) -> bool:
    return type(error).__name__ == "OutOfMemoryError"  # torch's, without importing torch


def _one_line(error: BaseException) -> str:
    if _gpu_full(error):
        return f"the GPU ran out of memory; --device cpu does without it ({str(error).partition('. GPU')[0]})"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, ModuleNotFoundError) and error.name is not None:
        from hyperclade.environment import installation

        return f"this needs {error.name}, which is not installed: {installation(error.name)}"
    return text


if __name__ == "__main__":
    sys.exit(main())
