"""Texture mosaics: images of irregular regions with exact masks, classes in three levels, drawn by a seed."""

from collections.abc import Callable

import numpy as np

from hyperclade.data.image_rows import ImageRows, MaskRows
from hyperclade.data.masks import MaskedSet
from hyperclade.trees.taxonomy import Taxonomy

#: draws the shade of each pixel, 0…1 as a rule, of its coordinates; both (p,) float64
_Texture = Callable[[np.random.Generator, np.ndarray, np.ndarray], np.ndarray]

_REGIONS = (6, 14)  # of an image, at least and at most
_SIDE = 64  # of the tables of random numbers, which repeat beyond; a power of two
_LAST = _SIDE - 1
_NOISE = 6.0  # of each pixel, in grey levels: the furthest that it goes

#: dark and light colour of each tint; every material has each of them once, so that colour tells no material
_TINTS = {
    "brown": ((70, 45, 30), (205, 165, 120)),
    "grey": ((50, 52, 56), (205, 205, 200)),
    "green": ((40, 62, 40), (170, 195, 140)),
    "blue": ((40, 52, 82), (150, 182, 212)),
}
_CONTRASTS = (1.0, 0.65)  # of the first and the second variant of a texture


def texture_mosaics(n: int, *, seed: int = 0, size: tuple[int, int] = (240, 320)) -> MaskedSet:
    """Draw images of 6 to 14 irregular regions, each of one texture, with the class of every pixel.

    The classes are 24 variants, two of each of 12 textures, two of each of 6 materials: "wood/planks/brown
    planks". Materials differ in structure, textures in its form, variants in tint and contrast; all materials
    share the tints. What the classes look like is fixed. The seed draws the borders of regions, and for each
    its variant, scale, rotation, illumination and noise, so images to learn from and images to be judged by
    differ in the seed alone.

    Parameters
    ----------
    n : int
    seed : int
        At least 0. Image i depends on the seed, the size and i; its bytes are the same on all processors.
    size : (h, w)
        Of the images, at least 16 × 16.

    Returns
    -------
    MaskedSet
        n images and masks in memory; the leaves of the taxonomy are the classes.

    Raises
    ------
    ValueError
        No image, a negative seed or a size that is too small.

    Examples
    --------
    >>> mosaics = texture_mosaics(2, seed=1, size=(48, 64))
    >>> mosaics.images.size, mosaics.taxonomy
    ((48, 64), Taxonomy(n_nodes=42, n_leaves=24, is_tree=True))
    >>> mosaics.taxonomy.names[:5]
    ('wood', 'wood/planks', 'wood/planks/brown planks', 'wood/planks/grey planks', 'wood/veneer')
    """
    if n < 1 or seed < 0 or min(size) < 16:
        raise ValueError(
            f"need an image, a seed from 0 and 16 × 16 pixels, got n={n}, seed={seed}, size={size}"
        )
    images = np.empty((n, 3, *size), dtype=np.uint8)
    masks = np.empty((n, *size), dtype=np.uint8)
    for i in range(n):
        images[i], masks[i] = _mosaic(np.random.default_rng([seed, i]), size)
    taxonomy = Taxonomy.from_paths([path for path, _, _, _ in _VARIANTS])
    ids = tuple(f"mosaic {seed}.{i}" for i in range(n))
    return MaskedSet(ImageRows.of_pixels(images), MaskRows.of_classes(masks), taxonomy, taxonomy.leaves, ids)


def _mosaic(rng: np.random.Generator, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (3, h, w) and classes (h, w).

    To give the same bytes everywhere all is computed by operations that IEEE 754 rounds exactly (no sines, no
    powers), in float64, and drawn from uniform numbers.
    """
    region, n_regions = _regions(rng, size)
    variants = np.argsort(rng.random(len(_VARIANTS)), kind="stable")[:n_regions].astype(np.uint8)
    noise = (rng.random(size) + rng.random(size) - 1) * _NOISE
    pixels = np.empty((3, *size), dtype=np.uint8)
    for number, variant in enumerate(variants):
        y, x = np.nonzero(region == number)
        if y.size:
            colours = _textured(rng, variant, x.astype(np.float64), y.astype(np.float64)) + noise[y, x]
            pixels[:, y, x] = np.clip(colours + 0.5, 0, 255)
    return pixels, variants[region]


def _regions(rng: np.random.Generator, size: tuple[int, int]) -> tuple[np.ndarray, int]:
    """The region (h, w) of each pixel, a Voronoi cell in bent coordinates, and how many there are."""
    (height, width), span = size, min(size)
    y, x = np.arange(height, dtype=np.float64)[:, None], np.arange(width, dtype=np.float64)
    least, most = _REGIONS
    n_regions = least + int(rng.random() * (most - least + 1))
    bent_y, bent_x = (
        axis + 0.12 * span * (_noise(rng, x / (0.22 * span), y / (0.22 * span), octaves=2) - 0.5)
        for axis in (y, x)
    )
    nearest = np.full(size, np.inf)
    region = np.zeros(size, dtype=np.uint8)
    for number, (down, right) in enumerate(rng.random((n_regions, 2)) * size):
        to_down, to_right = bent_y - down, bent_x - right
        distance = to_down * to_down + to_right * to_right
        region[distance < nearest] = number
        nearest = np.minimum(nearest, distance)
    return region, n_regions


def _textured(rng: np.random.Generator, variant: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Colours (3, p) of the p pixels of a region, 0–255 and a little beyond."""
    _, texture, tint, contrast = _VARIANTS[variant]
    scale, turn, gain, slope_x, slope_y, shift_x, shift_y = rng.random(7)
    zoom = 0.8 + 0.5 * scale
    half = 2 * turn - 1  # the tangent of half the angle, for a rotation without sine and cosine
    cos, sin = (1 - half * half) / (1 + half * half), 2 * half / (1 + half * half)
    u = (cos * x + sin * y) / zoom + 1000 * shift_x
    v = (cos * y - sin * x) / zoom + 1000 * shift_y
    shade = 0.5 + contrast * (texture(rng, u, v) - 0.5)
    light = (
        0.8
        + 0.4 * gain
        + 0.15 * (slope_x - 0.5) * (x - x.mean()) / 100
        + 0.15 * (slope_y - 0.5) * (y - y.mean()) / 100
    )
    dark, pale = (np.array(colour, dtype=np.float64)[:, None] for colour in _TINTS[tint])
    return (dark + (pale - dark) * shade) * light


def _planks(rng: np.random.Generator, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Straight boards of different tones, with gaps between them and streaks along them."""
    board, across = _cell(v / 16)
    tone = rng.random(_SIDE)[board & _LAST]
    gap = _step(np.minimum(across, 1 - across) * 16, 0.4, 1.6)
    return (0.35 + 0.35 * tone + 0.3 * (_noise(rng, u / 40, v / 2) - 0.5)) * (0.3 + 0.7 * gap)


def _veneer(rng: np.random.Generator, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Bands that run along together and bend."""
    return 0.15 + 0.7 * _wave(v / 11 + 2.2 * _noise(rng, u / 60, v / 35))


def _pebbles(rng: np.random.Generator, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Round bright stones, dark where they meet."""
    first, second, tone = _cells(rng, u / 15, v / 15)
    return _step(second - first, 0.02, 0.45) * (0.45 + 0.55 * tone) * (1 - 0.5 * first)


def _paving(rng: np.random.Generator, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Flat angular slabs of different tones, with pale joints."""
    first, second, tone = _cells(rng, u / 32, v / 32)
    return 0.9 + (0.15 + 0.5 * tone - 0.9) * _step(second - first, 0.06, 0.1)


def _sand(rng: np.random.Generator, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Fine grain."""
    return 0.5 + 1.1 * (_noise(rng, u / 2.2, v / 2.2) - 0.5)


def _speckles(rng: np.random.Generator, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Dark dots far apart on a pale ground."""
    first, _, tone = _cells(rng, u / 9, v / 9)
    return 0.75 - 0.7 * (1 - _step(first, 0.14, 0.3)) * (tone > 0.3) + 0.2 * (_noise(rng, u / 3, v / 3) - 0.5)


def _weave(rng: np.random.Generator, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Threads that pass over and under one another."""
    (column, across), (row, along) = _cell(u / 6), _cell(v / 6)
    over = (column + row) % 2 == 0
    thread = np.where(over, _wave(across + 0.5), _wave(along + 0.5))
    return 0.1 + thread * np.where(over, 0.9, 0.6)


def _tartan(rng: np.random.Generator, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Broad and narrow bands that cross at right angles."""
    bands = [_step(_wave(axis / 26), 0.4, 0.55) + 0.4 * (_wave(axis / 26 + 0.31) > 0.93) for axis in (u, v)]
    return 0.1 + 0.38 * (bands[0] + bands[1])


def _clouds(rng: np.random.Generator, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Soft blotches of all sizes."""
    return 0.5 + 1.4 * (_noise(rng, u / 40, v / 40, octaves=4) - 0.5)


def _patches(rng: np.random.Generator, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Blotches with sharp borders."""
    field = _noise(rng, u / 18, v / 18, octaves=2)
    return 0.2 + 0.35 * _step(field, 0.44, 0.46) + 0.3 * _step(field, 0.58, 0.6)


def _cracks(rng: np.random.Generator, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Thin dark lines that meet, on an even ground."""
    bend = 0.5 * _noise(rng, u / 9, v / 9)
    first, second, _ = _cells(rng, u / 24 + bend, v / 24 - bend)
    return 0.75 - 0.75 * (1 - _step(second - first, 0.03, 0.09)) + 0.12 * (_noise(rng, u / 20, v / 20) - 0.5)


def _scratches(rng: np.random.Generator, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Thin dark straight lines that end, on an even ground."""
    nearest = _segments(rng, u / 22, v / 22)
    return 0.75 - 0.75 * (1 - _step(nearest, 0.02, 0.06)) + 0.12 * (_noise(rng, u / 20, v / 20) - 0.5)


def _noise(rng: np.random.Generator, u: np.ndarray, v: np.ndarray, octaves: int = 1) -> np.ndarray:
    """Smooth noise in 0…1, whose bumps are one unit wide; each octave adds half as much at half the width.

    The arrays may be of any shapes that broadcast.
    """
    total, weight = np.zeros(np.broadcast_shapes(u.shape, v.shape)), 1.0
    for octave in range(octaves):
        table = rng.random(_SIDE * _SIDE)
        (column, a), (row, b) = (_cell(axis * 2.0**octave) for axis in (u, v))
        a, b = a * a * (3 - 2 * a), b * b * (3 - 2 * b)
        left, right = column & _LAST, (column + 1) & _LAST
        top, bottom = (row & _LAST) * _SIDE, ((row + 1) & _LAST) * _SIDE
        upper = table[top + left] + a * (table[top + right] - table[top + left])
        lower = table[bottom + left] + a * (table[bottom + right] - table[bottom + left])
        total += weight * (upper + b * (lower - upper))
        weight /= 2
    return total / (2 - 2 * weight)


def _cells(
    rng: np.random.Generator, u: np.ndarray, v: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distances to the nearest and the second of points, one in each square; the nearest's tone, 0…1."""
    right, down, tones = rng.random((3, _SIDE * _SIDE))
    (column, a), (row, b) = _cell(u), _cell(v)
    first, second = np.full(u.size, 9.0), np.full(u.size, 9.0)
    owner = np.zeros(u.size, dtype=np.int64)
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            square = ((row + i) & _LAST) * _SIDE + ((column + j) & _LAST)
            to_right, to_down = right[square] + (j - a), down[square] + (i - b)
            distance = to_right * to_right + to_down * to_down
            owner = np.where(distance < first, square, owner)
            second = np.minimum(second, np.maximum(first, distance))
            first = np.minimum(first, distance)
    return np.sqrt(first), np.sqrt(second), tones[owner]


def _segments(rng: np.random.Generator, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Distance to the nearest of line segments, one in each square, a little more than one long."""
    right, down, turn = rng.random((3, _SIDE * _SIDE))
    half = 2 * turn - 1
    cos, sin = (1 - half * half) / (1 + half * half), 2 * half / (1 + half * half)
    (column, a), (row, b) = _cell(u), _cell(v)
    nearest = np.full(u.size, 9.0)
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            square = ((row + i) & _LAST) * _SIDE + ((column + j) & _LAST)
            to_right, to_down = right[square] + (j - a), down[square] + (i - b)
            along = to_right * cos[square] + to_down * sin[square]
            beyond = np.maximum(np.abs(along) - 0.55, 0)
            across = to_down * cos[square] - to_right * sin[square]
            nearest = np.minimum(nearest, beyond * beyond + across * across)
    return np.sqrt(nearest)


def _cell(u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whole number below, and what is left, in 0…1."""
    below = np.floor(u)
    return below.astype(np.int64), u - below


def _wave(u: np.ndarray) -> np.ndarray:
    """A smooth wave of period 1 between 1, at whole numbers, and 0."""
    rise = np.abs(2 * (u - np.floor(u)) - 1)
    return rise * rise * (3 - 2 * rise)


def _step(u: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth between."""
    rise = np.clip((u - low) / (high - low), 0, 1)
    return rise * rise * (3 - 2 * rise)


#: textures of each material by name: what draws them, and the tints of both variants
_MATERIALS: dict[str, dict[str, tuple[_Texture, str, str]]] = {
    "wood": {"planks": (_planks, "brown", "grey"), "veneer": (_veneer, "green", "blue")},
    "stone": {"pebbles": (_pebbles, "grey", "green"), "paving": (_paving, "blue", "brown")},
    "grit": {"sand": (_sand, "brown", "blue"), "speckles": (_speckles, "green", "grey")},
    "fabric": {"weave": (_weave, "blue", "green"), "tartan": (_tartan, "grey", "brown")},
    "marble": {"clouds": (_clouds, "grey", "blue"), "patches": (_patches, "brown", "green")},
    "clay": {"cracks": (_cracks, "green", "brown"), "scratches": (_scratches, "blue", "grey")},
}
#: path, texture, tint and contrast of each class
_VARIANTS = [
    (f"{material}/{name}/{tint} {name}", texture, tint, contrast)
    for material, textures in _MATERIALS.items()
    for name, (texture, *tints) in textures.items()
    for tint, contrast in zip(tints, _CONTRASTS, strict=True)
]
