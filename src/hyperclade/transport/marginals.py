"""Marginals of a transport plan: how much of the data each cluster is to receive."""

import numpy as np

SMALLEST_SHARE = 0.1


def gaussian(k: int, sd: float, rng: np.random.Generator) -> np.ndarray:
    """Shares drawn from a normal distribution around 1/k: `(k,) float64`, summing to one.

    `sd` is the standard deviation relative to the mean share. Draws under a tenth of the mean share are
    raised to it, so that no cluster vanishes.

    >>> shares = gaussian(1000, 0.1, np.random.default_rng(0))
    >>> round(float(shares.sum()), 12), round(float(shares.std() * 1000), 2)
    (1.0, 0.1)
    """
    if not sd >= 0:
        raise ValueError(f"sd must be at least 0, got {sd}")
    shares = np.maximum(rng.normal(1.0, sd, _checked_count(k)), SMALLEST_SHARE)
    return shares / shares.sum()


def zipf(k: int, exponent: float = 1.0) -> np.ndarray:
    """Shares proportional to rank^-exponent, largest first: `(k,) float64`, summing to one.

    >>> zipf(3).round(4)
    array([0.5455, 0.2727, 0.1818])
    """
    if not exponent >= 0:
        raise ValueError(f"exponent must be at least 0, got {exponent}")
    shares = np.arange(1, _checked_count(k) + 1, dtype=np.float64) ** -exponent
    return shares / shares.sum()


def sizes_from_marginal(marginal: np.ndarray, n: int) -> np.ndarray:
    """Whole cluster sizes closest to the shares, by largest remainder: `(k,) int64`, summing exactly to n.

    `marginal` is `(k,) float`, non-negative, of any positive total.

    >>> sizes_from_marginal(np.ones(3), 10)
    array([4, 3, 3])
    """
    marginal = np.asarray(marginal, dtype=np.float64)
    if marginal.ndim != 1 or not np.isfinite(marginal).all() or (marginal < 0).any() or marginal.sum() <= 0:
        raise ValueError("marginal must be a 1-d array of finite shares >= 0 with a positive sum")
    if n < 0:
        raise ValueError(f"n must be at least 0, got {n}")
    exact = marginal * (n / marginal.sum())
    sizes = np.floor(exact).astype(np.int64)
    # Rounding errors may leave the floors one short or one over; both ends of the same ordering mend that.
    missing = n - int(sizes.sum())
    order = np.argsort(sizes - exact, kind="stable")
    if missing >= 0:
        sizes[order[:missing]] += 1
    else:
        occupied = order[sizes[order] > 0]
        sizes[occupied[missing:]] -= 1
    return sizes


def match_to_current(targets: np.ndarray, current_counts: np.ndarray) -> np.ndarray:
    """Give the larger targets to the clusters that are now larger.

    `targets` and `current_counts` are `(k,)`; returns `targets` rearranged, so that labels move as little as
    possible when sizes are imposed on an existing clustering (the ordering R of SeLaVi).

    >>> match_to_current(np.array([5, 1, 3]), np.array([10, 40, 20]))
    array([1, 5, 3])
    """
    targets, current_counts = np.asarray(targets), np.asarray(current_counts)
    if targets.ndim != 1 or targets.shape != current_counts.shape:
        raise ValueError(
            f"targets and current_counts must be 1-d and equally long, got {targets.shape} and "
            f"{current_counts.shape}"
        )
    matched = np.empty_like(targets)
    matched[np.argsort(current_counts, kind="stable")] = np.sort(targets)
    return matched


def _checked_count(k: int) -> int:
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    return k
