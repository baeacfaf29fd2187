"""CUB-200-2011, Cars196 and SOP from small trees in just the formats in which they are published."""

import numpy as np
import pytest
import scipy.io
from PIL import Image

from hyperclade.data.image_rows import open_images
from hyperclade.data.retrieval_sets import cars196, cub200, sop


def save(path, colour=(10, 200, 10)):
    """A picture whose middle has another colour than its border."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[5:15, 10:20] = colour
    Image.fromarray(pixels).save(path)


@pytest.fixture
def cub(tmp_path):
    names = {7: "007.Parakeet_Auklet", 100: "100.Brown_Pelican", 101: "101.White_Pelican"}
    rows = [(1, 7), (2, 101), (3, 100), (4, 101)]
    paths = {number: f"{names[label]}/{number:04d}.png" for number, label in rows}
    for path in paths.values():
        save(tmp_path / "images" / path)
    lines = {
        "images.txt": [f"{n} {paths[n]}" for n, _ in rows],
        "image_class_labels.txt": [f"{n} {label}" for n, label in rows],
        "classes.txt": [f"{label} {name}" for label, name in names.items()],
        "bounding_boxes.txt": [f"{n} 10.0 5.0 10.0 10.0" for n, _ in rows],
        "train_test_split.txt": [f"{n} 1" for n, _ in rows],
    }
    for name, own in lines.items():
        (tmp_path / name).write_text("\n".join(own) + "\n")
    return tmp_path


def test_cub_is_divided_by_classes(cub):
    items, labels = cub200("train", cub)
    assert labels == ["007.Parakeet_Auklet", "100.Brown_Pelican"]
    assert [item.name for item in items] == ["0001", "0003"]
    items, labels = cub200("test", cub)
    assert labels == ["101.White_Pelican"] * 2
    assert open_images(items, (20, 30))[0].read([0])[0, 1].min() == 0


def test_boxes_are_what_is_read_of_an_image(cub):
    items, _ = cub200("test", cub, boxes=True)
    assert (open_images(items, (10, 10))[0].read([0])[0, 1] == 200).all()
    (cub / "bounding_boxes.txt").write_text("".join(f"{n} 40 5 10 10\n" for n in range(1, 5)))
    with pytest.raises(ValueError, match="no pixel of its 30 × 20"):
        open_images(cub200("test", cub, boxes=True)[0], (10, 10))


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("images.txt", "1 a.png\nx b.png\n", r"images.txt: line 2 does not parse: 'x b.png'"),
        ("images.txt", "1 a.png b\n", "line 1 does not parse"),
        ("image_class_labels.txt", "1 7\n2 101\n3 100\n", "image 4 is here and not in images.txt"),
        ("classes.txt", "7 a\n100 b\n", "has no class 101"),
        ("classes.txt", None, "no file .*classes.txt"),
    ],
)
def test_damaged_lists_of_cub(cub, file, content, message):
    (cub / file).unlink() if content is None else (cub / file).write_text(content)
    with pytest.raises(ValueError, match=message):
        cub200("train", cub)


NAMES = [f"Car {k}" for k in range(1, 196)] + ["Ram C/V Cargo Van 2012"]


def annotations(rows, field):
    fields = [
        (field, "O"),
        *((corner, "O") for corner in ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2")),
        ("class", "O"),
    ]
    table = np.empty((1, len(rows)), dtype=fields)
    for k, (path, label) in enumerate(rows):
        table[0, k] = (path, 10, 5, 20, 15, label)
    return table


def cell(texts):
    found = np.empty((1, len(texts)), dtype=object)
    found[0] = texts
    return found


@pytest.mark.parametrize("compress", [False, True])
def test_cars_in_one_file(tmp_path, compress):
    rows = [("car_ims/000001.png", 1), ("car_ims/000002.png", 98), ("car_ims/000003.png", 196)]
    for path, _ in rows:
        save(tmp_path / path)
    content = {"annotations": annotations(rows, "relative_im_path"), "class_names": cell(NAMES)}
    scipy.io.savemat(tmp_path / "cars_annos.mat", content, do_compression=compress)
    items, labels = cars196("train", tmp_path)
    assert labels == ["Car 1", "Car 98"] and items[1].id == "car_ims/000002.png"
    items, labels = cars196("test", tmp_path, boxes=True)
    assert labels == ["Ram C-V Cargo Van 2012"]
    assert (open_images(items, (10, 10))[0].read([0])[0, 1] == 200).all()


def test_cars_as_first_published(tmp_path):
    (tmp_path / "devkit").mkdir()
    scipy.io.savemat(tmp_path / "devkit/cars_meta.mat", {"class_names": cell(NAMES)})
    for kind, file, rows in (
        ("train", "cars_train_annos", [("00001.png", 3), ("00002.png", 150)]),
        ("test", "cars_test_annos_withlabels", [("00001.png", 4)]),
    ):
        scipy.io.savemat(tmp_path / f"devkit/{file}.mat", {"annotations": annotations(rows, "fname")})
        for path, _ in rows:
            save(tmp_path / f"cars_{kind}" / path)
    items, labels = cars196("train", tmp_path)
    assert labels == ["Car 3", "Car 4"]
    assert [str(item.source.parent.name) for item in items] == ["cars_train", "cars_test"]
    path = tmp_path / "devkit/cars_train_annos.mat"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"cars_train_annos.mat: .*(cut off|damaged)"):
        cars196("train", tmp_path)
    path.unlink()
    with pytest.raises(ValueError, match="no file"):
        cars196("train", tmp_path)


def test_products_have_kinds(tmp_path):
    header = "image_id class_id super_class_id path\n"
    (tmp_path / "Ebay_train.txt").write_text(
        header
        + "1 1 1 bicycle_final/111_0.JPG\n2 1 1 bicycle_final/111_1.JPG\n3 2 12 toaster_final/2_0.JPG\n"
    )
    items, labels = sop("train", tmp_path)
    assert labels == ["bicycle/1", "bicycle/1", "toaster/2"]
    assert items[2].source == tmp_path / "toaster_final/2_0.JPG"
    (tmp_path / "Ebay_test.txt").write_text("image class\n1 2\n")
    with pytest.raises(ValueError, match="line 1 must be"):
        sop("test", tmp_path)
    (tmp_path / "Ebay_test.txt").write_text(header + "1 1 1\n")
    with pytest.raises(ValueError, match="line 2 does not parse"):
        sop("test", tmp_path)
    with pytest.raises(ValueError, match="split must be"):
        sop("val", tmp_path)
