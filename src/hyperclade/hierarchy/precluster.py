"""Pre-clusters: K clusters of given sizes by optimal transport on cosine similarity (sHHC §3.1)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hyperclade.transport.dense import updated_column_dual
from hyperclade.transport.marginals import match_to_current, sizes_from_marginal
from hyperclade.transport.rounding import round_candidates, top_candidates
from hyperclade.transport.streamed import (
    RowBlocks,
    add_rows_to_clusters,
    block_column_log_sums,
    log_shares,
    score_block,
)

SAMPLE_ROWS_PER_CLUSTER, SAMPLE_ROWS = 32, 4096
SAMPLE_BYTES = 192 * 2**20
SEEDING_ROUNDS = 16
N_CANDIDATES = 16
# Bid increments as shares of the spread of a row's candidates: rough while centroids still move.
SAMPLE_TOLERANCE, FINAL_TOLERANCE = 0.1, 0.05


@dataclass(frozen=True)
class PreClusters:
    """A partition of n rows into K clusters.

    Attributes:
        labels: `(n,) int64`.
        centroids: `(K, d) float32`, the directions of the mean unit-length rows, of unit length.
        sizes: `(K,) int64`, rows per cluster.
        objective: mean cosine of a row with the centroid of its cluster.
        history: `(n_iterations,) float64`, the same on the subsample, iteration by iteration.
    """

    labels: np.ndarray
    centroids: np.ndarray
    sizes: np.ndarray
    objective: float
    history: np.ndarray


@torch.no_grad()
def precluster(
    X: Any,
    n_clusters: int,
    *,
    marginal: Any = None,
    epsilon: float = 0.05,
    n_iterations: int = 10,
    balanced: bool = True,
    sample_size: int | None = None,
    block_rows: int = 2048,
    random_state: Any = None,
    device: str | torch.device = "cpu",
) -> PreClusters:
    """Partition rows into clusters of exactly given sizes with a high cosine to the cluster centroids.

    All iterations run on a subsample: some without sizes, then Sinkhorn steps (one pass is one step of the
    column dual, warm-started, and one centroid update), then exact balancing by auction. One pass over all
    rows then keeps the best few clusters of each, from which the auction, at the prices learnt, makes the
    final assignment; rows it has to look up again cost at most a second pass. Peak memory beside X is the
    subsample, one block and 16 · 8 bytes a row.

    Args:
        X: `(n, d)` numpy array or memory map, torch tensor, or scipy CSR, of any real dtype; read in blocks,
            and scaled to unit rows on the fly. Zero rows have cosine 0 with everything and go where there is
            room.
        n_clusters: K, at most n.
        marginal: `(K,) float >= 0`, shares of the clusters in any order: larger shares go to clusters that
            are larger by themselves. Uniform if None, which gives sizes ⌊n/K⌋ and ⌈n/K⌉ (sHHC Eq. 4).
        epsilon: weight of the entropy in the Sinkhorn steps, on the scale of cosines.
        n_iterations: passes over the subsample.
        balanced: False drops the sizes and leaves spherical k-means: same code, dual at zero. A cluster may
            then end up empty if rows repeat.
        sample_size: rows of the subsample; 32 per cluster but at least 4096 if None.
        block_rows: rows read at a time.
        random_state: int, numpy Generator or RandomState, or None.
        device: where blocks are processed, "cpu" or "cuda".

    Raises:
        ValueError: non-finite features, more clusters than rows, wrong shapes.

    >>> X = np.random.default_rng(0).normal(size=(10, 4))
    >>> precluster(X, 3, random_state=0).sizes
    array([4, 3, 3])
    """
    rows = RowBlocks(X, block_rows, unit_rows=True, device=device)
    n = rows.shape[0]
    if not 1 <= n_clusters <= n:
        raise ValueError(f"n_clusters must be between 1 and the {n} rows, got {n_clusters}")
    if not epsilon > 0 or n_iterations < 1:
        raise ValueError(f"epsilon and n_iterations must be positive, got {epsilon} and {n_iterations}")
    rng = _generator(random_state)
    shares = log_shares(marginal, n_clusters)
    wanted = _default_sample(rows, n_clusters) if sample_size is None else max(sample_size, n_clusters)
    chosen = np.arange(n) if wanted >= n else np.sort(rng.choice(n, wanted, replace=False))
    sample = RowBlocks(rows.take(chosen), block_rows, device=device)

    centroids = _seeds(sample, n_clusters, rng)
    dual = torch.zeros(n_clusters, dtype=torch.float64, device=rows.device)
    history = np.empty(n_iterations)
    free = n_iterations // 4
    for iteration in range(n_iterations):
        if not balanced or iteration < free:
            labels, _ = _nearest(sample, centroids, dual, None)
        elif iteration < (n_iterations + 1) // 2:
            labels, log_sums = _nearest(sample, centroids, dual, epsilon)
            current = labels.bincount(minlength=n_clusters).cpu().numpy()
            shares = torch.from_numpy(match_to_current(shares.numpy(), current))
            dual = updated_column_dual(dual, log_sums, shares.to(dual), epsilon)
        else:
            labels, dual = _balance(sample, centroids, dual, shares, SAMPLE_TOLERANCE)
        centroids, history[iteration] = _update(sample, labels, centroids)
    if balanced:
        labels, dual = _balance(rows, centroids, dual, shares, FINAL_TOLERANCE)
    else:
        labels, _ = _nearest(rows, centroids, dual, None)
    centroids, objective = _update(rows, labels, centroids)
    return PreClusters(
        labels.cpu().numpy(),
        centroids.cpu().numpy(),
        labels.bincount(minlength=n_clusters).cpu().numpy(),
        objective,
        history,
    )


def _nearest(
    rows: RowBlocks, centroids: Tensor, dual: Tensor, epsilon: float | None
) -> tuple[Tensor, Tensor]:
    """One pass: the best cluster of each row, and given an epsilon the log shares `(K,)` of the plan."""
    scale = 1.0 if epsilon is None else 1.0 / epsilon
    scaled, offset = centroids * scale, (dual * scale).float()
    labels = torch.empty(rows.shape[0], dtype=torch.int64, device=rows.device)
    log_sums = torch.full_like(dual, -torch.inf)
    for start, block in rows:
        logits = score_block(block, scaled, offset)
        labels[start : start + len(logits)] = logits.argmax(1)
        if epsilon is not None:
            log_sums = torch.logaddexp(log_sums, block_column_log_sums(logits))
    return labels, log_sums - torch.logsumexp(log_sums, 0)


def _balance(
    rows: RowBlocks, centroids: Tensor, dual: Tensor, shares: Tensor, tolerance: float
) -> tuple[Tensor, Tensor]:
    """One pass: labels `(n,)` with exact sizes, and the dual that belongs to them."""
    (n, _), k = rows.shape, len(centroids)
    columns = np.empty((n, min(N_CANDIDATES, k)), dtype=np.int32)
    values = np.empty(columns.shape, dtype=np.float32)
    offset = dual.float()
    for start, block in rows:
        part = slice(start, start + block.shape[0])
        columns[part], values[part] = top_candidates(score_block(block, centroids, offset), columns.shape[1])
    labels, rises = round_candidates(
        columns,
        values,
        sizes_from_marginal(shares.exp().numpy(), n),
        lambda chosen: score_block(rows.take(chosen), centroids, offset).cpu().numpy(),
        tolerance=tolerance,
        stages=(1.0,),
    )
    return torch.from_numpy(labels).to(rows.device), dual - torch.from_numpy(rises).to(dual)


def _update(rows: RowBlocks, labels: Tensor, previous: Tensor) -> tuple[Tensor, float]:
    """Directions of the cluster sums (empty clusters keep theirs); mean cosine of a row with its own."""
    sums = torch.zeros_like(previous)
    for start, block in rows:
        add_rows_to_clusters(sums, block, labels[start : start + block.shape[0]])
    norms = torch.linalg.vector_norm(sums, dim=1, keepdim=True)
    # A sum of cancelling rows has no direction; its rounding error must not be taken for one.
    return torch.where(norms > 1e-5, sums / norms, previous), float(norms.double().sum()) / rows.shape[0]


def _seeds(sample: RowBlocks, k: int, rng: np.random.Generator) -> Tensor:
    """Starting centroids `(k, d)`: rows drawn in rounds, in favour of rows far from those drawn before."""
    n, d = sample.shape
    nearest = torch.full((n,), -1.0, device=sample.device)
    seeds = torch.zeros((k, d), device=sample.device)
    for drawn in np.array_split(np.arange(k), min(k, SEEDING_ROUNDS)):
        distance = (1 - nearest).clamp(min=1e-9).double().cpu().numpy()
        picked = sample.take(np.sort(rng.choice(n, len(drawn), replace=False, p=distance / distance.sum())))
        add_rows_to_clusters(seeds, picked, torch.from_numpy(drawn).to(seeds.device))
        for start, block in sample:
            scores = score_block(block, seeds[drawn[0] : drawn[-1] + 1])
            part = nearest[start : start + len(scores)]
            torch.maximum(part, scores.amax(1), out=part)
    return seeds


def _default_sample(rows: RowBlocks, n_clusters: int) -> int:
    """Rows of the subsample: enough for stable centroids, within a memory limit."""
    row_bytes = 8 * rows.features.nnz / rows.shape[0] if rows.is_sparse else 4 * rows.shape[1]
    affordable = int(SAMPLE_BYTES / max(row_bytes, 1))
    return min(max(SAMPLE_ROWS_PER_CLUSTER * n_clusters, SAMPLE_ROWS), max(affordable, 4 * n_clusters))


def _generator(random_state: Any) -> np.random.Generator:
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31))
    return np.random.default_rng(random_state)
