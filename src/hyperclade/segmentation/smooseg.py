"""SmooSeg (Lan et al. 2023): clusters that are smooth where the features of a frozen network are alike."""

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from hyperclade.segmentation.kmeans import spherical_kmeans
from hyperclade.segmentation.method import Batch, Projector, Segmenter, others


class SmooSeg(Segmenter):
    """Learns codes whose clusters change where features do, and with them the directions of the clusters.

    The smoothness of shares in clusters, within a crop and with another one, trains the projector; the
    shares are by directions that are a moving average of those that learn from the clusters of the codes.

    Parameters
    ----------
    n_features, n_clusters : int
    n_code : int
        Length of a code.
    shifts : (float, float)
        Cosine of features above which two places should be of one cluster: within a crop, and with another.
    temperature : float
        Of the shares in clusters (τ).
    momentum : float
        Of the moving average of the directions (α).
    dropout : float
        Of the projector.
    centre_scale : float
        Factor of the learning rate of the directions.
    first : {"random", "kmeans"}
        Directions to begin with: random ones, or those of k-means on the codes of the first step, so that
        none is without places.
    """

    fits: ClassVar[bool] = False
    begun: Tensor

    def __init__(
        self,
        n_features: int,
        n_clusters: int,
        *,
        n_code: int = 64,
        shifts: Sequence[float] = (-0.02, 0.48),
        temperature: float = 0.1,
        momentum: float = 0.998,
        dropout: float = 0.2,
        centre_scale: float = 5.0,
        first: Literal["random", "kmeans"] = "random",
    ) -> None:
        super().__init__()
        if len(shifts) != 2:
            raise ValueError("shifts of smooseg are two numbers: within a crop, and with another")
        if n_code < 1:
            raise ValueError(f"n_code must be at least 1, got {n_code}")
        if not temperature > 0:
            raise ValueError(f"temperature must be positive, got {temperature}")
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum must be between 0 and 1, got {momentum}")
        self.n_code, self.shifts, self.centre_scale = n_code, tuple(shifts), centre_scale
        self.temperature, self.momentum = temperature, momentum
        self.project = Projector(n_features, n_code, dropout=dropout, activation=nn.SiLU)
        self.student = nn.Parameter(normalize(nn.init.xavier_normal_(torch.empty(n_clusters, n_code)), dim=1))
        self.register_buffer("centres", self.student.detach().clone())
        self.register_buffer("begun", torch.tensor(first == "random"))

    def code(self, features: Tensor) -> Tensor:
        return self.project(features)

    def loss(self, batch: Batch) -> tuple[dict[str, Tensor], Tensor]:
        codes = self.project(batch.features)
        if not self.begun:
            self._begin(codes.detach())
        scores = _cosines(codes, self.centres)
        shares = (scores / self.temperature).softmax(1)
        within, across = self.shifts
        itself = torch.arange(len(codes), device=codes.device)
        another = others(len(codes), 1).to(codes.device)
        parts = {
            "self": smoothness(batch.features, shares, itself, within),
            "others": smoothness(batch.features, shares, another[0], across)
            if len(another)
            else codes.sum() * 0,
            "data": cross_entropy(_cosines(codes.detach(), self.student), scores.argmax(1)),
        }
        parts["loss"] = parts["self"] + parts["others"] + parts["data"]
        return parts, codes

    def parameter_groups(self) -> list[dict]:
        return [
            {"params": list(self.project.parameters()), "lr_scale": 1.0},
            {"params": [self.student], "lr_scale": self.centre_scale},
        ]

    @torch.no_grad()
    def after_step(self) -> None:
        self.centres.lerp_(self.student, 1 - self.momentum)

    def _begin(self, codes: Tensor) -> None:
        rows = codes.permute(0, 2, 3, 1).flatten(0, 2)
        if len(rows) >= len(self.centres):
            found, _ = spherical_kmeans(rows, len(self.centres), seed=0)
            self.student.data.copy_(found)
            self.centres.copy_(found)
        self.begun.fill_(True)


def smoothness(features: Tensor, shares: Tensor, other: Tensor, shift: float) -> Tensor:
    """Mean of (cosine of features − shift) · (1 − cosine of shares) over places of crops and of others.

    The cosines of the features of a place with all of the other crop have their mean taken off, and the mean
    over everything added again (SmooSeg, centred as its code). Both cosines are products, so that
    their mean is one of sums over places: time and memory go with the number of places, not of pairs.

    Parameters
    ----------
    features : (b, c, h, w) float
    shares : (b, k, h, w) float
        In clusters.
    other : (b,) int64
        The crop that each is compared with.
    shift : float

    Examples
    --------
    >>> features = torch.eye(2).reshape(1, 2, 1, 2)
    >>> itself = torch.tensor([0])
    >>> smoothness(features, features, itself, 0.5), smoothness(features, features * 0 + 1, itself, 0.5)
    (tensor(-0.2500), tensor(0.))
    """
    features, shares = normalize(features, dim=1).flatten(2), normalize(shares, dim=1).flatten(2)
    feature, share = features.mean(2), shares.mean(2)
    joint = features @ shares.mT / features.shape[2]
    centred = joint - feature[:, :, None] * share[:, None]
    above = (feature * feature[other]).sum(1).mean() - shift
    alike = (joint * centred[other]).sum((1, 2)).mean()
    return above - alike - above * (share * share[other]).sum(1).mean()


def _cosines(codes: Tensor, centres: Tensor) -> Tensor:
    return torch.einsum("bdhw,kd->bkhw", normalize(codes, dim=1), normalize(centres, dim=1))
