"""Names of nodes against brute force: scipy's G² over all words, and cosines with the mean direction."""

import hashlib

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from hyperclade.hierarchy.naming import name_nodes
from hyperclade.hierarchy.traits import label_mix, name_by_features
from hyperclade.trees import Tree

WORDS = ["red", "green", "owl", "hawk", "oak", "fir"]


def random_tree(n, rng):
    alive, merges = list(range(n)), []
    for made in range(n, 2 * n - 1):
        pair = [alive.pop(rng.integers(len(alive))) for _ in range(2)]
        merges.append(pair)
        alive.append(made)
    return Tree.from_merges(merges)


def best_words(tree, names, node):
    """Every word that ties for the largest G² of its 2 × 2 table, among those a name may use."""
    inside = set(tree.leaves(node).tolist())
    n, size = tree.n_leaves, len(inside)
    scores = {}
    for word in set(" ".join(names).split()):
        holders = {leaf for leaf in range(n) if word in names[leaf].split()}
        a, total = len(holders & inside), len(holders)
        if a >= 2 and 4 * a >= size and a * n > total * size and 2 * (total - a) <= n - size:
            table = [[a, total - a], [size - a, n - total - size + a]]
            if total == n or size == n:
                continue
            scores[word] = chi2_contingency(table, correction=False, lambda_="log-likelihood").statistic
    top = max(scores.values(), default=None)
    return {word for word, score in scores.items() if np.isclose(score, top, rtol=1e-9)}


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 30), st.integers(0, 2**32 - 1))
def test_word_is_the_most_over_represented_one(n, seed):
    rng = np.random.default_rng(seed)
    tree = random_tree(n, rng)
    names = [" ".join(rng.choice(WORDS, size=rng.integers(1, 4), replace=False)) for _ in range(n)]
    nodes = np.arange(n, 2 * n - 1)
    titles = name_nodes(tree, names, rng.normal(size=(n, 3)), nodes, within=np.full(n - 1, tree.root))
    for node, title in zip(nodes.tolist(), titles, strict=True):
        words = best_words(tree, names, node)
        assert title.split(" (")[0] in words if words else "(" not in title


def nearest(tree, X, node, names, count, metric="cosine"):
    leaves = np.sort(tree.leaves(node))
    if metric == "cosine":
        unit = X[leaves] / np.linalg.norm(X[leaves], axis=1, keepdims=True)
        nearness = unit @ unit.mean(axis=0)
    else:
        nearness = -np.linalg.norm(X[leaves] - X[leaves].mean(axis=0), axis=1)
    nearness = np.round(nearness, 9)  # the two leaves of a pair are equally near
    return ", ".join(names[leaf] for leaf in leaves[np.argsort(-nearness, kind="stable")][:count])


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        (np.float16, np.array),
        (np.float32, np.array),
        (np.int32, np.array),
        (np.int8, np.array),
        (np.uint8, np.array),
        (bool, np.array),
        (np.float32, scipy.sparse.csr_matrix),
        (np.int32, scipy.sparse.csr_array),
        (bool, scipy.sparse.csr_array),
        (np.float32, scipy.sparse.coo_array),
    ],
)
def test_unique_names_give_the_members_nearest_to_the_mean(dtype, kind, metric):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(60, 5)) * (0.7 if dtype is bool else 30) + (dtype is np.uint8) * 120).astype(dtype)
    X[:, 0] = X[:, 0] | (X == 0).all(axis=1) if dtype is bool else X[:, 0]  # each row has a direction
    names = [f"sample{row:03}" for row in range(60)]
    tree = random_tree(60, rng)
    nodes = np.arange(60, 119)
    titles = name_nodes(tree, names, kind(X), nodes, metric=metric)
    dense = X.astype(np.float64)
    assert titles == [nearest(tree, dense, node, names, 3, metric) for node in nodes.tolist()]


@pytest.mark.parametrize("kind", [np.array, scipy.sparse.csr_array])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("power", [-160, 160, 300])
def test_huge_and_tiny_features_give_the_same_names(power, metric, kind):
    """Squares of numbers above 1e155 are infinite."""
    rng = np.random.default_rng(0)
    X, tree = rng.normal(size=(30, 4)), random_tree(30, rng)
    names, nodes = [f"row{row}" for row in range(30)], np.arange(30, 59)
    expected = name_nodes(tree, names, X, nodes, metric=metric)
    with np.errstate(all="raise"):
        assert name_nodes(tree, names, kind(X * 10.0**power), nodes, metric=metric) == expected


def test_large_nodes_are_named_from_evenly_spaced_members():
    n = 10_000
    tree = Tree.from_merges(np.c_[np.r_[0, n : 2 * n - 2], 1:n])
    X = np.zeros((n, 2), dtype=np.float32)
    X[:, 0], X[:, 1] = 1, np.linspace(-1, 1, n)
    title = name_nodes(tree, [str(row) for row in range(n)], X, [tree.root])[0]
    assert all(abs(int(row) - n / 2) < 50 for row in title.split(", "))


def test_names_that_repeat_are_not_repeated():
    tree = Tree([4, 4, 5, 6, 5, 6, -1])
    assert name_nodes(tree, ["a1", "a1", "b2", "c3"], np.eye(4) + 1, [5]) == ["a1 (b2)"]


def test_zero_rows_and_long_and_empty_names():
    tree = Tree([3, 3, 4, 4, -1])
    titles = name_nodes(tree, ["word " * 40, "", "x"], np.zeros((3, 2)), [0, 3, 4])
    assert titles[0] == titles[1] and len(titles[0]) <= 40 and titles[0].endswith("…")
    assert titles[2].endswith(", x")


def test_words_of_one_node_do_not_name_the_root():
    tree = Tree([4, 4, 5, 5, 6, 6, -1])
    names = ["barn owl", "snow owl", "sea hawk", "fish hawk"]
    X = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]])
    titles = name_nodes(tree, names, X, [4, 5, 6])
    assert [title.split(" (")[0] for title in titles[:2]] == ["owl", "hawk"]
    assert "(" not in titles[2]


def words_of(titles):
    """The word of each title, None for titles of typical samples alone."""
    return [title.split(" (")[0] if "(" in title else None for title in titles]


def two_halves(first, second):
    """A tree whose two children of the root hold so many names of one kind and of another, and its rows."""
    names = [*first, *second]
    n, half = len(names), len(first)
    merges, alive = [], []
    for rows in (range(half), range(half, n)):
        top = rows[0]
        for row in rows[1:]:
            merges.append((top, row))
            top = n + len(merges) - 1
        alive.append(top)
    X = np.eye(n) + np.repeat([[3.0], [-3.0]], [half, n - half], axis=0)
    return Tree.from_merges([*merges, alive]), names, X, alive


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("zander {:04}.png", "zebra {:04}.jpg"),
        ("IMG{:04} zander.JPG", "DSC{:04} zebra.wav"),
        ("zander{:05}", "zebra{:05}"),
        ("a_zander_{:x}.tar.gz", "b_zebra_{:x}.npy"),
        ("le_zander_de_la_{}", "der_zebra_im_{}"),
        ("el zander con su {}", "il zebra che non {}"),
        ("o zander é uma {}", "de zebra en het {}"),
        ("och zander är {}", "nie zebra się {}"),
        ("и zander не {}", "the zebra of {}"),
        ("l'zander d’{}", "zebra's {}"),
    ],
)
def test_names_are_words_that_mean_something(first, second):
    tree, names, X, halves = two_halves(*([kind.format(k) for k in range(9)] for kind in (first, second)))
    assert words_of(name_nodes(tree, names, X, halves)) == ["zander", "zebra"]


def test_extensions_and_ids_alone_name_no_node():
    digests = [hashlib.sha1(bytes([k])).hexdigest() for k in range(12)]
    first = [f"{digest}.png" for digest in digests] + [f"deadbeef{k % 2}.png" for k in range(4)]
    second = [f"IMG_{k:04}.wav" for k in range(12)] + ["550e8400-e29b-41d4-a716-446655440000.wav"] * 4
    tree, names, X, halves = two_halves(first, second)
    assert words_of(name_nodes(tree, names, X, halves)) == [None, None]


def test_words_that_are_common_elsewhere_name_no_node():
    first = [f"photo cat{'' if k % 3 else ' red'} {k}" for k in range(8)]
    second = [f"{'photo' if k < 9 else 'scan'} dog {k}" for k in range(12)]
    tree, names, X, halves = two_halves(first, second)
    assert words_of(name_nodes(tree, names, X, halves)) == ["cat", "dog"]
    names = [name.replace("cat", "").replace("red", "") for name in names]
    assert words_of(name_nodes(tree, names, X, halves)) == [None, "dog"]


def test_a_word_of_most_samples_names_the_node_that_holds_them():
    tree, names, X, halves = two_halves([f"cat {k}" for k in range(15)], ["an owl", "oak", "fir", "elm"])
    assert words_of(name_nodes(tree, names, X, halves)) == ["cat", None]


def test_children_do_not_repeat_the_word_of_their_parent_if_others_set_them_apart():
    first = [f"snowy owl {k}" for k in range(5)] + [f"owl {'barn' if k % 2 else 'wood'}" for k in range(5)]
    tree, names, X, halves = two_halves(first, [f"oak {k}" for k in range(10)])
    owls = halves[0]
    lower = owls
    while tree.size[lower] > 5:
        lower = int(tree.children(lower).max())
    assert tree.size[lower] == 5
    assert words_of(name_nodes(tree, names, X, [owls, lower])) == ["owl", "snowy"]
    assert words_of(name_nodes(tree, names, X, [lower], within=[owls])) == ["snowy"]
    plain = [name.replace("snowy", "") for name in names]
    assert words_of(name_nodes(tree, plain, X, [owls, lower])) == ["owl", "owl"]  # nothing else is left


def test_stop_words_may_be_given():
    tree, names, X, halves = two_halves(
        [f"scan cat {k}" for k in range(6)], [f"und dog {k}" for k in range(6)]
    )

    def found(*stop_words):
        return words_of(name_nodes(tree, names, X, halves, stop_words=stop_words))

    assert found() == ["cat", "dog"]
    assert found("Cat") == ["scan", "dog"]
    assert found("none", "dog") == ["cat", "und"]
    with pytest.raises(ValueError, match="stop words must be a list of words, not one text"):
        name_nodes(tree, names, X, halves, stop_words="cat,dog")


def test_names_without_blanks_give_the_characters_that_they_share():
    first = [f"{size}柴犬の写真{k:03}.jpg" for k, size in enumerate(["", "小さな", "大きな", "黒", "白い"])]
    second = ["红苹果1", "青苹果2", "大的苹果3", "苹果4", "小苹果树5"]
    tree, names, X, halves = two_halves(first, second)
    assert words_of(name_nodes(tree, names, X, halves)) == ["柴犬の写真", "苹果"]
    tree, names, X, halves = two_halves(["犬", "犬の絵", "犬 3"], ["ネコ", "ネコたち", "うちのネコ"])
    assert words_of(name_nodes(tree, names, X, halves)) == ["犬", "ネコ"]


@pytest.mark.parametrize("word", ["हिन्दी", "เชียงใหม่", "تفاحة", "사과", "яблоко", "μήλο"])
def test_words_of_any_script_are_whole(word):
    tree, names, X, halves = two_halves([f"{word}_{k:03}" for k in range(5)], [f"oak {k}" for k in range(5)])
    assert words_of(name_nodes(tree, names, X, halves))[0] == word


def test_composed_and_decomposed_letters_are_one_word():
    names = ["caf\u00e9 1", "cafe\u0301 2", "ca\u00adf\u00e9 3", "CAFE\u0301 4"]
    tree, names, X, halves = two_halves(names, ["oak 1", "oak 2", "fir 1", "fir 2"])
    assert words_of(name_nodes(tree, names, X, halves))[0] == "caf\u00e9"


def test_ties_are_broken_by_the_word_whatever_the_order_of_rows():
    first, second = [f"zebra apple mango {k}" for k in range(4)], [f"oak {k}" for k in range(4)]
    for turned in (first, first[::-1], [" ".join(name.split()[::-1]) for name in first]):
        tree, names, X, halves = two_halves(turned, second)
        assert words_of(name_nodes(tree, names, X, halves))[0] == "apple"


def test_what_is_not_seen_is_in_no_name():
    tree = Tree([4, 4, 5, 5, 6, 6, -1])
    names = ["barn\n\x1b[31mowl\u202e\u200b", "\u200b", "名" * 10_000, "\udcff"]
    titles = name_nodes(tree, names, np.eye(4), [0, 1, 2, 3])
    assert titles == ["barn [31mowl", "", "名" * 19 + "…", "\N{REPLACEMENT CHARACTER}"]


def test_what_does_not_match_is_refused():
    tree = Tree([2, 2, -1])
    with pytest.raises(ValueError, match="2 leaves, got 1 and 2"):
        name_nodes(tree, ["a"], np.eye(2), [2])
    with pytest.raises(ValueError, match="2 leaves, got 2 and 3"):
        name_nodes(tree, ["a", "b"], np.eye(3), [2])
    with pytest.raises(ValueError, match="nodes must be in"):
        name_nodes(tree, ["a", "b"], np.eye(2), [3])
    with pytest.raises(ValueError, match="metric must be one of euclidean, cosine, got 'manhattan'"):
        name_nodes(tree, ["a", "b"], np.eye(2), [2], metric="manhattan")
    for within in ([0], [3], [2, 2]):
        with pytest.raises(ValueError, match="below its node of `within`"):
            name_nodes(tree, ["a", "b"], np.eye(2), [2], within=within)


# ---- by features ----


def differences(tree, X, node, within):
    """Of each column: mean under the node less the mean beside it, in standard deviations of all."""
    inside, everything = tree.leaves(node), tree.leaves(within)
    beside = np.setdiff1d(everything, inside)
    spread = X[everything].std(axis=0)
    difference = X[inside].mean(axis=0) - X[beside].mean(axis=0)
    return np.divide(difference, spread, out=np.zeros(X.shape[1]), where=spread > 1e-9)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(3, 40),
    st.integers(0, 2**32 - 1),
    st.sampled_from([np.float64, np.float32, np.float16, np.int8, bool]),
    st.sampled_from([np.array, scipy.sparse.csr_array, scipy.sparse.coo_array]),
)
def test_the_feature_of_largest_difference_names_a_node(n, seed, dtype, kind):
    rng = np.random.default_rng(seed)
    tree = random_tree(n, rng)
    X = (rng.normal(size=(n, 6)) * (0.7 if dtype is bool else 20)).astype(dtype)
    X[:, 3] = X[0, 3]  # a constant
    if dtype is np.float16 and kind is not np.array:
        X = X.astype(np.float32)  # SciPy has no sparse float16
    nodes = np.arange(2 * n - 2)
    within = tree.parent[nodes]
    for above in (np.full(len(nodes), tree.root), within):
        titles = name_by_features(tree, kind(X), nodes, within=above)
        for node, whole, title in zip(nodes.tolist(), above.tolist(), titles, strict=True):
            expected = differences(tree, X.astype(np.float64), node, whole)
            largest = np.abs(expected).max()
            if largest < 0.299:
                assert title == "as elsewhere"
            elif largest > 0.301:
                column, side = title.split(", ")[0].split()
                found = expected[int(column[1:])]
                assert abs(found) == pytest.approx(largest) and side == ("high" if found > 0 else "low")


def test_features_of_any_unit_and_size_give_the_same_names():
    rng = np.random.default_rng(0)
    X, tree = rng.normal(size=(50, 5)), random_tree(50, rng)
    nodes = np.arange(50, 99)
    expected = name_by_features(tree, X, nodes)
    with np.errstate(all="raise"):
        assert name_by_features(tree, X * [1e-300, 1e300, 1e150, 7, -1e-9], nodes) == [
            title.replace("f4 high", "f4 HIGH").replace("f4 low", "f4 high").replace("f4 HIGH", "f4 low")
            for title in expected
        ]
    limits = np.where(X > 0, np.finfo(np.float64).max, np.finfo(np.float64).min)
    assert name_by_features(tree, limits, nodes) == name_by_features(tree, (X > 0).astype(np.uint8), nodes)


def test_many_columns_are_read_in_chunks(monkeypatch, tmp_path):
    rng = np.random.default_rng(0)
    X, tree = rng.normal(size=(60, 40)).astype(np.float32), random_tree(60, rng)
    np.save(tmp_path / "X.npy", X)
    expected = name_by_features(tree, X, range(119))
    monkeypatch.setattr("hyperclade.hierarchy.traits._MOST_SUMS", 900)
    monkeypatch.setattr("hyperclade.hierarchy.traits._BLOCK_VALUES", 700)
    assert name_by_features(tree, np.load(tmp_path / "X.npy", mmap_mode="r"), range(119)) == expected
    assert name_by_features(tree, scipy.sparse.csr_matrix(X), range(119)) == expected


def test_features_that_do_not_match_are_refused():
    tree = Tree([4, 4, 5, 5, 6, 6, -1])
    with pytest.raises(ValueError, match="4 leaves, got 3"):
        name_by_features(tree, np.eye(3), [4])
    with pytest.raises(ValueError, match="4 columns, got 1"):
        name_by_features(tree, np.eye(4), [4], ["a"])
    with pytest.raises(ValueError, match="nodes must be in"):
        name_by_features(tree, np.eye(4), [7])
    with pytest.raises(ValueError, match="below its node of `within`"):
        name_by_features(tree, np.eye(4), [4], within=[5])


def test_label_mix_gives_the_shares_of_known_labels():
    tree = Tree.from_merges(np.c_[np.r_[0, 300:598], 1:300])
    labels = np.array(["a"] * 200 + ["b"] * 90 + ["c"] * 9 + [None], dtype=object)
    top = [tree.root]
    assert label_mix(tree, labels, top) == ["67 % a, 30 % b"]
    assert label_mix(tree, labels, top, most=3) == ["67 % a, 30 % b"]  # 3 % is too little
    assert label_mix(tree, np.r_[np.zeros(299, int), 1], top) == ["> 99 % 0"]
    assert label_mix(tree, np.full(300, np.nan), top) == [""]
    with pytest.raises(ValueError, match="300 leaves, got 2"):
        label_mix(tree, ["a", "b"], top)
