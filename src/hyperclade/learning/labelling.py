"""Labels without a teacher: k-means, optimal transport on posteriors, and a hierarchy cut into clusters."""

from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from hyperclade.transport.marginals import gaussian, match_to_current, zipf
from hyperclade.transport.shards import gather_rows, own_rows, sum_over_processes
from hyperclade.transport.streamed import sinkhorn_streamed

Marginal = Literal["uniform", "gaussian", "zipf"]
_KMEANS_STARTS = 3  # of which the best counts; a single one often misses even planted clusters


class ScoreBlocks:
    """Scores of rows in blocks, computed once and kept in float32 or, if they are many, anew for each pass.

    `block` maps a slice of the rows of this process to their scores `(b, k) float`; `keep_bytes` is the most
    memory for keeping them.

    >>> blocks = ScoreBlocks(5, 2, lambda rows: torch.zeros(rows.stop - rows.start, 2), block_rows=2)
    >>> [len(block) for block in blocks]
    [2, 2, 1]
    """

    def __init__(
        self,
        n_rows: int,
        n_columns: int,
        block: Callable[[slice], Tensor],
        *,
        block_rows: int = 4096,
        keep_bytes: int = 2**31,
    ) -> None:
        self.n_rows, self.block_rows, self.block = n_rows, block_rows, block
        self.kept: list[Tensor] | None = None
        if 4 * n_rows * n_columns <= keep_bytes:
            self.kept = list(self._computed())

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.kept) if self.kept is not None else self._computed()

    def _computed(self) -> Iterator[Tensor]:
        for start in range(0, self.n_rows, self.block_rows):
            yield self.block(slice(start, min(start + self.block_rows, self.n_rows))).float()


@torch.no_grad()
def sinkhorn_labels(
    scores: ScoreBlocks,
    n_clusters: int,
    *,
    sharpness: float = 20.0,
    marginal: Marginal = "uniform",
    marginal_sd: float = 0.1,
    column_dual: Tensor | None = None,
    max_passes: int = 100,
    tolerance: float = 1e-2,
    random_state: int = 0,
) -> tuple[np.ndarray, Tensor]:
    """Labels of largest entry in the transport plan of log-posteriors: self-labelling (SeLa, SeLaVi).

    Under `torch.distributed` each process passes its own rows and gets labels for them.

    Parameters
    ----------
    scores : ScoreBlocks
        Log-posteriors of the rows of this process; for several modalities the mean of their logarithms, that
        is, the geometric mean of the posteriors.
    n_clusters : int
        K.
    sharpness : float
        λ, exponent of the posteriors.
    marginal : {"uniform", "gaussian", "zipf"}
        Sizes of the clusters: equal, drawn around n/K, or by Zipf's law; larger ones go to the clusters that
        are larger without any constraint.
    marginal_sd : float
        Standard deviation of "gaussian", relative to the mean size.
    column_dual : (K,) Tensor, optional
        The previous labelling's, to start from.
    max_passes, tolerance : int or float
        Limits of the Sinkhorn iteration.

    Returns
    -------
    (array, Tensor)
        Labels `(n,) int64` of the rows of this process, and the column dual `(K,) float64`.

    Examples
    --------
    >>> scores = torch.tensor([[3.0, 0.0], [2.0, 0.0], [1.0, 0.0], [0.0, 0.0]]).log_softmax(1)
    >>> sinkhorn_labels(ScoreBlocks(4, 2, lambda rows: scores[rows]), 2)[0]
    array([0, 0, 1, 1])
    """
    shares: np.ndarray | None = None
    if marginal != "uniform":
        counts = torch.zeros(n_clusters, dtype=torch.float64)
        for block in scores:
            counts += block.argmax(1).bincount(minlength=n_clusters).cpu()
        counts = sum_over_processes(counts)
        drawn = (
            zipf(n_clusters)
            if marginal == "zipf"
            else gaussian(n_clusters, marginal_sd, np.random.default_rng(random_state))
        )
        shares = match_to_current(drawn, counts.numpy())
    found = sinkhorn_streamed(
        scores,
        shares,
        1 / sharpness,
        max_passes=max_passes,
        tolerance=tolerance,
        column_dual=None if column_dual is None else column_dual.cpu().numpy(),
    )
    dual = torch.from_numpy(found.column_dual)
    labels = [(block + dual.to(block)).argmax(1).cpu() for block in scores]
    return torch.cat(labels).numpy(), dual


def kmeans_labels(
    features: np.ndarray,
    n_clusters: int,
    *,
    n_components: int = 256,
    n_iterations: int = 20,
    random_state: int = 0,
) -> np.ndarray:
    """Labels `(n,) int64` by k-means on PCA-whitened features of unit length (DeepCluster).

    Features are `(n, d) float` of this process; under `torch.distributed` those of all are gathered, and all
    processes get labels for their own rows. PCA keeps at most `n_components`, none without variance. Raises
    ValueError for fewer rows than clusters.
    """
    features = _gathered(features)
    if len(features) < n_clusters:
        raise ValueError(f"{len(features)} rows cannot make {n_clusters} clusters")
    import faiss

    rows = whitened(features, n_components)
    model = faiss.Kmeans(
        rows.shape[1],
        n_clusters,
        niter=n_iterations,
        nredo=_KMEANS_STARTS,
        seed=random_state,
        min_points_per_centroid=1,
    )
    model.train(rows)
    labels = model.index.search(rows, 1)[1][:, 0].astype(np.int64)
    return labels[own_rows(len(rows))]


def whitened(features: np.ndarray, n_components: int = 256) -> np.ndarray:
    """Unit rows `(n, m) float32`, m ≤ n_components: principal components of `(n, d)` with equal variance.

    >>> abs(whitened(np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]]))).round(3)
    array([[1., 0.],
           [1., 0.],
           [0., 1.],
           [0., 1.]], dtype=float32)
    """
    centred = np.asarray(features, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    variance, axes = np.linalg.eigh(centred.T @ centred / len(centred))
    kept = np.flatnonzero(variance > 1e-8 * max(variance[-1], 1e-300))[::-1][:n_components]
    kept = kept if len(kept) else np.array([-1])  # constant rows
    scaled = centred @ (axes[:, kept] / np.sqrt(variance[kept].clip(1e-300)))
    length = np.linalg.norm(scaled, axis=1, keepdims=True)
    return (scaled / np.where(length > 0, length, 1)).astype(np.float32)


def hierarchy_labels(
    features: np.ndarray, n_clusters: int, *, random_state: int = 0, **options: Any
) -> np.ndarray:
    """Labels `(n,) int64` of a hierarchy over all rows, without pre-clusters, cut (sHHC Table 6).

    Features are gathered as in `kmeans_labels`; options are those of `hyperclade.SHHC`.
    """
    from hyperclade.hierarchy.shhc import SHHC

    rows = whitened(_gathered(features))
    model = SHHC(n_clusters=None, random_state=random_state, **options).fit(rows)
    return model.cut(n_clusters)[own_rows(len(rows))]


def precluster_labels(features: np.ndarray, n_clusters: int, *, random_state: int = 0) -> np.ndarray:
    """Labels `(n,) int64` of clusters of equal size by transport on centred features (sHHC §3.1).

    Features are gathered as in `kmeans_labels`.
    """
    from hyperclade.hierarchy.precluster import precluster

    rows = _gathered(features)
    return precluster(rows - rows.mean(0), n_clusters, random_state=random_state).labels[own_rows(len(rows))]


def _gathered(features: np.ndarray) -> np.ndarray:
    return gather_rows(torch.from_numpy(np.ascontiguousarray(features, dtype=np.float32))).numpy()
