import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks
from trial_trees import brute_cost, dense

from hyperclade import SHHC, dasgupta_cost
from hyperclade.metrics.dendrograms import dendrogram_purity
from hyperclade.metrics.partitions import ari

NAMES = ["knn", "cosine", "softmax"]


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
    assert np.all(np.diff(tree.height[150:]) > -np.inf) and np.all(
        tree.height[tree.parent[:-1]] >= tree.height[:-1]
    )
    if n_clusters:
        assert np.ptp(np.bincount(model.labels_)) <= 1  # equal sizes
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


def test_same_seed_same_tree(digits):
    X = digits[0][:400]
    for name in NAMES:
        a, b = (SHHC(40, similarity=name, random_state=3).fit(X) for _ in range(2))
        assert a.tree_ == b.tree_
        assert clone(a).get_params() == a.get_params()


def test_every_kind_of_array_gives_the_same_tree(iris, tmp_path):
    torch = pytest.importorskip("torch")
    X = iris.astype(np.float32)
    np.save(tmp_path / "x.npy", X)
    expected = SHHC(similarity="cosine", random_state=0).fit(X).cost_
    for other in (
        np.load(tmp_path / "x.npy", mmap_mode="r"),
        torch.from_numpy(X),
        scipy.sparse.csr_matrix(X),
        X.astype(np.float64),
        X.tolist(),
    ):
        assert SHHC(similarity="cosine", random_state=0).fit(other).cost_ == pytest.approx(expected, rel=1e-5)
    half = SHHC(similarity="cosine", random_state=0).fit(X.astype(np.float16))
    assert half.cost_ == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("n_clusters", [None, 20])
@pytest.mark.parametrize("name", ["cosine", "softmax"])
def test_training_rows_go_back_to_their_own_labels_and_places(iris, name, n_clusters):
    model = SHHC(n_clusters, similarity=name, random_state=0).fit(iris)
    # Equal sizes push rows out of the pre-cluster they are nearest to.
    assert np.mean(model.predict(iris) == model.labels_) > (0.6 if n_clusters else 0.95)
    assert model.transform(iris[:5]).shape == (5, 2)
    np.testing.assert_allclose(
        np.linalg.norm(model.transform(iris), axis=1), np.linalg.norm(model.embedding_[0]), rtol=1e-9
    )


@pytest.mark.parametrize("n_clusters", [None, 20])
@pytest.mark.parametrize("name", NAMES)
def test_insert_keeps_the_old_tree_and_the_exact_cost(iris, name, n_clusters):
    order = np.random.default_rng(0).permutation(150)
    model = SHHC(n_clusters, similarity=name, random_state=0).fit(iris[order[:120]])
    before = model.tree_
    model.insert(iris[order[120:]])
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


def test_insert_costs_little_more_than_clustering_all(iris):
    order = np.random.default_rng(0).permutation(150)
    together = SHHC(similarity="cosine", random_state=0).fit(iris).cost_
    model = SHHC(similarity="cosine", random_state=0).fit(iris[order[:100]]).insert(iris[order[100:]])
    assert together * 0.999 < model.cost_ < together * 1.02
    assert model.cost_ == pytest.approx(dasgupta_cost(model.tree_, iris[order], "cosine"), rel=1e-6)


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


def test_two_rows():
    assert SHHC().fit(np.eye(2)).tree_.n_leaves == 2


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
