"""HIER (Kim et al., CVPR 2023): proxies in the ball as ancestors, beside a loss on labels."""

import torch
from torch import Tensor, nn
from torch.nn.functional import gumbel_softmax, relu

from hyperclade.retrieval.config import Space
from hyperclade.retrieval.hyp_vit import HypViT
from hyperclade.retrieval.method import Batch


class HIER(HypViT):
    """`HypViT`, and a regulariser by learned proxies that stand for common ancestors.

    Of a sample i, a related j (each among the nearest of the other) and an unrelated k, a proxy is drawn as
    the lowest ancestor of i and j, and one for all three: Gumbel-softmax of the negative largest distance.
    With a margin, i and j shall be nearer to the first than to the second, and k the other way round (HIER
    Eq. 7–9). The same is asked of the proxies among themselves.

    Parameters
    ----------
    n_features, dim : int
    space : Space
    temperature : float
        τ of the cross-entropy.
    n_proxies : int
    weight : float
        Of the regulariser.
    margin : float
    neighbours : int
        Nearest samples that relate, where each is among those of the other.
    triples : int
        Drawn for each sample; and of the proxies for as many as there are samples.
    sharpness : float
        Temperature of the Gumbel-softmax.
    proxy_rate : float
        Factor of the learning rate of the proxies.
    """

    def __init__(
        self,
        n_features: int,
        dim: int,
        space: Space,
        *,
        temperature: float = 0.2,
        n_proxies: int = 512,
        weight: float = 1.0,
        margin: float = 0.1,
        neighbours: int = 20,
        triples: int = 5,
        sharpness: float = 1.0,
        proxy_rate: float = 10.0,
    ) -> None:
        super().__init__(n_features, dim, space, temperature=temperature)
        for name, value in (("n_proxies", n_proxies), ("neighbours", neighbours), ("triples", triples)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if not (weight >= 0 and margin >= 0 and sharpness > 0 and proxy_rate > 0):
            raise ValueError("weight and margin must not be negative, sharpness and proxy_rate be positive")
        self.weight, self.margin = weight, margin
        self.neighbours, self.triples, self.sharpness = neighbours, triples, sharpness
        self.proxy_rate = proxy_rate
        self.proxies = nn.Parameter(0.01 * torch.randn(n_proxies, dim))  # before the exponential map

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        labels = self.cross_entropy(batch)
        proxies = self.space.points(self.space.bounded(self.proxies))
        hierarchy = self.ancestry(batch.points, proxies)
        hierarchy = hierarchy + self.ancestry(proxies, proxies, most=len(batch.points))
        return {"loss": labels + self.weight * hierarchy, "labels": labels, "hierarchy": hierarchy}

    def ancestry(self, points: Tensor, proxies: Tensor, most: int | None = None) -> Tensor:
        """The regulariser for points `(b, d)`, or so many of them; 0 where none relate, or all do."""
        b, m = len(points), self.triples
        with torch.no_grad():
            related = reciprocal(self.space.pairwise(points, points), self.neighbours)
            itself = torch.eye(b, dtype=torch.bool, device=points.device)
            whole = related.any(1) & (~related & ~itself).any(1)
            anchors = whole.nonzero()[:, 0]
            if most is not None:
                anchors = anchors[torch.randperm(len(anchors))[:most].to(anchors.device)]
            if not len(anchors):
                return points.sum() * 0 + proxies.sum() * 0
            near = related[anchors].double()
            far = (~related & ~itself)[anchors].double()
            j, k = (torch.multinomial(share, m, replacement=True).flatten() for share in (near, far))
            i = anchors.repeat_interleave(m)
        distances = self.space.pairwise(points, proxies)
        of_i, of_j, of_k = distances[i], distances[j], distances[k]
        pair = torch.maximum(of_i, of_j)
        low, high = (
            gumbel_softmax(-farthest, tau=self.sharpness, hard=True)
            for farthest in (pair, torch.maximum(pair, of_k))
        )
        differ = low.argmax(1) != high.argmax(1)
        to_low, to_high = ([(own * lca).sum(1) for own in (of_i, of_j, of_k)] for lca in (low, high))
        errs = relu(to_low[0] - to_high[0] + self.margin) + relu(to_low[1] - to_high[1] + self.margin)
        errs = errs + relu(to_high[2] - to_low[2] + self.margin)
        return (errs * differ).mean()

    def parameter_groups(self) -> list[dict]:
        return [{"params": [self.proxies], "lr_scale": self.proxy_rate}]


def reciprocal(distances: Tensor, k: int) -> Tensor:
    """Which pairs `(b, b) bool` are among the k nearest of each other; none is its own.

    >>> reciprocal(torch.tensor([[0.0, 1.0, 5.0], [1.0, 0.0, 4.0], [5.0, 4.0, 0.0]]), 1).long().tolist()
    [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    """
    b = len(distances)
    apart = distances.clone().fill_diagonal_(torch.inf)
    nearest = apart.topk(min(k, max(b - 1, 0)), largest=False).indices
    near = torch.zeros_like(apart, dtype=torch.bool).scatter_(1, nearest, True)
    return near & near.mT
