"""Streamed Sinkhorn against the dense solver, block reading, and the reduction over processes."""

import socket

import numpy as np
import pytest
import scipy.sparse
import torch

from hyperclade.transport import (
    FeatureScores,
    RowBlocks,
    block_column_log_sums,
    reduce_column_log_sums,
    sinkhorn,
    sinkhorn_streamed,
    zipf,
)
from hyperclade.transport.streamed import add_rows_to_clusters, score_block


@pytest.fixture
def features():
    rng = np.random.default_rng(0)
    return rng.normal(size=(103, 7)), rng.normal(size=(6, 7))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_memory_map_gives_the_dense_dual(tmp_path, features, dtype):
    X, centroids = features[0].astype(dtype), features[1].astype(np.float32)
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    unit = X.astype(np.float64) / np.linalg.norm(X.astype(np.float64), axis=1, keepdims=True)
    weights = np.random.default_rng(1).uniform(0.5, 2, 103)
    dense = sinkhorn(
        unit @ centroids.T.astype(np.float64), weights, zipf(6) * weights.sum(), 0.3, tolerance=1e-6
    )
    blocks = FeatureScores(RowBlocks(mapped, 10, unit_rows=True), centroids)
    streamed = sinkhorn_streamed(blocks, zipf(6), 0.3, row_marginal=weights, tolerance=2e-6)
    assert dense.converged and streamed.converged
    ours, theirs = streamed.column_dual.numpy(), dense.column_dual
    np.testing.assert_allclose(ours - ours.mean(), theirs - theirs.mean(), atol=2e-5)


def test_one_pass_is_one_step_and_duals_carry_over(features):
    scores = torch.from_numpy(features[0] @ features[1].T)
    dual = None
    for _ in range(400):
        dual = sinkhorn_streamed(scores.split(20), epsilon=0.5, max_passes=2, column_dual=dual).column_dual
    assert sinkhorn_streamed(scores.split(20), epsilon=0.5, column_dual=dual).iterations == 1
    reference = torch.as_tensor(sinkhorn(scores, epsilon=0.5).column_dual)
    torch.testing.assert_close(dual - dual.mean(), reference - reference.mean(), atol=2e-3, rtol=0)


def test_log_sums_survive_underflow():
    logits = torch.tensor([[0.0, -500.0], [0.0, -600.0]])
    sums = block_column_log_sums(logits)
    torch.testing.assert_close(sums, torch.tensor([np.log(2.0), -500.0], dtype=torch.float64))


@pytest.mark.parametrize("kind", ["float16", "float64", "int16", "big-endian", "torch", "csr"])
def test_blocks_of_every_kind_hold_the_unit_rows(kind):
    X = np.random.default_rng(2).integers(-5, 6, size=(23, 5)).astype(np.float64)
    X[4] = 0
    made = {
        "torch": lambda: torch.from_numpy(X),
        "csr": lambda: scipy.sparse.csr_matrix(X),
        "big-endian": lambda: X.astype(">f4"),
    }.get(kind, lambda: X.astype(kind))()
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    expected = (X / np.where(norms > 0, norms, 1)).astype(np.float32)
    rows = RowBlocks(made, 7, unit_rows=True)
    identity = torch.eye(5)
    blocks = [(start, score_block(block, identity).numpy()) for start, block in rows]
    assert [start for start, _ in blocks] == [0, 7, 14, 21]
    np.testing.assert_allclose(np.concatenate([block for _, block in blocks]), expected, atol=1e-6)
    chosen = np.array([20, 3, 4, 9, 9, 0, 1, 2, 11])
    np.testing.assert_allclose(score_block(rows.take(chosen), identity).numpy(), expected[chosen], atol=1e-6)
    labels = torch.arange(23) % 3
    sums = torch.zeros(3, 5)
    for start, block in rows:
        add_rows_to_clusters(sums, block, labels[start : start + block.shape[0]])
    np.testing.assert_allclose(sums, np.stack([expected[labels == j].sum(0) for j in range(3)]), atol=1e-5)


def test_bad_input_is_named(features):
    with pytest.raises(ValueError, match="generator"):
        sinkhorn_streamed(block for block in [torch.zeros(2, 2)])
    with pytest.raises(ValueError, match="no rows"):
        sinkhorn_streamed([])
    with pytest.raises(ValueError, match="width"):
        sinkhorn_streamed([torch.zeros(2, 2), torch.zeros(2, 3)])
    with pytest.raises(ValueError, match="have more"):
        sinkhorn_streamed([torch.zeros(2, 2)], row_marginal=[1.0])
    with pytest.raises(ValueError, match="blocks have 2"):
        sinkhorn_streamed([torch.zeros(2, 2)], row_marginal=[1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="finite"):
        sinkhorn_streamed([torch.tensor([[0.0, torch.nan]])])
    broken = features[0].copy()
    broken[57, 3] = np.inf
    with pytest.raises(ValueError, match="row 57"):
        list(RowBlocks(broken, 10))
    with pytest.raises(ValueError, match="real numbers"):
        RowBlocks(np.array([["a"]], dtype=object))
    with pytest.raises(ValueError, match="centroids"):
        FeatureScores(RowBlocks(features[0]), np.zeros((2, 3)))


def _reduce_in_process(rank, port, results):
    torch.distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2
    )
    local = torch.tensor([[-1000.0, 1.0, -torch.inf], [-1001.0, -torch.inf, -torch.inf]], dtype=torch.float64)
    results[rank] = reduce_column_log_sums(local[rank]).tolist()
    torch.distributed.destroy_process_group()


def test_reduction_over_two_processes():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = torch.multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        results = manager.dict()
        workers = [context.Process(target=_reduce_in_process, args=(r, port, results)) for r in (0, 1)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(120)
        expected = [-1000 + np.log1p(np.exp(-1)), 1.0, -np.inf]
        for rank in (0, 1):
            np.testing.assert_allclose(results[rank], expected)
