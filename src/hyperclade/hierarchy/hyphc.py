"""HypHC: hierarchical clustering by gradient descent on leaf directions in the Poincaré ball.

Chami, Gu, Chatziafratis & Ré, "From Trees to Continuous Embeddings and Back" (NeurIPS 2020). Dasgupta's cost
is 2Σw plus, for each triple of leaves, Σw − w of the pair that merges first. HypHC lets the pair with the
deepest LCA merge first and softens the choice: Σw − softmax([d12, d13, d23]/τ)·[w12, w13, w23].

With the leaves on one radius all pair depths come from the Gram matrix of their directions, and exp(d/τ) is
needed per pair only, so that a triple costs a division and a dozen multiplications: every triple of a block
of leaves takes part in a step, with gradient, in one pass over the block's matrices.

Two things decide whether the optimum of the loss decodes to a good tree. A *small* τ makes the softmax hard
for any leaves; then triples may contradict each other, and the decoded tree is worse than its loss. With a
large τ (about .7 at radius 7.6) the choice gets hard only if depths differ by much, which forces leaves into
clusters within clusters. And in the plane leaves cannot pass one another, so descent gets stuck where it
starts; in sixteen dimensions it ends near the same cost from any start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import Self

import numpy as np
from numba import njit, prange
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data
from threadpoolctl import threadpool_limits

from hyperclade.environment import device_of
from hyperclade.hierarchy.cost import dasgupta_cost
from hyperclade.hierarchy.linkage import (
    FloatArray,
    IntArray,
    Linkage,
    TreeEstimator,
    check_positive,
)
from hyperclade.hierarchy.rows import Rows
from hyperclade.hierarchy.search import merge_cost
from hyperclade.hierarchy.similarity import Similarity, similarity_of
from hyperclade.trees.layout import ball_layout, decode_ball
from hyperclade.trees.tree import Tree

#: Poincaré norms between which the leaves' common radius is kept.
NORM_RANGE = (1e-2, 1 - 1e-3)

_BLOCK = 256  # leaves whose 2.7 million triples make one step
_LIFT = 16
_SLAB = 2**24  # entries of the largest array of a pass on another device
_PARALLEL_FROM = 400  # leaves; smaller blocks take milliseconds, less than busy cores take to join threads
_EVALUATIONS = 50  # of the exact cost
_STEPS = 200
_MAX_EXPONENT = 300.0  # products of two powers stay within float64
_NEVER = 1e300  # the power of a leaf with itself, which makes its share of anything vanish
_BLUNT = 1e-6  # the depth of opposite leaves has a kink; this bounds its slope
_RATE_DECAY = 0.01  # the last learning rate as a part of the first: from whole clusters to neighbours
_NORM_RATE = 0.01  # learning rate of the norm, as a part of that of the directions


@dataclass(frozen=True)
class Directions:
    """Result of `fit_directions`: the best leaves found, by the exact cost of the tree they decode to.

    >>> from hyperclade.hierarchy.similarity import similarity_of
    >>> rows = similarity_of(np.eye(4), "cosine").items()
    >>> fit_directions(rows, n_iterations=5, random_state=0).directions.shape
    (4, 16)
    """

    directions: FloatArray
    """(n, dim), unit rows."""
    norm: float
    """Common Poincaré norm of the leaves."""
    merges: IntArray
    """(n-1, 2), the decoded tree."""
    cost: float
    """Its exact Dasgupta cost, without the pairs inside items."""
    history: FloatArray = field(default_factory=lambda: np.empty(0))
    """Cost at the start and at each evaluation."""


class HypHC(TreeEstimator):
    """Hierarchical clustering by hyperbolic embedding (Chami et al. 2020).

    Parameters
    ----------
    dim : int
        Dimension of `embedding_`, at least 2.
    lift : int or None
        Leaves move in max(dim, lift) dimensions; if that is more than dim, the best tree is then laid out in
        dim dimensions such that it decodes to itself. None: leaves move in dim dimensions, as in the paper;
        in the plane the result then depends on the start. Use a smaller temperature (.2) with that.
    similarity : {"cosine", "softmax", "knn"}
        Which similarity of rows the cost is about, see `hyperclade.hierarchy.similarity`.
    init : {"random", "exponential", "tree"} or Tree
        First directions: random; the features' leading principal components (the exponential map of sHHC
        Eq. 12, of which a common radius leaves the directions); the layout of the average-linkage tree or of
        a given tree.
    n_triples : "auto", "all" or int
        Triples per step. They are all triples of a random block of leaves, so their indices always differ.
        "auto": a block of at most 256 leaves; int: a block with at least that many triples.
    temperature : float
        τ of the softmax over hyperbolic depths.
    learning_rate : float or "auto"
        Rate of Adam at the first step; falls geometrically to a hundredth. "auto": .1, and .01 from a tree.
    n_iterations : int or "auto"
        "auto": 200, and in proportion to n above 512 rows.
    n_clusters : int, optional
        Number of flat clusters for `labels_`; None: the tree's coarsest layer (`Tree.layers`).
    random_state : int, RandomState or None
    device : str
        Where to sum over triples: "cpu" (compiled, threaded), or torch's "cuda", "cuda:N" or "mps".

    Attributes
    ----------
    tree_ : Tree
        Heights are angles in radians between the directions that single linkage decoded.
    embedding_ : (n, dim) float64
        Leaves in the Poincaré ball of curvature −1; they decode to `tree_`.
    cost_ : float
        Exact Dasgupta cost of `tree_`.
    cost_history_ : float64 array
        Cost at each evaluation, first to last; `tree_` is that of the least.
    labels_ : (n,) int64
    n_features_in_ : int

    Raises
    ------
    ValueError
        Unknown option, NaN or infinity, no rows or n_clusters out of range.
    ModuleNotFoundError
        Another device than "cpu", and no torch.

    Examples
    --------
    >>> X = [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]
    >>> model = HypHC(n_clusters=2, random_state=0).fit(X)
    >>> model.labels_.tolist(), model.embedding_.shape
    ([0, 0, 1, 1], (4, 2))
    """

    def __init__(
        self,
        dim: int = 2,
        lift: int | None = _LIFT,
        similarity: str = "cosine",
        init: str | Tree = "random",
        n_triples: str | int = "auto",
        temperature: float = 0.7,
        learning_rate: float | str = "auto",
        n_iterations: int | str = "auto",
        n_clusters: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        device: str = "cpu",
    ) -> None:
        self.dim = dim
        self.lift = lift
        self.similarity = similarity
        self.init = init
        self.n_triples = n_triples
        self.temperature = temperature
        self.learning_rate = learning_rate
        self.n_iterations = n_iterations
        self.n_clusters = n_clusters
        self.random_state = random_state
        self.device = device

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Embed the rows of X `(n, d)` and decode the tree; y is ignored."""
        if not isinstance(self.dim, Integral) or self.dim < 2:
            raise ValueError(f"dim={self.dim!r} must be a whole number, at least 2")
        X = validate_data(self, X, dtype=np.float64)
        self._check_n_clusters(len(X))
        weights = similarity_of(X, self.similarity, metric="cosine", random_state=0, merge_equal=False)
        rank = max(self.dim, self.lift or 0)
        rng = check_random_state(self.random_state)
        rate = self.learning_rate
        if rate == "auto":
            rate = 0.01 if self.init == "tree" or isinstance(self.init, Tree) else 0.1
        found = fit_directions(
            weights.items(),
            start=self._start(X, rank),
            dim=rank,
            n_triples=self.n_triples,
            temperature=self.temperature,
            learning_rate=rate,
            n_iterations=self.n_iterations,
            random_state=rng,
            device=self.device,
        )
        tree = decode_ball(found.directions)
        directions = found.directions
        if rank > self.dim:
            points = ball_layout(tree, self.dim)[: len(X)]
            directions = points / np.linalg.norm(points, axis=1, keepdims=True)
        self.embedding_ = found.norm * directions
        self.cost_history_ = found.history
        self.tree_ = tree
        self.cost_ = dasgupta_cost(tree, X, weights)
        return self._set_labels()

    def _start(self, X: FloatArray, rank: int) -> FloatArray | None:
        if isinstance(self.init, Tree):
            if self.init.n_leaves != len(X):
                raise ValueError(f"init has {self.init.n_leaves} leaves, but X has {len(X)} rows")
            return ball_layout(self.init, rank)[: len(X)]
        if self.init == "random":
            return None
        if self.init == "exponential":
            return principal_directions(Rows(X).read(slice(None), np.float64), rank)
        if self.init == "tree":
            return ball_layout(Linkage("average").fit(X).tree_, rank)[: len(X)]
        raise ValueError(f'init={self.init!r} is not "random", "exponential", "tree" or a Tree')


# The matrix products here are too small for threads, which would spin and wait for one another.
@threadpool_limits.wrap(limits=1, user_api="blas")
def fit_directions(
    similarity: Similarity,
    *,
    start: FloatArray | None = None,
    dim: int = _LIFT,
    n_triples: str | int = "auto",
    temperature: float = 0.7,
    learning_rate: float = 0.1,
    n_iterations: int | str = "auto",
    random_state: int | np.random.RandomState | None = None,
    device: str = "cpu",
) -> Directions:
    """Leaf directions that minimise HypHC's loss, the functional core of `HypHC`.

    Parameters
    ----------
    similarity : Similarity
        Similarity of n items: rows, or pre-clusters of several rows. A triple weighs the product of its three
        sizes, so that the loss is that of the rows.
    start : (n, dim) float, optional
        First directions, of any length but zero; default random.
    dim : int
        Dimension, if no start is given.
    n_triples, temperature, learning_rate, n_iterations, random_state, device
        As in `HypHC`.

    Returns
    -------
    Directions
        Its cost leaves out the pairs inside items.

    Raises
    ------
    ValueError
        An option out of range, or a start of the wrong shape or without direction.

    Examples
    --------
    >>> from hyperclade.hierarchy.similarity import similarity_of
    >>> rows = similarity_of(np.eye(3), "cosine")
    >>> found = fit_directions(rows.groups(np.array([0, 0, 1]), 2), random_state=0)
    >>> found.merges.tolist(), found.cost  # two pairs of similarity ½ meet under three rows
    ([[0, 1]], 3.0)
    """
    n = len(similarity)
    device = device_of(device)
    check_positive("temperature", temperature)
    check_positive("learning_rate", learning_rate)
    rng = check_random_state(random_state)
    directions = _first_directions(start, n, dim, rng)
    m = _block_size(n, n_triples)
    steps = _n_steps(n_iterations, n, m)
    every = max(steps // _EVALUATIONS, 1)
    rows = np.arange(n)
    block = _mean_similarity(similarity, rows) if m == n else np.empty(0)
    weight = similarity.sizes / similarity.sizes.mean()

    norm = np.array([[NORM_RANGE[1]]])
    direction_adam, norm_adam = _RowAdam(directions), _RowAdam(norm)
    merges = decode_ball(directions).merges
    best = Directions(directions.copy(), norm.item(), merges, merge_cost(merges, similarity))
    history = [best.cost]
    for step in range(steps):
        rate = learning_rate * _RATE_DECAY ** (step / steps)
        if m < n:
            rows = np.sort(rng.permutation(n)[:m])
            block = _mean_similarity(similarity, rows)
        leaves = directions[rows]
        depth, by_gram, by_radius = _depths(leaves @ leaves.T, 2 * math.atanh(norm.item()))
        _, slope = triple_loss(depth, block, weight[rows], temperature, device)
        pull = 2 * (slope * by_gram) @ leaves
        pull -= (pull * leaves).sum(axis=1, keepdims=True) * leaves  # along the sphere
        leaves = leaves - direction_adam.step(rows, pull, rate)
        directions[rows] = leaves / np.linalg.norm(leaves, axis=1, keepdims=True)
        norm_slope = (slope * by_radius).sum(keepdims=True) * 2 / (1 - norm**2)
        norm = (norm - norm_adam.step(np.array([0]), norm_slope, _NORM_RATE * rate)).clip(*NORM_RANGE)
        if (step + 1) % every == 0 or step + 1 == steps:
            merges = decode_ball(directions).merges
            history.append(merge_cost(merges, similarity))
            if history[-1] < best.cost:
                best = Directions(directions.copy(), norm.item(), merges, history[-1])
    return replace(best, history=np.array(history))


def triple_loss(
    depth: FloatArray, similarity: FloatArray, weight: FloatArray, temperature: float, device: str = "cpu"
) -> tuple[float, FloatArray]:
    """Weighted mean over all triples of HypHC's loss, and its slope in the pair depths.

    Parameters
    ----------
    depth, similarity : (m, m) float64, symmetric
        Diagonals do not matter.
    weight : (m,) float64
        A triple weighs the product of its three.
    temperature : float
    device : str
        Where to sum over triples.

    Returns
    -------
    loss : float
    slope : (m, m) float64
        Symmetric, zero on the diagonal; the derivative in a pair's depth is split between its two entries.

    Notes
    -----
    With p = exp(d/τ) and r = 1/(p12 + p13 + p23), a triple's softmax mean is r·(p12 w12 + p13 w13 + p23 w23),
    and its slope in d12 is r·p12·(w12 − mean)/τ. So for each pair all that is needed are the sums of r and of
    r·mean over the third index: no m³ memory, and no exponentials of triples.

    Examples
    --------
    >>> triple_loss(np.zeros((3, 3)), np.ones((3, 3)), np.ones(3), temperature=1.0)[0]
    2.0
    """
    m = len(depth)
    if m < 3:
        return 0.0, np.zeros((m, m))
    exponent = depth / temperature
    exponent -= (exponent.max() + exponent.min()) / 2
    power = np.exp(exponent.clip(-_MAX_EXPONENT, _MAX_EXPONENT))
    np.fill_diagonal(power, _NEVER)
    product = power * similarity
    np.fill_diagonal(product, 0)
    if device != "cpu":
        share, mean = _third_sums_on(device, power, product, weight)
    elif m < _PARALLEL_FROM:
        share, mean = _third_sums_serial(power, product, weight)
    else:
        share, mean = _third_sums_parallel(power, product, weight)
    pairs = np.outer(weight, weight)
    np.fill_diagonal(pairs, 0)
    s1, s2, s3 = (float((weight**p).sum()) for p in (1, 2, 3))
    triples = (s1**3 - 3 * s1 * s2 + 2 * s3) / 6  # Newton: the elementary symmetric polynomial
    rest = s1 - weight[:, None] - weight
    loss = (pairs * (similarity * rest - product * share)).sum() / (2 * triples)
    slope = pairs * (power * mean - product * share) / (2 * triples * temperature)
    return float(loss), slope


def principal_directions(X: FloatArray, dim: int) -> FloatArray:
    """Unit directions `(n, dim)` of the rows of X `(n, d)` in their leading principal components.

    >>> abs(principal_directions(np.array([[0.0, 2.0], [0.0, -2.0]]), 3)).round(6).tolist()
    [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    """
    centred = X - X.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    scores = np.zeros((len(X), dim))
    scores[:, : min(dim, len(axes))] = centred @ axes[:dim].T
    scores[np.linalg.norm(scores, axis=1) < 1e-12, 0] = 1.0  # a row at the mean has no direction: any will do
    return scores / np.linalg.norm(scores, axis=1, keepdims=True)


class _RowAdam:
    """Adam whose moments and step counts belong to rows, as a step moves only the rows of its block."""

    def __init__(self, parameter: FloatArray) -> None:
        self.mean = np.zeros_like(parameter)
        self.square = np.zeros_like(parameter)
        self.count = np.zeros((len(parameter), 1))

    def step(self, rows: IntArray, slope: FloatArray, rate: float) -> FloatArray:
        """What to subtract from the given rows."""
        self.count[rows] += 1
        self.mean[rows] = mean = 0.9 * self.mean[rows] + 0.1 * slope
        self.square[rows] = square = 0.99 * self.square[rows] + 0.01 * slope**2
        count = self.count[rows]
        return rate * (mean / (1 - 0.9**count)) / (np.sqrt(square / (1 - 0.99**count)) + 1e-12)


def _mean_similarity(similarity: Similarity, rows: IntArray) -> FloatArray:
    """Mean similarity of the samples of each pair of the given items, `(m, m)`."""
    sizes = similarity.sizes[rows]
    means = similarity.features[rows].astype(np.float64) / sizes[:, None]
    offsets = similarity.offsets[rows] / sizes
    block = means @ means.T * similarity.scale + offsets[:, None] + offsets
    if similarity.edges.nnz:
        block += similarity.edges[rows][:, rows].toarray() / np.outer(sizes, sizes)
    return block


def _first_directions(start: FloatArray | None, n: int, dim: int, rng: np.random.RandomState) -> FloatArray:
    if start is None:
        if not isinstance(dim, Integral) or dim < 2:
            raise ValueError(f"dim={dim!r} must be a whole number, at least 2")
        start = rng.standard_normal((n, dim))
    start = np.array(start, dtype=np.float64)
    if start.ndim != 2 or len(start) != n or start.shape[1] < 2:
        raise ValueError(f"start has shape {start.shape}, but there are {n} items in at least 2 dimensions")
    length = np.linalg.norm(start, axis=1, keepdims=True)
    if not (np.isfinite(length).all() and length.all()):
        raise ValueError("start holds rows that are not finite or all zeros and thus have no direction")
    return start / length


def _block_size(n: int, n_triples: str | int) -> int:
    if n_triples == "all":
        return n
    if n_triples == "auto":
        return min(n, _BLOCK)
    if not isinstance(n_triples, Integral) or n_triples < 1:
        raise ValueError(f'n_triples={n_triples!r} is neither "auto", "all" nor a whole number of at least 1')
    block = 2 + round((6 * n_triples) ** (1 / 3))
    while math.comb(block - 1, 3) >= n_triples:
        block -= 1
    return min(n, block)


def _n_steps(n_iterations: str | int, n: int, block: int) -> int:
    if n_iterations == "auto":
        steps = _STEPS * max(1, round(n / (2 * block)))
    elif isinstance(n_iterations, Integral) and n_iterations >= 1:
        steps = int(n_iterations)
    else:
        raise ValueError(f'n_iterations={n_iterations!r} is neither "auto" nor a whole number of at least 1')
    return steps if n > 2 else 0  # two leaves make one tree


@njit(cache=True)
def _depths(gram, radius):
    """LCA depths artanh(tanh R · cos(α/2)) `(m, m)`, with slopes in Gram entry cos α and radius R."""
    m = len(gram)
    depth, by_gram, by_radius = np.zeros((m, m)), np.zeros((m, m)), np.zeros((m, m))
    klein = np.tanh(radius)
    boundary = 2 / (np.exp(2 * radius) + 1)
    for i in range(m):
        for j in range(i):
            g = min(max(gram[i, j], -1.0), 1.0)
            cosine = np.sqrt((1 + g) / 2)
            t = klein * cosine
            complement = boundary + klein * (1 - g) / (2 * (1 + cosine))
            steep = 1 / ((1 + t) * complement)
            depth[i, j] = depth[j, i] = 0.5 * np.log((1 + t) / complement)
            by_gram[i, j] = by_gram[j, i] = steep * klein / (4 * max(cosine, _BLUNT))
            by_radius[i, j] = by_radius[j, i] = steep * cosine * boundary * (1 + klein)
    return depth, by_gram, by_radius


def _third_sums(power, product, weight):
    """For each pair the sums over third leaves of weight·r and of weight·r·mean, see `triple_loss`.

    To be compiled, see below. Pairs do not share sums, so the result does not depend on the number of
    threads. A third leaf that is one of the pair meets `power`'s diagonal, so large that r vanishes.
    """
    m = len(power)
    share, mean = np.zeros((m, m)), np.zeros((m, m))
    # Short and long rows of the triangle in turns, so that threads get equal work.
    order = np.arange(m) // 2
    order[1::2] = m - 1 - order[1::2]
    for turn in prange(m):
        i = order[turn]
        power1, product1 = power[i], product[i]
        for j in range(i):
            power2, product2 = power[j], product[j]
            power12, product12 = power[i, j], product[i, j]
            total, total_mean = 0.0, 0.0
            for k in range(m):
                r = 1 / (power12 + power1[k] + power2[k])
                weighted = weight[k] * r
                total += weighted
                total_mean += weighted * (r * (product12 + product1[k] + product2[k]))
            share[i, j] = share[j, i] = total
            mean[i, j] = mean[j, i] = total_mean
    return share, mean


_third_sums_serial = njit(cache=True, fastmath=True)(_third_sums)
_third_sums_parallel = njit(cache=True, fastmath=True, parallel=True)(_third_sums)


def _third_sums_on(
    device: str, power: FloatArray, product: FloatArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """`_third_sums` on a torch device, by slabs of first leaves."""
    import torch

    p, q, w = (torch.as_tensor(a, device=device) for a in (power, product, weight))
    m = len(power)
    share, mean = torch.empty_like(p), torch.empty_like(p)
    for rows in torch.arange(m, device=device).split(max(_SLAB // (m * m), 1)):
        r = 1 / (p[rows, :, None] + p[rows, None, :] + p)
        share[rows] = r @ w
        mean[rows] = r.square_().mul_(q[rows, :, None] + q[rows, None, :] + q) @ w
    return share.cpu().numpy(), mean.cpu().numpy()
