"""Barz and Denzler against cosines in numpy."""

import numpy as np
import pytest
from method_cases import (
    TREE,
    best_leaf,
    deepest,
    directions,
    leaf_dissimilarities,
    loss_of,
    made,
    node_probabilities,
    samples,
)

from hyperclade.recognition.barz_denzler import BarzDenzler, leaf_embeddings


def test_leaf_embeddings_have_the_products_of_the_tree():
    vectors = leaf_embeddings(TREE)
    np.testing.assert_allclose(vectors @ vectors.T, 1 - leaf_dissimilarities(TREE, TREE.leaves), atol=1e-12)


def test_barz_denzler_is_the_cosine_to_the_place_and_cross_entropy():
    features, targets = samples()
    method = made(BarzDenzler, classification_weight=0.3)
    places = directions(TREE, leaf_embeddings(TREE))
    embedding = method.embed(features).detach().numpy()
    cosine = embedding / np.linalg.norm(embedding, axis=1, keepdims=True) @ places.T
    p = node_probabilities(TREE, method.classify(method.embed(features)).detach().numpy())
    expected = [
        1 - cosine[i, deepest(TREE, row)].mean() - 0.3 * np.log(p[i, deepest(TREE, row)]).mean()
        for i, row in enumerate(targets)
    ]
    assert loss_of(method, features, targets) == pytest.approx(np.mean(expected), rel=1e-5)
    np.testing.assert_allclose(method.scores(features).detach(), best_leaf(TREE, cosine), atol=1e-6)


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="must not be negative"):
        made(BarzDenzler, classification_weight=-0.1)
