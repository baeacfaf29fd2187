"""Sinkhorn for score matrices that do not fit in memory: rows come in blocks, one data pass is one step.

Each block contributes one vector of per-column log-sums; only these vectors are combined, over blocks and,
under `torch.distributed`, over processes that each hold a share of the rows.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

from hyperclade.transport.dense import (
    checked_marginal,
    column_log_sums,
    relative_violation,
    updated_column_dual,
)


@dataclass(frozen=True)
class StreamedSinkhornResult:
    """Column dual of a streamed problem; the plan of a block is `softmax((scores + column_dual) / epsilon,
    1)`.

    Attributes:
        column_dual: `(k,) float64` tensor in the units of the scores, on the device of the blocks.
        iterations: data passes made.
        residual: largest relative violation of a column sum at the last pass.
        converged: whether `residual` is within the tolerance.
    """

    column_dual: Tensor
    iterations: int
    residual: float
    converged: bool


@torch.no_grad()
def sinkhorn_streamed(
    score_blocks: Iterable[Tensor],
    column_marginal: Any = None,
    epsilon: float = 0.05,
    *,
    row_marginal: Any = None,
    max_passes: int = 100,
    tolerance: float = 1e-3,
    column_dual: Any = None,
) -> StreamedSinkhornResult:
    """The problem of `sinkhorn` over row blocks; memory is one block plus vectors of length k.

    Under an initialised `torch.distributed` each process passes its own rows, and all end with the same dual.

    Args:
        score_blocks: yields the `(b, k) float` blocks in row order, afresh for every pass (a list, or a
            `FeatureScores`; not a generator).
        column_marginal: `(k,) float >= 0` of any total; uniform if None.
        epsilon: weight of the entropy, > 0, in the units of the scores.
        row_marginal: `(n,) float >= 0` of any total, for the rows of this process; uniform if None.
        max_passes: upper limit of data passes.
        tolerance: largest accepted relative violation of a column sum.
        column_dual: `(k,) float` to start from. Use the dual of a larger epsilon, or of a subsample, to save
            passes.

    Raises:
        ValueError: blocks of unequal width, exhausted or empty, wrong marginals, non-finite scores.

    >>> blocks = torch.tensor([[3.0, 0.0], [2.0, 0.0], [1.0, 0.0], [0.0, 0.0]]).split(2)
    >>> result = sinkhorn_streamed(blocks, epsilon=0.5)
    >>> torch.cat([torch.softmax((b + result.column_dual) / 0.5, 1) for b in blocks]).sum(0).round(decimals=2)
    tensor([2., 2.], dtype=torch.float64)
    """
    if iter(score_blocks) is score_blocks:
        raise ValueError("score_blocks is read once per pass: give a list or a FeatureScores, no generator")
    if not epsilon > 0 or max_passes < 1:
        raise ValueError(f"epsilon and max_passes must be positive, got {epsilon} and {max_passes}")
    weights = None
    if row_marginal is not None:
        weights = checked_marginal(row_marginal, len(row_marginal), "row_marginal")
    dual = None if column_dual is None else torch.as_tensor(column_dual, dtype=torch.float64)
    log_targets: Tensor | None = None
    residual = math.inf
    for passes in range(1, max_passes + 1):
        total: Tensor | None = None
        start = 0
        for block in score_blocks:
            if log_targets is None or dual is None:
                k = block.shape[1]
                log_targets = log_shares(column_marginal, k).to(block.device)
                dual = torch.zeros(k, dtype=torch.float64) if dual is None else dual
                if dual.shape != (k,):
                    raise ValueError(f"column_dual must be ({k},), got {tuple(dual.shape)}")
                dual = torch.where(log_targets > -torch.inf, dual.to(block.device), -torch.inf)
            elif block.shape[1] != len(log_targets):
                raise ValueError(f"blocks differ in width: {len(log_targets)} and {block.shape[1]}")
            block_weights = None if weights is None else weights[start : start + len(block)].to(block)
            if block_weights is not None and len(block_weights) != len(block):
                raise ValueError(f"row_marginal has {len(row_marginal)} rows, the blocks have more")
            partial = block_column_log_sums((block + dual.to(block.dtype)) / epsilon, block_weights)
            total = partial if total is None else torch.logaddexp(total, partial)
            start += len(block)
        if total is None or log_targets is None or dual is None:
            raise ValueError("score_blocks holds no rows")
        if weights is not None and start != len(weights):
            raise ValueError(f"row_marginal has {len(weights)} rows, the blocks have {start}")
        total = reduce_column_log_sums(total)
        total = total - torch.logsumexp(total, 0)
        if bool(total.isnan().any()):
            raise ValueError("scores must be finite; found NaN or infinity")
        residual = relative_violation(total, log_targets)
        if residual <= tolerance:
            break
        if passes < max_passes:
            dual = updated_column_dual(dual, total, log_targets, epsilon)
    assert dual is not None
    return StreamedSinkhornResult(dual, passes, residual, residual <= tolerance)


def block_column_log_sums(logits: Tensor, row_marginal: Tensor | None = None) -> Tensor:
    """What one block of rows adds to the column sums, as logarithms: `(k,) float64`.

    `logits` is `(b, k)`, scores plus column dual over epsilon; `row_marginal` is `(b,)`, ones if None.
    Combine blocks with `torch.logaddexp`, processes with `reduce_column_log_sums`.

    >>> block_column_log_sums(torch.zeros(6, 3)).exp().round(decimals=4)
    tensor([2., 2., 2.], dtype=torch.float64)
    """
    return column_log_sums(logits, row_marginal).double()


def reduce_column_log_sums(log_sums: Tensor) -> Tensor:
    """Column log-sums `(k,)` over all processes; without `torch.distributed`, the input itself.

    >>> reduce_column_log_sums(torch.zeros(2))
    tensor([0., 0.])
    """
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return log_sums
    highest = log_sums.clone()
    torch.distributed.all_reduce(highest, torch.distributed.ReduceOp.MAX)
    sums = torch.where(log_sums > -torch.inf, (log_sums - highest).exp(), 0.0)
    torch.distributed.all_reduce(sums)
    return torch.where(sums > 0, highest + sums.log(), -torch.inf)


def log_shares(marginal: Any, k: int) -> Tensor:
    """Logarithms of a marginal scaled to sum to one, uniform if None: `(k,) float64`.

    >>> log_shares([1, 3], 2).exp()
    tensor([0.2500, 0.7500], dtype=torch.float64)
    """
    if marginal is None:
        return torch.full((k,), -math.log(k), dtype=torch.float64)
    checked = checked_marginal(marginal, k, "column_marginal")
    return (checked / checked.sum()).log()


class RowBlocks:
    """Rows of a feature matrix in float32 blocks; the matrix itself is neither converted nor copied as a
    whole.

    Iteration yields `(start, block)`; a block is a `(b, d) float32` tensor on `device`, or a CSR matrix if
    the features are sparse (then `score_block` and `add_rows_to_clusters` do what needs a tensor).

    Args:
        features: `(n, d)` numpy array or memory map, torch tensor, or scipy CSR; any real dtype.
        block_rows: rows a block.
        unit_rows: scale rows to unit length; zero rows stay zero.
        device: where the blocks go.

    Raises:
        ValueError: not two-dimensional, empty, or not numeric; while iterating, a row with NaN or infinity.

    >>> blocks = RowBlocks(np.array([[3, 4], [0, 0], [0, 2]], dtype=np.float16), block_rows=2, unit_rows=True)
    >>> [(start, block.tolist()) for start, block in blocks]  # doctest: +ELLIPSIS
    [(0, [[0.6..., 0.8...], [0.0, 0.0]]), (2, [[0.0, 1.0]])]
    """

    def __init__(
        self,
        features: Any,
        block_rows: int = 2048,
        *,
        unit_rows: bool = False,
        device: str | torch.device = "cpu",
    ):
        self.is_sparse = scipy.sparse.issparse(features)
        if self.is_sparse:
            features = features.tocsr()
        elif not isinstance(features, Tensor):
            features = features if isinstance(features, np.ndarray) else np.asarray(features)
        if not isinstance(features, Tensor) and features.dtype.kind not in "fiub":
            raise ValueError(f"features must be real numbers, got dtype {features.dtype}")
        if features.ndim != 2 or 0 in features.shape:
            raise ValueError(f"features must be a non-empty (n, d) matrix, got shape {tuple(features.shape)}")
        if block_rows < 1:
            raise ValueError(f"block_rows must be at least 1, got {block_rows}")
        self.features = features
        self.block_rows = block_rows
        self.unit_rows = unit_rows
        self.device = torch.device(device)
        self.shape: tuple[int, int] = tuple(features.shape)

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        for start in range(0, self.shape[0], self.block_rows):
            yield start, self._prepare(self.features[start : start + self.block_rows], start)

    def take(self, rows: np.ndarray) -> Any:
        """Chosen rows as one block; `rows` is `(r,) int`."""
        if self.is_sparse:
            return self._prepare(self.features[rows], None)
        block = torch.empty((len(rows), self.shape[1]), dtype=torch.float32, device=self.device)
        for start in range(0, len(rows), self.block_rows):
            some = rows[start : start + self.block_rows]
            index = torch.as_tensor(some) if isinstance(self.features, Tensor) else some
            block[start : start + len(some)] = self._prepare(self.features[index], None)
        return block

    def _prepare(self, block: Any, start: int | None) -> Any:
        if self.is_sparse:
            block = block.astype(np.float32 if block.dtype.itemsize <= 4 else np.float64)
            squares = np.asarray(block.multiply(block).sum(axis=1), dtype=np.float64).ravel()
            self._check_finite(torch.from_numpy(squares), start)
            if self.unit_rows:
                scale = np.divide(1.0, np.sqrt(squares), out=np.zeros_like(squares), where=squares > 0)
                block.data *= np.repeat(scale, np.diff(block.indptr)).astype(block.dtype)
            return block.astype(np.float32, copy=False)
        if isinstance(block, Tensor):
            block = block.detach().to(self.device)
        else:
            # A copy in the matrix's own dtype, so that conversion happens on the device.
            block = np.array(block, dtype=_torch_readable(block.dtype), order="C")
            block = torch.from_numpy(block).to(self.device)
        block = block if block.dtype == torch.float64 else block.float()
        norms = torch.linalg.vector_norm(block, dim=1, keepdim=True)
        self._check_finite(norms[:, 0], start)
        if self.unit_rows:
            block = block / torch.where(norms > 0, norms, 1.0)
        return block.float()

    def _check_finite(self, norms: Tensor, start: int | None) -> None:
        if not bool(norms.isfinite().all()):
            bad = int(torch.nonzero(~norms.isfinite())[0, 0])
            where = "" if start is None else f" in row {start + bad}"
            raise ValueError(f"features must be finite; found NaN, infinity or overflow{where}")


class FeatureScores:
    """Score blocks `X_block · centroidsᵀ` computed on the fly, for `sinkhorn_streamed`.

    Args:
        rows: the features.
        centroids: `(k, d) float`.

    >>> scores = FeatureScores(RowBlocks(np.eye(3), block_rows=2), torch.ones(4, 3))
    >>> [tuple(block.shape) for block in scores]
    [(2, 4), (1, 4)]
    """

    def __init__(self, rows: RowBlocks, centroids: Any):
        self.rows = rows
        self.centroids = torch.as_tensor(centroids, dtype=torch.float32, device=rows.device)
        if self.centroids.ndim != 2 or self.centroids.shape[1] != rows.shape[1]:
            raise ValueError(f"centroids must be (k, {rows.shape[1]}), got {tuple(self.centroids.shape)}")

    def __iter__(self) -> Iterator[Tensor]:
        for _, block in self.rows:
            yield score_block(block, self.centroids)


def score_block(block: Any, centroids: Tensor, offset: Tensor | None = None) -> Tensor:
    """Inner products of a block of `RowBlocks` with centroids `(k, d)`, plus a `(k,)` offset: `(b, k)
    float32`.

    >>> score_block(torch.eye(2), torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), torch.ones(3))
    tensor([[2., 4., 6.],
            [3., 5., 7.]])
    """
    if scipy.sparse.issparse(block):
        products = torch.from_numpy(block @ centroids.cpu().numpy().T).to(centroids.device)
        return products if offset is None else products.add_(offset)
    return block @ centroids.T if offset is None else torch.addmm(offset, block, centroids.T)


def add_rows_to_clusters(sums: Tensor, block: Any, labels: Tensor) -> None:
    """Add each row of a block of `RowBlocks` to the row of `sums (k, d)` that `labels (b,) int64` names, in
    place.

    >>> sums = torch.zeros(2, 2)
    >>> add_rows_to_clusters(sums, torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1, 1]))
    >>> sums
    tensor([[0., 0.],
            [4., 6.]])
    """
    if scipy.sparse.issparse(block):
        counts = torch.from_numpy(np.diff(block.indptr)).to(labels.device, torch.int64)
        columns = torch.from_numpy(block.indices).to(labels.device, torch.int64)
        cells = labels.repeat_interleave(counts) * sums.shape[1] + columns
        sums.view(-1).index_add_(0, cells, torch.from_numpy(block.data).to(sums))
    else:
        sums.index_add_(0, labels, block.to(sums.dtype))


def _torch_readable(dtype: np.dtype) -> np.dtype:
    """The native dtype that torch can read without loss for features."""
    if dtype.kind == "f":
        return np.dtype(f"f{min(dtype.itemsize, 8)}")
    return np.dtype(np.float32 if dtype.itemsize <= 2 else np.float64)
