"""Images to learn from without masks, and masks to judge by: by name, from folders, of all kinds."""

import numpy as np
import pytest
from PIL import Image

from hyperclade.segmentation import sources
from hyperclade.segmentation.config import Source
from hyperclade.segmentation.sources import SIDE, images_to_learn, masked_images
from hyperclade.segmentation.system import SYSTEM, train
from small_segmentation import recipe, save_vit


@pytest.fixture
def streets(tmp_path):
    """Two folders in CamVid's format, whose training masks are no images: nobody may open them."""
    for split in ("train", "test"):
        for kind in ("images", "labels"):
            (tmp_path / split / kind).mkdir(parents=True)
        for name in ("a", "b"):
            Image.new("RGB", (48, 36), "red").save(tmp_path / split / "images" / f"{name}.jpg")
            mask = np.full((36, 48), 11, np.uint8)
            mask[:, 12:24] = 3
            target = tmp_path / split / "labels" / f"{name}.png"
            if split == "train":
                target.write_bytes(b"not a mask")
            else:
                Image.fromarray(mask).save(target)
    return tmp_path


def test_learning_never_opens_a_mask_and_judging_does(streets):
    source = Source(root=str(streets))
    known = SYSTEM.read("camvid", "train", source)
    assert known.ids == ("a", "b") and known.read([0])[0].shape == (3, 36, 48)
    judged = SYSTEM.read("camvid", "test", source)
    assert judged.images.size == judged.masks.size == (SIDE, SIDE)
    # The middle square has columns 6 … 42, of which 12 … 24 are road.
    road = (judged.masks.read([0])[0] == 3).mean()
    assert road == pytest.approx(12 / 36, abs=0.01)


def test_mosaics_to_learn_from_and_to_be_judged_by_are_others(monkeypatch):
    monkeypatch.setattr(sources, "_MOSAICS", {"train": 3, "test": 2})  # drawing all takes a while
    known, judged = images_to_learn("mosaics", Source()), masked_images("mosaics", "test", Source())
    assert len(known) == 3 and len(judged) == 2 and judged.images.size == (SIDE, SIDE)
    assert not np.array_equal(known.read([0])[0], judged.images.read([0])[0])
    assert known.fingerprint() == images_to_learn("mosaics", Source()).fingerprint()
    assert len(judged.class_nodes) == 24


def test_pictures_of_all_kinds_and_sizes_are_learned_from(tmp_path):
    """Grey, 16 bits, palette, CMYK, turned by EXIF, transparent; what does not decode is named."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    rng = np.random.default_rng(0)
    colour = Image.fromarray(rng.integers(0, 256, (60, 90, 3)).astype(np.uint8))
    for name, picture in {
        "grey.png": colour.convert("L"), "palette.png": colour.convert("P"),
        "cmyk.jpg": colour.convert("CMYK"), "rgba.png": colour.convert("RGBA"),
        "small.png": colour.resize((33, 41)), "colour.jpg": colour,
    }.items():  # fmt: skip
        picture.save(folder / name)
    Image.fromarray(rng.integers(0, 65536, (50, 50)).astype(np.uint16)).save(folder / "deep.png")
    exif = colour.getexif()
    exif[0x0112] = 6
    colour.save(folder / "turned.jpg", exif=exif)
    (folder / "broken.jpg").write_bytes(b"no picture")
    said = []
    known = SYSTEM.read(str(folder), "train", Source(), say=said.append)
    assert len(known) == 8 and "broken.jpg" in " ".join(said)
    assert known.read([known.ids.index("turned.jpg")])[0].shape == (3, 90, 60)
    deep = known.read([known.ids.index("deep.png")])[0]
    assert deep.std() > 50  # not clipped to white
    chosen = recipe(save_vit(tmp_path / "vit"), "stego", settings={"n_code": 4, "points": 2}, epochs=1.0)
    assert train(chosen, known, device="cpu").net.fitted[0].isfinite().all()


def test_masks_of_a_folder_need_their_classes_and_fit_their_images(tmp_path):
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    Image.new("RGB", (40, 30)).save(tmp_path / "images" / "a.png")
    Image.fromarray(np.ones((30, 40), np.uint8)).save(tmp_path / "masks" / "a.png")
    images, masks = str(tmp_path / "images"), str(tmp_path / "masks")
    with pytest.raises(ValueError, match=r"--source.classes .* or --source.taxonomy"):
        masked_images(images, "test", Source(masks=masks))
    found = masked_images(images, "test", Source(masks=masks, classes=["road", "sky"]))
    assert found.taxonomy.names == ("road", "sky") and (found.masks.read([0]) == 1).all()
    with pytest.raises(ValueError, match=r"a\.png has the value 1"):
        masked_images(images, "test", Source(masks=masks, classes=["road"]))
    Image.fromarray(np.ones((30, 41), np.uint8)).save(tmp_path / "masks" / "a.png")
    with pytest.raises(ValueError, match=r"image a.png has 30 × 40 .* its mask a.png 30 × 41"):
        masked_images(images, "test", Source(masks=masks, classes=["road", "sky"]))


def test_masks_in_colours_and_of_given_values_name_their_classes(tmp_path):
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    images, masks = str(tmp_path / "images"), str(tmp_path / "masks")
    Image.new("RGB", (40, 30)).save(tmp_path / "images" / "a.png")
    values = np.zeros((30, 40), np.uint8)
    values[:, 20:] = 255
    Image.fromarray(values).save(tmp_path / "masks" / "a.png")
    with pytest.raises(ValueError, match="255 is void by default"):
        masked_images(images, "test", Source(masks=masks, classes=["ground", "house"]))
    found = masked_images(images, "test", Source(masks=masks, values={255: "house", 0: "ground"}), size=None)
    assert found.taxonomy.names == ("house", "ground")
    np.testing.assert_array_equal(found.masks.read([0])[0], (values == 0).astype(int))
    Image.fromarray(np.dstack([values, values, 0 * values])).save(tmp_path / "masks" / "a.png")
    palette = {"0,0,0": "ground", "#ffff00": "house"}
    found = masked_images(images, "test", Source(masks=masks, palette=palette), size=None)
    np.testing.assert_array_equal(found.masks.read([0])[0], (values == 255).astype(int))


def test_data_that_are_not_there(tmp_path):
    with pytest.raises(ValueError, match="no data 'nowhere': give camvid, mosaics"):
        images_to_learn("nowhere", Source())
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="is no folder of images"):
        images_to_learn(tmp_path / "table.csv", Source())
    with pytest.raises(ValueError, match="cityscapes"):
        images_to_learn("cityscapes27", Source(root=str(tmp_path / "cityscapes")))
