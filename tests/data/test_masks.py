"""Images with masks: pairs, classes and sizes are those of files written here; faults name the file."""

import numpy as np
import pytest
from PIL import Image

from hyperclade.data.image_rows import VOID, ImageRows, MaskRows
from hyperclade.data.masks import MaskedSet, masked_folder
from hyperclade.data.samples import data_home
from hyperclade.data.segmentation_sets import load_camvid
from hyperclade.trees.taxonomy import Taxonomy

STREETS = Taxonomy.from_edges([("road", "flat"), ("pavement", "flat"), ("car", "vehicle")])


@pytest.fixture
def folders(tmp_path):
    """Three images of 4 × 6 pixels; the red of a pixel is ten times the value of its mask."""
    rng = np.random.default_rng(0)
    for name in ("a", "b", "town/c"):
        values = rng.integers(0, 3, (4, 6)).astype(np.uint8)
        values[0, 0] = 255
        write(tmp_path / "images" / f"{name}.png", np.stack([values * 10] * 3, axis=2))
        write(tmp_path / "masks" / f"{name}.png", values)
    return tmp_path


def write(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def values_of(path):
    return np.asarray(Image.open(path))


def read(folders, **settings):
    return masked_folder(folders / "images", folders / "masks", STREETS, **settings)


def test_pairs_by_path(folders):
    streets = read(folders)
    assert streets.ids == ("a", "b", "town/c")
    assert [STREETS.names[node] for node in streets.class_nodes] == ["road", "pavement", "car"]
    masks, images = streets.masks.read([0, 1, 2]), streets.images.read([0, 1, 2])
    for k, name in enumerate(streets.ids):
        np.testing.assert_array_equal(masks[k], values_of(folders / "masks" / f"{name}.png"))
    np.testing.assert_array_equal(images[:, 0], masks * np.uint8(10))
    assert streets.pixel_counts().tolist() == [(masks == value).sum() for value in range(3)]
    part = streets.subset([2, 0])
    assert part.ids == ("town/c", "a")
    np.testing.assert_array_equal(part.masks.read(slice(None)), masks[[2, 0]])


def test_values_by_name_and_void(folders):
    streets = read(folders, values={2: "road", 0: "car"}, void=(1, 255))
    before = values_of(folders / "masks" / "b.png")
    after = streets.masks.read([1])[0]
    assert [STREETS.names[node] for node in streets.class_nodes] == ["road", "car"]
    np.testing.assert_array_equal(after, np.select([before == 2, before == 0], [0, 1], VOID))
    merged = read(folders, classes=["road", "road", "car"])
    assert merged.pixel_counts().sum() == 3 * 23
    assert len(merged.class_nodes) == 2
    inner = read(folders, values={0: "flat", 1: "flat", 2: "vehicle"})
    assert [STREETS.names[node] for node in inner.class_nodes] == ["flat", "vehicle"]


def test_palette_and_16_bit_masks(folders):
    before = values_of(folders / "masks" / "a.png")
    palette = Image.fromarray(before, "P")
    palette.putpalette(list(range(255, -1, -1)) * 3)
    palette.save(folders / "masks" / "a.png")
    wide = values_of(folders / "masks" / "b.png").astype(np.uint16)
    wide[wide == 2] = 4000
    write(folders / "masks" / "b.png", wide)
    streets = read(folders, values={0: "road", 1: "pavement", 2: "car", 4000: "car"})
    np.testing.assert_array_equal(streets.masks.read([0])[0], before)
    np.testing.assert_array_equal(streets.masks.read([1])[0], np.where(wide == 4000, 2, wide))


def test_endings_pair_and_choose(folders, tmp_path):
    for name in ("a", "b"):
        (folders / "images" / f"{name}.png").rename(folders / "images" / f"{name}_left.png")
        (folders / "masks" / f"{name}.png").rename(folders / "masks" / f"{name}_ids.png")
        write(folders / "masks" / f"{name}_color.png", np.zeros((4, 6, 3), np.uint8))
    streets = read(folders, image_ending="_left", mask_ending="_ids")
    assert streets.ids == ("a", "b")
    with pytest.raises(ValueError, match=r"mask a_color\.png has no image a_color in"):
        read(folders)


def test_size_keeps_images_and_masks_together(folders):
    """Enlarged threefold by nearest neighbours; images agree with masks in the middle of each pixel."""
    streets = read(folders, size=(12, 18))
    masks = streets.masks.read(slice(None))
    for k, name in enumerate(streets.ids):
        before = values_of(folders / "masks" / f"{name}.png")
        np.testing.assert_array_equal(masks[k], before.repeat(3, axis=0).repeat(3, axis=1))
    crop = read(folders, size=(4, 4))
    np.testing.assert_array_equal(crop.masks.read([0])[0], values_of(folders / "masks" / "a.png")[:, 1:5])
    np.testing.assert_array_equal(crop.images.read([0])[0, 0], crop.masks.read([0])[0] * np.uint8(10))


def test_too_many_to_keep_are_decoded_when_read(folders, monkeypatch):
    kept = read(folders)
    monkeypatch.setattr("hyperclade.data.image_rows.KEPT_BYTES", 3 * 4 * 6 - 1)
    lazy = read(folders)
    assert isinstance(lazy.masks.source, tuple)
    np.testing.assert_array_equal(kept.masks.read([2, 0]), lazy.masks.read([2, 0]))
    np.testing.assert_array_equal(kept.images.read([2, 0]), lazy.subset([2, 0]).images.read([0, 1]))
    (folders / "masks" / "a.png").unlink()
    with pytest.raises(ValueError, match=r"mask a\.png: .*No such file"):
        lazy.masks.read([0])


def test_broken_and_missing_are_left_out_and_named(folders):
    (folders / "masks" / "a.png").write_text("no mask")
    whole = (folders / "images" / "b.png").read_bytes()
    (folders / "images" / "b.png").write_bytes(whole[: len(whole) // 2])
    write(folders / "images" / "d.png", np.zeros((4, 6, 3), np.uint8))
    streets = read(folders)
    assert streets.ids == ("town/c",)
    np.testing.assert_array_equal(
        streets.images.read([0])[0, 0], values_of(folders / "images" / "town" / "c.png")[:, :, 0]
    )
    assert {key for key, _ in streets.skipped} == {"a.png", "b.png", "d.png"}
    assert dict(streets.skipped)["d.png"] == "no mask"


def test_faults_name_the_file(folders):
    mask = folders / "masks" / "b.png"
    good = values_of(mask)
    bad = good.copy()
    bad[3, 5] = 7
    write(mask, bad)
    with pytest.raises(ValueError, match=r"mask b\.png has the value 7, which no class has"):
        read(folders)
    write(mask, np.stack([good] * 3, axis=2))
    with pytest.raises(ValueError, match=r"mask b\.png is of kind 'RGB'"):
        read(folders)
    write(mask, good[:, :5])
    with pytest.raises(ValueError, match=r"image b\.png has 4 × 6 .*, its mask b\.png 4 × 5"):
        read(folders, size=(4, 4))
    mask.unlink()
    write(folders / "images" / "a.png", np.zeros((5, 6, 3), np.uint8))
    write(folders / "masks" / "a.png", np.zeros((5, 6), np.uint8))
    with pytest.raises(ValueError, match=r"image town/c\.png has 4 × 6 .*, a\.png has 5 × 6; give a size"):
        read(folders)
    write(folders / "masks" / "z.png", good)
    with pytest.raises(ValueError, match=r"mask z\.png has no image z in"):
        read(folders)


def test_faults_of_the_classes(folders):
    with pytest.raises(ValueError, match="no node 'sky'"):
        read(folders, classes=["road", "sky"])
    with pytest.raises(ValueError, match="value 1 of class 'car' is void"):
        read(folders, classes=["road", "car"], void=(1,))
    with pytest.raises(ValueError, match="all pixels of 3 masks are void"):
        read(folders, values={9: "car"}, void=(0, 1, 2, 255))
    with pytest.raises(ValueError, match=r"no image of .* has a mask"):
        read(folders, image_ending="_left", mask_ending="_ids")


def test_parts_must_fit():
    images = ImageRows.of_pixels(np.zeros((1, 3, 2, 2), np.uint8))
    masks = MaskRows.of_classes(np.zeros((1, 2, 3), np.uint8))
    nodes = np.array([0])
    with pytest.raises(ValueError, match=r"images of \(2, 2\) and masks of \(2, 3\)"):
        MaskedSet(images, masks, STREETS, nodes, ("a",))
    with pytest.raises(ValueError, match="1 images, 1 masks and 2 ids"):
        MaskedSet(images, masks, STREETS, nodes, ("a", "b"))
    masks = MaskRows.of_classes(np.zeros((1, 2, 2), np.uint8))
    for wrong in ([], [0, 0], [9], [-1]):
        with pytest.raises(ValueError, match="class_nodes must be"):
            MaskedSet(images, masks, STREETS, np.array(wrong, dtype=np.int64), ("a",))


def test_a_class_below_another_is_refused(folders):
    with pytest.raises(ValueError, match="class 'road' lies below class 'flat'"):
        read(folders, classes=["flat", "car", "road"])


@pytest.mark.parametrize("void", [-1, 70_000])
def test_void_values_are_values_of_masks(folders, void):
    with pytest.raises(ValueError, match=f"void value {void} is not in 0..65535"):
        read(folders, void=(255, void))


@pytest.mark.parametrize("value", [70_000, -1])
def test_values_beyond_16_bits_are_no_class(folders, value):
    values = values_of(folders / "masks" / "a.png").astype(np.int32)
    values[2, 3] = value
    (folders / "masks" / "a.png").unlink()
    write(folders / "masks" / "a.tif", values)
    with pytest.raises(ValueError, match=rf"mask a\.tif has the value {value}, which no class has"):
        read(folders, values={0: "road", 1: "pavement", 2: "car", 65535: "car"})


def test_masks_are_turned_upright_as_images_are(folders):
    before = values_of(folders / "masks" / "a.png")
    for kind in ("images", "masks"):
        path = folders / kind / "a.png"
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned clockwise
        image = Image.open(path)
        image.load()
        image.save(path, exif=exif)
        write(folders / kind / "b.png", np.rot90(values_of(folders / kind / "b.png"), 1))
        (folders / kind / "town" / "c.png").unlink()
    streets = read(folders)
    np.testing.assert_array_equal(streets.masks.read([0])[0], np.rot90(before, -1))
    np.testing.assert_array_equal(streets.images.read([0])[0, 0], np.rot90(before, -1) * np.uint8(10))


def test_camvid():
    if data_home() is None:
        pytest.skip("no data folder")
    streets = load_camvid("val")
    assert len(streets) == 101
    assert streets.images.size == (360, 480)
    assert streets.skipped == ()
    names = [streets.taxonomy.names[node] for node in streets.class_nodes]
    assert (names[0], names[3], names[8], names[10]) == ("sky", "road", "car", "bicyclist")
    assert streets.empty_classes() == ()
    path = data_home() / "camvid" / "val" / "labels" / f"{streets.ids[5]}.png"
    values = values_of(path)
    np.testing.assert_array_equal(streets.masks.read([5])[0], np.where(values == 11, VOID, values))
    with pytest.raises(ValueError, match="'train' or 'val' or 'test', got 'dev'"):
        load_camvid("dev")


# ---- what values and colours mean ----


def test_a_void_value_before_the_classes_shifts_them(folders):
    for name in ("a", "b", "town/c"):
        path = folders / "masks" / f"{name}.png"
        write(path, (values_of(path).astype(int) + 1).clip(0, 255).astype(np.uint8) % 255)
    for void in (0, [0], [0, 255]):
        streets = read(folders, void=void)
        for k, name in enumerate(streets.ids):
            before = values_of(folders / "masks" / f"{name}.png").astype(int)
            np.testing.assert_array_equal(streets.masks.read([k])[0], np.where(before == 0, VOID, before - 1))
        assert streets.remarks == ("the values before 1 being void, classes are 1 road, 2 pavement, 3 car",)
    with pytest.raises(ValueError, match="has the value 3, which no class has"):
        read(folders)


def test_masks_in_colours(folders):
    colours = np.array([[128, 64, 128], [0, 0, 142], [220, 20, 60]], np.uint8)
    before = []
    for name in ("a", "b", "town/c"):
        path = folders / "masks" / f"{name}.png"
        values = values_of(path)
        before.append(values)
        write(path, np.where((values == 255)[:, :, None], np.uint8(0), colours[values % 255]))
    palette = folders / "palette.csv"
    palette.write_text("r,g,b,name\n128,64,128,road\n0,0,142,car\n220,20,60,pavement\n0,0,0,\n")
    streets = read(folders, palette=palette, size=(8, 12))
    masks = np.stack(before).repeat(2, axis=1).repeat(2, axis=2)
    expected = np.select([masks == 0, masks == 1, masks == 2], [0, 2, 1], VOID)
    np.testing.assert_array_equal(streets.masks.read(slice(None)), expected)
    palette.write_text("r,g,b,name\n128,64,128,road\n0,0,142,car\n0,0,0,\n")
    with pytest.raises(
        ValueError, match=r"mask .*\.png has the colour #dc143c \(220,20,60\), which no class"
    ):
        read(folders, palette=palette)


def test_binary_masks_of_0_and_255_are_no_single_class(folders):
    """255 is void by default, which left an image of background alone."""
    for name in ("a", "b", "town/c"):
        path = folders / "masks" / f"{name}.png"
        write(path, np.where(values_of(path) == 1, np.uint8(255), np.uint8(0)))
    with pytest.raises(ValueError, match=r"values 0, 255, of which 255 is void by default.* option values"):
        read(folders)
    both = read(folders, values={0: "road", 255: "car"}, purpose="learning")
    assert both.empty_classes() == () and both.remarks == ()
    read(folders, void=255)
    with pytest.raises(ValueError, match="leave one class, 'road', so that there is nothing to learn"):
        read(folders, void=255, purpose="learning")


def test_transparent_pixels_are_told(folders):
    values = values_of(folders / "masks" / "a.png") % 255
    alpha = np.full_like(values, 255)
    alpha[1] = 0
    write(folders / "masks" / "a.png", np.dstack([values, alpha]))
    streets = read(folders)
    np.testing.assert_array_equal(streets.masks.read([0])[0], np.where(alpha == 0, VOID, values))
    assert streets.remarks == ("1 of 3 masks have transparent pixels, which are void",)
