"""A fully connected conditional random field that aligns soft segmentations with the colours of their images.

Every two pixels are coupled (Krähenbühl & Koltun 2011, eq. 3): they pay for being of different classes, the
more the closer they lie (a Gaussian of position), and again the closer they lie and the more alike their
colours are (a Gaussian of position and colour). Mean-field inference repeats, for class probabilities q of
all pixels,

    q ← softmax(log p + a · S q + b · B q)

where S and B are the two Gaussians. **Normalisation** is symmetric, ``D^-½ K D^-½`` with the row sums D of a
kernel K, and K keeps its diagonal: a pixel hears itself too. The paper subtracts that term; the code that
its authors published, by which segmentations are commonly evaluated, does not.

S is a separable convolution, exact up to float32. B is approximated on the **permutohedral lattice** (Adams,
Baek & Davis 2010) of d = 5 dimensions. Its vertices are told by their coefficients of d of the d+1
directions of its edges: all integer vectors. Edges have the Gram matrix ``(d+1)·((d+1)·I − 1·1ᵀ)``, a
standard deviation is ``√⅔·(d+1)`` long, and the inverse square root of that matrix, which has two
eigenspaces, takes a point f to

    x = √⅔ · (f + (√(d+1) − 1) · mean(f) · 1)

The simplex around x has the vertices ⌊x⌋, ⌊x⌋ + e_i, ⌊x⌋ + e_i + e_j and so on, with i, j, … by falling
fractional part of x (Freudenthal's triangulation); ±e_1, …, ±e_d and ±(1, …, 1) lead from a vertex to its
neighbours. Values are spread to the vertices around each point by barycentric weights, blurred by [½ 1 ½]
along each of the d+1 directions, and gathered by the same weights. Three quarters of the variance are the
blur's, the rest comes from spreading and gathering. Vertices around no point are left out, as is usual: what
is blurred onto them is lost.
"""

import math
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hyperclade.hierarchy.rows import as_array

Float32Array = NDArray[np.float32]

_LEAST = 1e-5  # probability: without a bound, what is impossible at a pixel could never be learnt from others
_SUM_TOLERANCE = 0.01  # sums of half-precision probabilities of many classes
_REACH = math.sqrt(2 * math.log(2**24))  # standard deviations to where 1 + Gaussian is 1 in float32
_LEAST_DEVIATION, _MOST = 1e-3, 1e6  # beyond, kernels change no more and weights overwhelm all else
_BLOCK = 1 << 17  # points whose vertices are sorted at a time


@dataclass(frozen=True)
class CRF:
    """Refinement of class probabilities by mean-field inference in a fully connected CRF.

    Defaults are the settings by which STEGO, HP and SmooSeg are evaluated. With k classes, a photograph
    needs about 200 + 20·k bytes of memory per pixel (1.7 GB for 2,000 × 2,000 and k = 11), and noise, of
    which no two pixels share a vertex of the lattice, 500 + 70·k.

    Attributes
    ----------
    iterations : int
        Mean-field updates.
    spatial_sxy : float
        Standard deviation of the position kernel, in pixels.
    spatial_compat : float
        Its weight; 0 leaves it out.
    bilateral_sxy : float
        Standard deviation of the kernel of position and colour in position, in pixels.
    bilateral_srgb : float
        The same in colour, in levels of 0..255.
    bilateral_compat : float
        Its weight; 0 leaves it out.

    Raises
    ------
    ValueError
        A setting out of its range.

    Examples
    --------
    A pixel of the left side that is taken for class 1 is overruled by those of its colour.

    >>> import numpy as np
    >>> image = np.zeros((3, 6, 8), dtype=np.uint8)
    >>> image[:, :, 4:] = 200
    >>> right = np.where(image[0] > 0, 0.7, 0.3)
    >>> right[2, 1] = 0.6
    >>> refined = CRF()(np.stack([1 - right, right]), image)
    >>> refined.argmax(axis=0)[2].tolist()
    [0, 0, 0, 0, 1, 1, 1, 1]
    """

    iterations: int = 10
    spatial_sxy: float = 1.0
    spatial_compat: float = 3.0
    bilateral_sxy: float = 67.0
    bilateral_srgb: float = 3.0
    bilateral_compat: float = 4.0

    def __post_init__(self) -> None:
        if not isinstance(self.iterations, Integral) or self.iterations < 1:
            raise ValueError(f"iterations must be a whole number from 1 on, got {self.iterations}")
        for names, least in (
            (("spatial_sxy", "bilateral_sxy", "bilateral_srgb"), _LEAST_DEVIATION),
            (("spatial_compat", "bilateral_compat"), 0.0),
        ):
            for name in names:
                if not least <= getattr(self, name) <= _MOST:
                    raise ValueError(f"{name} must be in {least:g}..{_MOST:g}, got {getattr(self, name)}")

    def __call__(self, probabilities: Any, image: Any) -> Float32Array:
        """Refine the class probabilities of an image's pixels.

        Parameters
        ----------
        probabilities : (k, h, w) float array or tensor
            Of each class, summing to 1 at each pixel. Those below 1e-5 count as 1e-5.
        image : (3, h, w) uint8 array or tensor
            Its colours.

        Returns
        -------
        (k, h, w) float32
            Summing to 1 at each pixel.

        Raises
        ------
        ValueError
            Arrays of another shape or dtype, of different sizes, or that hold no probabilities; standard
            deviations too small for the size of the image.
        """
        p, colours = _checked(as_array(probabilities), as_array(image))
        k, h, w = p.shape
        unary = np.log(np.maximum(p.reshape(k, h * w).T, np.float32(_LEAST), order="C"))
        couplings: list[tuple[float, SpatialGaussian | PermutohedralGaussian]] = []
        if self.spatial_compat > 0:
            couplings.append((self.spatial_compat, SpatialGaussian(h, w, self.spatial_sxy)))
        if self.bilateral_compat > 0:
            couplings.append((self.bilateral_compat, self._bilateral(colours)))
        q, evidence = unary.copy(), np.empty_like(unary)
        _softmax(q)
        for _ in range(self.iterations):
            evidence[:] = unary
            for weight, kernel in couplings:
                kernel.filter(q, weight, out=evidence)
            _softmax(evidence)
            q, evidence = evidence, q
        return np.ascontiguousarray(q.T).reshape(k, h, w)

    def _bilateral(self, image: NDArray[np.uint8]) -> "PermutohedralGaussian":
        """Of columns, rows and colours in standard deviations."""
        _, h, w = image.shape
        features = np.empty((h, w, 5))
        features[..., 0] = np.arange(w) / self.bilateral_sxy
        features[..., 1] = np.arange(h)[:, None] / self.bilateral_sxy
        features[..., 2:] = image.transpose(1, 2, 0) / self.bilateral_srgb
        try:
            return PermutohedralGaussian(features.reshape(h * w, 5))
        except ValueError as error:
            settings = f"bilateral_sxy {self.bilateral_sxy} and bilateral_srgb {self.bilateral_srgb}"
            raise ValueError(f"{settings} are too small for {h} × {w} pixels: {error}") from error


class SpatialGaussian:
    """Symmetrically normalised Gaussian filter over the pixels of an image, exact up to float32.

    Parameters
    ----------
    height, width : int
    sxy : float
        Standard deviation in pixels.

    Examples
    --------
    >>> import numpy as np
    >>> far_apart = SpatialGaussian(2, 2, sxy=0.1)
    >>> far_apart.filter(np.arange(4, dtype=np.float32)[:, None]).ravel().tolist()
    [0.0, 1.0, 2.0, 3.0]
    """

    def __init__(self, height: int, width: int, sxy: float) -> None:
        reach = min(max(height, width) - 1, int(_REACH * sxy))
        taps = np.exp(-0.5 * (np.arange(reach + 1) / sxy) ** 2)
        # Row sums of a product of kernels are the products of theirs.
        self._rows, self._columns = (_scales(taps, length) for length in (height, width))
        self._taps = taps.astype(np.float32)

    def filter(
        self, values: Float32Array, weight: float = 1.0, out: Float32Array | None = None
    ) -> Float32Array:
        """As `PermutohedralGaussian.filter`, for pixels row by row."""
        out = _result(values, len(self._rows) * len(self._columns), out)
        k = values.shape[1]
        by_row = (len(self._rows), len(self._columns) * k)
        columns = np.repeat(self._columns, k)
        rows = self._rows * np.float32(weight)
        _convolve(values.reshape(by_row), self._taps, self._rows, rows, columns, k, out.reshape(by_row))
        return out


class PermutohedralGaussian:
    """Symmetrically normalised Gaussian filter of points, standard deviation 1, on the permutohedral lattice.

    Parameters
    ----------
    features : (n, d) float
        The points.

    Attributes
    ----------
    vertices : (n, d+1) int32
        Of the simplex around each point, rows of the lattice's m vertices.
    weights : (n, d+1) float32
        Barycentric, times the points' D^-½.
    up, down : (d+1, m) int32
        Neighbours of each vertex; m for none.

    Raises
    ------
    ValueError
        Points so far apart that 64 bits do not number the lattice's vertices between them.

    Examples
    --------
    >>> import numpy as np
    >>> two_groups = PermutohedralGaussian(np.array([[0.0, 0.0], [0.0, 0.0], [50.0, 0.0]]))
    >>> two_groups.filter(np.array([[1.0], [0.0], [4.0]], dtype=np.float32)).round(3).ravel().tolist()
    [0.5, 0.5, 4.0]
    """

    def __init__(self, features: NDArray[Any]) -> None:
        features = np.asarray(features, dtype=np.float64)
        if features.ndim != 2 or 0 in features.shape or not np.isfinite(features).all():
            raise ValueError(f"features must be finite numbers (n, d), got shape {features.shape}")
        points, extent = _on_lattice(features)
        n, d = points.shape
        strides = np.cumprod(np.r_[extent[1:], 1][::-1])[::-1]
        self.vertices = np.empty((n, d + 1), np.int32)
        self.weights = np.empty((n, d + 1), np.float32)
        blocks = [slice(start, start + _BLOCK) for start in range(0, n, _BLOCK)]
        found = []
        for block in blocks:
            numbers, self.weights[block] = _simplices(points[block], strides)
            some, rows = np.unique(numbers.ravel(), return_inverse=True)
            self.vertices[block] = rows.reshape(numbers.shape)
            found.append(some)
        # Vertices lie by number, so their neighbours in a direction come in the order of the vertices too.
        vertices = np.unique(np.concatenate(found))
        for block, some in zip(blocks, found, strict=True):
            self.vertices[block] = np.searchsorted(vertices, some)[self.vertices[block]]
        self.up, self.down = _neighbours(vertices, np.r_[strides, strides.sum()])
        self._buffers = np.zeros((2, 0, 0), np.float32)
        self.weights /= np.sqrt(self.filter(np.ones((n, 1), np.float32)))

    def filter(
        self, values: Float32Array, weight: float = 1.0, out: Float32Array | None = None
    ) -> Float32Array:
        """Filter k values of each point.

        Parameters
        ----------
        values : (n, k) float32
        weight : float
            Factor of the result.
        out : (n, k) float32, optional
            Array to which the result is added.

        Returns
        -------
        (n, k) float32
            `out`, or a new array.

        Raises
        ------
        ValueError
            Arrays of another shape or dtype, or not contiguous.
        """
        out = _result(values, len(self.vertices), out)
        shape = (2, self.up.shape[1] + 1, values.shape[1])
        if self._buffers.shape != shape:
            self._buffers = np.zeros(shape, np.float32)
        source, target = self._buffers
        _splat(values, self.vertices, self.weights, source)
        for up, down in zip(self.up, self.down, strict=True):
            _blur(source, up, down, target)
            source, target = target, source
        _slice(source, self.vertices, self.weights, np.float32(weight), out)
        return out


def _checked(probabilities: Any, image: Any) -> tuple[Float32Array, NDArray[np.uint8]]:
    p, image = np.asarray(probabilities), np.asarray(image)
    if p.ndim != 3 or 0 in p.shape or p.dtype.kind != "f":
        raise ValueError(f"probabilities must be float (classes, height, width), got {p.dtype} {p.shape}")
    if image.ndim != 3 or image.shape[0] != 3 or image.dtype != np.uint8:
        raise ValueError(f"image must be uint8 (3, height, width), got {image.dtype} {image.shape}")
    if p.shape[1:] != image.shape[1:]:
        raise ValueError(f"probabilities are for {p.shape[1:]} pixels, image has {image.shape[1:]}")
    wrong = ~((p >= 0) & (p <= 1 + _SUM_TOLERANCE)).all(axis=0)  # NaN is wrong too
    if not wrong.any():
        p = p.astype(np.float32)
        wrong = np.abs(p.sum(axis=0) - 1) > _SUM_TOLERANCE
    if wrong.any():
        y, x = np.argwhere(wrong)[0].tolist()
        raise ValueError(
            f"probabilities must be from 0 on and sum to 1 over classes, but at ({y}, {x}) are {p[:, y, x]}"
        )
    return p, image


def _result(values: Float32Array, n: int, out: Float32Array | None) -> Float32Array:
    out = np.zeros_like(values) if out is None else out
    for name, array in (("values", values), ("out", out)):
        if array.ndim != 2 or array.dtype != np.float32 or not array.flags.c_contiguous or len(array) != n:
            raise ValueError(f"{name} must be contiguous float32 ({n}, k), got {array.dtype} {array.shape}")
    if values.shape != out.shape:
        raise ValueError(f"values {values.shape} and out {out.shape} differ in shape")
    return out


def _scales(taps: NDArray[np.float64], length: int) -> Float32Array:
    """D^-½ of the convolution of so many pixels with a kernel of which `taps` is one half."""
    total = np.cumsum(np.r_[0.0, taps, np.zeros(max(0, length - len(taps)))])
    place = np.arange(length)
    return (1 / np.sqrt(total[place + 1] + total[length - place] - taps[0])).astype(np.float32)


def _on_lattice(features: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Points in coordinates of the lattice, and how many integers per coordinate number its vertices."""
    d = features.shape[1]
    points = features + (math.sqrt(d + 1) - 1) * features.mean(axis=1, keepdims=True)
    points *= math.sqrt(2 / 3)
    points -= np.floor(points.min(axis=0))
    # Vertices reach one beyond the floor of the last point. One integer more is no vertex's: a step out of
    # range, at either end, then has no number that is a vertex's elsewhere.
    extent = np.floor(points.max(axis=0)) + 3
    if not math.prod(extent.tolist()) < 2**62:
        raise ValueError("features lie too far apart: in larger standard deviations they would fit a lattice")
    return points, extent.astype(np.int64)


def _softmax(logits: Float32Array) -> None:
    """Over the last axis, in place."""
    _below_maximum(logits)
    np.exp(logits, out=logits)
    _divide_by_sum(logits)


@njit(cache=True, nogil=True)
def _below_maximum(logits):
    for i in range(logits.shape[0]):
        most = logits[i, 0]
        for c in range(1, logits.shape[1]):
            most = max(most, logits[i, c])
        for c in range(logits.shape[1]):
            logits[i, c] -= most


@njit(cache=True, nogil=True)
def _divide_by_sum(values):
    for i in range(values.shape[0]):
        total = values[i, 0]
        for c in range(1, values.shape[1]):
            total += values[i, c]
        for c in range(values.shape[1]):
            values[i, c] /= total


@njit(cache=True, nogil=True)
def _convolve(values, taps, rows, weighted_rows, columns, k, out):
    """Add the Gaussian over both axes, of rows `(h, w·k)`; `rows` `(h,)` and `columns` `(w·k,)` are D^-½."""
    h, wide = values.shape
    reach = taps.shape[0] - 1
    padded = np.zeros(wide + 2 * reach * k, np.float32)
    along = padded[reach * k : reach * k + wide]
    across = np.empty(wide, np.float32)
    for y in range(h):
        along[:] = 0
        for other in range(max(0, y - reach), min(h, y + reach + 1)):
            share = weighted_rows[y] * rows[other] * taps[abs(other - y)]
            row = values[other]
            for x in range(wide):
                along[x] += share * row[x]
        for x in range(wide):
            along[x] *= columns[x]
        across[:] = 0
        for t in range(2 * reach + 1):
            tap, shifted = taps[abs(t - reach)], padded[t * k : t * k + wide]
            for x in range(wide):
                across[x] += tap * shifted[x]
        result = out[y]
        for x in range(wide):
            result[x] += columns[x] * across[x]


@njit(cache=True, nogil=True)
def _simplices(points, strides):
    """Numbers `(n, d+1)` of the vertices around each point, and their barycentric weights."""
    n, d = points.shape
    numbers = np.empty((n, d + 1), np.int64)
    weights = np.empty((n, d + 1), np.float32)
    part = np.empty(d)  # fractional parts, falling
    step = np.empty(d, np.int64)  # strides in the same order
    for i in range(n):
        number = 0
        for j in range(d):
            floor = np.floor(points[i, j])
            fraction = points[i, j] - floor
            number += np.int64(floor) * strides[j]
            at = j
            while at > 0 and part[at - 1] < fraction:
                part[at], step[at] = part[at - 1], step[at - 1]
                at -= 1
            part[at], step[at] = fraction, strides[j]
        numbers[i, 0] = number
        weights[i, 0] = 1 - part[0]
        for r in range(d):
            number += step[r]
            numbers[i, r + 1] = number
            weights[i, r + 1] = part[r] - part[r + 1] if r + 1 < d else part[r]
    return numbers, weights


@njit(cache=True, nogil=True)
def _neighbours(vertices, steps):
    """Rows `(d+1, m)` of the vertices one step up and one step down, m for none; vertices ascend."""
    m = vertices.shape[0]
    up = np.full((steps.shape[0], m), m, np.int32)
    down = np.full((steps.shape[0], m), m, np.int32)
    for j in range(steps.shape[0]):
        above = 0
        for v in range(m):
            sought = vertices[v] + steps[j]
            while above < m and vertices[above] < sought:
                above += 1
            if above < m and vertices[above] == sought:
                up[j, v], down[j, above] = above, v
    return up, down


@njit(cache=True, nogil=True)
def _splat(values, vertices, weights, out):
    """Weighted sums `(m+1, k)` of the values `(n, k)` around each vertex; the last row, of none, stays 0."""
    out[:] = 0
    for i in range(vertices.shape[0]):
        for r in range(vertices.shape[1]):
            v, share = vertices[i, r], weights[i, r]
            for c in range(values.shape[1]):
                out[v, c] += share * values[i, c]


@njit(cache=True, nogil=True)
def _blur(values, up, down, out):
    half = np.float32(0.5)
    for v in range(up.shape[0]):
        above, below = up[v], down[v]
        for c in range(values.shape[1]):
            out[v, c] = values[v, c] + half * (values[above, c] + values[below, c])


@njit(cache=True, nogil=True)
def _slice(values, vertices, weights, weight, out):
    """Add the values `(m+1, k)` of the vertices around each point."""
    for i in range(vertices.shape[0]):
        for r in range(vertices.shape[1]):
            v, share = vertices[i, r], weight * weights[i, r]
            for c in range(values.shape[1]):
                out[i, c] += share * values[v, c]
