"""Pre-clusters: K clusters of given sizes by optimal transport (sHHC §3.1), in two levels where K is large.

Rows and centroids are whole numbers while they are compared, so that their products are exact: the same
clusters come out on every processor. Blocks of rows are worked on by NumPy on all cores, or by torch on
another device; whatever has one entry per row or per cluster is NumPy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray
from sklearn.utils import check_array
from threadpoolctl import threadpool_limits

from hyperclade.environment import FloatArray, IntArray, require
from hyperclade.hierarchy.rows import Metric, Rows, as_array, direction_length, rows_by_label
from hyperclade.hierarchy.threads import in_threads
from hyperclade.transport.marginals import match_to_current, sizes_from_marginal
from hyperclade.transport.rounding import round_candidates, top_candidates
from hyperclade.transport.streamed import column_log_sums, log_shares, updated_column_dual

T = TypeVar("T")

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

    Attributes
    ----------
    labels : (n,) int64
    centroids : (K, d) float32
        Directions of the mean unit-length rows, of unit length, for "cosine"; mean rows, in the coordinates
        of X, for "euclidean". Those of the sketch for wide sparse rows.
    sizes : (K,) int64
        Rows per cluster.
    objective : float
        Mean cosine of a row with the centroid of its cluster, for "cosine"; share of the rows' variance that
        lies between clusters, for "euclidean".
    history : (n_iterations,) float64
        The same on the subsample, iteration by iteration; where clusters are made in two levels, of the
        coarse ones.
    """

    labels: IntArray
    centroids: NDArray[np.float32]
    sizes: IntArray
    objective: float
    history: FloatArray


# Blocks share the cores by themselves; matrix products that also did would wait for one another.
@threadpool_limits.wrap(limits=1, user_api="blas")
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
    device: str = "cpu",
    progress: Callable[[float], None] = lambda _: None,
) -> PreClusters:
    """Partition rows into clusters of exactly given sizes near their centroids.

    All iterations run on a subsample: some without sizes, then Sinkhorn steps (one pass is one step of the
    column dual, warm-started, and one centroid update), then exact balancing by auction. One pass over all
    rows then keeps the best few clusters of each, from which the auction, at the prices learnt, makes the
    final assignment; rows it has to look up again cost at most a second pass. Peak memory beside X is the
    subsample, one block per core and 16 · 8 bytes per row.

    More than 1,024 clusters of equal size (or of none) are made in two levels: √K clusters, each divided
    again. Time then grows like n √K instead of n K.

    Parameters
    ----------
    X : (n, d) array, memory map, torch tensor, CSR matrix or Rows
        Of any real dtype; read in blocks.
    n_clusters : int
        K, at most n.
    metric : {"cosine", "euclidean"}
        "cosine" compares directions (zero rows have cosine 0 with everything and go where there is room),
        "euclidean" distances; ignored for `Rows`, which have one.
    marginal : (K,) float, optional
        Shares of the clusters, at least 0, in any order: larger shares go to clusters that are larger by
        themselves. Uniform if None, which gives sizes ⌊n/K⌋ and ⌈n/K⌉ (sHHC Eq. 4).
    epsilon : float
        Weight of the entropy in the Sinkhorn steps, on the scale of cosines.
    n_iterations : int
        Passes over the subsample.
    balanced : bool
        False drops the sizes and leaves k-means: same code, dual at zero. A cluster may then end up empty if
        rows repeat.
    sample_size : int, optional
        Rows of the subsample; 32 per cluster but at least 4096 if None.
    block_rows : int
        Rows read at a time.
    random_state : int, numpy Generator, RandomState or None
    device : str
        Where blocks are processed: "cpu", or a device of torch such as "cuda".
    progress : callable
        Called with the share done, where clusters are made in two levels.

    Raises
    ------
    ValueError
        Non-finite features, more clusters than rows, wrong shapes.
    ModuleNotFoundError
        Another device than "cpu", and no torch.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(10, 4))
    >>> precluster(X, 3, random_state=0).sizes
    array([4, 3, 3])
    """
    if not isinstance(X, Rows):
        X = Rows(check_array(as_array(X), accept_sparse="csr", dtype="numeric"), metric)
    rows = _WholeRows(X, block_rows, device)
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
    sizes = np.bincount(labels, minlength=n_clusters)
    return PreClusters(labels, rows.centroids(sums, sizes), sizes, objective, history)


def _one_level(
    rows: "_WholeRows",
    k: int,
    shares: FloatArray,
    rng: np.random.Generator,
    *,
    epsilon: float,
    n_iterations: int,
    balanced: bool,
    sample_size: int | None = None,
    sizes: IntArray | None = None,
) -> tuple[IntArray, FloatArray]:
    """Labels `(n,)` of k clusters, of the given sizes `(k,)` or else by log shares, and the history."""
    n = len(rows)
    wanted = _default_sample(rows, k) if sample_size is None else max(sample_size, k)
    sample = rows.part(np.arange(n) if wanted >= n else np.sort(rng.choice(n, wanted, replace=False)))
    entropy = epsilon * rows.unit**2
    centroids = _seeds(sample, k, rng)
    dual = np.zeros(k)
    history = np.empty(n_iterations)
    free = n_iterations // 4
    for iteration in range(n_iterations):
        if not balanced or iteration < free:
            labels, _ = _nearest(sample, centroids, dual, None)
        elif iteration < (n_iterations + 1) // 2:
            labels, log_sums = _nearest(sample, centroids, dual, entropy)
            shares = match_to_current(shares, np.bincount(labels, minlength=k))
            dual = np.rint(updated_column_dual(dual, log_sums, shares, entropy))
        else:
            labels, dual = _balance(sample, centroids, dual, _sizes(shares, len(sample)), SAMPLE_TOLERANCE)
        sums, history[iteration] = _sums(sample, labels, k)
        centroids = rows.rounded(sums, np.bincount(labels, minlength=k), centroids)
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
) -> tuple[IntArray, FloatArray]:
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
    counts = np.bincount(coarse, minlength=n_coarse)
    n_fine = (counts > 0) + sizes_from_marginal(counts, k - int((counts > 0).sum()))
    if not balanced:
        n_fine = np.minimum(n_fine, counts)
    starts = np.r_[0, np.cumsum(n_fine)]
    if balanced:
        # Rows near the edge of a coarse cluster change it, until its size is that of whole fine ones.
        fine_sizes = _sizes(log_shares(None, k), n)
        sums, _ = _sums(rows, coarse, n_coarse)
        centroids = rows.rounded(sums, counts, np.zeros_like(sums))
        coarse_sizes = np.diff(np.r_[0, np.cumsum(fine_sizes)][starts])
        coarse, _ = _balance(rows, centroids, np.zeros(n_coarse), coarse_sizes, FINAL_TOLERANCE)
    labels = np.empty(n, dtype=np.int64)
    cells = rows_by_label(coarse, n_coarse)
    seeds = rng.integers(2**31, size=n_coarse)
    done = [0]

    def divide(j: int, check: Callable[[], None]) -> None:
        check()
        if n_fine[j]:
            found, _ = _one_level(
                rows.part(cells[j], in_turn=True),
                int(n_fine[j]),
                log_shares(None, int(n_fine[j])),
                np.random.default_rng(seeds[j]),
                sizes=fine_sizes[starts[j] : starts[j + 1]] if balanced else None,
                **options,
            )
            labels[cells[j]] = starts[j] + found
        done[0] += 1
        progress(done[0] / n_coarse)

    in_threads(divide, n_coarse)
    return labels, history


class _WholeRows:
    """Rows in blocks of whole numbers in float32 where they are processed, read anew each time or held there.

    Parameters
    ----------
    rows : Rows
    block_rows : int
    device : str
        "cpu": blocks are arrays; else tensors on that device.
    held : (n, d) float32, optional
        Rows held in memory, array or tensor.
    in_turn : bool
        Whether blocks come one at a time, as other threads have work of their own.
    """

    def __init__(
        self, rows: Rows, block_rows: int, device: str, held: Any = None, in_turn: bool = False
    ) -> None:
        self.rows, self.block_rows, self.device, self.held = rows, block_rows, device, held
        self.is_on_cpu = device == "cpu"
        if not self.is_on_cpu:
            require(f"device {device}", "torch")
        self.in_turn = in_turn or not self.is_on_cpu
        self.is_cosine = rows.metric == "cosine"
        # Whole number that stands for a length of one.
        self.unit = float(direction_length(rows.width) if self.is_cosine else rows.typical_length)
        if held is None:
            rows.near_whole(slice(0, 1))  # makes what all blocks share, before threads ask for it

    def __len__(self) -> int:
        return len(self.rows) if self.held is None else len(self.held)

    def __getitem__(self, rows: slice | IntArray) -> Any:
        """Chosen rows as one block."""
        if self.held is None:
            return self.placed(self.rows.near_whole(rows))
        return self.held[rows if isinstance(rows, slice) else self.placed(rows)]

    def each(self, work: Callable[[slice], T]) -> list[T]:
        """`work` on all blocks of consecutive rows, with results in their order."""
        return _each(work, len(self), self.block_rows, self.in_turn)

    def part(self, rows: IntArray, in_turn: bool = False) -> "_WholeRows":
        """Chosen rows, held in memory."""
        in_turn = in_turn or self.in_turn
        if self.held is None:
            read = np.empty((len(rows), self.rows.width), dtype=np.float32)

            def fill(part: slice) -> None:
                read[part] = self.rows.near_whole(rows[part])

            _each(fill, len(rows), self.block_rows, in_turn)
            held = self.placed(read)
        else:
            held = self[rows]
        return _WholeRows(self.rows, self.block_rows, self.device, held, in_turn)

    def placed(self, values: NDArray[Any]) -> Any:
        """An array where blocks are."""
        if self.is_on_cpu:
            return values
        import torch

        return torch.from_numpy(values).to(self.device)

    def scorer(self, centroids: NDArray[np.float32], dual: FloatArray) -> Callable[[Any], Any]:
        """Maps a block `(b, d)` to scores `(b, K)`: the nearest centroid, dual aside, has the largest."""
        own = 0.0 if self.is_cosine else np.rint(np.square(centroids, dtype=np.float64).sum(1) / 2)
        by_column, offset = self.placed(centroids).T, self.placed((dual - own).astype(np.float32))

        def scores(block: Any) -> Any:
            products = block @ by_column
            products += offset
            return products

        return scores

    def rounded(self, sums: FloatArray, sizes: IntArray, previous: NDArray[Any]) -> NDArray[np.float32]:
        """Centroids `(K, d)` in whole numbers of clusters with these sums; empty ones keep the previous."""
        if self.is_cosine:
            length = np.linalg.norm(sums, axis=1, keepdims=True)
            # A sum of cancelling rows has no direction; its rounding error must not be taken for one.
            sums, known = self.unit * sums, length > 1e-5 * self.unit
        else:
            length, known = sizes[:, None], sizes[:, None] > 0
        means = np.divide(sums, length, out=previous.astype(np.float64), where=known)
        return np.rint(means).astype(np.float32)

    def centroids(self, sums: FloatArray, sizes: IntArray) -> NDArray[np.float32]:
        """Centroids `(K, d) float32` as `PreClusters` has them."""
        if self.is_cosine:
            length = np.linalg.norm(sums, axis=1, keepdims=True)
            known = length > 1e-5 * self.unit
            return np.divide(sums, length, out=np.zeros_like(sums), where=known).astype(np.float32)
        means = sums / np.maximum(sizes, 1)[:, None] / self.unit
        if not self.rows.is_wide:
            means = means * self.rows.frame.spread + self.rows.frame.centre
        return means.astype(np.float32)


def _each(work: Callable[[slice], T], n: int, block_rows: int, in_turn: bool) -> list[T]:
    parts = [slice(start, min(start + block_rows, n)) for start in range(0, n, block_rows)]
    if in_turn or len(parts) == 1:
        return [work(part) for part in parts]

    def task(i: int, check: Callable[[], None]) -> T:
        check()
        return work(parts[i])

    return in_threads(task, len(parts))


def _nearest(
    rows: _WholeRows, centroids: NDArray[np.float32], dual: FloatArray, entropy: float | None
) -> tuple[IntArray, FloatArray]:
    """One pass: the best cluster of each row, and given an entropy the log shares `(K,)` of the plan."""
    scored = rows.scorer(centroids, dual)
    labels = np.empty(len(rows), dtype=np.int64)

    def work(part: slice) -> FloatArray:
        scores = scored(rows[part])
        labels[part] = _on_host(scores.argmax(1))
        if entropy is None:
            return dual
        return column_log_sums(scores if rows.is_on_cpu else scores.double(), entropy)

    log_sums = np.logaddexp.reduce(rows.each(work))
    return labels, log_sums - np.logaddexp.reduce(log_sums)


def _balance(
    rows: _WholeRows, centroids: NDArray[np.float32], dual: FloatArray, sizes: IntArray, tolerance: float
) -> tuple[IntArray, FloatArray]:
    """One pass: labels `(n,)` with exact sizes, and the dual that belongs to them."""
    n, k = len(rows), len(centroids)
    columns = np.empty((n, min(N_CANDIDATES, k)), dtype=np.int32)
    values = np.empty(columns.shape, dtype=np.float32)
    scored = rows.scorer(centroids, dual)

    def work(part: slice) -> None:
        columns[part], values[part] = top_candidates(scored(rows[part]), columns.shape[1])

    rows.each(work)
    labels, rises = round_candidates(
        columns, values, sizes, lambda chosen: _on_host(scored(rows[chosen])), tolerance=tolerance
    )
    return labels, np.rint(dual - rises)


def _sums(rows: _WholeRows, labels: IntArray, k: int) -> tuple[FloatArray, float]:
    """Sums `(k, d) float64` of the clusters' rows, and the objective."""
    total = rows.placed(np.zeros((k, rows.rows.width)))
    lock = Lock()

    def work(part: slice) -> tuple[float, float]:
        block = rows[part]
        with lock:  # sums of whole numbers are exact in any order
            if rows.is_on_cpu:
                _add_rows(total, block, labels[part])
            else:
                total.index_add_(0, rows.placed(labels[part]), block.double())
        squares = _on_host((block * block).sum(1))  # of whole numbers, exact in float32
        return float(np.sqrt(squares).sum(dtype=np.float64)), float(squares.sum(dtype=np.float64))

    lengths, squares = np.sum(rows.each(work), axis=0).tolist()
    sums = _on_host(total)
    if rows.is_cosine:
        return sums, float(np.linalg.norm(sums, axis=1).sum()) / max(lengths, 1e-300)
    sizes = np.maximum(np.bincount(labels, minlength=k), 1)
    between = float((np.square(sums).sum(1) / sizes).sum())
    return sums, between / squares if squares > 0 else 1.0


@njit(cache=True, nogil=True)
def _add_rows(sums, block, labels):
    for i in range(block.shape[0]):
        for c in range(block.shape[1]):
            sums[labels[i], c] += block[i, c]


def _seeds(sample: _WholeRows, k: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Starting centroids `(k, d)`: rows drawn in rounds, in favour of rows far from those drawn before."""
    nearest = np.full(len(sample), np.inf)
    seeds = np.zeros((k, sample.rows.width), dtype=np.float32)
    for drawn in np.array_split(np.arange(k), min(k, SEEDING_ROUNDS)):
        distance = nearest.clip(1e-9 * sample.unit**2, 4 * sample.unit**2)
        chosen = np.sort(rng.choice(len(sample), len(drawn), replace=False, p=distance / distance.sum()))
        picked = sample[chosen]
        seeds[drawn] = _on_host(picked)
        squares = np.square(seeds[drawn]).sum(1)

        def look(part: slice, picked: Any = picked, squares: NDArray[np.float32] = squares) -> None:
            block = sample[part]
            apart = (squares - 2 * _on_host(block @ picked.T)).min(1) + _on_host((block * block).sum(1))
            np.minimum(nearest[part], apart, out=nearest[part])

        sample.each(look)
    return seeds


def _on_host(values: Any) -> NDArray[Any]:
    return values if isinstance(values, np.ndarray) else values.cpu().numpy()


def _sizes(shares: FloatArray, n: int) -> IntArray:
    return sizes_from_marginal(np.exp(shares), n)


def _default_sample(rows: _WholeRows, n_clusters: int) -> int:
    """Rows of the subsample: enough for stable centroids, within a memory limit."""
    affordable = SAMPLE_BYTES // (4 * rows.rows.width)
    return min(max(SAMPLE_ROWS_PER_CLUSTER * n_clusters, SAMPLE_ROWS), max(affordable, 4 * n_clusters))


def _generator(random_state: Any) -> np.random.Generator:
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31))
    return np.random.default_rng(random_state)
