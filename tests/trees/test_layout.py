import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import linkage
from scipy.optimize import minimize_scalar
from tree_strategies import balanced, caterpillar, clades, trees

from hyperclade.trees import Tree, ball_layout, decode_ball, decode_disk, layout

any_tree = trees(max_leaves=60, max_children=5, single_children=True)


def norms(points):
    return np.linalg.norm(points, axis=1)


@settings(max_examples=100, deadline=None)
@given(trees(max_leaves=200), st.sampled_from([0.1, 1.0, 7.0]))
def test_decoding_the_disk_layout_gives_the_tree(tree, curvature):
    points = ball_layout(tree, 2, curvature)
    assert points.shape == (tree.n_nodes, 2)
    assert decode_disk(points[: tree.n_leaves]).same_clades(tree)


@settings(max_examples=100, deadline=None)
@given(trees(max_leaves=100), st.integers(2, 9))
def test_decoding_the_ball_layout_gives_the_tree(tree, dim):
    points = ball_layout(tree, dim)
    assert points.shape == (tree.n_nodes, dim)
    assert decode_ball(points[: tree.n_leaves]).same_clades(tree)


@settings(max_examples=60, deadline=None)
@given(any_tree, st.integers(2, 6))
def test_decoding_refines_trees_that_are_not_binary(tree, dim):
    decoded = decode_ball(ball_layout(tree, dim)[: tree.n_leaves])
    assert set(clades(tree)) <= set(clades(decoded))


@pytest.mark.parametrize("dim", [2, 3, 4, 7, 32])
def test_decoding_thousands_of_leaves(dim):
    for tree in (caterpillar(2000), balanced(2048)):
        assert decode_ball(ball_layout(tree, dim)[: tree.n_leaves]).same_clades(tree)


@settings(max_examples=60, deadline=None)
@given(any_tree, st.integers(2, 5), st.sampled_from([0.5, 1.0, 3.0]))
def test_leaves_share_a_radius_and_ancestors_are_nearer_the_origin(tree, dim, curvature):
    radius = norms(ball_layout(tree, dim, curvature)) * np.sqrt(curvature)
    leaf_radius = radius[: tree.n_leaves]
    np.testing.assert_allclose(leaf_radius, leaf_radius[0], rtol=1e-14)
    assert 0.5 < leaf_radius[0] < 1 - 1e-5
    below = np.arange(tree.n_nodes - 1)
    branches = tree.size[tree.parent[below]] > tree.size[below]
    assert (radius[tree.parent[below]] < radius[below])[branches].all()
    np.testing.assert_allclose(radius[tree.parent[below]][~branches], radius[below][~branches])


@settings(max_examples=30, deadline=None)
@given(trees(min_leaves=2, max_leaves=12), st.integers(2, 4))
def test_internal_nodes_are_the_points_of_geodesics_nearest_the_origin(tree, dim):
    points = ball_layout(tree, dim)
    for node in range(tree.n_leaves, tree.n_nodes):
        first, second = tree.children(node)
        u, v = points[tree.leaves(first)[-1]], points[tree.leaves(second)[0]]
        klein_u, klein_v = 2 * u / (1 + u @ u), 2 * v / (1 + v @ v)  # where geodesics are straight

        def at(share, klein_u=klein_u, klein_v=klein_v):
            return klein_u + share * (klein_v - klein_u)

        share = minimize_scalar(lambda share: np.sum(at(share) ** 2), (0.2, 0.9)).x
        klein = at(share)
        nearest = klein / (1 + np.sqrt(max(0, 1 - klein @ klein)))
        np.testing.assert_allclose(points[node], nearest, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_decoding_is_single_linkage_of_the_directions(n, dim, seed):
    points = np.random.default_rng(seed).normal(size=(n, dim))
    tree = decode_ball(points)
    if n > 1 and dim > 1:
        directions = points / norms(points)[:, None]
        angles = np.arccos(np.clip(directions @ directions.T, -1, 1))
        expected = Tree.from_linkage(linkage(angles[np.triu_indices(n, 1)], "single"))
        assert tree.same_clades(expected)
        np.testing.assert_allclose(tree.height, expected.height, atol=1e-7)
        if dim == 2:
            assert decode_disk(points).same_clades(expected)
    assert tree.n_leaves == n and tree.is_binary
    assert decode_ball(points * 1e-200).same_clades(tree) and decode_ball(points * 1e200).same_clades(tree)


def test_decoding_across_the_cut_of_arctan2():
    degrees = np.radians([179, -179, 178, 0, 90])
    tree = decode_disk(np.column_stack([np.cos(degrees), np.sin(degrees)]))
    assert set(clades(tree)[5:]) >= {frozenset({0, 2}), frozenset({0, 1, 2})}
    np.testing.assert_allclose(np.degrees(tree.height[5:]), [1, 2, 88, 90])


def test_decoding_equal_directions():
    tree = decode_disk([[1, 0], [2, 0], [-1, 0], [-3, -0.0], [0, 5]])
    assert {frozenset({0, 1}), frozenset({2, 3})} <= set(clades(tree))
    assert tree.height[5:7].tolist() == [0, 0]
    same = decode_ball(np.ones((6, 3)))
    assert same.n_leaves == 6 and not same.height.any()


def test_single_leaf():
    tree = Tree([-1])
    for dim in (2, 3, 5):
        points = ball_layout(tree, dim)
        assert points.shape == (1, dim) and 0 < norms(points)[0] < 1
        assert decode_ball(points) == tree
    assert decode_disk([[0.5, 0]]) == tree


@pytest.mark.parametrize("build", [caterpillar, lambda n: balanced(2**19)])
def test_half_a_million_leaves_and_more(build):
    tree = build(1_000_000)
    points = ball_layout(tree, 2)
    radius = norms(points)
    assert np.isfinite(points).all() and radius.max() < 1 - 1e-5
    assert (radius[tree.parent[:-1]] - radius[:-1]).max() < 1e-15
    assert decode_disk(points[: tree.n_leaves]).same_clades(tree)


def test_steps_below_the_resolution_of_float64_are_refused(monkeypatch):
    tree = caterpillar(1000)
    monkeypatch.setattr(layout, "_RESOLUTION", 1.1 * 2 * np.pi / (tree.size[1000:].sum() + 1000))
    with pytest.raises(ValueError, match="float64 cannot hold"):
        ball_layout(tree, 2)
    assert len(ball_layout(balanced(512), 2)) == 1023


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ball_layout(Tree([-1]), 2, 0), "curvature"),
        (lambda: ball_layout(Tree([-1]), 2, np.inf), "curvature"),
        (lambda: ball_layout(Tree([-1]), 1), "at least 2"),
        (lambda: decode_disk([[1, 2, 3]]), "decode_ball"),
        (lambda: decode_disk([1, 2]), "shape"),
        (lambda: decode_ball(np.empty((0, 3))), "shape"),
        (lambda: decode_ball([[1, 0, 0], [0, 0, 0]]), "point 1 is the origin"),
        (lambda: decode_disk([[1, np.nan]]), "finite"),
    ],
)
def test_bad_input_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
