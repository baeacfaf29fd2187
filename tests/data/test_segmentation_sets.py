"""Published formats of segmentation: trees written as they are published, label maps held pixel by pixel."""

import numpy as np
import pytest
import scipy.io
from PIL import Image

from hyperclade.data.image_rows import VOID
from hyperclade.data.samples import data_home
from hyperclade.data.segmentation_sets import camvid, cityscapes27, cocostuff27, potsdam3
from hyperclade.data.taxonomies import read_taxonomy

#: the group of each fine class of COCO-Stuff as STEGO numbers them: things in runs, stuff one by one
COCO_THINGS = "9x1 11x8 8x6 7x10 6x8 10x10 5x8 2x10 3x10 0x6 1x6 4x8"
COCO_STUFF = """
    17 17 22 20 20 22 15 25 16 13 12 12 17 17 23 15 15 17 15 21 15 25 13
    13 13 13 13 22 26 14 14 15 22 21 21 24 20 22 15 17 16 15 22 24 21 17
    25 16 21 17 22 16 21 21 25 21 26 21 24 20 17 14 21 26 15 23 20 21 24
    15 24 22 25 15 20 17 17 22 14 18 18 18 18 18 18 18 26 26 19 19 24
"""
COCO_GROUPS = np.array(
    [group for run in COCO_THINGS.split() for group, many in [map(int, run.split("x"))] for _ in range(many)]
    + [int(group) for group in COCO_STUFF.split()]
)


def write(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".mat":
        scipy.io.savemat(path, values)
    else:
        Image.fromarray(values).save(path)


def pixels(rng, h=12, w=20):
    return rng.integers(0, 256, (h, w, 3)).astype(np.uint8)


def listed(path, ids):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{key}\n" for key in ids))


@pytest.fixture
def coco(tmp_path):
    """Four images whose masks have all fine classes and void; the list names three, in another order."""
    rng = np.random.default_rng(0)
    masks = {}
    for key in ("000000000009", "000000000025", "000000000030", "000000000034"):
        write(tmp_path / "images" / "val2017" / f"{key}.jpg", pixels(rng))
        values = rng.permutation(np.r_[np.arange(182), np.full(58, 255)]).reshape(12, 20).astype(np.uint8)
        write(tmp_path / "annotations" / "val2017" / f"{key}.png", values)
        masks[key] = values
    ids = ["000000000034", "000000000009", "000000000030"]
    listed(tmp_path / "curated" / "val2017" / "Coco164kFull_Stuff_Coarse_7.txt", ids)
    return tmp_path, ids, masks


def test_cocostuff27_joins_fine_classes_as_published(coco):
    root, ids, masks = coco
    listing = cocostuff27("val", root)
    assert listing.ids == tuple(ids)
    assert [item.source for item in listing.images] == [root / "images/val2017" / f"{key}.jpg" for key in ids]
    expected = np.r_[COCO_GROUPS, np.full(73, -1), 255]
    found = listing.masked().masks.read(slice(None))
    np.testing.assert_array_equal(found, [expected[masks[key]] for key in ids])
    names = [listing.taxonomy.names[node] for node in listing.class_nodes]
    assert len(names) == 27
    assert (names[0], names[9], names[11]) == ("electronic-things", "person-things", "vehicle-things")
    assert (names[12], names[21], names[26]) == ("ceiling-stuff", "ground-stuff", "water-stuff")
    assert [name.split("-")[1] for name in names] == ["things"] * 12 + ["stuff"] * 15


def test_cocostuff27_by_another_list_or_none(coco):
    root, ids, _ = coco
    listed(root / "curated" / "val2017" / "two.txt", [*ids[:2], "", ids[0]])
    assert cocostuff27("val", root, curated="two.txt").ids == tuple(ids[:2])
    (root / "curated" / "val2017" / "Coco164kFull_Stuff_Coarse_7.txt").unlink()
    write(root / "images" / "val2017" / "000000000099.jpg", np.zeros((12, 20, 3), np.uint8))
    assert cocostuff27("val", root).ids == tuple(sorted([*ids, "000000000025"]))
    with pytest.raises(ValueError, match=r"three\.txt is missing"):
        cocostuff27("val", root, curated="three.txt")


def test_cocostuff27_faults_name_the_file(coco):
    root, ids, _ = coco
    path = root / "curated" / "val2017" / "Coco164kFull_Stuff_Coarse_7.txt"
    listed(path, [*ids, "000000000042"])
    with pytest.raises(ValueError, match=r"Coarse_7\.txt lists 000000000042, but there is no image"):
        cocostuff27("val", root)
    listed(path, [])
    with pytest.raises(ValueError, match=r"Coarse_7\.txt lists no image"):
        cocostuff27("val", root)
    listed(path, ids)
    mask = root / "annotations" / "val2017" / f"{ids[1]}.png"
    write(mask, np.full((12, 20), 182, np.uint8))
    with pytest.raises(ValueError, match=rf"mask {ids[1]}\.png has the value 182"):
        cocostuff27("val", root).masked()
    mask.unlink()
    with pytest.raises(ValueError, match=rf"image {ids[1]}\.jpg has no mask in .*val2017"):
        cocostuff27("val", root)
    with pytest.raises(ValueError, match="images/train2017 is not a folder"):
        cocostuff27("train", root)
    with pytest.raises(ValueError, match="split must be 'train' or 'val', got 'test'"):
        cocostuff27("test", root)


@pytest.fixture
def cityscapes(tmp_path):
    rng = np.random.default_rng(1)
    masks = {}
    for key in ("aachen/aachen_000000_000019", "bochum/bochum_000000_000313"):
        write(tmp_path / "leftImg8bit" / "train" / f"{key}_leftImg8bit.png", pixels(rng, 6, 9))
        values = rng.permutation(np.r_[np.arange(34), np.arange(20)]).reshape(6, 9).astype(np.uint8)
        fine = tmp_path / "gtFine" / "train"
        write(fine / f"{key}_gtFine_labelIds.png", values)
        write(fine / f"{key}_gtFine_color.png", np.zeros((6, 9, 4), np.uint8))
        write(fine / f"{key}_gtFine_instanceIds.png", values.astype(np.uint16) * 1000)
        (fine / f"{key}_gtFine_polygons.json").write_text("{}")
        masks[key] = values
    return tmp_path, masks


def test_cityscapes27_is_the_label_id_less_seven(cityscapes):
    root, masks = cityscapes
    listing = cityscapes27("train", root)
    assert listing.ids == tuple(masks)
    found = listing.masked().masks.read(slice(None))
    for mask, values in zip(found, masks.values(), strict=True):
        np.testing.assert_array_equal(mask, np.where(values < 7, VOID, values.astype(int) - 7))
    names = [listing.taxonomy.names[node] for node in listing.class_nodes]
    assert len(names) == 27
    # their order among the 34 label ids
    assert [names[label - 7] for label in (7, 10, 18, 23, 24, 29, 33)] == [
        "road", "rail track", "polegroup", "sky", "person", "caravan", "bicycle",
    ]  # fmt: skip
    of_19 = read_taxonomy("cityscapes")
    assert [name for name in names if name in of_19.names] == [of_19.names[leaf] for leaf in of_19.leaves]


def test_cityscapes27_faults_name_the_file(cityscapes):
    root, masks = cityscapes
    first, second = masks
    path = root / "gtFine" / "train" / f"{second}_gtFine_labelIds.png"
    write(path, np.full((6, 9), 34, np.uint8))
    with pytest.raises(ValueError, match=rf"mask {second}_gtFine_labelIds\.png has the value 34"):
        cityscapes27("train", root).masked()
    path.unlink()
    with pytest.raises(ValueError, match=rf"image {second}_leftImg8bit\.png has no mask in .*gtFine"):
        cityscapes27("train", root)
    (root / "leftImg8bit" / "train" / f"{first}_leftImg8bit.png").unlink()
    with pytest.raises(ValueError, match=rf"mask {first}_gtFine_labelIds\.png has no image"):
        cityscapes27("train", root)
    with pytest.raises(ValueError, match="leftImg8bit/val is not a folder"):
        cityscapes27("val", root)


@pytest.fixture
def potsdam(tmp_path):
    """Image 3 has no mask, as those of unlabelled_train have none."""
    rng = np.random.default_rng(2)
    images, masks = {}, {}
    for key in ("0", "1", "2", "3"):
        images[key] = rng.integers(0, 256, (4, 5, 4)).astype(np.uint8)
        write(tmp_path / "imgs" / f"{key}.mat", {"img": images[key]})
        if key != "3":
            masks[key] = rng.permutation(np.r_[np.arange(6), np.arange(6), -np.ones(7), 255]).reshape(4, 5)
            write(tmp_path / "gt" / f"{key}.mat", {"gt": masks[key].astype(np.int32)})
    for name, ids in (("labelled_train", "20"), ("unlabelled_train", "3"), ("labelled_test", "1")):
        listed(tmp_path / f"{name}.txt", ids)
    return tmp_path, images, masks


def test_potsdam3_joins_six_classes_in_twos(potsdam):
    root, images, masks = potsdam
    train, test = potsdam3("train", root), potsdam3("test", root)
    assert (train.ids, test.ids) == (("2", "0", "3"), ("1",))
    assert [mask is None for mask in train.masks] == [False, False, True]
    group = {0: 0, 4: 0, 1: 1, 5: 1, 2: 2, 3: 2, -1: VOID, 255: VOID}
    for listing in (train, test):
        found = listing.masked()
        assert found.ids == listing.ids[: len(found)]
        for row, key in enumerate(found.ids):
            expected = [[group[value] for value in line] for line in masks[key].tolist()]
            np.testing.assert_array_equal(found.masks.read([row])[0], expected)
            np.testing.assert_array_equal(
                found.images.read([row])[0], images[key][:, :, :3].transpose(2, 0, 1)
            )
    assert train.masked().skipped == (("3.mat", "no mask"),)
    names = [train.taxonomy.names[node] for node in train.class_nodes]
    assert names == ["roads and cars", "buildings and clutter", "vegetation and trees"]


def test_potsdam3_faults_name_the_file(potsdam):
    root, _, _ = potsdam
    write(root / "gt" / "1.mat", {"gt": np.full((4, 5), 6, np.int32)})
    with pytest.raises(ValueError, match=r"mask 1\.mat has the value 6"):
        potsdam3("test", root).masked()
    (root / "gt" / "0.mat").unlink()
    with pytest.raises(ValueError, match=r"image 0\.mat has no mask in .*gt"):
        potsdam3("train", root)
    (root / "imgs" / "3.mat").unlink()
    with pytest.raises(ValueError, match=r"unlabelled_train\.txt lists 3, but there is no image 3 in .*imgs"):
        potsdam3("train", root)
    (root / "labelled_test.txt").unlink()
    with pytest.raises(ValueError, match=r"labelled_test\.txt is missing"):
        potsdam3("test", root)


def test_camvid_of_a_folder(tmp_path):
    values = np.arange(12, dtype=np.uint8).reshape(3, 4)
    write(tmp_path / "val" / "images" / "a.jpg", np.zeros((3, 4, 3), np.uint8))
    write(tmp_path / "val" / "labels" / "a.png", values)
    streets = camvid("val", tmp_path).masked((3, 4))
    np.testing.assert_array_equal(streets.masks.read([0])[0], np.where(values == 11, VOID, values))


@pytest.mark.parametrize("listing", [camvid, cityscapes27, cocostuff27, potsdam3])
def test_the_root_is_a_folder_of_the_data_folder(listing, tmp_path, monkeypatch):
    monkeypatch.setenv("HYPERCLADE_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=rf"lacks {listing.__name__.rstrip('0123456789')}"):
        listing("train")


def test_listing_camvid_decodes_nothing(monkeypatch):
    if data_home() is None:
        pytest.skip("no data folder")
    monkeypatch.setattr("hyperclade.data.images.opened", None)
    monkeypatch.setattr("hyperclade.data.image_rows.opened", None)
    listing = camvid("test")
    assert len(listing.images) == 233
    assert all(mask is not None for mask in listing.masks)
