"""The picture: its geometry against geoopt, its branches by their laws, its file by what is in it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from random_trees import random_tree, trees

from hyperclade.report import draw_hierarchy, main_branches, named_nodes
from hyperclade.report.branches import BRANCH_COLOURS
from hyperclade.report.picture import geodesics, sector_layout
from hyperclade.trees import Tree, ball_layout


@pytest.mark.learn
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 0.9999))
def test_geodesics_are_shortest(seed, reach):
    import geoopt
    import torch

    rng = np.random.default_rng(seed)
    angle, radius = rng.uniform(0, 2 * np.pi, (2, 8)), reach * rng.uniform(0, 1, (2, 8))
    start, stop = np.stack([np.cos(angle), np.sin(angle)], axis=-1) * radius[..., None]
    line = torch.tensor(geodesics(start, stop, 9))
    ball = geoopt.PoincareBall()
    start, stop = torch.tensor(start)[:, None], torch.tensor(stop)[:, None]
    torch.testing.assert_close(line[:, :1], start, atol=1e-9, rtol=0)
    torch.testing.assert_close(line[:, -1:], stop, atol=1e-9, rtol=0)
    along = ball.dist(start, line) + ball.dist(line, stop)
    torch.testing.assert_close(along, ball.dist(start, stop).expand_as(along), atol=1e-4, rtol=1e-6)


@settings(max_examples=40, deadline=None)
@given(trees)
def test_sectors_nest_and_ancestors_are_nearer_the_centre(tree):
    points = sector_layout(tree)
    radius = np.linalg.norm(points, axis=1)
    assert radius[tree.root] == 0 and (radius < 1).all()
    assert (radius[tree.parent[:-1]] <= radius[:-1] + 1e-12).all()
    angle = np.arctan2(points[:, 1], points[:, 0]) % (2 * np.pi)
    assert (np.diff(angle[tree.leaf_order]) > 0).all()
    for node in range(tree.n_leaves, tree.n_nodes - 1):
        below = angle[tree.leaves(node)]
        assert radius[node] < 1e-9 or below.min() - 1e-9 <= angle[node] <= below.max() + 1e-9


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def has_colour(image, colour):
    rgb = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    return (np.abs(image - rgb).sum(axis=2) < 6).sum() > 50


def test_branches_show_in_their_colours(tmp_path):
    tree = random_tree(300, np.random.default_rng(0))
    draw_hierarchy(tree, tmp_path / "a.png")
    image = pixels(tmp_path / "a.png")
    for colour in BRANCH_COLOURS[: len(main_branches(tree))]:
        assert has_colour(image, colour)


def svg(tmp_path, tree, names, **options):
    draw_hierarchy(tree, tmp_path / "a.svg", node_names=names, **options)
    return (tmp_path / "a.svg").read_text(encoding="utf-8")


def test_names_around_and_title_are_written(tmp_path):
    names = {0: "cat", 1: "costs $5 or $6", 2: "oak", 3: "fir"}
    text = svg(tmp_path, Tree([4, 4, 5, 5, 6, 6, -1]), names, title="four things")
    for name in (*names.values(), "four things"):
        assert f"<!-- {name} -->" in text  # letters are outlines, below a comment


def test_names_of_branches_stand_at_their_nodes(tmp_path):
    tree = Tree([4, 4, 5, 5, 6, 6, -1])
    draw_hierarchy(tree, tmp_path / "a.png", node_names={0: "cat", 2: "oak"})
    draw_hierarchy(tree, tmp_path / "b.png", node_names={0: "cat", 2: "oak", 4: "pets & <$co>"})
    y, x = np.nonzero((pixels(tmp_path / "a.png") != pixels(tmp_path / "b.png")).any(axis=2))
    point = sector_layout(tree)[4]
    assert abs(x.mean() - 900 * (1 + point[0] / 1.52)) < 20
    assert abs(y.mean() - 900 * (1 - point[1] / 1.52)) < 20


def test_of_names_in_one_place_the_one_of_the_larger_node_stays(tmp_path):
    tree = random_tree(800, np.random.default_rng(0))
    small, large = tree.leaf_order[:2]  # neighbours on the circle
    text = svg(tmp_path, tree, {int(small): "first", int(large): "second"})
    assert ("first" in text) != ("second" in text)


def test_coordinates_may_be_given(tmp_path):
    tree = random_tree(50, np.random.default_rng(0))
    draw_hierarchy(tree, tmp_path / "a.png")
    draw_hierarchy(tree, tmp_path / "b.png", ball_layout(tree, 2))
    assert (pixels(tmp_path / "a.png") != pixels(tmp_path / "b.png")).any()
    with pytest.raises(ValueError, match=r"shape \(\d+, 2\)"):
        draw_hierarchy(tree, tmp_path / "c.png", np.zeros((3, 2)))
    with pytest.raises(ValueError, match="inside the unit disk"):
        draw_hierarchy(tree, tmp_path / "c.png", np.ones((tree.n_nodes, 2)))


@pytest.mark.parametrize(
    "tree",
    [
        Tree([-1]),
        Tree([2, 2, -1]),
        Tree([3] * 3 + [-1]),
        Tree.from_merges(np.c_[np.r_[0, 3000:5998], 1:3000]),
    ],
    ids=["one leaf", "two leaves", "star", "chain"],
)
def test_odd_shapes(tree, tmp_path):
    nodes = named_nodes(tree)
    assert ((nodes >= 0) & (nodes < tree.n_nodes)).all()
    draw_hierarchy(tree, tmp_path / "a.png", node_names={int(node): f"node {node}" for node in nodes})
    assert Image.open(tmp_path / "a.png").size == (1800, 1800)
