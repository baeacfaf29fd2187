"""The entry point: what it prints, its exit status, and what it does not import."""

import re
import subprocess
import sys
from importlib import import_module
from inspect import signature
from typing import Literal

import pytest

from hyperclade.cli import main as entry
from hyperclade.cli import systems


def function_of(command):
    if " " in command:
        return systems.command(command)
    return getattr(import_module(f"hyperclade.cli.{command}"), command)


COMMANDS = entry.COMMANDS | systems.commands()


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "hyperclade.cli.main", *arguments], capture_output=True, text=True, **options
    )


def imported(statement):
    code = f"import sys\n{statement}\nprint('modules:', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("modules:")[2].split())


@pytest.mark.parametrize(
    "statement",
    ["import hyperclade", "from hyperclade.cli.main import main; main(['--help'])"],
    ids=["package", "help"],
)
def test_import_and_help_leave_the_heavy_ones_alone(statement):
    heavy = {"torch", "numba", "scipy", "sklearn", "pandas", "matplotlib", "jsonargparse", "geoopt"}
    assert not heavy & imported(statement)


def test_help_of_a_command_needs_no_torch():
    statement = (
        "from hyperclade.cli.main import main\ntry: main(['discover', '--help'])\nexcept SystemExit: pass"
    )
    assert not {"torch", "numba", "sklearn", "matplotlib"} & imported(statement)


def test_help_lists_every_command():
    done = run("--help")
    assert done.returncode == 0 and run().stdout == done.stdout
    for command, summary in COMMANDS.items():
        assert f"{command}  " in done.stdout and summary in done.stdout


@pytest.mark.parametrize(
    "command",
    [pytest.param(c, marks=pytest.mark.learn if " " in c else ()) for c in COMMANDS],
)
def test_help_of_a_command_describes_every_option(command, capsys):
    with pytest.raises(SystemExit) as stop:
        entry.main([*command.split(), "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    function = function_of(command)
    assert " ".join(function.__doc__.split("\n\n")[0].split()) in " ".join(text.split())
    parameters = signature(function).parameters
    names = list(parameters)
    n_positional = sum(one.kind is not one.KEYWORD_ONLY for one in parameters.values())
    if n_positional == len(names):
        n_positional = 1
    assert all(name in text for name in names[:n_positional])
    assert all(f"--{option}" in text for option in names[n_positional:])
    bare = re.findall(r"^  --\S+(?: [A-Z]\S*)?(?:, --\S+ \S+)?\s+\(type", text, re.MULTILINE)
    assert not bare  # inherited ones too


def test_version(capsys):
    import hyperclade

    assert entry.main(["--version"]) == 0
    assert capsys.readouterr().out == f"hyperclade {hyperclade.__version__}\n"


def test_unknown_command_and_option():
    done = run("divine")
    assert done.returncode == 2 and "no command 'divine'" in done.stderr and "discover" in done.stderr
    done = run("discover", "--nonsense", "1")
    assert done.returncode == 2 and "nonsense" in done.stderr and "Traceback" not in done.stderr
    done = run("discover", "--similarity", "manhattan")
    assert done.returncode == 2 and "manhattan" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.learn
@pytest.mark.parametrize("command", ["discover X.npy", "embed X.txt --out X.npy"])
@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("banana", "--device must be auto, cpu, cuda or cuda:N, got 'banana'"),
        ("cuda:x", "--device must be auto, cpu, cuda or cuda:N, got 'cuda:x'"),
        ("cuda:2", "--device cuda:2: CUDA devices are numbered from 0, and the last here is cuda:1"),
    ],
)
def test_a_device_that_is_not_there_is_refused_before_any_work(command, device, message, capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert entry.main([*command.split(), "--device", device]) == 2
    text = capsys.readouterr().err
    assert text.startswith(f"error: {message}") and text.count("\n") == 1
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert entry.main([*command.split(), "--device", "cuda"]) == 2
    text = capsys.readouterr().err
    assert text == "error: --device cuda: there is no CUDA device here; cpu works everywhere\n"


@pytest.mark.parametrize(
    ("arguments", "value"), [([], None), (["--columns"], "auto"), (["--columns", "c.txt"], "c.txt")]
)
def test_an_option_may_stand_without_a_value(arguments, value, monkeypatch):
    def discover(features: str, columns: str | Literal["auto"] | None = None) -> None:
        seen.append(columns)

    seen = []
    monkeypatch.setattr("hyperclade.cli.discover.discover", discover)
    assert entry.main(["discover", "X.npy", *arguments]) == 0
    assert seen == [value]


@pytest.fixture
def command(monkeypatch):
    """Replaces `discover` by a function that keeps its arguments, or raises."""

    def install(outcome=None):
        def discover(features: str | None = None, batch_size: int = 1, overwrite: bool = False) -> None:
            seen.append((features, batch_size, overwrite))
            if outcome is not None:
                raise outcome

        seen = []
        monkeypatch.setattr("hyperclade.cli.discover.discover", discover)
        return seen

    return install


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], (None, 1, False)),
        (["a-b.npy"], ("a-b.npy", 1, False)),
        (["a.npy", "--batch-size", "3"], ("a.npy", 3, False)),
        (["--batch_size=4", "--overwrite", "a.npy"], ("a.npy", 4, True)),
        (["--batch-size=5", "--no-overwrite"], (None, 5, False)),
    ],
)
def test_arguments_reach_the_function(command, arguments, expected):
    seen = command()
    assert entry.main(["discover", *arguments]) == 0
    assert seen == [expected]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("wrong\n  shape"), "error: wrong shape"),
        (
            FileNotFoundError(2, "No such file or directory", "x.npy"),
            "error: No such file or directory: x.npy",
        ),
        (FileNotFoundError("feature file x does not exist"), "error: feature file x does not exist"),
        (ImportError("needs pillow: pip install pillow"), "error: needs pillow: pip install pillow"),
        (MemoryError(), "error: MemoryError"),
        (
            ModuleNotFoundError("No module named 'av'", name="av"),
            "error: this needs av, which is not installed: pip install 'hyperclade[learn]'",
        ),
    ],
)
def test_errors_of_the_user_are_one_line(command, error, line, capsys, monkeypatch):
    command(error)
    monkeypatch.delenv("HYPERCLADE_DEBUG", raising=False)
    assert entry.main(["discover"]) == 2
    assert capsys.readouterr().err == line + "\n"
    monkeypatch.setenv("HYPERCLADE_DEBUG", "1")
    with pytest.raises(type(error)):
        entry.main(["discover"])


@pytest.mark.learn
def test_a_full_gpu_is_named(command, capsys):
    import torch

    command(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total of …"))
    assert entry.main(["discover"]) == 2
    assert capsys.readouterr().err == (
        "error: the GPU ran out of memory; --device cpu does without it (CUDA out of memory. Tried to "
        "allocate 2.00 GiB)\n"
    )


def test_other_errors_are_not_hidden(command):
    command(RuntimeError("a defect"))
    with pytest.raises(RuntimeError):
        entry.main(["discover"])


def test_interrupt_has_its_own_status(command, capsys):
    command(KeyboardInterrupt())
    assert entry.main(["discover"]) == 130
    assert "interrupted" in capsys.readouterr().err
