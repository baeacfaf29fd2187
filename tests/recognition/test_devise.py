"""DeViSE against its sum over leaves, written out."""

import numpy as np
import pytest
from method_cases import TREE, below, best_leaf, deepest, directions, loss_of, made, samples

from hyperclade.recognition.barz_denzler import leaf_embeddings
from hyperclade.recognition.devise import DeViSE


@pytest.mark.parametrize("given_vectors", [False, True])
def test_devise_ranks_the_label_above_all_other_leaves(given_vectors):
    vectors = np.random.default_rng(0).normal(size=(len(TREE.leaves), 3)) if given_vectors else None
    method = made(DeViSE, embeddings=None if vectors is None else vectors.tolist(), margin=0.4)
    if vectors is None:
        vectors = leaf_embeddings(TREE)
    places = directions(TREE, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    features, targets = samples()
    products = method.embed(features).detach().numpy() @ places.T
    expected = 0.0
    for i, row in enumerate(targets):
        ends = deepest(TREE, row)
        for v in ends:
            for j in set(TREE.leaves) - set(below(TREE, v)):
                expected += max(0.0, 0.4 - products[i, v] + products[i, j]) / len(ends)
    assert loss_of(method, features, targets) == pytest.approx(expected / len(targets), rel=1e-5)
    np.testing.assert_allclose(method.scores(features).detach(), best_leaf(TREE, products), atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"margin": 0.0}, "margin must be positive"),
        ({"embeddings": [[1.0, 2.0]]}, r"each of the 6 leaves, got shape \(1, 2\)"),
        ({"embeddings": [[1.0], [0.0], *[[2.0]] * 4]}, "row 1"),
    ],
)
def test_wrong_settings_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        made(DeViSE, **wrong)
