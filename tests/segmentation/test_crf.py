"""The CRF against a dense one: kernels of all pairs of pixels, in float64."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperclade.data.samples import data_home
from hyperclade.segmentation import crf
from hyperclade.segmentation.crf import CRF, PermutohedralGaussian, SpatialGaussian

H, W = 12, 16
WIDTHS = [(67.0, 3.0), (20.0, 10.0), (4.0, 30.0)]  # bilateral_sxy, bilateral_srgb


def noise(rng):
    return rng.integers(0, 256, (3, H, W), dtype=np.uint8)


def ramp(rng):
    y, x = np.indices((H, W))
    return np.stack([4 * x, 3 * y, x + y]).astype(np.uint8)


def halves(rng):
    image = np.where(np.arange(W) < W // 2, 60, 75) + rng.normal(0, 2, (3, H, W))
    return image.astype(np.uint8)


def grey(rng):
    """Equal colours: points on the facets of their simplices."""
    return np.repeat(rng.integers(100, 110, (1, H, W), dtype=np.uint8), 3, axis=0)


IMAGES = [noise, ramp, halves, grey]


def random_probabilities(rng, k, h=H, w=W, sharpness=1.5):
    logits = sharpness * rng.normal(size=(k, h, w))
    return (np.exp(logits) / np.exp(logits).sum(axis=0)).astype(np.float32)


def banded_probabilities(rng, k, h=H, w=W):
    """Noise that favours one class in each of k bands."""
    likely = np.arange(w) * k // w == np.arange(k)[:, None, None]
    logits = 1.5 * likely + rng.normal(size=(k, h, w))
    return (np.exp(logits) / np.exp(logits).sum(axis=0)).astype(np.float32)


def features_of(image, sxy, srgb):
    """One pixel after the other, `(n, 5)`."""
    _, h, w = image.shape
    return np.array([[x / sxy, y / sxy, *image[:, y, x] / srgb] for y in range(h) for x in range(w)])


def normalised_kernel(features):
    """All pairs, with the diagonal: ``K_ij / √(D_i D_j)``."""
    kernel = np.exp(-0.5 * ((features[:, None] - features) ** 2).sum(axis=2))
    return kernel / np.sqrt(np.outer(kernel.sum(axis=0), kernel.sum(axis=1)))


def mean_field(probabilities, kernels, iterations):
    """By energies and the table of penalties; kernels as pairs of weight and `(n, n)` matrix."""
    k, h, w = probabilities.shape
    penalty = 1.0 - np.eye(k)
    unary = -np.log(np.clip(probabilities.reshape(k, -1).astype(np.float64), 1e-5, 1))
    q = np.exp(-unary) / np.exp(-unary).sum(axis=0)
    for _ in range(iterations):
        energy = unary + sum(weight * penalty @ (q @ kernel.T) for weight, kernel in kernels)
        q = np.exp(energy.min(axis=0) - energy)
        q /= q.sum(axis=0)
    return q.reshape(k, h, w)


def dense_crf(field, probabilities, image):
    """The CRF of these settings with exact kernels."""
    position = normalised_kernel(features_of(image, field.spatial_sxy, 1e9))
    both = normalised_kernel(features_of(image, field.bilateral_sxy, field.bilateral_srgb))
    kernels = [(field.spatial_compat, position), (field.bilateral_compat, both)]
    return mean_field(probabilities, kernels, field.iterations)


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize(("sxy", "srgb"), WIDTHS)
def test_the_lattice_filters_nearly_as_all_pairs_do(image, sxy, srgb):
    rng = np.random.default_rng(0)
    features = features_of(image(rng), sxy, srgb)
    values = rng.random((H * W, 4)).astype(np.float32)
    expected = normalised_kernel(features) @ values
    error = np.linalg.norm(PermutohedralGaussian(features).filter(values) - expected, axis=0)
    # Where points are sparse, values are lost on vertices around no point.
    assert np.all(error < (0.3 if image is noise else 0.1) * np.linalg.norm(expected, axis=0))


@pytest.mark.parametrize(
    ("d", "spacing", "reach"), [(1, 0.1, 6.0), (2, 0.25, 5.5), (3, 0.5, 5.0), (4, 0.9, 4.5)]
)
def test_the_lattice_spreads_a_value_with_variance_one_in_every_direction(d, spacing, reach):
    axis = np.arange(-reach, reach + spacing / 2, spacing)
    points = np.stack(np.meshgrid(*[axis] * d, indexing="ij"), axis=-1).reshape(-1, d)
    inner = np.flatnonzero(np.abs(points).max(axis=1) < 1.01)
    sources = np.random.default_rng(0).permutation(inner)[:40]
    values = np.zeros((len(points), len(sources)), np.float32)
    values[sources, np.arange(len(sources))] = 1
    shares = PermutohedralGaussian(points).filter(values)
    shares /= shares.sum(axis=0)
    away = points[:, None] - points[sources]
    covariance = np.einsum("is,isa,isb->ab", shares, away, away, optimize=True) / len(sources)
    assert covariance == pytest.approx(np.eye(d), abs=0.04)


@pytest.mark.parametrize(
    ("h", "w", "sxy"), [(H, W, 1.0), (H, W, 2.5), (3, 40, 6.0), (1, 5, 0.4), (1, 1, 1.0)]
)
def test_the_spatial_filter_is_exact(h, w, sxy):
    rng = np.random.default_rng(0)
    kernel = normalised_kernel(features_of(np.zeros((3, h, w)), sxy, 1.0))
    values, before = rng.random((2, h * w, 3)).astype(np.float32)
    out = before.copy()
    SpatialGaussian(h, w, sxy).filter(values, 1.5, out=out)
    assert out == pytest.approx(before + 1.5 * kernel @ values, abs=3e-6)


@pytest.mark.parametrize(("sxy", "srgb"), WIDTHS)
def test_probabilities_are_nearly_those_of_the_dense_crf(sxy, srgb):
    field = CRF(bilateral_sxy=sxy, bilateral_srgb=srgb)
    differences, agreements, changes = [], [], []
    for image, k, seed in product(IMAGES, (3, 5), range(3)):
        rng = np.random.default_rng(seed)
        colours, given = image(rng), banded_probabilities(rng, k)
        expected = dense_crf(field, given, colours)
        refined = field(given, colours)
        differences.append(np.abs(refined - expected).mean())
        agreements.append(refined.argmax(axis=0) == expected.argmax(axis=0))
        changes.append(given.argmax(axis=0) != expected.argmax(axis=0))
    assert np.mean(differences) < 0.02
    assert np.mean(agreements) > 0.95
    assert np.mean(changes) > 0.15  # the field has something to do


@pytest.mark.parametrize("image", IMAGES)
def test_mean_field_with_the_lattice_as_its_kernel_is_exact(image):
    rng = np.random.default_rng(1)
    field = CRF(iterations=4, spatial_sxy=1.3, spatial_compat=2.0, bilateral_sxy=9.0, bilateral_srgb=12.0)
    colours, given = image(rng), random_probabilities(rng, 3)
    position = normalised_kernel(features_of(colours, 1.3, 1e9))
    lattice = PermutohedralGaussian(features_of(colours, 9.0, 12.0)).filter(np.eye(H * W, dtype=np.float32))
    expected = mean_field(given, [(2.0, position), (4.0, lattice.astype(np.float64))], 4)
    assert field(given, colours) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("k", [2, 5])
@pytest.mark.parametrize("sxy", [1.0, 3.0])
def test_without_colours_the_result_is_exact(k, sxy):
    rng = np.random.default_rng(2)
    field = CRF(spatial_sxy=sxy, bilateral_compat=0)
    given = random_probabilities(rng, k)
    assert field(given, noise(rng)) == pytest.approx(dense_crf(field, given, noise(rng)), abs=1e-4)


def test_without_couplings_probabilities_stay_as_they_are_from_the_bound_on():
    rng = np.random.default_rng(3)
    given = random_probabilities(rng, 3)
    given[:, 0, 0] = 0, 0.25, 0.75
    expected = given.copy()
    expected[:, 0, 0] = np.array([1e-5, 0.25, 0.75]) / 1.00001
    assert CRF(spatial_compat=0, bilateral_compat=0)(given, noise(rng)) == pytest.approx(expected, rel=1e-4)


def test_noisy_labels_get_right_where_colours_tell_them():
    rng = np.random.default_rng(4)
    true = (np.arange(W) >= W // 2) * np.ones((H, W), int)
    given = random_probabilities(rng, 2, sharpness=1.0) * np.where(true == [[[0]], [[1]]], 2.0, 1.0)
    given /= given.sum(axis=0)
    image = np.where(true, 90, 60)[None].repeat(3, axis=0).astype(np.uint8)
    before, after = given.argmax(axis=0), CRF()(given, image).argmax(axis=0)
    assert (before != true).mean() > 0.15
    assert (after == true).all()


@pytest.mark.learn
def test_a_street_is_refined_nearly_as_by_the_dense_crf():
    from PIL import Image

    home = data_home()
    folder = home / "camvid" / "test" / "images" if home else None
    if folder is None or not folder.is_dir():
        pytest.skip("no CamVid in the data folder (HYPERCLADE_DATA)")
    picture = Image.open(min(folder.iterdir())).crop((200, 150, 232, 182))
    image = np.asarray(picture.convert("RGB")).transpose(2, 0, 1)
    given = banded_probabilities(np.random.default_rng(5), 4, 32, 32)
    expected, refined = dense_crf(CRF(), given, image), CRF()(given, image)
    assert np.abs(refined - expected).mean() < 0.03
    assert (refined.argmax(axis=0) == expected.argmax(axis=0)).mean() > 0.93


@pytest.mark.parametrize("image", [np.full((3, H, W), 77, np.uint8), ramp(None)])
def test_uniform_probabilities_stay_uniform(image):
    assert CRF()(np.full((5, H, W), 0.2), image) == pytest.approx(np.full((5, H, W), 0.2))


def test_on_one_colour_the_two_kernels_are_of_position_alone():
    rng = np.random.default_rng(6)
    image = np.full((3, H, W), 200, np.uint8)
    given = banded_probabilities(rng, 3)
    expected = dense_crf(CRF(bilateral_sxy=4.0), given, image)
    refined = CRF(bilateral_sxy=4.0)(given, image)
    assert np.abs(refined - expected).mean() < 0.04
    assert (refined.argmax(axis=0) == expected.argmax(axis=0)).mean() > 0.9


def test_permuted_classes_permute_the_result():
    rng = np.random.default_rng(7)
    image, given, order = halves(rng), random_probabilities(rng, 5), rng.permutation(5)
    assert CRF()(given[order], image) == pytest.approx(CRF()(given, image)[order], abs=1e-3)


def test_classes_without_probability_stay_finite_and_last():
    rng = np.random.default_rng(8)
    given = np.zeros((4, H, W))
    given[[0, 2]] = random_probabilities(rng, 2)
    refined = CRF()(given, halves(rng))
    assert np.isfinite(refined).all()
    assert refined[[1, 3]].max() < 1e-3
    assert refined.sum(axis=0) == pytest.approx(np.ones((H, W)))


def test_the_only_class_is_certain():
    assert np.array_equal(CRF()(np.ones((1, H, W)), noise(np.random.default_rng(0))), np.ones((1, H, W)))


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(1, 6), st.integers(1, 9), st.integers(1, 9)),
    st.integers(0, 2**32 - 1),
    st.floats(0.5, 100),
    st.floats(0.5, 300),
    st.floats(0, 1000),
)
def test_results_are_probabilities(shape, seed, sxy, srgb, compat):
    rng = np.random.default_rng(seed)
    k, h, w = shape
    image = rng.choice([0, 3, 128, 255], (3, h, w)).astype(np.uint8)
    field = CRF(3, sxy, compat, sxy, srgb, compat)
    refined = field(random_probabilities(rng, k, h, w, sharpness=8.0), image)
    assert refined.shape == shape and refined.dtype == np.float32
    assert refined.min() >= 0
    assert refined.sum(axis=0) == pytest.approx(np.ones((h, w)), abs=1e-5)


def test_blocks_of_points_give_the_same_lattice(monkeypatch):
    features = features_of(halves(np.random.default_rng(9)), 20.0, 5.0)
    whole = PermutohedralGaussian(features)
    monkeypatch.setattr(crf, "_BLOCK", 50)
    for name in ("vertices", "weights", "up", "down"):
        assert np.array_equal(getattr(PermutohedralGaussian(features), name), getattr(whole, name))


def test_each_direction_leads_from_vertex_to_vertex_by_one_step():
    """Places of vertices, found from the points by least squares, differ by one vector in each direction."""
    # They fill a rhombus along two directions: the numbers of its first and last rows follow one another.
    along = np.radians([-15, 105])
    points = np.random.default_rng(10).uniform(0, 4, (3000, 2)) @ np.stack(
        [np.cos(along), np.sin(along)], axis=1
    )
    lattice = PermutohedralGaussian(points)
    m = lattice.up.shape[1]
    shares = np.zeros((len(points), m))
    np.put_along_axis(shares, lattice.vertices, lattice.weights, axis=1)
    shares /= shares.sum(axis=1, keepdims=True)  # barycentric: without the points' normalisation
    places = np.linalg.lstsq(shares, points, rcond=None)[0]
    for up, down in zip(lattice.up, lattice.down, strict=True):
        below = np.flatnonzero(up < m)
        steps = places[up[below]] - places[below]
        assert len(steps) > 5
        assert steps == pytest.approx(np.broadcast_to(steps.mean(axis=0), steps.shape), abs=1e-3)
        assert np.linalg.norm(steps[0]) == pytest.approx(1.0, abs=1e-3)  # √(d(d+1)) / (√⅔ (d+1))
        assert np.array_equal(down[up[below]], below)
        assert np.count_nonzero(down < m) == len(below)


@pytest.mark.learn
def test_tensors_are_taken():
    import torch

    rng = np.random.default_rng(11)
    image, given = halves(rng), random_probabilities(rng, 3)
    expected = CRF()(given, image)
    logits = torch.from_numpy(given).log().requires_grad_()
    assert CRF()(logits.softmax(0), torch.from_numpy(image)) == pytest.approx(expected, abs=1e-3)
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        refined = CRF()(torch.from_numpy(given).to(dtype), image)
        assert refined.dtype == np.float32
        assert np.abs(refined - expected).mean() < 0.02


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"iterations": 0}, "iterations"),
        ({"iterations": 2.5}, "iterations"),
        ({"spatial_sxy": 0.0}, "spatial_sxy"),
        ({"spatial_compat": -1.0}, "spatial_compat"),
        ({"bilateral_sxy": np.inf}, "bilateral_sxy"),
        ({"bilateral_srgb": np.nan}, "bilateral_srgb"),
        ({"bilateral_compat": np.inf}, "bilateral_compat"),
    ],
)
def test_bad_settings_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        CRF(**changed)


PROBABILITIES = np.full((2, 3, 4), 0.5)
IMAGE = np.zeros((3, 3, 4), np.uint8)


def changed(value, array=PROBABILITIES):
    array = array.copy()
    array[1, 2, 0] = value
    return array


@pytest.mark.parametrize(
    ("probabilities", "image", "message"),
    [
        (PROBABILITIES[0], IMAGE, r"probabilities must be float .* \(3, 4\)"),
        (PROBABILITIES.astype(int), IMAGE, "probabilities must be float .* int"),
        (PROBABILITIES[:0], IMAGE, r"probabilities must be float .* \(0, 3, 4\)"),
        (changed(np.nan), IMAGE, r"probabilities .* at \(2, 0\)"),
        (changed(-0.5), IMAGE, r"probabilities .* at \(2, 0\)"),
        (changed(0.6), IMAGE, r"probabilities .* at \(2, 0\)"),
        (changed(1e300), IMAGE, r"probabilities .* at \(2, 0\)"),
        (PROBABILITIES, IMAGE[0], r"image must be uint8 .* \(3, 4\)"),
        (PROBABILITIES, IMAGE.transpose(2, 1, 0), r"image must be uint8 .* \(4, 3, 3\)"),
        (PROBABILITIES, IMAGE / 255, "image must be uint8 .* float64"),
        (PROBABILITIES, IMAGE[:, :, :3], r"probabilities are for \(3, 4\) pixels, image has \(3, 3\)"),
    ],
)
def test_bad_input_is_refused(probabilities, image, message):
    with pytest.raises(ValueError, match=message):
        CRF()(probabilities, image)


def test_deviations_too_small_for_the_lattice_are_refused():
    image = np.zeros((3, 3, 4), np.uint8)
    image[:, 0, 0] = 255
    with pytest.raises(
        ValueError, match=r"bilateral_sxy 0\.001 and bilateral_srgb 0\.001 are too small for 3 × 4"
    ):
        CRF(bilateral_sxy=0.001, bilateral_srgb=0.001)(PROBABILITIES, image)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: PermutohedralGaussian(np.zeros(3)), r"features .* \(3,\)"),
        (lambda: PermutohedralGaussian(np.zeros((0, 2))), r"features .* \(0, 2\)"),
        (lambda: PermutohedralGaussian(np.array([[np.nan]])), "features must be finite"),
        (lambda: PermutohedralGaussian(np.zeros((2, 1))).filter(np.zeros((2, 1))), "values .* float64"),
        (lambda: SpatialGaussian(2, 2, 1.0).filter(np.zeros((3, 1), np.float32)), r"values .* \(4, k\)"),
        (
            lambda: SpatialGaussian(1, 2, 1.0).filter(
                np.zeros((2, 1), np.float32), out=np.zeros((2, 2), np.float32)
            ),
            "differ in shape",
        ),
    ],
)
def test_filters_refuse_what_does_not_fit(call, message):
    with pytest.raises(ValueError, match=message):
        call()
