"""MATLAB files give the images that they were written of; others are refused with a reason."""

import numpy as np
import pytest
import scipy.io

from hyperclade.data.formats.mat import read_image
from hyperclade.data.images import ImageItem, decode_images


def written(path, compressed=False, **variables):
    scipy.io.savemat(path, variables, do_compression=compressed)
    return path


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("channels", [3, 4])
def test_images_lose_their_fourth_channel(tmp_path, channels, compressed):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, channels)).astype(np.uint8)
    image = read_image(written(tmp_path / "a.mat", compressed, img=pixels))
    assert image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(image), pixels[:, :, :3])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64])
def test_masks_keep_their_values(tmp_path, dtype):
    values = np.array([[0, 5, 200], [3, 2, 1]], dtype)
    np.testing.assert_array_equal(np.asarray(read_image(written(tmp_path / "a.mat", gt=values))), values)


@pytest.mark.parametrize(
    ("variables", "match"),
    [
        ({"x": np.zeros((2, 2), np.uint8)}, "needs one of the variables img, gt; has 0"),
        ({"img": np.zeros((2, 2), np.uint8), "gt": np.zeros((2, 2), np.uint8)}, "has 2"),
        ({"img": np.zeros((2, 2, 3))}, r"got \(2, 2, 3\) of float64"),
        ({"img": np.zeros((2, 2, 5), np.uint8)}, r"got \(2, 2, 5\) of uint8"),
        ({"gt": np.zeros((0, 0), np.int32)}, r"got \(0, 0\) of int32"),
        ({"gt": np.array([[2**40]])}, "beyond 31 bits"),
        ({"gt": "text"}, "whole numbers"),
        ({"gt": {"a": 1}}, "whole numbers"),
    ],
)
def test_other_contents_are_refused(tmp_path, variables, match):
    with pytest.raises(ValueError, match=match):
        read_image(written(tmp_path / "a.mat", **variables))


@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_files_are_named_with_a_reason(tmp_path, compressed):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (5, 7, 4)).astype(np.uint8)
    whole = written(tmp_path / "whole.mat", compressed, img=pixels).read_bytes()
    damaged = [whole[:end] for end in range(0, len(whole) - 8, 7)] + [b"no mat" * 100]
    items = []
    for k, content in enumerate(damaged):
        path = tmp_path / f"{k}.mat"
        path.write_bytes(content)
        items.append(ImageItem(path.name, None, path.stem, path))
    items.append(ImageItem("gone.mat", None, "gone", tmp_path / "gone.mat"))
    images, _, broken = decode_images(items)
    assert not images
    assert all(reason for _, reason in broken)
    assert "gone.mat" in dict(broken)["gone.mat"]


def test_version_7_3_is_named(tmp_path):
    path = tmp_path / "a.mat"
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + bytes([0, 2]) + b"IM" + bytes(512))
    with pytest.raises(ValueError, match=r"version 7\.3"):
        read_image(path)
