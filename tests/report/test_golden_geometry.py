"""The golden values that the page's tests read are those that their program makes, and the tree's own."""

import importlib.util
import json
from pathlib import Path

import pytest
import torch

from hyperclade.geometry.ball import distance
from hyperclade.trees.tree import Tree

TOOL = Path(__file__).parents[2] / "tools" / "golden_geometry.py"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("golden_geometry", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def flat(value):
    if isinstance(value, dict):
        return [(f"{key}.{path}", leaf) for key, own in value.items() for path, leaf in flat(own)]
    if isinstance(value, list):
        return [(f"{at}.{path}", leaf) for at, own in enumerate(value) for path, leaf in flat(own)]
    return [("", value)]


def test_the_file_is_what_the_program_makes(tool):
    kept = flat(json.loads(tool.FILE.read_text(encoding="utf-8")))
    made = flat(tool.golden())
    assert [path for path, _ in kept] == [path for path, _ in made]
    assert [value for _, value in kept] == pytest.approx([value for _, value in made], rel=1e-12, abs=1e-14)


def test_distances_are_those_of_the_ball(tool):
    cases = json.loads(tool.FILE.read_text(encoding="utf-8"))["distances"]
    first, second = ([case[end] for case in cases] for end in ("from", "to"))
    ours = distance(torch.tensor(first, dtype=torch.float64), torch.tensor(second, dtype=torch.float64))
    assert ours.tolist() == pytest.approx([case["distance"] for case in cases], abs=1e-9)


def test_the_layout_is_of_a_tree(tool):
    layout = json.loads(tool.FILE.read_text(encoding="utf-8"))["layout"]
    tree = Tree(layout["parent"])
    assert tree.n_leaves == layout["leaves"]
    assert tree.leaf_order.tolist() != list(range(tree.n_leaves))  # else an order by number would pass
