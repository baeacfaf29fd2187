import numpy as np
import pytest
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.spatial.distance import squareform
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from hyperclade.hierarchy.linkage import Linkage


@parametrize_with_checks([Linkage()])
def test_follows_scikit_learn(estimator, check):
    check(estimator)


def definition_cost(tree, X):
    """Σ w |lca| by the definition, over all pairs."""
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    i, j = np.triu_indices(len(X), 1)
    return float(((1 + (unit[i] * unit[j]).sum(1)) / 2 * tree.size[tree.lca(i, j)]).sum())


@pytest.mark.parametrize("method", ["average", "single", "complete", "weighted", "ward"])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_heights_are_scipys(method, metric):
    X = np.random.default_rng(0).standard_normal((40, 5))
    model = Linkage(method, metric, n_clusters=4).fit(X)
    rows = X / np.linalg.norm(X, axis=1, keepdims=True) if metric == "cosine" and method == "ward" else X
    expected = squareform(cophenet(linkage(rows, method, "euclidean" if method == "ward" else metric)))
    i, j = np.triu_indices(len(X), 1)
    np.testing.assert_allclose(model.tree_.height[model.tree_.lca(i, j)], expected[i, j], rtol=1e-7)
    assert model.cost_ == pytest.approx(definition_cost(model.tree_, X), rel=1e-6)
    assert len(np.unique(model.labels_)) == 4
    np.testing.assert_array_equal(model.labels_, model.cut(4))


def test_bad_input():
    X = np.eye(4)
    for model, message in (
        (Linkage("median"), "method"),
        (Linkage(metric="l1"), "metric"),
        (Linkage(n_clusters=5), "n_clusters"),
        (Linkage(n_clusters=0), "n_clusters"),
        (Linkage(n_clusters=2.5), "n_clusters"),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(X)


@pytest.mark.parametrize("method", ["average", "single", "complete"])
def test_a_row_of_zeros_has_cosine_0(method):
    model = Linkage(method).fit(np.array([[0.0, 0], [1, 0.1], [1, 0], [-1, 0.5]]))
    assert model.tree_.height[4:] == pytest.approx([1 - 1 / np.sqrt(1.01), 1.0, model.tree_.height[-1]])
    assert model.tree_.leaves(5).tolist() in ([0, 1, 2], [1, 2, 0])


@pytest.mark.parametrize("method", ["average", "single", "ward"])
def test_one_row_duplicates_and_extreme_lengths(method):
    one = Linkage(method, n_clusters=1).fit([[1.0, 2.0]])
    assert one.tree_.n_leaves == 1 and one.cost_ == 0 and one.labels_.tolist() == [0]
    same = Linkage(method).fit(np.ones((7, 3)))
    assert same.cost_ == pytest.approx((7**3 - 7) / 3)  # all trees cost the same on unit similarities
    X = np.random.default_rng(0).standard_normal((12, 3))
    lengths = 10.0 ** np.linspace(-150, 150, 12)[:, None]
    assert Linkage(method).fit(X * lengths).tree_.same_clades(Linkage(method).fit(X).tree_)


def test_estimators_can_be_cloned():
    assert clone(Linkage("ward", n_clusters=3)).get_params() == Linkage("ward", n_clusters=3).get_params()
