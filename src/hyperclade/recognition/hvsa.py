"""HVSA: hyperbolic visual-semantic alignment, labels and samples as distributions in the Poincaré ball."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from hyperclade.geometry.ball import MAX_RADIUS, exp0, log0, norm
from hyperclade.geometry.cones import cone_energy, euclidean_cone_energy
from hyperclade.geometry.wrapped_normal import WrappedNormal
from hyperclade.recognition import hvsa_literal
from hyperclade.recognition.method import NodeScorer, perceptron
from hyperclade.trees.taxonomy import Taxonomy

_LEAST_SCALE = 0.3  # narrower normals of labels draw their samples together, at the cost of unseen ones
_HEAD_RATE = 0.1  # of the two linear maps in a row that give the scores, which Adam moves too far otherwise
_LABEL_FEATURES = 512  # of f_l, and of the features that they are multiplied with
_MOST_PAIRS = 512  # (ancestor, descendant) pairs whose cones one step looks at


class HVSA(NodeScorer):
    """A mixture variational auto-encoder shared by samples and labels, with entailment cones among labels.

    - A label has an embedding f_l, which a perceptron maps to a wrapped normal of the ball (Sec. 4.1). A
      sample's features become one as well, the posterior q(z|x); its prior p(z) is the mixture of its labels'
      normals (Eq. 4). β weighs log q(z|x) − log p(z) (Eq. 7 has the other sign) plus the squared error of the
      features that are decoded from z (Eq. 8); both are means over dimensions, so that β means the same for
      all sizes.
    - α weighs the cone loss of points drawn from the labels (Eq. 9): descendants belong into the cones of
      their ancestors, other nodes at least γ outside.
    - Scores come from log_0 of the sample's point, mapped linearly to the dimension of f_l, and the inner
      products with the labels' (Sec. 4.3). The taxonomy then plays no part with `head="free"`, the paper's,
      trained by binary cross-entropy. With "coherent" a leaf has the sum of the products along its way from
      the root, a softmax over leaves gives probabilities, and a node has its leaves' sum: no node is above
      its parent.

    Parameters
    ----------
    dim : int
        D of the ball; the paper's is 512.
    hidden : sequence of int
        Sizes of the hidden layers of the visual encoder; the paper's are 512, 512, 256.
    semantic_hidden : sequence of int
        Sizes of the hidden layers of the semantic encoder.
    dropout : float
        Dropout after each hidden layer of the visual encoder.
    alpha : float
        α; 0 for no cones.
    beta : float
        β; 0 for no alignment and no reconstruction. The paper's is 4.
    gamma : float
        γ, in radians.
    aperture : float
        K of the cones.
    pairs : {"entailed", "nearer"}
        "entailed": an anchor and its descendant, against a node that is not; "nearer": of two random nodes
        the one that is nearer to the anchor in the tree, against the other (the paper's).
    geometry : {"ball", "euclidean"}
        "ball", or "euclidean" for the same in flat space.
    head : {"coherent", "free"}
    learn_from : {"mean", "sample"}
        What is classified in training: the "mean" of the posterior, as in prediction, or a "sample" of it.
    focal : float
        Exponent of the focal loss, 0 for cross-entropy; the paper uses it for pixels.
    faithful : bool
        The formulas as printed, in `hvsa_literal`.

    Raises
    ------
    ValueError
        A size below 1, a negative weight, a margin or exponent below 0.
    """

    def __init__(
        self,
        n_features: int,
        taxonomy: Taxonomy,
        *,
        dim: int = 64,
        hidden: Sequence[int] = (1024, 1024),
        semantic_hidden: Sequence[int] = (512, 256),
        dropout: float = 0.5,
        alpha: float = 0.2,
        beta: float = 0.005,
        gamma: float = 1.0,
        aperture: float = 0.1,
        pairs: Literal["entailed", "nearer"] = "entailed",
        geometry: Literal["ball", "euclidean"] = "ball",
        head: Literal["coherent", "free"] = "coherent",
        learn_from: Literal["mean", "sample"] = "mean",
        focal: float = 0.0,
        faithful: bool = False,
    ) -> None:
        super().__init__(n_features, taxonomy)
        if min(alpha, beta, gamma, focal) < 0:
            raise ValueError(
                f"alpha, beta, gamma and focal must not be negative, got {alpha}, {beta}, {gamma} and {focal}"
            )
        if faithful and geometry != "ball":
            raise ValueError("the printed formulas are of the ball: faithful needs geometry='ball'")
        self.dim, self.alpha, self.beta, self.gamma = dim, alpha, beta, gamma
        self.aperture, self.pairs, self.geometry = aperture, pairs, geometry
        self.head, self.learn_from, self.focal, self.faithful = head, learn_from, focal, faithful
        self.visual = perceptron([n_features, *hidden, 2 * dim], dropout=dropout)
        self.semantic = perceptron([_LABEL_FEATURES, *semantic_hidden, 2 * dim])
        self.decode = perceptron([dim, 256, n_features])
        self.project = nn.Linear(dim, _LABEL_FEATURES)
        self.labels = nn.Parameter(
            torch.randn(self.classes.n_nodes, _LABEL_FEATURES) / math.sqrt(_LABEL_FEATURES)
        )
        self.offset = nn.Parameter(torch.zeros(self.classes.n_nodes))
        closure = self.classes.closure.bool()
        entailed = (closure & ~torch.eye(len(closure), dtype=torch.bool)).nonzero()
        self.register_buffer("descendant", entailed[:, 0], persistent=False)
        self.register_buffer("ancestor", entailed[:, 1], persistent=False)
        if pairs == "nearer":
            distance = torch.from_numpy(taxonomy.distance_matrix())
            self.register_buffer("distance", distance, persistent=False)

    descendant: Tensor
    ancestor: Tensor
    distance: Tensor

    def loss(self, features: Tensor, targets: Tensor) -> dict[str, Tensor]:
        tangent, width = self.visual(features).chunk(2, dim=-1)
        parts: dict[str, Tensor] = {}
        if self.beta or self.learn_from == "sample":
            drawn, log_q = self._drawn(*self._normal(tangent, width))
        if self.alpha or self.beta:
            label_loc, label_scale = self.positions()
        logits = self._logits(self._log0(drawn) if self.learn_from == "sample" else self._clipped(tangent))
        parts["classification"] = self._classification(logits, targets)
        loss = parts["classification"]
        if self.beta:
            log_p = self._log_prior(drawn, label_loc, label_scale, targets)
            divergence = log_p - log_q if self.faithful else log_q - log_p
            parts["kl"] = divergence.mean().float() / self.dim
            # Not a lesson for a backbone, which could make its features easy to decode.
            error = self.decode(self._log0(drawn).float()) - features.detach()
            parts["reconstruction"] = error.square().mean() / 2
            loss = loss + self.beta * (parts["kl"] + parts["reconstruction"])
        if self.alpha:
            parts["cones"] = self._cone_loss(label_loc, label_scale).float()
            loss = loss + self.alpha * parts["cones"]
        return {"loss": loss, **parts}

    def scores(self, features: Tensor) -> Tensor:
        logits = self._logits(self._clipped(self.visual(features)[..., : self.dim]))
        if self.head == "free":
            return torch.sigmoid(logits)
        return torch.softmax(logits, dim=1) @ self.classes.ways

    def parameter_groups(self) -> list[dict[str, Any]]:
        head = [*self.project.parameters(), self.labels, self.offset]
        others = [*self.visual.parameters(), *self.semantic.parameters(), *self.decode.parameters()]
        return [{"params": others, "lr_scale": 1.0}, {"params": head, "lr_scale": _HEAD_RATE}]

    def positions(self) -> tuple[Tensor, Tensor]:
        """Where the labels are: means and standard deviations `(m, dim) float64` of their normals."""
        return self._normal(*self.semantic(self.labels).chunk(2, dim=-1))

    def _normal(self, tangent: Tensor, width: Tensor) -> tuple[Tensor, Tensor]:
        """Mean in the ball, base point the origin, and standard deviations in [0.3, 1), float64."""
        scale = torch.sigmoid(width.double()).clamp_min(_LEAST_SCALE)
        # exp_0 doubles the length of a tangent vector.
        return tangent.double() if self.geometry == "euclidean" else exp0(tangent / 2), scale

    def _clipped(self, tangent: Tensor) -> Tensor:
        """log_0 of exp_0 of a tangent vector: the vector itself, but for the largest radius of the ball."""
        if self.geometry == "euclidean":
            return tangent
        return tangent * (MAX_RADIUS / norm(tangent, keepdim=True).clamp_min(1e-12)).clamp_max(1.0)

    def _log0(self, points: Tensor) -> Tensor:
        return points if self.geometry == "euclidean" else 2 * log0(points)

    def _drawn(self, loc: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """A point from each normal, and its log-density."""
        if self.geometry == "ball" and not self.faithful:
            return WrappedNormal(loc, scale, validate_args=False).rsample_with_log_prob()
        points = hvsa_literal.sample(loc, scale) if self.faithful else loc + scale * torch.randn_like(scale)
        return points, self._log_density(points, loc, scale)

    def _log_density(self, points: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
        if self.faithful:
            return hvsa_literal.log_density(points, loc, scale)
        if self.geometry == "ball":
            return WrappedNormal(loc, scale, validate_args=False).log_prob(points)
        return torch.distributions.Normal(loc, scale, validate_args=False).log_prob(points).sum(-1)

    def _log_prior(self, points: Tensor, loc: Tensor, scale: Tensor, targets: Tensor) -> Tensor:
        """Log-density `(b,)` of the mixture of each sample's labels, by their weights."""
        share = targets.double()
        share = share / share.sum(1, keepdim=True).clamp_min(1e-12)
        n_active = max(1, int((targets > 0).sum(1).max()))
        share, node = share.topk(n_active, dim=1)
        densities = self._log_density(points[:, None], loc[node], scale[node])
        return torch.logsumexp(densities + share.clamp_min(1e-300).log(), dim=1)

    def _logits(self, tangent: Tensor) -> Tensor:
        """Of all nodes, or of the leaves for the coherent head."""
        projected = self.project(tangent.to(self.project.weight.dtype))
        if self.head == "free":
            return projected @ self.labels.T + self.offset
        ways = self.classes.ways
        return projected @ (ways @ self.labels).T + ways @ self.offset

    def _classification(self, logits: Tensor, targets: Tensor) -> Tensor:
        if self.head == "coherent":
            log_p = self.classes.node_log_probability(logits)
            cost = -self.classes.shares(targets) * log_p
            return (cost * (1 - log_p.exp()).clamp_min(0).pow(self.focal)).sum(1).mean()
        cost = binary_cross_entropy_with_logits(logits, targets, reduction="none")
        if self.focal:
            wrong = targets * logsigmoid(-logits).exp() + (1 - targets) * logsigmoid(logits).exp()
            cost = cost * wrong.pow(self.focal)
        return cost.sum(1).mean()

    def _cone_loss(self, loc: Tensor, scale: Tensor) -> Tensor:
        """Mean energy of pairs that belong together, plus the mean shortfall of γ of those that do not."""
        anchor, inside, outside = self._triples()
        if not len(anchor):
            return loc.sum() * 0
        points, _ = self._drawn(loc, scale)
        near, far = (self._energy(points[anchor], points[others]) for others in (inside, outside))
        return near.mean() + (self.gamma - far).clamp_min(0).mean()

    def _energy(self, parent: Tensor, child: Tensor) -> Tensor:
        if self.faithful:
            return hvsa_literal.cone_energy(parent, child, self.aperture)
        energy = cone_energy if self.geometry == "ball" else euclidean_cone_energy
        return energy(parent, child, self.aperture)

    def _triples(self) -> tuple[Tensor, Tensor, Tensor]:
        """Anchors, nodes that belong into their cones, and others that do not."""
        m, device = self.classes.n_nodes, self.labels.device
        if self.pairs == "nearer":
            anchor, first, second = torch.randint(m, (3, _MOST_PAIRS), device=device)
            gap = self.distance[anchor, second] - self.distance[anchor, first]
            near, far = torch.where(gap > 0, first, second), torch.where(gap > 0, second, first)
            kept = (gap != 0) & (near != anchor)
            return anchor[kept], near[kept], far[kept]
        rows = torch.arange(len(self.ancestor), device=device)
        if len(rows) > _MOST_PAIRS:
            rows = torch.randint(len(rows), (_MOST_PAIRS,), device=device)
        anchor = self.ancestor[rows]
        outside = 1 - self.classes.closure[:, anchor].T
        outside[~outside.any(1)] = 1.0  # everything lies under a sole root; dropped below
        drawn = torch.multinomial(outside, 1)[:, 0]
        kept = self.classes.closure[drawn, anchor] == 0
        return anchor[kept], self.descendant[rows][kept], drawn[kept]
