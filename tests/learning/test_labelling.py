"""Labellers against POT, scikit-learn and planted clusters."""

from functools import partial

import numpy as np
import ot
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score

from hyperclade.learning.labelling import (
    ScoreBlocks,
    hierarchy_labels,
    kmeans_labels,
    sinkhorn_labels,
    whitened,
)

N, K = 240, 6


def log_posteriors(seed=0, skew=0.0, n=N, k=K):
    """Rows that lean to some cluster; with skew the first clusters draw more of them."""
    rng = np.random.default_rng(seed)
    scores = torch.tensor(rng.standard_normal((n, k)) - skew * np.arange(k))
    return scores.log_softmax(1)


def in_blocks(scores, **options):
    return ScoreBlocks(*scores.shape, lambda rows: scores[rows], **{"block_rows": 100, **options})


def test_sinkhorn_labels_are_those_of_pot():
    scores = log_posteriors(skew=0.3)
    labels, _ = sinkhorn_labels(in_blocks(scores), K, sharpness=20.0, tolerance=1e-6, max_passes=3000)
    plan = ot.sinkhorn(
        np.full(N, 1 / N),
        np.full(K, 1 / K),
        -scores.numpy(),
        1 / 20,
        "sinkhorn_log",
        numItermax=5000,
        stopThr=1e-12,
    )
    np.testing.assert_array_equal(labels, plan.argmax(1))
    assert labels.dtype == np.int64
    # Without the marginal the skewed posteriors give other clusters.
    assert np.ptp(np.bincount(scores.argmax(1), minlength=K)) > 40
    assert np.ptp(np.bincount(labels, minlength=K)) <= 4


@pytest.mark.parametrize("marginal", ["gaussian", "zipf"])
def test_larger_clusters_get_the_larger_targets(marginal):
    scores = log_posteriors(skew=0.25, n=1200)
    scores = scores[:, torch.tensor([3, 0, 5, 1, 4, 2])]  # sizes in no order
    labels, _ = sinkhorn_labels(
        in_blocks(scores),
        K,
        marginal=marginal,
        marginal_sd=0.5,
        tolerance=1e-4,
        max_passes=2000,
        random_state=3,
    )
    free = np.bincount(scores.argmax(1), minlength=K)
    sizes = np.bincount(labels, minlength=K)
    assert (np.argsort(sizes) == np.argsort(free)).all()
    if marginal == "zipf":
        expected = 1 / np.arange(1, K + 1)
        np.testing.assert_allclose(np.sort(sizes)[::-1] / 1200, expected / expected.sum(), atol=0.01)
    else:
        assert np.ptp(sizes) > 100


def test_a_warm_start_gives_the_same_labels():
    scores = log_posteriors(skew=0.2)
    options = {"tolerance": 1e-7, "max_passes": 4000}
    labels, dual = sinkhorn_labels(in_blocks(scores), K, **options)
    again, _ = sinkhorn_labels(in_blocks(scores), K, column_dual=dual, **options)
    one_pass, _ = sinkhorn_labels(in_blocks(scores), K, column_dual=dual, max_passes=1)
    np.testing.assert_array_equal(again, labels)
    np.testing.assert_array_equal(one_pass, labels)


def test_scores_kept_or_computed_anew_are_the_same():
    scores = log_posteriors()
    calls = []

    def block(rows):
        calls.append(rows)
        return scores[rows]

    kept = ScoreBlocks(N, K, block, block_rows=100)
    anew = ScoreBlocks(N, K, block, block_rows=100, keep_bytes=4 * N * K - 1)
    assert len(calls) == 3
    for _ in range(2):
        for blocks in (kept, anew):
            torch.testing.assert_close(torch.cat(list(blocks)), scores.float(), rtol=0, atol=0)
    assert len(calls) == 3 + 6
    first, second = (sinkhorn_labels(blocks, K) for blocks in (kept, anew))
    np.testing.assert_array_equal(first[0], second[0])
    torch.testing.assert_close(first[1], second[1], rtol=0, atol=0)


def planted(n_per=40, k=5, d=8, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((k, d)) * 6
    labels = np.repeat(np.arange(k), n_per)
    return centres[labels] + rng.standard_normal((len(labels), d)), labels


def test_whitening_gives_equal_variances_before_rows_become_units():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((300, 6)) @ rng.standard_normal((6, 6)) + 5
    found = whitened(rows)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    # Lengths are lost, so compare with scikit-learn's, axis by axis up to sign.
    expected = PCA(whiten=True).fit_transform(rows)
    np.testing.assert_allclose(np.cov(expected.T), np.eye(6), atol=1e-9)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-5)
    assert whitened(rows, 2).shape == (300, 2)


def test_whitening_leaves_out_what_does_not_vary():
    rows = np.random.default_rng(0).standard_normal((50, 3))
    found = whitened(np.hstack([rows, rows[:, :1] * 2, np.ones((50, 1))]))
    assert found.shape == (50, 3) and np.isfinite(found).all()
    assert whitened(np.ones((4, 3))).shape[0] == 4


@pytest.mark.parametrize("labeller", [partial(kmeans_labels, n_components=4), hierarchy_labels])
def test_planted_clusters_are_found(labeller):
    rows, truth = planted()
    # k-means starts at random rows once, so that only some starts find all clusters.
    found = [labeller(rows, 5, random_state=seed) for seed in range(5)]
    assert max(adjusted_rand_score(truth, labels) for labels in found) == 1.0
    assert all(labels.dtype == np.int64 and labels.shape == truth.shape for labels in found)
    np.testing.assert_array_equal(found[0], labeller(rows, 5, random_state=0))


def test_too_few_rows_for_kmeans():
    with pytest.raises(ValueError, match="3 rows cannot make 4 clusters"):
        kmeans_labels(np.eye(3), 4)


def test_constant_features_make_some_labels():
    labels = kmeans_labels(np.ones((20, 4)), 3)
    assert labels.shape == (20,) and set(labels) <= {0, 1, 2}
