"""STEGO (Hamilton et al. 2022): codes that correspond where the features of a frozen network do."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, normalize

from hyperclade.segmentation.method import Batch, Probe, Probed, Projector, others


class STEGO(Probed):
    """Distils the correspondences of features into codes: within a crop, with a near crop, with others.

    At random points, −mean of max(cos of codes, 0) · (cos of features − shift), where the cosines of features
    are centred for every point of the first crop (STEGO Eq. 4). Beside it a probe learns centres of the
    codes, which learn nothing from it.

    Parameters
    ----------
    n_features, n_clusters : int
    n_code : int
        Length of a code.
    weights, shifts : (float, float, float)
        Of the pairs with other crops, with a near crop and of a crop with itself.
    n_positives : int
        A near crop is one of so many nearest.
    n_negatives : int
        Other crops for each.
    points : int
        Rows and columns of random points.
    dropout : float
        Of the projector.
    probe_scale : float
        Factor of the learning rate of the probe.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"positive"})

    def __init__(
        self,
        n_features: int,
        n_clusters: int,
        *,
        n_code: int = 70,
        weights: Sequence[float] = (0.63, 0.25, 0.67),
        shifts: Sequence[float] = (0.66, 0.02, 0.08),
        n_positives: int = 7,
        n_negatives: int = 5,
        points: int = 11,
        dropout: float = 0.1,
        probe_scale: float = 10.0,
    ) -> None:
        super().__init__()
        if len(weights) != 3 or len(shifts) != 3:
            raise ValueError("weights and shifts of stego are three numbers: others, near crop, crop itself")
        if min(n_code, n_positives, n_negatives, points) < 1:
            raise ValueError("n_code, n_positives, n_negatives and points must be at least 1")
        self.n_code, self.n_positives, self.n_negatives = n_code, n_positives, n_negatives
        self.weights, self.shifts, self.points = tuple(weights), tuple(shifts), points
        self.probe_scale = probe_scale
        self.project = Projector(n_features, n_code, dropout=dropout)
        self.probe = Probe(n_clusters, n_code)

    def loss(self, batch: Batch) -> tuple[dict[str, Tensor], Tensor]:
        assert batch.positive is not None
        codes = self.project(batch.features)
        here, there = (self._points(batch.features) for _ in range(2))
        own, near = (
            (_at(batch.features, here), _at(codes, here)),
            (_at(batch.positive, there), _at(self.project(batch.positive), there)),
        )
        far = [
            (_at(batch.features[other], there), _at(codes[other], there))
            for other in others(len(codes), self.n_negatives).to(codes.device)
        ]
        of_others, of_near, of_self = self.shifts
        parts = {
            "others": torch.stack([correspondence(own, pair, of_others) for pair in far]).mean()
            if far
            else codes.sum() * 0,
            "near": correspondence(own, near, of_near),
            "self": correspondence(own, own, of_self),
            "probe": self.probe.loss(codes),
        }
        weighted = zip(self.weights, ("others", "near", "self"), strict=True)
        parts["loss"] = sum((weight * parts[name] for weight, name in weighted), parts["probe"])
        return parts, codes

    def parameter_groups(self) -> list[dict]:
        return [
            {"params": list(self.project.parameters()), "lr_scale": 1.0},
            {"params": list(self.probe.parameters()), "lr_scale": self.probe_scale},
        ]

    def _points(self, features: Tensor) -> Tensor:
        size = (len(features), self.points, self.points, 2)
        return (torch.rand(size) * 2 - 1).to(features)


def correspondence(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor], shift: float) -> Tensor:
    """How badly codes correspond where features do (STEGO Eq. 4), of pairs of features and codes.

    Each is `(b, c, s, s)`. The cosines of the features of a point of the first with all of the second have
    their mean taken off, and the mean over everything added again.
    """
    with torch.no_grad():
        features = _cosines(first[0], second[0])
        features = features - features.mean(2, keepdim=True) + features.mean()
    return -(_cosines(first[1], second[1]).clamp_min(0) * (features - shift)).mean()


def _cosines(first: Tensor, second: Tensor) -> Tensor:
    return normalize(first, dim=1).flatten(2).mT @ normalize(second, dim=1).flatten(2)


def _at(maps: Tensor, points: Tensor) -> Tensor:
    return grid_sample(maps, points, padding_mode="border", align_corners=True)
