"""The outline: its lines stand for all rows, on any tree."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperclade import SHHC
from hyperclade.report import main_branches, outline
from hyperclade.trees import Tree


def caterpillar(n):
    return Tree.from_merges([[0 if k == 1 else n + k - 2, k] for k in range(1, n)])


def random_tree(n, seed, skew):
    rng = np.random.default_rng(seed)
    alive, merges = list(range(n)), []
    for made in range(n, 2 * n - 1):
        last = len(alive) - 1 if rng.random() < skew else int(rng.integers(len(alive)))
        pair = [alive.pop(last), alive.pop(int(rng.integers(len(alive))))]
        merges.append(pair)
        alive.append(made)
    return Tree.from_merges(merges)


def sizes(lines):
    """Rows that each line of the first level, and of the second below it, counts."""
    first, second = [], []
    for line in lines[1:]:
        count = int(re.findall(r"[\d,]+(?= (?:more )?rows?\b)", line)[0].replace(",", ""))
        if line[0] in "├└":
            first.append(count)
            second.append([])
        else:
            second[-1].append(count)
    return first, second


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 300), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_lines_of_a_level_count_all_rows(n, seed, skew):
    tree = random_tree(n, seed, skew)
    lines = outline(tree, {})
    assert lines[0] == f"{n} rows" and len(lines) <= 52
    first, second = sizes(lines)
    assert sum(first) == n or not first
    for count, below in zip(first, second, strict=True):
        assert sum(below) == count or not below


def test_repeated_rows_show_their_counts():
    X = np.repeat(np.random.default_rng(0).normal(size=(6, 8)), [300, 200, 150, 100, 100, 50], axis=0)
    first, second = sizes(outline(SHHC(random_state=0).fit(X).tree_, {}))
    assert sorted(first) == [50, 100, 100, 150, 200, 300] and not any(second)


def test_what_is_left_out_is_counted():
    tree = random_tree(300, 1, 0.5)
    nodes = main_branches(tree)
    lines = outline(tree, {int(nodes[0]): "one"}, {int(nodes[0]): "note"})
    assert any(line[3:] == f"one  {tree.size[nodes[0]]}  note" for line in lines)
    left = 300 - int(tree.size[nodes].sum())
    assert left == 0 or f"… {left} more row" in lines[-1]


@pytest.mark.parametrize("n", [1, 2, 40])
def test_odd_trees(n):
    lines = outline(Tree([-1]) if n == 1 else caterpillar(n), {})
    assert lines[0] == f"{n} row{'s' if n > 1 else ''}"


def test_names_and_notes_stand_on_one_line_without_what_is_not_seen():
    tree = Tree([4, 4, 5, 5, 6, 6, -1])
    lines = outline(tree, {4: "pets\nand\x1b[2J birds\u202e", 5: "\u200b"}, {4: "50 % a\nb"})
    assert lines[1:] == ["├─ pets and [2J birds  2  50 % a b", "└─ 2 rows"]
