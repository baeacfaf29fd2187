"""Figures of clusters: what stands where is read back from the pixels; their numbers are done by hand."""

import html
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import Normalize
from PIL import Image
from sklearn.metrics.pairwise import cosine_similarity

from hyperclade.metrics import block_score, block_score_spread
from hyperclade.report import (
    HierarchyPanel,
    cluster_similarity,
    describe_clusters,
    draw_cluster_similarity,
    draw_hierarchies,
    exemplars,
    nearest_exemplars,
    similarity,
    sound_pictures,
    upper_tree,
)
from hyperclade.report.branches import common_value, leaf_branches
from hyperclade.report.dendrogram import (
    dendrogram,
    mean_positions,
    rotate_to,
    text_inches,
)
from hyperclade.report.similarity import SIMILARITY_COLOURS, arbitrary_order, cluster_centroids
from hyperclade.trees import Tree

FOUR = Tree([4, 5, 4, 5, 6, 6, -1])
DPI = 150


def random_tree(n, rng):
    """Random shapes from balanced to chains, some nodes with several children."""
    parent, alive = {}, list(range(n))
    made = n
    while len(alive) > 1:
        for _ in range(min(len(alive), int(rng.integers(2, 4)))):
            parent[alive.pop(int(rng.integers(len(alive))))] = made
        alive.append(made)
        made += 1
    height = np.r_[np.zeros(n), np.cumsum(rng.uniform(size=made - n))]
    return Tree([parent.get(node, -1) for node in range(made)], height)


TREES = st.builds(
    lambda n, seed: random_tree(n, np.random.default_rng(seed)), st.integers(1, 40), st.integers(0, 2**32 - 1)
)


def clades(tree):
    return {frozenset(tree.leaves(node).tolist()) for node in range(tree.n_nodes)}


@settings(max_examples=60, deadline=None)
@given(TREES, st.data())
def test_the_upper_tree_has_the_clades_above_the_cut(tree, data):
    labels = tree.cut(data.draw(st.integers(1, tree.n_leaves)))
    upper = upper_tree(tree, labels.max() + 1)
    members = [frozenset(np.flatnonzero(labels == c).tolist()) for c in range(labels.max() + 1)]
    expanded = {frozenset().union(*(members[c] for c in clade)) for clade in clades(upper)}
    assert expanded == {clade for clade in clades(tree) if any(clade >= cluster for cluster in members)}
    pair = data.draw(st.tuples(*[st.integers(0, tree.n_leaves - 1)] * 2))
    if labels[pair[0]] != labels[pair[1]]:
        together = upper.height[upper.lca(*labels[list(pair)])]
        assert together == tree.height[tree.lca(*pair)]


@settings(max_examples=60, deadline=None)
@given(TREES, st.integers(0, 2**32 - 1))
def test_rotation_recovers_any_turned_tree(tree, seed):
    rng = np.random.default_rng(seed)
    turned = [tree.root]
    while any(node >= tree.n_leaves for node in turned):  # each pass opens every node, its children shuffled
        turned = [
            child
            for node in turned
            for child in (rng.permutation(tree.children(node)).tolist() if node >= tree.n_leaves else [node])
        ]
    position = np.argsort(turned)
    assert rotate_to(tree, position).tolist() == turned
    assert rotate_to(tree, -position).tolist() == turned[::-1]
    noise = np.argsort(rotate_to(tree, rng.uniform(size=tree.n_leaves)))
    for node in range(tree.n_nodes):
        assert np.ptp(noise[tree.leaves(node)]) == tree.size[node] - 1


@settings(max_examples=60, deadline=None)
@given(TREES, st.integers(0, 2**32 - 1))
def test_what_nodes_say_of_their_leaves(tree, seed):
    values = np.random.default_rng(seed).integers(0, 3, tree.n_leaves)
    means, shared = mean_positions(tree, values), common_value(tree, values)
    for node in range(tree.n_nodes):
        below = values[tree.leaves(node)]
        assert means[node] == pytest.approx(below.mean())
        assert shared[node] == (below[0] if len(set(below.tolist())) == 1 else -1)


@settings(max_examples=40, deadline=None)
@given(TREES)
def test_dendrogram_lines_join_and_deepen(tree):
    position = np.argsort(tree.leaf_order)
    edges = dendrogram(tree, position)
    assert edges.shape == (tree.n_nodes - 1, 3, 2)
    start, corner, end = edges.transpose(1, 0, 2)
    leaves = min(tree.n_leaves, len(edges))
    np.testing.assert_allclose(end[:leaves], np.c_[np.ones(leaves), position[:leaves]])
    assert (end[:, 0] > start[:, 0]).all() and (edges[..., 0] >= 0).all() and (edges[..., 0] <= 1).all()
    np.testing.assert_array_equal(corner, np.c_[start[:, 0], end[:, 1]])
    for node in range(tree.n_leaves, tree.n_nodes - 1):
        for child in tree.children(node):
            np.testing.assert_array_equal(start[child], end[node])


def test_positions_must_be_one_a_leaf():
    with pytest.raises(ValueError, match="one position per leaf, 4"):
        dendrogram(FOUR, [0, 1, 2])


# Similarities


def clustered(k, n=300, d=6, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.r_[np.arange(k), rng.integers(-1, k, n - k)]
    return rng.normal(size=(k, d))[labels] + 0.3 * rng.normal(size=(n, d)), labels


def test_similarity_is_the_cosine_of_means(monkeypatch):
    features, labels = clustered(9)
    expected = cosine_similarity([features[labels == c].mean(axis=0) for c in range(9)])
    np.testing.assert_allclose(cluster_similarity(features, labels), expected, atol=1e-12)
    means, counts = cluster_centroids(features, labels, 11)
    assert counts.tolist() == [*np.bincount(labels[labels >= 0]), 0, 0] and not means[9:].any()
    np.testing.assert_allclose(cluster_similarity(means[:9]), expected, atol=1e-12)
    np.testing.assert_allclose(cluster_similarity(means[:9] * 1e200), expected, atol=1e-12)
    np.testing.assert_allclose(cluster_similarity(means[:9] * 1e-200), expected, atol=1e-12)
    monkeypatch.setattr(similarity, "_ROWS", 7)  # many blocks, some without any row of a cluster
    np.testing.assert_allclose(cluster_similarity(features, labels), expected, atol=1e-12)


def test_a_centroid_of_zeros_is_like_no_other():
    assert cluster_similarity([[0, 0], [1, 2]]).tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("features", "labels", "k", "message"),
    [
        (np.ones(3), None, None, r"shape \(n, d\)"),
        (np.ones((3, 2)), None, 4, "one row per cluster, 4; got 3"),
        (np.ones((3, 2)), [0, 1], None, "one integer per row, 3"),
        (np.ones((3, 2)), [0.0, 1.0, 1.0], None, "one integer per row, 3"),
        (np.ones((3, 2)), [0, 1, 5], 4, r"0\.\.3, .* got 0\.\.5"),
        (np.ones((3, 2)), [0, 1, -2], None, r"0\.\.1, .* got -2\.\.1"),
        (np.ones((3, 2)), [0, 0, 2], None, r"1 clusters have no rows \(first: 1\)"),
        (np.full((3, 2), np.inf), [0, 0, 0], None, "NaN or infinite"),
    ],
)
def test_similarity_refuses(features, labels, k, message):
    with pytest.raises(ValueError, match=message):
        cluster_similarity(features, labels, k)


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def matrix_cells(image, left, top, side, k):
    """Colours in the middle of the cells of a k × k matrix; inches from the upper left corner."""
    centres = (np.arange(k) + 0.5) / k * side
    rows, columns = (np.round((start + centres) * DPI).astype(int) for start in (top, left))
    return image[np.ix_(rows, columns)]


@pytest.mark.parametrize("title", [None, "Wörter & Töne, $5"])
def test_matrices_stand_in_the_order_of_the_tree_and_in_the_arbitrary_one(tmp_path, title):
    k, rng = 12, np.random.default_rng(3)
    tree = random_tree(k, rng)
    features, labels = clustered(k)
    scores = draw_cluster_similarity(tree, tmp_path / "a.png", features, labels, title=title, random_state=5)
    matrix = cluster_similarity(features, labels)
    arbitrary = arbitrary_order(k, 5)
    assert scores.tree == block_score(matrix, tree.leaf_order)
    assert scores.arbitrary == block_score(matrix, arbitrary)
    assert scores.spread == block_score_spread(matrix)

    image = pixels(tmp_path / "a.png")
    apart = matrix[~np.eye(k, dtype=bool)]
    colours = SIMILARITY_COLOURS(Normalize(*np.quantile(apart, [0.01, 0.99]), clip=True)(matrix), bytes=True)
    top = 0.95 if title else 0.6
    left = similarity._EDGE + similarity._TREE + similarity._STRIP + similarity._GAP
    step = similarity._SIDE + 0.45 + similarity._STRIP + similarity._GAP
    for order, start in ((tree.leaf_order, left), (arbitrary, left + step)):
        seen = matrix_cells(image, start, top, similarity._SIDE, k)
        assert np.abs(seen - colours[np.ix_(order, order)][..., :3].astype(int)).max() <= 3


def test_the_arbitrary_order_does_not_undo_a_shuffle_with_the_same_seed():
    orders = [arbitrary_order(50, seed) for seed in range(3)]
    for seed, order in enumerate(orders):
        assert sorted(order.tolist()) == list(range(50))
        assert (order == arbitrary_order(50, seed)).all()
        assert (order != np.random.default_rng(seed).permutation(50)).any()
    assert (orders[0] != orders[1]).any()


def test_planted_blocks_are_seen_in_the_tree_only(tmp_path):
    rng = np.random.default_rng(0)
    block = np.repeat(np.arange(6), 5)
    shuffled = rng.permutation(30)
    centroids = np.empty((30, 16))
    centroids[shuffled] = (rng.normal(size=(6, 16)) * 3)[block] + rng.normal(size=(30, 16))
    parent = np.full(37, -1)
    parent[shuffled] = 30 + block
    parent[30:36] = 36
    scores = draw_cluster_similarity(Tree(parent), tmp_path / "a.png", centroids)
    assert scores.tree > 7 * scores.spread and abs(scores.arbitrary) < 4 * scores.spread


def svg_texts(path):
    """Texts of an SVG, which stand in comments beside their outlines."""
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    tree = ElementTree.parse(path, parser)
    return [html.unescape(node.text.strip()) for node in tree.iter() if node.tag is ElementTree.Comment]


def test_names_and_scores_are_written_as_they_are(tmp_path):
    names = ["naïve", "Straße $1$", "<b> & co", "a" * 60]
    features = [[3, 1], [1, 3], [3, 2], [2, 3]]
    scores = draw_cluster_similarity(FOUR, tmp_path / "a.svg", features, names=names, title="Größe: $x^2$")
    texts = svg_texts(tmp_path / "a.svg")
    shown = [*names[:3], "a" * 23 + "…"]
    order = [shown[c] for c in FOUR.leaf_order]
    assert [text for text in texts if text in shown][:4] == order
    assert "Größe: $x^2$" in texts
    assert any(text.startswith(f"block score {scores.tree:.2f}") for text in texts)


def test_names_come_from_the_tree_and_are_left_out_where_there_are_too_many(tmp_path):
    tree = Tree(FOUR.parent, names=["a1", "b1", "c1", "d1"])
    draw_cluster_similarity(tree, tmp_path / "a.svg", np.eye(4))
    assert {"a1", "b1", "c1", "d1"} <= set(svg_texts(tmp_path / "a.svg"))
    tree = Tree([61] * 61 + [-1], names=[f"n{c}" for c in range(61)])
    draw_cluster_similarity(tree, tmp_path / "b.svg", np.eye(61))
    assert not any(text.startswith("n") for text in svg_texts(tmp_path / "b.svg"))


@pytest.mark.parametrize("k", [1, 2])
def test_matrices_of_one_and_two(tmp_path, k):
    tree = Tree([-1] if k == 1 else [2, 2, -1])
    assert draw_cluster_similarity(tree, tmp_path / "a.png", np.eye(k)) == (0, 0, 0)
    side, edge = similarity._SIDE, similarity._EDGE
    width = 2 * edge + similarity._TREE + 2 * (side + similarity._STRIP + similarity._GAP) + 0.45 + 0.75
    with Image.open(tmp_path / "a.png") as image:
        image.verify()
        assert image.format == "PNG"
        assert (
            np.abs(np.subtract(image.size, (width * DPI, (side + 0.6 + similarity._BELOW) * DPI))).max() <= 1
        )


def test_nothing_is_written_when_something_is_wrong(tmp_path):
    (tmp_path / "a.png").write_bytes(b"old")
    with pytest.raises(ValueError, match="one name per cluster, 4; got 1"):
        draw_cluster_similarity(FOUR, tmp_path / "a.png", np.eye(4), names=["x"])
    with pytest.raises(ValueError, match="one row per cluster, 4; got 3"):
        draw_cluster_similarity(FOUR, tmp_path / "a.png", np.eye(3))
    with pytest.raises(ValueError, match=r"end in .png, .pdf or .svg"):
        draw_cluster_similarity(FOUR, tmp_path / "a.jpeg", np.eye(4))
    with pytest.raises(ValueError, match=r"end in .png, .pdf or .svg"):
        draw_hierarchies([HierarchyPanel("x", FOUR, flat_pictures(4))], tmp_path / "a")
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"old"


# Exemplars


def flat_pictures(k, count=3, seed=0):
    """Pictures in one colour per cluster, far from white, (k, count, 3, 4, 4)."""
    colours = np.random.default_rng(seed).permutation(200)[: 3 * k].reshape(k, 1, 3, 1, 1) + 20
    return np.broadcast_to(colours, (k, count, 3, 4, 4)).astype(np.uint8)


def order_seen(image, colours):
    """Clusters by the mean height and the mean column of their colour in an image."""
    places = [np.argwhere(np.abs(image - colour).sum(axis=2) <= 3).mean(axis=0) for colour in colours]
    rows, columns = np.array(places).T
    return np.argsort(rows).tolist(), columns


def test_pictures_stand_in_the_order_of_the_tree(tmp_path):
    tree = random_tree(14, np.random.default_rng(1))
    pictures = flat_pictures(14)
    orders = draw_hierarchies([HierarchyPanel("one", tree, pictures)], tmp_path / "a.png")
    seen, columns = order_seen(pixels(tmp_path / "a.png"), pictures[:, 0, :, 0, 0].astype(int))
    assert seen == orders[0].tolist() == tree.leaf_order.tolist()
    assert np.ptp(columns) < 2


@pytest.mark.parametrize("same", [False, True])
def test_two_panels_face_each_other(tmp_path, same):
    rng = np.random.default_rng(2)
    trees = [random_tree(11, rng), random_tree(11, rng)]
    pictures = flat_pictures(22).reshape(2, 11, 3, 3, 4, 4)
    panels = [HierarchyPanel(name, *pair) for name, *pair in zip("ab", trees, pictures, strict=True)]
    orders = draw_hierarchies(panels, tmp_path / "a.png", same_clusters=same)
    image = pixels(tmp_path / "a.png")
    sides = []
    for order, colours in zip(orders, pictures[:, :, 0, :, 0, 0].astype(int), strict=True):
        seen, columns = order_seen(image, colours)
        assert seen == order.tolist()
        sides.append(columns.mean() / image.shape[1])
    assert sides[0] < 0.5 < sides[1] and sum(sides) == pytest.approx(1, abs=0.01)
    wanted = rotate_to(trees[1], np.argsort(orders[0])) if same else trees[1].leaf_order
    assert orders[0].tolist() == trees[0].leaf_order.tolist()
    assert orders[1].tolist() == wanted.tolist()


def test_the_most_typical_picture_is_next_to_the_tree(tmp_path):
    pictures = [flat_pictures(6)[c][:1] for c in range(6)]
    leaves = [np.concatenate(pictures[:3]), np.concatenate(pictures[3:])]
    panel = HierarchyPanel("two", Tree([2, 2, -1]), leaves)
    draw_hierarchies([panel], tmp_path / "a.png")
    _, columns = order_seen(pixels(tmp_path / "a.png"), [p[0, :, 0, 0].astype(int) for p in pictures])
    assert (np.diff(columns[:3]) > 20).all() and (np.diff(columns[3:]) > 20).all()


def test_lines_join_the_same_clusters(tmp_path):
    """Of two trees that agree the lines are level, and all edges but the top ones have a branch's colour."""
    parent = [8, 8, 8, 8, 9, 9, 9, 9, 10, 10, -1]
    panels = [HierarchyPanel(name, Tree(parent), flat_pictures(8)) for name in "ab"]
    orders = draw_hierarchies(panels, tmp_path / "a.png", same_clusters=True)
    assert orders[0].tolist() == orders[1].tolist()
    image = pixels(tmp_path / "a.png")
    middle = (image[:, image.shape[1] // 2] < 250).any(axis=1)
    starts = np.flatnonzero(middle & ~np.r_[False, middle[:-1]])
    assert len(starts) == 8 and np.ptp(np.diff(starts)) <= 2
    assert leaf_branches(Tree(parent)).tolist() == [0] * 4 + [1] * 4
    draw_hierarchies(panels, tmp_path / "b.png")
    image = pixels(tmp_path / "b.png")
    assert (image[:, image.shape[1] // 2] == 255).all()


def test_titles_and_captions_are_written_as_they_are(tmp_path):
    captions = ["Cölln\nzweite Zeile\ndritte", "$5 & $6 <x>", "b" * 99, ""]
    panels = [HierarchyPanel("Klänge $a$", FOUR, flat_pictures(4), captions)] * 2
    draw_hierarchies(panels, tmp_path / "a.svg", title="Übersicht – 100 % $")
    texts = svg_texts(tmp_path / "a.svg")
    for text in ("Klänge $a$", "Cölln", "zweite Zeile", "$5 & $6 <x>", "b" * 43 + "…", "Übersicht – 100 % $"):
        assert any(text in line for line in texts), text
    assert not any("dritte" in line for line in texts)


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_panels_of_one_and_two_clusters(tmp_path, k, count):
    tree = Tree([-1] if k == 1 else [2, 2, -1])
    grey = np.full((k, count, 1, 5, 9), 77, dtype=np.uint8)
    draw_hierarchies([HierarchyPanel("few", tree, grey)] * 2, tmp_path / "a.png", same_clusters=True)
    with Image.open(tmp_path / "a.png") as image:
        image.verify()
        assert image.format == "PNG"
        assert abs(image.size[1] - DPI * (0.55 * k + 0.7 + exemplars._EDGE)) <= 1
    shown = (pixels(tmp_path / "a.png") == 77).all(axis=2)
    assert shown.any() == (count > 0)


def test_clusters_may_have_different_numbers_of_pictures(tmp_path):
    panel = HierarchyPanel("three", Tree([3] * 3 + [-1]), [flat_pictures(3)[c][:c] for c in range(3)])
    draw_hierarchies([panel, panel, panel], tmp_path / "a.pdf", title="t" * 300)
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("pictures", "captions", "message"),
    [
        (flat_pictures(3), (), "exemplars for 4 clusters, got 3"),
        (flat_pictures(4), ["a"], "captions for 4 clusters, got 1"),
        (flat_pictures(4).astype(float), (), "cluster 0 must be uint8"),
        (flat_pictures(4)[:, 0], (), r"\(e, 1 or 3, h, w\)"),
        (flat_pictures(4)[:, :, :2], (), r"\(e, 1 or 3, h, w\)"),
    ],
)
def test_panels_refuse(pictures, captions, message):
    with pytest.raises(ValueError, match=message):
        HierarchyPanel("sound", FOUR, pictures, captions)


def test_what_cannot_be_drawn_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"upper_tree\(tree, 30\)"):
        HierarchyPanel("large", Tree([200] * 200 + [-1]), [])
    with pytest.raises(ValueError, match="at least one"):
        draw_hierarchies([], tmp_path / "a.png")
    panels = [HierarchyPanel("a", FOUR, flat_pictures(4)), HierarchyPanel("b", Tree([-1]), flat_pictures(1))]
    with pytest.raises(ValueError, match=r"equally many clusters, got \[4, 1\]"):
        draw_hierarchies(panels, tmp_path / "a.png", same_clusters=True)
    with pytest.raises(ValueError, match="needs two"):
        draw_hierarchies(panels[:1], tmp_path / "a.png", same_clusters=True)
    assert not list(tmp_path.iterdir())


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_exemplars_are_the_nearest_to_the_centroid(k, count, seed):
    rng = np.random.default_rng(seed)
    features, labels = rng.normal(size=(25, 3)), rng.integers(-1, k, 25)
    items = rng.integers(0, 12, 25)
    for given_items in (None, items):
        found = nearest_exemplars(features, labels, k, count=count, items=given_items)
        assert len(found) == k
        for cluster in range(k):
            rows = np.flatnonzero(labels == cluster)
            if not len(rows):
                assert not len(found[cluster])
                continue
            nearness = cosine_similarity(features[rows], features[rows].mean(axis=0)[None])[:, 0]
            best, shown = [], set()
            for row in rows[np.argsort(-nearness)].tolist():
                what = row if given_items is None else int(items[row])
                if what not in shown and len(best) < count:
                    best.append(row)
                    shown.add(what)
            assert found[cluster].tolist() == best


def test_exemplars_are_found_in_blocks(monkeypatch):
    features, labels = clustered(5)
    whole = nearest_exemplars(features.astype(np.float16), labels)
    monkeypatch.setattr(exemplars, "_ROWS", 11)
    monkeypatch.setattr(similarity, "_ROWS", 13)
    blocks = nearest_exemplars(features.astype(np.float16), labels)
    assert [rows.tolist() for rows in whole] == [rows.tolist() for rows in blocks]


def test_exemplars_refuse():
    with pytest.raises(ValueError, match="count must be at least 1"):
        nearest_exemplars(np.eye(2), [0, 1], count=0)
    with pytest.raises(ValueError, match="items must be one per row, 2"):
        nearest_exemplars(np.eye(2), [0, 1], items=[1])


def test_clusters_are_described_by_their_classes():
    clusters = [0] * 40 + [1] * 3 + [2] * 2 + [-1]
    classes = [0] * 39 + [1] + [2, 2, 1] + [-1, -1] + [2]
    names = ["cat", "dog", "naïve $"]
    assert describe_clusters(clusters, classes, names, 4) == [
        "cat (98 %)",
        "naïve $ (67 %), dog (33 %)",
        "",
        "",
    ]
    assert describe_clusters(clusters, classes, names, most=1)[1] == "naïve $ (67 %)"
    with pytest.raises(ValueError, match=r"0\.\.1, as many as class_names"):
        describe_clusters(clusters, classes, names[:2])
    with pytest.raises(ValueError, match="one integer per sample"):
        describe_clusters([0], [0.5], names)
    with pytest.raises(ValueError, match="one integer per row, 1"):
        describe_clusters([0, 1], [0], names)


def test_sounds_are_brightest_where_they_are_loud():
    rng = np.random.default_rng(0)
    sounds = rng.normal(size=(6, 20, 30)) * 0.1
    where = rng.integers(0, 20, 6), rng.integers(0, 30, 6)
    sounds[np.arange(6), *where] += 50
    pictures = sound_pictures(sounds.astype(np.float32))
    assert pictures.dtype == np.uint8 and pictures.shape == (6, 3, 20, 30)
    brightest = pictures.sum(axis=1, dtype=int).reshape(6, -1).argmax(axis=1)
    assert (brightest // 30).tolist() == (19 - where[0]).tolist()
    assert (brightest % 30).tolist() == where[1].tolist()
    assert len(np.unique(sound_pictures(np.full((2, 4, 5), -80.0)))) <= 3  # silence: one colour
    assert sound_pictures(np.zeros((0, 4, 5))).shape == (0, 3, 4, 5)
    with pytest.raises(ValueError, match=r"\(m, bins, steps\)"):
        sound_pictures(np.zeros((4, 5)))
    with pytest.raises(ValueError, match="NaN"):
        sound_pictures(np.full((1, 4, 5), np.nan))


def test_text_is_measured_by_its_widest_line():
    assert text_inches([], 8) == text_inches([""], 8) == 0
    assert text_inches(["ab", "abcdef\nx"], 8) == pytest.approx(text_inches(["abcdef"], 8), abs=0.03)
    assert text_inches(["abcdef"], 16) == pytest.approx(2 * text_inches(["abcdef"], 8), rel=0.1)
