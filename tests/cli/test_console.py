"""What commands show, on which stream, on terminals and elsewhere."""

import pytest
from rich.console import Console

from hyperclade.cli import console


@pytest.fixture
def terminal(monkeypatch):
    """Standard error is a terminal."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")


def test_no_bar_where_nobody_watches_but_the_lines(capsys):
    with console.bar() as (report, say):
        report("reading", 0.5)
        say("3 skipped: [a] :b: 12.5")
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err == "3 skipped: [a] :b: 12.5\n"


def test_a_bar_shows_the_stage_on_standard_error_and_is_gone_at_the_end(terminal, capsys):
    with console.bar() as (report, say):
        report("reading", 0.5)
        say("said")
        report("embedding", 0.1)
    printed = capsys.readouterr()
    assert printed.out == "" and "said\n" in printed.err
    assert "embedding" in printed.err
    assert printed.err.endswith("\x1b[1A\x1b[2K")  # up one line, which is erased


def test_a_bar_that_is_not_wanted(terminal, capsys):
    with console.bar(False) as (report, say):
        report("reading", 0.5)
        say("said")
    assert capsys.readouterr().err == "said\n"


def test_each_stage_begins_anew(terminal, monkeypatch):
    from rich import progress

    made = []

    class Spied(progress.Progress):
        def __init__(self, *columns, **options):
            super().__init__(*columns, **options)
            made.append(self)

    monkeypatch.setattr(progress, "Progress", Spied)
    with console.bar() as (report, _):
        (task,) = made[0].tasks
        report("reading", 0.75)
        assert (task.description, task.completed, task.started) == ("reading", 0.75, True)
        report("fitting", 0.0)
        assert (made[0].tasks[0].description, made[0].tasks[0].completed) == ("fitting", 0.0)


def test_an_error_takes_the_bar_away_too(terminal, capsys):
    with pytest.raises(KeyError), console.bar() as (report, _):
        report("reading", 0.5)
        raise KeyError("x")
    assert capsys.readouterr().err.endswith("\x1b[1A\x1b[2K")


def test_texts_are_shown_as_they_are_however_narrow(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "20")
    text = "[bold]file[/bold] :cat: 1.5 " + "long " * 30
    console.console().print(text)
    assert capsys.readouterr().out == text + "\n"
    assert console.console().width == 20 and console.console(90).width == 90
    monkeypatch.setenv("COLUMNS", "200")
    assert console.console(90).width == 200


def test_tables_have_names_to_the_left_and_numbers_to_the_right(capsys):
    on = Console(width=40, color_system=None)
    on.print(console.table(("model", "NMI"), [("a", 0.5), ("longer one", 10.25)]))
    on.print(console.table(("", "", ""), [("a", "b", 1), ("aa", "bb", 22)], left=2, header=False))
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "model         NMI",
        "a             0.5",
        "longer one  10.25",
        "a   b    1",
        "aa  bb  22",
    ]
