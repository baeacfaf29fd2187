"""The picture: its geometry against geoopt, its branches by their laws, its file by what is in it."""

import geoopt
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hyperclade import SHHC
from hyperclade.report import draw_hierarchy, main_branches, named_nodes
from hyperclade.report.picture import BRANCH_COLOURS, MOST_BRANCHES, geodesics, sector_layout
from hyperclade.trees import Tree, ball_layout


def random_tree(n, rng):
    """Random shapes from balanced to chains, some nodes with several children."""
    parent, alive = {}, list(range(n))
    made = n
    while len(alive) > 1:
        taken = min(len(alive), int(rng.integers(2, 4)))
        for _ in range(taken):
            parent[alive.pop(int(rng.integers(len(alive))))] = made
        alive.append(made)
        made += 1
    return Tree([parent.get(node, -1) for node in range(made)])


trees = st.builds(
    lambda n, seed: random_tree(n, np.random.default_rng(seed)), st.integers(2, 60), st.integers(0, 2**32 - 1)
)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 0.9999))
def test_geodesics_are_shortest(seed, reach):
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


@settings(max_examples=60, deadline=None)
@given(trees, st.integers(1, 12), st.floats(0, 0.3))
def test_branches_are_disjoint_and_hold_all_but_small_ones(tree, count, share):
    nodes = main_branches(tree, count, least_share=share, root=tree.root)
    leaves = [set(tree.leaves(node).tolist()) for node in nodes.tolist()]
    assert 1 <= len(nodes) <= count
    held = set().union(*leaves)
    assert sum(map(len, leaves)) == len(held)
    assert all(len(below) >= max(2, share * tree.n_leaves) for below in leaves)
    # a node of these trees has at most three children, so three branches never are too few
    assert len(held) >= 0.9 * tree.n_leaves or count < 3


@settings(max_examples=60, deadline=None)
@given(trees)
def test_branches_of_a_tree_are_its_coarsest_layer_where_that_is_coarse(tree):
    layer = tree.layers()[0]
    k = int(layer.max()) + 1
    nodes = main_branches(tree)
    if k <= MOST_BRANCHES:
        assert [set(tree.leaves(node)) for node in nodes] == [
            set(np.flatnonzero(layer == c)) for c in range(k)
        ]
    else:
        assert nodes.tolist() == main_branches(tree, root=tree.root).tolist()


def held(tree, nodes):
    return [int(size) for size in tree.size[nodes]]


def test_no_row_is_lost_among_repeated_rows():
    """Six rows 300, 200, … times gave branches of 9 and 10 of the 900 rows."""
    counts = [300, 200, 150, 100, 100, 50]
    X = np.repeat(np.random.default_rng(0).normal(size=(6, 8)) * 5, counts, axis=0)
    tree = SHHC(random_state=0).fit(X).tree_
    assert sorted(held(tree, main_branches(tree))) == sorted(counts)
    for branch in main_branches(tree).tolist():
        assert main_branches(tree, 3, root=branch).tolist() == [branch]  # equal rows are not divided


def test_four_blobs_are_four_branches():
    """Four tight blobs of 10 rows gave four branches of 2."""
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(scale=0.01, size=(10, 4)) + 10 * c for c in rng.normal(size=(4, 4))])
    tree = SHHC(random_state=0).fit(X).tree_
    assert held(tree, main_branches(tree)) == [10] * 4


def caterpillar(n):
    return [[0 if k == 1 else n + k - 2, k] for k in range(1, n)]


def test_chains_stay_whole_and_blocks_on_a_chain_are_found():
    """Blocks of 40 chained rows were divided until 2 rows were left of each."""
    chain = Tree.from_merges(caterpillar(500))
    assert main_branches(chain, root=chain.root).tolist() == [chain.root]
    n, blocks = 203, 5
    merges, roots = [], []
    for block in range(blocks):
        first = 40 * block
        for k in range(1, 40):
            merges.append([first if k == 1 else n + len(merges) - 1, first + k])
        roots.append(n + len(merges) - 1)
    for top in [200, roots[1], 201, roots[2], roots[3], roots[4], 202]:  # three outliers between the blocks
        merges.append([roots[0] if top == 200 else n + len(merges) - 1, top])
    tree = Tree.from_merges(merges)
    nodes = main_branches(tree, root=tree.root)
    assert sorted(held(tree, nodes)) in ([40] * 5, [40] * 4 + [41])


def test_of_a_star_of_groups_the_largest_are_shown():
    sizes = np.r_[np.arange(2, 30), 60, 50]
    n = int(sizes.sum())
    parent = np.r_[np.repeat(n + np.arange(30), sizes), np.full(30, n + 30), -1]
    tree = Tree.from_parents(parent)
    assert sorted(held(tree, main_branches(tree, 4, root=tree.root))) == [28, 29, 50, 60]


def test_branches_under_a_node_are_those_of_its_subtree():
    tree = random_tree(200, np.random.default_rng(1))
    root = int(main_branches(tree, 3, root=tree.root)[0])
    below = main_branches(tree, 4, root=root)
    alone = main_branches(tree.subtree(root), 4, root=tree.subtree(root).root)
    assert tree.size[below].tolist() == tree.subtree(root).size[alone].tolist()
    assert set(np.concatenate([tree.leaves(node) for node in below])) <= set(tree.leaves(root))


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
