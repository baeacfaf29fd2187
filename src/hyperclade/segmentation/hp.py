"""HP (Seong et al. 2023): codes that are alike where hidden positives are, by features and by codes."""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, one_hot

from hyperclade.segmentation.method import Batch, Probe, Probed, Projector

_PER_CROP = 4  # places of a crop that join the pool
_SCALE = 0.07  # temperature at which the contrast is not scaled


class HP(Probed):
    """Draws the codes of places together that are nearer to each other than to all of a pool of places.

    A place is a positive of another if their cosine is above the largest of either with the pool: by the
    frozen features (agnostic of the task), and by the codes of a moving average of the head (specific to
    it), which count the more the longer training lasts. Projected codes are contrasted with positives and
    few random others, once as they are and once as means of what they attend to around them (local hidden
    positives); codes of another view are to be the same. Compared are random places of each crop, all with
    all: memory goes with the square of their number, not of that of all places. Beside it a probe learns
    centres of the codes, which learn nothing from it.

    Parameters
    ----------
    n_features, n_clusters : int
    n_code : int
        Length of a code, and of what it is projected to.
    places : int
        Random places of each crop that are compared.
    n_pool : int
        Places in the pool; it grows by a few of each crop and then stays.
    renew : int
        Steps after which the pool has new codes.
    temperature : float
        Of the contrast (τ).
    negatives : float
        Share of all places that each is contrasted with beyond its positives (ρ).
    consistency : float
        Weight of the distance between views (α); 0 needs no views.
    momentum : float
        Of the moving average of the head.
    warmup : float
        Share of the steps before the specific positives begin to count; at the end they count as much.
    dropout : float
        Of the projector.
    probe_scale : float
        Factor of the learning rate of the probe.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"view", "local"})
    pool: Tensor
    pool_codes: Tensor
    n_pooled: Tensor
    n_steps: Tensor

    def __init__(
        self,
        n_features: int,
        n_clusters: int,
        *,
        n_code: int = 512,
        places: int = 32,
        n_pool: int = 2048,
        renew: int = 100,
        temperature: float = 0.8,
        negatives: float = 0.02,
        consistency: float = 0.05,
        momentum: float = 0.99,
        warmup: float = 0.086,
        dropout: float = 0.1,
        probe_scale: float = 10.0,
    ) -> None:
        super().__init__()
        if min(n_code, places, n_pool, renew) < 1:
            raise ValueError("n_code, places, n_pool and renew must be at least 1")
        if not temperature > 0:
            raise ValueError(f"temperature must be positive, got {temperature}")
        if not (0 <= negatives <= 1 and 0 <= momentum <= 1 and 0 <= warmup < 1):
            raise ValueError("negatives and momentum must be between 0 and 1, warmup below 1")
        self.n_code, self.places, self.renew = n_code, places, renew
        self.temperature, self.negatives, self.consistency = temperature, negatives, consistency
        self.momentum, self.warmup, self.probe_scale = momentum, warmup, probe_scale
        self.project = Projector(n_features, n_code, dropout=dropout)
        self.onto = nn.Linear(n_code, n_code)
        self.probe = Probe(n_clusters, n_code)
        self.teacher = Projector(n_features, n_code, dropout=0.0).requires_grad_(False)
        self.teacher.load_state_dict(self.project.state_dict())
        self.register_buffer("pool", torch.zeros(n_pool, n_features))
        self.register_buffer("pool_codes", torch.zeros(n_pool, n_code))
        self.register_buffer("n_pooled", torch.tensor(0))
        self.register_buffer("n_steps", torch.tensor(0))

    def loss(self, batch: Batch) -> tuple[dict[str, Tensor], Tensor]:
        assert batch.local is not None
        codes = self.project(batch.features)
        places = self._places(batch.features)
        agnostic, specific = self._positives(batch.features, places)
        # A place without a positive by its features learns from none.
        weights = (agnostic + self.specific_weight(batch.done) * specific) * agnostic.any(1, keepdim=True)
        among = agnostic | self._drawn(agnostic)
        itself = one_hot(places, codes[0, 0].numel()).to(codes)
        # In one product, so that no second gradient of all codes is made.
        taken = codes.flatten(2) @ torch.cat([itself, mixing(batch.local, places)], dim=1).mT
        own, around = (self._projected(of) for of in taken.chunk(2, dim=2))
        parts = {
            "contrast": contrast(own, weights, among, self.temperature),
            "local": contrast(around, weights, among, self.temperature),
            "probe": self.probe.loss(codes),
        }
        parts["loss"] = (parts["contrast"] + parts["local"]) / 2 + parts["probe"]
        if self.consistency > 0:
            assert batch.view is not None
            view = self._projected(self.project(_at(batch.view, places)[..., None])[..., 0])
            parts["view"] = torch.linalg.vector_norm(own - view, dim=1).mean()
            parts["loss"] = parts["loss"] + self.consistency * parts["view"]
        if self.training:
            self._remember(batch.features)
        return parts, codes

    def specific_weight(self, done: float) -> float:
        """How much specific positives count when a share of the steps is done (λ), 0 … 1."""
        return max(0.0, (done - self.warmup) / (1 - self.warmup))

    def parameter_groups(self) -> list[dict]:
        return [
            {"params": list(self.project.parameters()), "lr_scale": 1.0},
            {"params": list(self.onto.parameters()), "lr_scale": 1.0, "weight_decay": 0.0},
            {"params": list(self.probe.parameters()), "lr_scale": self.probe_scale, "weight_decay": 0.0},
        ]

    @torch.no_grad()
    def after_step(self) -> None:
        for average, new in zip(self.teacher.parameters(), self.project.parameters(), strict=True):
            average.lerp_(new, 1 - self.momentum)
        self.n_steps += 1
        if self.n_steps % self.renew == 0:
            self.pool_codes[: self.n_pooled] = self._taught(self.pool[: self.n_pooled])

    @torch.no_grad()
    def _positives(self, features: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        rows = _at(features, places).mT.flatten(0, 1)
        pooled = slice(int(self.n_pooled))
        return (
            positives(normalize(rows, dim=1), normalize(self.pool[pooled], dim=1)),
            positives(self._taught(rows), self.pool_codes[pooled]),
        )

    @torch.no_grad()
    def _remember(self, features: Tensor) -> None:
        """After the loss, so that the crops at hand are not measured by their own places."""
        first = int(self.n_pooled)
        if first == len(self.pool):
            return
        places = torch.randint(features[0, 0].numel(), (len(features), _PER_CROP)).to(features.device)
        rows = _at(features, places).mT.flatten(0, 1)[: len(self.pool) - first]
        self.pool[first : first + len(rows)] = rows
        self.pool_codes[first : first + len(rows)] = self._taught(rows)
        self.n_pooled += len(rows)

    def _taught(self, rows: Tensor) -> Tensor:
        return normalize(self.teacher(rows[..., None, None])[..., 0, 0], dim=1)

    def _projected(self, codes: Tensor) -> Tensor:
        """Rows of length 1 of codes `(b, n_code, s)`."""
        return normalize(self.onto(codes.mT.flatten(0, 1)), dim=1)

    def _places(self, features: Tensor) -> Tensor:
        """Different random places of each crop, `(b, s) int64`."""
        at_random = torch.rand(len(features), features[0, 0].numel())
        return at_random.topk(min(self.places, at_random.shape[1]), dim=1).indices.to(features.device)

    def _drawn(self, agnostic: Tensor) -> Tensor:
        """Random others of each place, `(m, m) bool`."""
        return (torch.rand(agnostic.shape) < self.negatives).fill_diagonal_(False).to(agnostic.device)


def positives(rows: Tensor, pool: Tensor) -> Tensor:
    """Which places are nearer to each other than one of them is to all of a pool (HP).

    Parameters
    ----------
    rows : (m, d) float
        Of length 1.
    pool : (n, d) float
        Of length 1; without rows nothing is a positive.

    Returns
    -------
    (m, m) bool Tensor
        Symmetric; no place is its own positive.

    Examples
    --------
    >>> rows = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    >>> positives(rows, torch.tensor([[0.6, -0.8], [0.28, 0.96]])).int().tolist()
    [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    """
    cosines = rows @ rows.mT
    nearest = (rows @ pool.mT).amax(1) if len(pool) else rows.new_full((len(rows),), torch.inf)
    return ((cosines > nearest[:, None]) | (cosines > nearest)).fill_diagonal_(False)


def contrast(rows: Tensor, weights: Tensor, among: Tensor, temperature: float) -> Tensor:
    """Weighted mean of −log p over pairs of places, times temperature / 0.07 (HP, as its code).

    p is the softmax of cosine / temperature among some places. A place counts as much as its weights sum to:
    the code's mean of each place times its share of them.

    Parameters
    ----------
    rows : (m, d) float
        Of length 1.
    weights : (m, m) float
        At least 0; where all are 0, so is the loss.
    among : (m, m) bool
        At least one for a place that has a weight.
    temperature : float

    Examples
    --------
    >>> pairs, everything = torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.ones(2, 2) > 0
    >>> contrast(torch.ones(2, 1), pairs, everything, 0.07)  # log 2
    tensor(0.6931)
    """
    at = weights.sum(1) > 0
    logits = rows[at] @ rows.mT / temperature
    cost = logits.masked_fill(~among[at], -torch.inf).logsumexp(1, keepdim=True) - logits
    total = weights.sum().clamp_min(torch.finfo(weights.dtype).tiny)
    return temperature / _SCALE * (weights[at] * cost).sum() / total


def mixing(local: Tensor, places: Tensor) -> Tensor:
    """Shares of all places of a crop in the mean around some, `(b, s, h · w)`.

    Parameters
    ----------
    local : (b, 9, h, w) float
        Weights of each place and the eight around it, row by row. Those outside the grid are ignored; where
        none is left, the place itself has all.
    places : (b, s) int64

    Examples
    --------
    >>> local = torch.tensor([0.0, 9, 9, 0, 1, 3, 0, 9, 9]).view(1, 9, 1, 1).expand(1, 9, 1, 3)
    >>> mixing(local, torch.tensor([[0, 2]]))
    tensor([[[0.2500, 0.7500, 0.0000],
             [0.0000, 0.0000, 1.0000]]])
    """
    (h, w), step = local.shape[2:], torch.arange(9, device=local.device)
    y, x = (places // w)[..., None] + step // 3 - 1, (places % w)[..., None] + step % 3 - 1
    shares = _at(local, places).mT * ((y >= 0) & (y < h) & (x >= 0) & (x < w))
    shares[..., 4] += shares.sum(-1) == 0
    near = y.clamp(0, h - 1) * w + x.clamp(0, w - 1)
    mixed = shares.new_zeros(*places.shape, h * w)
    return mixed.scatter_add_(2, near, shares / shares.sum(-1, keepdim=True))


def _at(maps: Tensor, places: Tensor) -> Tensor:
    """What maps `(b, c, h, w)` have at places `(b, s)`, `(b, c, s)`."""
    return maps.flatten(2).gather(2, places[:, None].expand(-1, maps.shape[1], -1))
