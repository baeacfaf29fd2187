"""Pre-clusters: K clusters of given sizes by optimal transport (sHHC §3.1), in two levels where K is large.

Rows and centroids are whole numbers while they are compared, so that their products are exact: the same
clusters come out on every processor.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from hyperclade.hierarchy.rows import Metric, Rows, as_array, direction_length
from hyperclade.hierarchy.threads import in_threads
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
ONE_LEVEL = 1024  # clusters up to which every row is compared with all


@dataclass(frozen=True)
class PreClusters:
    """A partition of n rows into K clusters.

    Attributes:
        labels: `(n,) int64`.
        centroids: `(K, d) float32`: for "cosine" the directions of the mean unit-length rows, of unit length;
            for "euclidean" the mean rows, in the coordinates of X. Of wide sparse rows those of their sketch.
        sizes: `(K,) int64`, rows per cluster.
        objective: for "cosine" the mean cosine of a row with the centroid of its cluster; for "euclidean" the
            share of the rows' variance that lies between clusters.
        history: `(n_iterations,) float64`, the same on the subsample, iteration by iteration; where clusters
            are made in two levels, of the coarse ones.
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
    metric: Metric = "cosine",
    marginal: Any = None,
    epsilon: float = 0.05,
    n_iterations: int = 10,
    balanced: bool = True,
    sample_size: int | None = None,
    block_rows: int = 2048,
    random_state: Any = None,
    device: str | torch.device = "cpu",
    progress: Callable[[float], None] = lambda _: None,
) -> PreClusters:
    """Partition rows into clusters of exactly given sizes near their centroids.

    All iterations run on a subsample: some without sizes, then Sinkhorn steps (one pass is one step of the
    column dual, warm-started, and one centroid update), then exact balancing by auction. One pass over all
    rows then keeps the best few clusters of each, from which the auction, at the prices learnt, makes the
    final assignment; rows it has to look up again cost at most a second pass. Peak memory beside X is the
    subsample, one block and 16 · 8 bytes a row.

    More than 1,024 clusters of equal size (or of none) are made in two levels: √K clusters, each divided
    again. Time then grows like n √K instead of n K.

    Args:
        X: `(n, d)` numpy array or memory map, torch tensor, scipy CSR, of any real dtype, or `Rows`; read in
            blocks.
        n_clusters: K, at most n.
        metric: "cosine" compares directions (zero rows have cosine 0 with everything and go where there is
            room), "euclidean" distances; ignored for `Rows`, which have one.
        marginal: `(K,) float >= 0`, shares of the clusters in any order: larger shares go to clusters that
            are larger by themselves. Uniform if None, which gives sizes ⌊n/K⌋ and ⌈n/K⌉ (sHHC Eq. 4).
        epsilon: weight of the entropy in the Sinkhorn steps, on the scale of cosines.
        n_iterations: passes over the subsample.
        balanced: False drops the sizes and leaves k-means: same code, dual at zero. A cluster may then end
            up empty if rows repeat.
        sample_size: rows of the subsample; 32 per cluster but at least 4096 if None.
        block_rows: rows read at a time.
        random_state: int, numpy Generator or RandomState, or None.
        device: where blocks are processed, "cpu" or "cuda".
        progress: called with the share done, where clusters are made in two levels.

    Raises:
        ValueError: non-finite features, more clusters than rows, wrong shapes.

    >>> X = np.random.default_rng(0).normal(size=(10, 4))
    >>> precluster(X, 3, random_state=0).sizes
    array([4, 3, 3])
    """
    rows = _WholeRows(_checked_rows(X, metric), block_rows, device)
    n = len(rows)
    if not 1 <= n_clusters <= n:
        raise ValueError(f"n_clusters must be between 1 and the {n} rows, got {n_clusters}")
    if not epsilon > 0 or n_iterations < 1:
        raise ValueError(f"epsilon and n_iterations must be positive, got {epsilon} and {n_iterations}")
    rng = _generator(random_state)
    options: dict[str, Any] = {"epsilon": epsilon, "n_iterations": n_iterations, "balanced": balanced}
    if n_clusters <= ONE_LEVEL or marginal is not None:
        labels, history = _one_level(
            rows, n_clusters, log_shares(marginal, n_clusters), rng, sample_size=sample_size, **options
        )
    else:
        labels, history = _two_levels(rows, n_clusters, rng, sample_size, options, progress)
    sums, objective = _sums(rows, labels, n_clusters)
    sizes = labels.bincount(minlength=n_clusters)
    return PreClusters(
        labels.cpu().numpy(),
        rows.centroids(sums, sizes).cpu().numpy(),
        sizes.cpu().numpy(),
        objective,
        history,
    )


def _one_level(
    rows: "_WholeRows",
    k: int,
    shares: Tensor,
    rng: np.random.Generator,
    *,
    epsilon: float,
    n_iterations: int,
    balanced: bool,
    sample_size: int | None = None,
    sizes: np.ndarray | None = None,
) -> tuple[Tensor, np.ndarray]:
    """Labels `(n,)` of k clusters, of the given sizes `(k,)` or else by shares, and the history."""
    n = len(rows)
    wanted = _default_sample(rows, k) if sample_size is None else max(sample_size, k)
    chosen = np.arange(n) if wanted >= n else np.sort(rng.choice(n, wanted, replace=False))
    sample = rows.part(chosen)
    entropy = epsilon * rows.unit**2
    centroids = _seeds(sample, k, rng)
    dual = torch.zeros(k, dtype=torch.float64, device=rows.device)
    history = np.empty(n_iterations)
    free = n_iterations // 4
    for iteration in range(n_iterations):
        if not balanced or iteration < free:
            labels, _ = _nearest(sample, centroids, dual, None)
        elif iteration < (n_iterations + 1) // 2:
            labels, log_sums = _nearest(sample, centroids, dual, entropy)
            current = labels.bincount(minlength=k).cpu().numpy()
            shares = torch.from_numpy(match_to_current(shares.numpy(), current))
            dual = updated_column_dual(dual, log_sums, shares.to(dual), entropy).round()
        else:
            labels, dual = _balance(sample, centroids, dual, _sizes(shares, len(sample)), SAMPLE_TOLERANCE)
        sums, history[iteration] = _sums(sample, labels, k)
        centroids = rows.rounded(sums, labels.bincount(minlength=k), centroids)
    if not balanced:
        return _nearest(rows, centroids, dual, None)[0], history
    wanted_sizes = _sizes(shares, n) if sizes is None else sizes
    return _balance(rows, centroids, dual, wanted_sizes, FINAL_TOLERANCE)[0], history


def _two_levels(
    rows: "_WholeRows",
    k: int,
    rng: np.random.Generator,
    sample_size: int | None,
    options: dict[str, Any],
    progress: Callable[[float], None],
) -> tuple[Tensor, np.ndarray]:
    """√k clusters as large as they are by themselves, each divided into as many as it has room for."""
    n, balanced = len(rows), options["balanced"]
    n_coarse = int(np.sqrt(k))
    coarse, history = _one_level(
        rows,
        n_coarse,
        log_shares(None, n_coarse),
        rng,
        sample_size=sample_size,
        **options | {"balanced": False},
    )
    counts = coarse.bincount(minlength=n_coarse)
    n_rows = counts.cpu().numpy()
    n_fine = (n_rows > 0) + sizes_from_marginal(n_rows, k - int((n_rows > 0).sum()))
    if not balanced:
        n_fine = np.minimum(n_fine, n_rows)
    starts = np.r_[0, np.cumsum(n_fine)]
    if balanced:
        # Rows near the edge of a coarse cluster change it, until its size is that of whole fine ones.
        fine_sizes = _sizes(log_shares(None, k), n)
        sums, _ = _sums(rows, coarse, n_coarse)
        centroids = rows.rounded(sums, counts, torch.zeros_like(sums))
        coarse_sizes = np.diff(np.r_[0, np.cumsum(fine_sizes)][starts])
        dual = torch.zeros(n_coarse, dtype=torch.float64, device=rows.device)
        coarse, _ = _balance(rows, centroids, dual, coarse_sizes, FINAL_TOLERANCE)
    labels = torch.empty(n, dtype=torch.int64, device=rows.device)
    cells = np.split(
        np.argsort(coarse.cpu().numpy(), kind="stable"),
        np.cumsum(coarse.bincount(minlength=n_coarse).cpu().numpy())[:-1],
    )
    seeds = rng.integers(2**31, size=n_coarse)
    done = [0]

    def divide(j: int, check: Callable[[], None]) -> None:
        check()
        if n_fine[j]:
            found, _ = _one_level(
                rows.part(cells[j]),
                int(n_fine[j]),
                log_shares(None, int(n_fine[j])),
                np.random.default_rng(seeds[j]),
                sizes=fine_sizes[starts[j] : starts[j + 1]] if balanced else None,
                **options,
            )
            labels[torch.from_numpy(cells[j]).to(labels.device)] = starts[j] + found
        done[0] += 1
        progress(done[0] / n_coarse)

    in_threads(divide, n_coarse)
    return labels, history


class _WholeRows:
    """Rows as blocks of whole numbers in float32 on a device, read anew each time or held in memory.

    rows : Rows
    block_rows : int
    device : where blocks go
    held : (n, d) float32 tensor, or None
    """

    def __init__(
        self, rows: Rows, block_rows: int, device: str | torch.device, held: Tensor | None = None
    ) -> None:
        self.rows, self.block_rows, self.device, self.held = rows, block_rows, torch.device(device), held
        self.is_cosine = rows.metric == "cosine"
        # Whole number that stands for a length of one.
        self.unit = float(direction_length(rows.width) if self.is_cosine else rows.typical_length)

    def __len__(self) -> int:
        return len(self.rows) if self.held is None else len(self.held)

    def __iter__(self) -> Iterator[tuple[int, Tensor]]:
        for start in range(0, len(self), self.block_rows):
            part = slice(start, min(start + self.block_rows, len(self)))
            yield start, self._read(part) if self.held is None else self.held[part]

    def take(self, rows: np.ndarray) -> Tensor:
        """Chosen rows as one block."""
        return self._read(rows) if self.held is None else self.held[torch.from_numpy(rows).to(self.device)]

    def part(self, rows: np.ndarray) -> "_WholeRows":
        """Chosen rows, held in memory."""
        held = torch.empty((len(rows), self.rows.width), dtype=torch.float32, device=self.device)
        for start in range(0, len(rows), self.block_rows):
            some = rows[start : start + self.block_rows]
            held[start : start + len(some)] = self.take(some)
        return _WholeRows(self.rows, self.block_rows, self.device, held)

    def rounded(self, sums: Tensor, sizes: Tensor, previous: Tensor) -> Tensor:
        """Centroids `(K, d)` in whole numbers of clusters with these sums; empty ones keep the previous."""
        length = torch.linalg.vector_norm(sums, dim=1, keepdim=True)
        if self.is_cosine:
            # A sum of cancelling rows has no direction; its rounding error must not be taken for one.
            return (
                torch.where(length > 1e-5 * self.unit, self.unit * sums / length, previous.double())
                .round()
                .float()
            )
        return torch.where(sizes[:, None] > 0, sums / sizes[:, None], previous.double()).round().float()

    def centroids(self, sums: Tensor, sizes: Tensor) -> Tensor:
        """Centroids `(K, d) float32` as `PreClusters` has them."""
        if self.is_cosine:
            length = torch.linalg.vector_norm(sums, dim=1, keepdim=True)
            return torch.where(length > 1e-5 * self.unit, sums / length, 0.0).float()
        frame = self.rows.frame
        means = sums / sizes.clamp_min(1)[:, None] / self.unit
        if self.rows.is_wide:
            return means.float()
        return (means * frame.spread + torch.from_numpy(frame.centre).to(means)).float()

    def read_from(self, centroids: Tensor) -> Tensor:
        """What is added to products with centroids so that the nearest has the largest score, `(K,)`."""
        if self.is_cosine:
            return torch.zeros(len(centroids), dtype=torch.float64, device=self.device)
        return -(centroids.double().square().sum(1) / 2).round()

    def _read(self, rows: Any) -> Tensor:
        return torch.from_numpy(self.rows.near_whole(rows)).to(self.device)


def _checked_rows(X: Any, metric: Metric) -> Rows:
    if isinstance(X, Rows):
        return X
    for _ in RowBlocks(X):
        pass  # finds what is not finite
    return Rows(as_array(X), metric)


def _nearest(
    rows: _WholeRows, centroids: Tensor, dual: Tensor, entropy: float | None
) -> tuple[Tensor, Tensor]:
    """One pass: the best cluster of each row, and given an entropy the log shares `(K,)` of the plan."""
    offset = dual + rows.read_from(centroids)
    labels = torch.empty(len(rows), dtype=torch.int64, device=rows.device)
    log_sums = torch.full_like(dual, -torch.inf)
    for start, block in rows:
        scores = score_block(block, centroids, offset.float())
        labels[start : start + len(scores)] = scores.argmax(1)
        if entropy is not None:
            log_sums = torch.logaddexp(log_sums, block_column_log_sums(scores.double() / entropy))
    return labels, log_sums - torch.logsumexp(log_sums, 0)


def _balance(
    rows: _WholeRows, centroids: Tensor, dual: Tensor, sizes: np.ndarray, tolerance: float
) -> tuple[Tensor, Tensor]:
    """One pass: labels `(n,)` with exact sizes, and the dual that belongs to them."""
    n, k = len(rows), len(centroids)
    columns = np.empty((n, min(N_CANDIDATES, k)), dtype=np.int32)
    values = np.empty(columns.shape, dtype=np.float32)
    offset = (dual + rows.read_from(centroids)).float()
    for start, block in rows:
        part = slice(start, start + block.shape[0])
        columns[part], values[part] = top_candidates(score_block(block, centroids, offset), columns.shape[1])
    labels, rises = round_candidates(
        columns,
        values,
        sizes,
        lambda chosen: score_block(rows.take(chosen), centroids, offset).cpu().numpy(),
        tolerance=tolerance,
        stages=(1.0,),
    )
    return torch.from_numpy(labels).to(rows.device), (dual - torch.from_numpy(rises).to(dual)).round()


def _sums(rows: _WholeRows, labels: Tensor, k: int) -> tuple[Tensor, float]:
    """Sums `(k, d) float64` of the clusters' rows, and the objective."""
    sums = torch.zeros((k, rows.rows.width), dtype=torch.float64, device=rows.device)
    lengths = squares = 0.0
    for start, block in rows:
        part = labels[start : start + len(block)]
        if rows.device.type == "cpu":
            _add_rows(sums.numpy(), block.numpy(), part.numpy())
        else:
            add_rows_to_clusters(sums, block, part)
        own = block.square().sum(1)  # of whole numbers, exact in float32
        lengths, squares = (
            lengths + float(own.sqrt().sum(dtype=torch.float64)),
            squares + float(own.double().sum()),
        )
    if rows.is_cosine:
        return sums, float(torch.linalg.vector_norm(sums, dim=1).sum()) / max(lengths, 1e-300)
    between = float((sums.square().sum(1) / labels.bincount(minlength=k).clamp_min(1)).sum())
    return sums, between / squares if squares > 0 else 1.0


@njit(cache=True, nogil=True)
def _add_rows(sums, block, labels):
    """What `add_rows_to_clusters` does, ten times as fast on a processor."""
    for i in range(block.shape[0]):
        for c in range(block.shape[1]):
            sums[labels[i], c] += block[i, c]


def _seeds(sample: _WholeRows, k: int, rng: np.random.Generator) -> Tensor:
    """Starting centroids `(k, d)`: rows drawn in rounds, in favour of rows far from those drawn before."""
    nearest = torch.full((len(sample),), torch.inf, dtype=torch.float64, device=sample.device)
    seeds = torch.zeros((k, sample.rows.width), device=sample.device)
    for drawn in np.array_split(np.arange(k), min(k, SEEDING_ROUNDS)):
        distance = nearest.clamp(1e-9 * sample.unit**2, 4 * sample.unit**2).cpu().numpy()
        picked = sample.take(
            np.sort(rng.choice(len(sample), len(drawn), replace=False, p=distance / distance.sum()))
        )
        seeds[drawn[0] : drawn[-1] + 1] = picked
        squares = picked.double().square().sum(1)
        for start, block in sample:
            products = (block @ picked.T).double()
            apart = (block.double().square().sum(1)[:, None] + squares - 2 * products).amin(1)
            part = nearest[start : start + len(apart)]
            torch.minimum(part, apart, out=part)
    return seeds


def _sizes(shares: Tensor, n: int) -> np.ndarray:
    return sizes_from_marginal(shares.exp().numpy(), n)


def _default_sample(rows: _WholeRows, n_clusters: int) -> int:
    """Rows of the subsample: enough for stable centroids, within a memory limit."""
    affordable = SAMPLE_BYTES // (4 * rows.rows.width)
    return min(max(SAMPLE_ROWS_PER_CLUSTER * n_clusters, SAMPLE_ROWS), max(affordable, 4 * n_clusters))


def _generator(random_state: Any) -> np.random.Generator:
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31))
    return np.random.default_rng(random_state)
