"""Reports of how far work is."""

import time

import pytest

from hyperclade.progress import say_list, timed, tracked


@pytest.fixture
def seen():
    return []


def test_items_pass_while_reports_say_how_many_have(seen):
    for item in tracked("abcd", "reading", lambda stage, fraction: seen.append((stage, fraction))):
        seen.append(item)
    assert seen == [
        ("reading", 0.0), "a", ("reading", 0.25), "b", ("reading", 0.5), "c", ("reading", 0.75), "d",
        ("reading", 1.0),
    ]  # fmt: skip


def test_nobody_has_to_listen():
    assert list(tracked(iter("ab"), "reading", None)) == ["a", "b"]  # nor has the number to be known


def test_a_total_stands_for_a_length(seen):
    items = tracked(iter("ab"), "x", lambda stage, fraction: seen.append(fraction), total=4)
    assert list(items) == ["a", "b"] and seen == [0.0, 0.25, 0.5]
    with pytest.raises(AssertionError):
        list(tracked(iter("ab"), "x", lambda stage, fraction: None))


def test_nothing_to_do_is_reported_once(seen):
    assert list(tracked([], "x", lambda stage, fraction: seen.append(fraction))) == [] and seen == [0.0]


def test_work_is_lazy_and_a_stop_ends_the_reports(seen):
    items = tracked(range(3), "x", lambda stage, fraction: seen.append(fraction))
    assert next(items) == 0 and seen == [0.0]
    items.close()
    assert seen == [0.0]


@pytest.mark.parametrize(
    ("lines", "most", "said"),
    [
        ([], 2, []),
        (["a", "b"], 2, ["two:", "  a", "  b"]),
        ([f"{k}" for k in range(1003)], 1, ["two:", "  0", "  … and 1,002 more"]),
    ],
)
def test_long_lists_are_cut(lines, most, said, seen):
    say_list(seen.append, "two:", lines, most=most)
    assert seen == said
    say_list(None, "two:", lines, most=most)


def test_seconds_add_up_by_stage(seen):
    seconds = {}
    for _ in range(2):
        with timed(seconds, "fit", lambda stage, fraction: seen.append((stage, fraction))):
            time.sleep(0.01)
    with timed(seconds, "other"):
        pass
    assert seconds.keys() == {"fit", "other"} and seconds["fit"] >= 0.02 > seconds["other"] >= 0
    assert seen == [("fit", 0.0), ("fit", 1.0)] * 2
