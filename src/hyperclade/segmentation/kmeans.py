"""Backbone and k-means: clusters of the features as they are, the baseline; and k-means itself."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from hyperclade.segmentation.method import Batch, Segmenter

_ITERATIONS = 100
_SETTLED = 1e-5  # change of the mean cosine


class KMeans(Segmenter):
    """The features are the codes; nothing is learned but the centres, by k-means in the end.

    >>> KMeans(4, 2).code(torch.ones(1, 4, 2, 2)).shape
    torch.Size([1, 4, 2, 2])
    """

    def __init__(self, n_features: int, n_clusters: int) -> None:
        super().__init__()
        self.n_code = n_features
        self.register_buffer("centres", torch.zeros(n_clusters, n_features))
        self.nothing = torch.nn.Parameter(torch.zeros(()))

    def code(self, features: Tensor) -> Tensor:
        return features

    def loss(self, batch: Batch) -> tuple[dict[str, Tensor], Tensor]:
        return {"loss": self.nothing * 0}, batch.features


def spherical_kmeans(rows: Tensor, n_clusters: int, *, seed: int, restarts: int = 5) -> tuple[Tensor, float]:
    """Centres of length 1 that rows are near to by cosine: the best of several starts, by that alone.

    Each start draws centres far from one another (k-means++); then rows and centres are renewed in turn. A
    centre without rows moves to the row that is farthest from its own.

    Parameters
    ----------
    rows : (n, d) float
        Of any length but 0.
    n_clusters : int
        At most n.
    seed : int
    restarts : int

    Returns
    -------
    (k, d) Tensor and float
        Centres, and the mean cosine of a row with its nearest.

    Raises
    ------
    ValueError
        Fewer rows than clusters.

    Examples
    --------
    >>> rows = torch.tensor([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [0.0, 3.0]])
    >>> centres, cosine = spherical_kmeans(rows, 2, seed=0)
    >>> (rows @ centres.T).argmax(1).unique(return_counts=True)[1].tolist(), round(cosine, 2)
    ([2, 2], 1.0)
    """
    if not 1 <= n_clusters <= len(rows):
        raise ValueError(f"n_clusters must be between 1 and the {len(rows)} rows, got {n_clusters}")
    rows = normalize(rows, dim=1)
    generator = torch.Generator().manual_seed(seed)
    found = [_one_start(rows, n_clusters, generator) for _ in range(restarts)]
    return max(found, key=lambda one: one[1])


def _one_start(rows: Tensor, k: int, generator: torch.Generator) -> tuple[Tensor, float]:
    centres = _far_apart(rows, k, generator)
    before = -torch.inf
    for _ in range(_ITERATIONS):
        nearest, of = (rows @ centres.T).max(1)
        cosine = float(nearest.double().mean())
        if cosine - before < _SETTLED:
            break
        before = cosine
        sums = torch.zeros_like(centres).index_add_(0, of, rows)
        empty = torch.bincount(of, minlength=k) == 0
        if empty.any():
            sums[empty] = rows[nearest.topk(int(empty.sum()), largest=False).indices]
        centres = normalize(sums, dim=1)
    return centres, cosine


def _far_apart(rows: Tensor, k: int, generator: torch.Generator) -> Tensor:
    chosen = [int(torch.randint(len(rows), (1,), generator=generator))]
    distance = torch.full((len(rows),), torch.inf, dtype=torch.float64)
    for _ in range(k - 1):
        distance = torch.minimum(distance, (1 - rows @ rows[chosen[-1]]).clamp_min(0).double().cpu())
        total = distance.cumsum(0)
        at = torch.rand((), generator=generator, dtype=torch.float64) * total[-1]
        chosen.append(min(int(torch.searchsorted(total, at, right=True)), len(rows) - 1))
    return rows[chosen]
