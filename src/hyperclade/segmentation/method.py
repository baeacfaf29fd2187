"""What all methods of unsupervised segmentation have in common: features in, codes and clusters out."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize


@dataclass(frozen=True)
class Batch:
    """What a step learns from: features of b crops on a grid of h × w places, by the frozen network.

    Attributes
    ----------
    features : (b, c, h, w) float32
    rows : (b,) int64
        Which crops they are.
    done : float
        Share of the steps that lie behind, 0 … 1.
    positive : (b, c, h, w) float32, optional
        Features of a crop that is like each, for methods that need it.
    view : (b, c, h, w) float32, optional
        Features of the crops in other colours.
    local : (b, 9, h, w) float32, optional
        What each place attends to among itself and the eight around it, row by row.
    """

    features: Tensor
    rows: Tensor
    done: float
    positive: Tensor | None = None
    view: Tensor | None = None
    local: Tensor | None = None


class Segmenter(nn.Module):
    """Learns a code for every place of an image and scores clusters by it; each method is a subclass.

    Attributes
    ----------
    needs : frozenset of str
        Fields of `Batch` beyond the features that `loss` reads: "positive", "view", "local".
    n_positives : int
        Of its nearest crops, how many may be the positive of a crop.
    fits : bool
        Whether clusters are found by k-means on the codes once these are learned; else `centres` are learned
        with them.
    n_code : int
        Length of a code.
    centres : (k, n_code) Tensor
        Directions of the clusters, of any length.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    fits: ClassVar[bool] = True
    n_positives: int = 1
    n_code: int
    centres: Tensor

    def code(self, features: Tensor) -> Tensor:
        """Codes `(b, n_code, h, w)` of features `(b, c, h, w)`."""
        raise NotImplementedError

    def loss(self, batch: Batch) -> tuple[dict[str, Tensor], Tensor]:
        """What training minimises ("loss", a scalar, and the parts to log) and the codes of the features."""
        raise NotImplementedError

    def parameter_groups(self) -> list[dict]:
        """Parameters ("params") with the factor of their learning rate ("lr_scale")."""
        return [{"params": list(self.parameters()), "lr_scale": 1.0}]

    def after_step(self) -> None:
        """What follows an update of the parameters, such as a moving average."""


class Projector(nn.Module):
    """A linear and a nonlinear map of every feature, added: the head of STEGO, HP and SmooSeg.

    Parameters
    ----------
    n_features, n_code : int
    dropout : float
        Share of the channels that are dropped, for a whole image and for each of the two maps.
    activation : callable
        Of the hidden layer, which is as wide as the features.

    Examples
    --------
    >>> Projector(8, 3)(torch.zeros(2, 8, 4, 5)).shape
    torch.Size([2, 3, 4, 5])
    """

    def __init__(
        self, n_features: int, n_code: int, *, dropout: float = 0.1, activation: type[nn.Module] = nn.ReLU
    ) -> None:
        super().__init__()
        self.dropout = nn.Dropout2d(dropout)
        self.linear = nn.Conv2d(n_features, n_code, 1)
        self.nonlinear = nn.Sequential(
            nn.Conv2d(n_features, n_features, 1), activation(), nn.Conv2d(n_features, n_code, 1)
        )

    def forward(self, features: Tensor) -> Tensor:
        return self.linear(self.dropout(features)) + self.nonlinear(self.dropout(features))


class Probe(nn.Module):
    """Centres of clusters, learned from codes that do not learn from them (OMH Eq. 2 and 3, its trace).

    >>> probe = Probe(2, 3)
    >>> probe.loss(torch.ones(1, 3, 2, 2)).shape
    torch.Size([])
    """

    def __init__(self, n_clusters: int, n_code: int) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randn(n_clusters, n_code))

    def loss(self, codes: Tensor) -> Tensor:
        """Mean cosine distance, less 1, of codes `(b, n_code, h, w)` to the nearest centre."""
        cosines = torch.einsum(
            "bdhw,kd->bkhw", normalize(codes.detach(), dim=1), normalize(self.centres, dim=1)
        )
        return -cosines.amax(1).mean()


def others(n_crops: int, times: int) -> Tensor:
    """For each crop of a batch another one, at random, `(times, n_crops) int64`; no rows where it is alone.

    >>> others(2, 3).tolist(), others(1, 3).tolist()
    ([[1, 0], [1, 0], [1, 0]], [])
    """
    if n_crops < 2:
        return torch.zeros(0, n_crops, dtype=torch.int64)
    return (torch.arange(n_crops) + torch.randint(1, n_crops, (times, n_crops))) % n_crops


class Probed(Segmenter):
    """A method whose codes a projector makes, and whose clusters a probe learns beside it."""

    project: Projector
    probe: Probe

    @property
    def centres(self) -> Tensor:  # type: ignore[override]
        return self.probe.centres

    def code(self, features: Tensor) -> Tensor:
        return self.project(features)
