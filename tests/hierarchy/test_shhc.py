import importlib
import tracemalloc

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks
from trial_trees import brute_cost, dense

from hyperclade import SHHC
from hyperclade.metrics.dendrograms import dendrogram_purity
from hyperclade.metrics.partitions import ari

NAMES = ["knn", "cosine", "euclidean", "softmax"]


@pytest.fixture(scope="module")
def iris():
    X = load_iris().data
    return (X - X.mean(0)) / X.std(0)


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    return data.data - data.data.mean(0), data.target


@parametrize_with_checks([SHHC(), SHHC(3, similarity="cosine"), SHHC(similarity="softmax", n_init=1)])
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


@pytest.mark.parametrize("n_clusters", [None, 12])
@pytest.mark.parametrize("name", NAMES)
def test_the_fitted_model_is_consistent(iris, name, n_clusters):
    model = SHHC(n_clusters, similarity=name, random_state=0).fit(iris)
    tree = model.tree_
    assert tree.n_leaves == 150 and tree.is_binary
    assert model.cost_ == pytest.approx(brute_cost(tree, dense(model._weights)), rel=1e-9)
    assert model.embedding_.shape == (150, 2) and model.node_embedding_.shape == (299, 2)
    assert np.all(np.linalg.norm(model.node_embedding_, axis=1) < 1)
    assert model.cluster_embedding_.shape == (model.n_clusters_, 2)
    assert 0 < model.score_ <= 1
    counts = [len(np.unique(labels)) for labels in model.layers_]
    assert counts == sorted(counts) and counts[0] >= 2
    assert np.all(tree.height[tree.parent[:-1]] >= tree.height[:-1])
    if n_clusters:
        distinct = np.unique(iris, axis=0, return_index=True)[1]
        assert np.ptp(np.bincount(model.labels_[distinct])) <= 1  # equal sizes
        for k in range(n_clusters):  # each pre-cluster is a subtree
            rows = np.flatnonzero(model.labels_ == k)
            top = rows[0]
            while tree.size[top] < len(rows):
                top = tree.parent[top]
            assert set(tree.leaves(top)) == set(rows)


@pytest.mark.parametrize("k", [1, 2, 10, 149, 150])
def test_cut_gives_any_number_of_clusters(iris, k):
    assert len(np.unique(SHHC(10, random_state=0).fit(iris).cut(k))) == k


def test_digits_follow_their_classes_with_the_default_similarity(digits):
    X, y = digits
    model = SHHC(random_state=0).fit(X)
    assert dendrogram_purity(model.tree_, y) > 0.75
    assert ari(y, model.cut(10)) > 0.55


def test_search_lowers_the_cost_of_the_plain_procedure(iris):
    plain = SHHC(20, similarity="cosine", search=False, random_state=0).fit(iris)
    found = SHHC(20, similarity="cosine", random_state=0).fit(iris)
    full = SHHC(None, similarity="cosine", random_state=0).fit(iris)
    assert full.cost_ < found.cost_ < plain.cost_


def test_refinement_never_raises_the_cost(iris):
    found = SHHC(20, similarity="cosine", random_state=0).fit(iris)
    assert SHHC(20, similarity="cosine", refine=True, random_state=0).fit(iris).cost_ <= found.cost_ * (
        1 + 1e-9
    )


@pytest.fixture(scope="module")
def tied():
    """Rows with many ties and duplicates."""
    return np.random.default_rng(0).integers(0, 4, (300, 5)).astype(float)


@pytest.mark.parametrize("n_clusters", [None, 30])
@pytest.mark.learn
@pytest.mark.parametrize("name", NAMES)
def test_the_same_values_and_seed_give_the_same_tree(digits, tied, name, n_clusters, tmp_path):
    import torch

    for X in (digits[0][:300].astype(np.float32), tied):
        model = SHHC(n_clusters, similarity=name, random_state=3).fit(X)
        assert clone(model).get_params() == model.get_params()
        np.save(tmp_path / "x.npy", X)
        for other in (
            X.copy(),
            X.astype(np.float64),
            np.asfortranarray(X),
            np.load(tmp_path / "x.npy", mmap_mode="r"),
            torch.from_numpy(X),
            X.tolist(),
        ):
            again = SHHC(n_clusters, similarity=name, random_state=3).fit(other)
            assert again.tree_ == model.tree_
            np.testing.assert_array_equal(again.labels_, model.labels_)


@pytest.mark.parametrize("n_clusters", [None, 30])
@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_the_rows_does_not_matter(digits, tied, name, n_clusters):
    for X in (digits[0][:300], tied):
        order = np.random.default_rng(1).permutation(len(X))
        model = SHHC(n_clusters, similarity=name, random_state=3).fit(X)
        moved = SHHC(n_clusters, similarity=name, random_state=3).fit(X[order])
        distinct = np.unique(X, axis=0, return_index=True)[1]  # within equal rows, the first are joined first
        place = np.argsort(order)[distinct]
        for k in (2, 7, 30, 120):
            assert ari(model.cut(k)[distinct], moved.cut(k)[place]) == pytest.approx(1)
        assert moved.cost_ == pytest.approx(model.cost_, rel=1e-12)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_number_of_threads_does_not_matter(digits, monkeypatch, threads):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    expected = SHHC(40, random_state=0).fit(digits[0])
    monkeypatch.setattr("hyperclade.hierarchy.threads.os.cpu_count", lambda: threads)
    with threadpoolctl.threadpool_limits(threads):
        model = SHHC(40, random_state=0).fit(digits[0])
    assert model.tree_ == expected.tree_


def test_half_precision_and_sparse_rows_cost_nearly_the_same(iris):
    for name in ("cosine", "knn"):
        expected = SHHC(similarity=name, metric="cosine", random_state=0).fit(iris).cost_
        sparse = SHHC(similarity=name, metric="cosine", random_state=0).fit(scipy.sparse.csr_matrix(iris))
        assert sparse.cost_ == pytest.approx(expected, rel=1e-3)  # sparse sums break ties otherwise
    half = SHHC(similarity="cosine", random_state=0).fit(iris.astype(np.float16))
    assert half.cost_ == pytest.approx(SHHC(similarity="cosine", random_state=0).fit(iris).cost_, rel=1e-3)


@pytest.mark.parametrize("n_clusters", [None, 20])
@pytest.mark.parametrize("name", NAMES)
def test_equal_rows_are_subtrees_of_their_own(name, n_clusters):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 6))
    X[1:5] = X[0]
    X[100:107] = X[50]
    tree = SHHC(n_clusters, similarity=name, random_state=0).fit(X).tree_
    for group in (np.arange(5), np.r_[50, 100:107]):
        top = int(tree.lca(*np.meshgrid(group, group)).max())
        assert tree.size[top] == len(group) and tree.height[top] == 0


def test_only_equal_rows_meet_at_height_zero(tmp_path):
    for X in ([[0.0], [1.0]], [[0.0, 1.0], [0.0, 2.0], [0.0, 3.0]], np.eye(4)):
        for name in NAMES:
            model = SHHC(similarity=name, random_state=0).fit(X)
            assert (model.tree_.height[len(X) :] > 0).all()
            assert len(np.unique(model.labels_)) > 1
    same = SHHC(random_state=0).fit(np.ones((5, 2)))
    assert not same.tree_.height.any() and same.n_clusters_ == 1
    same.save(tmp_path / "model")
    found = SHHC.load(tmp_path / "model").assign([[1.0, 1.0], [9.0, 1.0]])
    assert found.labels.tolist() == [0, 0] and found.confidence.tolist() == [1, 1]
    assert found.nearest.tolist() == [0, 0] and found.outlier.tolist() == [False, True]


def test_confidence_counts_copies():
    model = SHHC(random_state=0).fit(np.repeat(np.eye(2), 30, axis=0))
    np.testing.assert_array_equal(model.assign(np.eye(2)).confidence, 1)


def test_distinct_rows_repeated_are_the_coarsest_layer():
    rng = np.random.default_rng(0)
    which = np.repeat(np.arange(6), [300, 200, 150, 100, 100, 50])
    model = SHHC(random_state=0).fit(rng.normal(size=(6, 5))[which])
    assert any(ari(which, layer) == pytest.approx(1) for layer in model.layers_)
    assert all(len(np.unique(layer)) <= 6 for layer in model.layers_)


@pytest.mark.parametrize("name", NAMES)
def test_heights_rise_and_are_the_mean_similarity_across_a_merge(name):
    X = np.random.default_rng(0).normal(size=(200, 6))
    model = SHHC(similarity=name, random_state=0).fit(X)
    tree, w = model.tree_, dense(model._weights)
    inner = tree.height[200:]
    assert len(np.unique(inner)) > 195 and (inner == 0).sum() <= 1
    assert not np.signbit(inner).any()
    assert (tree.height[tree.parent[200:-1]] > inner[:-1]).all()
    peak, lifted = model._items.peak, 0
    for node in range(200, 399):
        a, b = (tree.leaves(int(child)) for child in tree.children(node))
        own = -np.log(w[np.ix_(a, b)].mean() / peak)
        below = tree.height[tree.children(node)].max()
        if own < below:
            lifted += 1
            own = below
        assert tree.height[node] == pytest.approx(own, rel=1e-2, abs=1e-3)
    assert lifted < 100


def test_the_default_finds_what_only_distance_tells_apart():
    X = (
        load_wine().data
    )  # columns of very different units: after scaling, distances tell more than directions
    X = (X - X.min(0)) / np.ptp(X, axis=0)
    y = load_wine().target
    euclidean = dendrogram_purity(SHHC(random_state=0).fit(X).tree_, y)
    assert euclidean > 0.9
    assert euclidean > dendrogram_purity(SHHC(metric="cosine", random_state=0).fit(X).tree_, y)


def test_many_rows_are_divided_in_two_levels_and_by_inverted_lists(monkeypatch):
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(40, 16))
    y = rng.integers(0, 40, 3000)
    X = centres[y] + 0.3 * rng.normal(size=(3000, 16))
    expected = SHHC(None, random_state=0).fit(X)
    monkeypatch.setattr("hyperclade.hierarchy.shhc._FULL_RESOLUTION", 1000)
    monkeypatch.setattr("hyperclade.hierarchy.shhc._ROWS_PER_CLUSTER", 30)
    monkeypatch.setattr(importlib.import_module("hyperclade.hierarchy.precluster"), "ONE_LEVEL", 50)
    monkeypatch.setattr("hyperclade.hierarchy.neighbours._EXACT", 1000)
    model = SHHC(random_state=0).fit(X)
    assert 90 <= model.n_clusters_ <= 100 and 0.98 <= model.recall_ <= 1
    assert model.score_ > expected.score_ - 0.01
    assert ari(y, model.cut(40)) > 0.95
    equal = SHHC(balanced=True, random_state=0).fit(X)
    assert np.ptp(np.bincount(equal.labels_)) <= 1  # but they cut through groups
    assert expected.score_ - 0.06 < equal.score_ < model.score_


@pytest.mark.parametrize("n_clusters", [None, 20])
@pytest.mark.parametrize("name", NAMES)
def test_rows_go_to_the_labels_of_their_like(iris, name, n_clusters):
    model = SHHC(n_clusters, similarity=name, random_state=0).fit(iris)
    np.testing.assert_array_equal(model.predict(iris), model.labels_)
    np.testing.assert_array_equal(model.predict(iris, k=7), model.cut(7))
    # Equal sizes push rows out of the pre-cluster they are nearest to.
    near = iris + 1e-6
    assert np.mean(model.predict(near) == model.labels_) > (0.6 if n_clusters else 0.95)
    assert np.mean(model.predict(near, k=3) == model.cut(3)) > 0.9
    assert model.transform(iris[:5]).shape == (5, 2)
    np.testing.assert_allclose(
        np.linalg.norm(model.transform(iris), axis=1), np.linalg.norm(model.embedding_[0]), rtol=1e-9
    )


@pytest.mark.parametrize("n_clusters", [None, 20])
@pytest.mark.parametrize("name", NAMES)
def test_unsettled_insertion_keeps_the_old_tree_and_the_exact_cost(iris, name, n_clusters):
    order = np.random.default_rng(0).permutation(150)
    model = SHHC(n_clusters, similarity=name, random_state=0).fit(iris[order[:120]])
    before, labels = model.tree_, model.labels_
    model.insert(iris[order[120:]], settle=False)
    np.testing.assert_array_equal(model.labels_[:120], labels)
    assert model.tree_.n_leaves == 150
    assert model.cost_ == pytest.approx(brute_cost(model.tree_, dense(model._weights)), rel=1e-9)
    # Old rows keep their places: of any three, the same two are closest.
    rng = np.random.default_rng(1)
    i, j, k = (rng.integers(0, 120, 300) for _ in range(3))
    distinct = (i != j) & (j != k) & (i != k)
    i, j, k = i[distinct], j[distinct], k[distinct]
    for tree in (before, model.tree_):
        sizes = np.stack([tree.size[tree.lca(a, b)] for a, b in ((i, j), (i, k), (j, k))])
        closest = sizes.argmin(axis=0)
        if tree is before:
            expected = closest
    np.testing.assert_array_equal(closest, expected)


@pytest.mark.parametrize("name", NAMES)
def test_inserting_a_tenth_costs_at_most_a_hundredth_more_than_a_new_fit(digits, name):
    for X in (digits[0][:500], np.random.default_rng(1).normal(size=(200, 6))):
        X = X[np.random.default_rng(0).permutation(len(X))]
        fresh = SHHC(similarity=name, random_state=0).fit(X).cost_
        model = SHHC(similarity=name, random_state=0).fit(X[: len(X) * 9 // 10]).insert(X[len(X) * 9 // 10 :])
        assert model.cost_ < fresh * 1.01
        assert model.cost_ == pytest.approx(brute_cost(model.tree_, dense(model._weights)), rel=1e-9)


@pytest.mark.parametrize("n_clusters", [None, 10])
@pytest.mark.parametrize("name", NAMES)
def test_rows_inserted_again_join_their_twins(name, n_clusters):
    X = np.random.default_rng(0).normal(size=(100, 5))
    model = SHHC(n_clusters, similarity=name, random_state=0).fit(X)
    labels, count = model.labels_, model.n_clusters_
    model.insert(X[:30])
    for k in (5, 60, 100):
        np.testing.assert_array_equal(model.cut(k)[:30], model.cut(k)[100:])
    np.testing.assert_array_equal(model.labels_, np.r_[labels, labels[:30]])
    assert model.n_clusters_ == count
    np.testing.assert_array_equal(model.predict(X), labels)


def test_assignments_say_how_sure_they_are_and_what_is_out_of_place(digits):
    X, y = digits
    model = SHHC(random_state=0).fit(X[:1500])
    found = model.assign(X[1500:], k=30)
    np.testing.assert_array_equal(found.labels, model.predict(X[1500:], k=30))
    assert found.outlier.mean() < 0.05
    assert ((found.confidence >= 0) & (found.confidence <= 1)).all()
    majority = np.array([np.bincount(y[:1500][model.cut(30) == label]).argmax() for label in range(30)])
    right = majority[found.labels] == y[1500:]
    assert right.mean() > 0.85 and found.confidence[right].mean() > found.confidence[~right].mean()
    assert (y[found.nearest] == y[1500:]).mean() > 0.9
    noise = np.random.default_rng(0).uniform(X.min(), X.max(), (20, 64))
    assert model.assign(noise).outlier.all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_clusters", [None, 20])
def test_a_saved_model_goes_on_as_before(iris, tmp_path, name, n_clusters):
    X = scipy.sparse.csr_matrix(iris) if name == "cosine" else iris
    model = SHHC(n_clusters, similarity=name, random_state=0).fit(X[:120])
    model.save(tmp_path / "model")
    again = SHHC.load(tmp_path / "model")
    assert again.tree_ == model.tree_ and again.cost_ == model.cost_ and again.recall_ == model.recall_
    np.testing.assert_array_equal(again.labels_, model.labels_)
    for attribute in ("labels", "confidence", "outlier", "nearest"):
        np.testing.assert_array_equal(
            getattr(again.assign(X[120:], 4), attribute), getattr(model.assign(X[120:], 4), attribute)
        )
    assert again.insert(X[120:]).tree_ == model.insert(X[120:]).tree_
    assert not any(b"pickle" in path.read_bytes()[:200] for path in (tmp_path / "model").iterdir())
    with pytest.raises(ValueError, match="exists already"):
        model.save(tmp_path / "model")
    (tmp_path / "model" / "top.npy").write_bytes(b"")
    with pytest.raises(ValueError, match="incomplete or broken"):
        SHHC.load(tmp_path / "model")
    with pytest.raises(ValueError, match="no saved model"):
        SHHC.load(tmp_path)


def test_wide_sparse_rows_are_not_made_dense():
    X = scipy.sparse.random(600, 60_000, 0.0003, format="csr", random_state=0)
    tracemalloc.start()
    model = SHHC(metric="cosine", random_state=0).fit(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert model.tree_.n_leaves == 600
    assert peak < 130 * 2**20  # features alone would be 137 MiB if dense, in float32


def test_progress_is_reported_stage_by_stage(iris):
    seen = []
    SHHC(10, random_state=0, progress=lambda stage, done: seen.append((stage, done))).fit(iris)
    assert list(dict.fromkeys(stage for stage, _ in seen)) == [
        "similarity",
        "pre-clusters",
        "tree",
        "leaves",
        "layout",
    ]
    assert all(0 <= done <= 1 for _, done in seen)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_clusters", [None, 4])
def test_constant_and_duplicate_rows(name, n_clusters):
    for X in (np.ones((30, 3)), np.repeat(np.eye(3), 10, axis=0)):
        model = SHHC(n_clusters, similarity=name, random_state=0).fit(X)
        assert model.tree_.n_leaves == 30
        assert np.isfinite(model.cost_)


def test_few_rows():
    for n in (2, 3, 5):
        for name in NAMES:
            assert SHHC(similarity=name).fit(np.eye(n)).tree_.n_leaves == n


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, bool, np.float16])
def test_every_dtype_is_compared_by_its_values(dtype):
    rng = np.random.default_rng(0)
    high = {np.int8: 127, np.uint8: 255, bool: 1, np.float16: 65_504}[dtype]
    centres = rng.integers(0, 2, (3, 12)) * high
    X = np.repeat(centres, 20, axis=0)
    flipped = rng.random(X.shape) < 0.05
    X = np.where(flipped, high - X, X).astype(dtype)
    for metric in ("euclidean", "cosine"):
        assert ari(np.repeat(np.arange(3), 20), SHHC(metric=metric, random_state=0).fit(X).cut(3)) > 0.8


def test_far_apart_groups_are_the_top_of_the_tree():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(4), [140, 20, 20, 20])
    X = np.array([[0, 0], [100, 0], [0, 100], [100, 100]])[y] + rng.normal(size=(200, 2))
    for name in ("knn", "euclidean"):
        assert ari(y, SHHC(similarity=name, random_state=0).fit(X).cut(4)) == pytest.approx(1)


@pytest.mark.parametrize(
    ("X", "options", "message"),
    [
        ([[1.0, np.nan], [0, 1]], {}, "NaN"),
        ([[1.0, np.inf], [0, 1]], {}, "infinity"),
        (np.empty((0, 3)), {}, "0 sample"),
        ([[1.0, 2.0]], {}, "1 sample"),
        ([["a", "b"], ["c", "d"]], {}, "Convert"),
        (np.eye(3), {"n_clusters": 4}, "n_clusters=4"),
        (np.eye(3), {"n_clusters": 0}, "n_clusters=0"),
        (np.eye(3), {"n_clusters": "many"}, "n_clusters='many'"),
        (np.eye(3), {"similarity": "dot"}, "similarity must be"),
        (np.eye(3), {"metric": "manhattan"}, "metric must be one of euclidean, cosine"),
        (np.eye(3), {"recall": 0}, "recall"),
        (np.eye(3), {"device": "banana"}, "device"),
        (np.eye(3), {"dim": 1}, "dim"),
        (np.eye(3), {"n_init": 0}, "n_init"),
    ],
)
def test_bad_input_is_answered_clearly(X, options, message):
    with pytest.raises(ValueError, match=message):
        SHHC(**options).fit(X)


def test_before_fit_and_with_other_features(iris):
    with pytest.raises(NotFittedError):
        SHHC().predict(iris)
    with pytest.raises(ValueError, match="features"):
        SHHC(random_state=0).fit(iris).predict(iris[:, :2])


def blobs(seed, *spreads, each=30, dim=5):
    """Rows around centres around centres, as far apart as the spreads say, `each` in the smallest."""
    rng = np.random.default_rng(seed)
    centres = np.zeros((1, dim))
    for number, spread in spreads:
        shifts = spread * np.eye(dim)[:number] if number <= dim else rng.normal(0, spread, (number, dim))
        centres = (centres[:, None] + shifts).reshape(-1, dim)
    return np.repeat(centres, each, axis=0) + rng.normal(size=(len(centres) * each, dim))


@pytest.mark.parametrize(
    ("spreads", "counts"),
    [([(2, 12)], [2]), ([(3, 60), (4, 12)], [3, 12]), ([(5, 30)], [5])],
)
@pytest.mark.parametrize("seed", range(2))
def test_layers_are_those_planted_whatever_the_last_digits(spreads, counts, seed):
    X = blobs(seed, *spreads)
    planted = [np.repeat(np.arange(k), len(X) // k) for k in counts]
    noise = 1e-6 * np.random.default_rng(9).standard_normal(X.shape)
    found = []
    for rows in (X, X.astype(np.float32), X * (1 + noise)):
        layers = SHHC(random_state=0).fit(rows).layers_
        found.append([len(np.unique(labels)) for labels in layers])
        for labels in planted:
            assert any(ari(labels, layer) == pytest.approx(1) for layer in layers), found
    assert found[0] == found[1] == found[2]


def test_equal_rows_have_one_layer_and_one_name_for_it():
    model = SHHC(random_state=0).fit(np.full((60, 5), 7.0))
    assert [np.unique(labels).tolist() for labels in model.layers_] == [[0]]
    assert model.n_distinct_ == 1
