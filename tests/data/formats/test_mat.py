"""MATLAB files give the images that they were written of; others are refused with a reason."""

import struct

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


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int32, np.int64, np.uint32])
def test_masks_keep_their_values(tmp_path, dtype):
    values = np.array([[0, 5, 100], [3, 2, 1]], dtype)
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
        ({"gt": np.array([[1j]])}, "has 0"),
        ({"gt": "text"}, "has 0"),
        ({"gt": {"a": 1}}, "has 0"),
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


def test_one_wrong_byte_ends_in_an_error_or_an_image(tmp_path):
    """As it may lie anywhere; wrong sizes of arrays have ended the whole process in another reader."""
    whole = written(tmp_path / "whole.mat", img=np.zeros((5, 7, 4), np.uint8)).read_bytes()
    path = tmp_path / "a.mat"
    errors = 0
    for at in range(124, 250):
        for value in (0, 1, 0x7F, 0xFF):
            path.write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
            try:
                assert min(read_image(path).size) > 0
            except ValueError:
                errors += 1
    assert errors > 100


def test_bytes_in_the_other_order_and_narrow_numbers(tmp_path):
    """As MATLAB writes them: int32 in fewer bytes, here on a machine that has the high byte first."""
    flags = struct.pack(">IIII", 6, 8, 12, 0)
    shape, name = struct.pack(">IIii", 5, 8, 2, 3), struct.pack(">HH2sxx", 2, 1, b"gt")
    numbers = struct.pack(">II6Bxx", 2, 6, 0, 1, 2, 3, 4, 5)
    matrix = flags + shape + name + numbers
    header = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(">H", 0x0100) + b"MI"
    (tmp_path / "a.mat").write_bytes(header + struct.pack(">II", 14, len(matrix)) + matrix)
    np.testing.assert_array_equal(np.asarray(read_image(tmp_path / "a.mat")), [[0, 2, 4], [1, 3, 5]])
    np.testing.assert_array_equal(scipy.io.loadmat(tmp_path / "a.mat")["gt"], [[0, 2, 4], [1, 3, 5]])


def test_version_7_3_is_named(tmp_path):
    path = tmp_path / "a.mat"
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + bytes([0, 2]) + b"IM" + bytes(512))
    with pytest.raises(ValueError, match=r"version 7\.3"):
        read_image(path)
