"""Data sets of metric learning in the formats in which they are published: images with classes, listed.

| listed by | classes to train with, to judge by | superclasses |
|---|---|---|
| `cub200` | 100, 100 of birds | – |
| `cars196` | 98, 98 of cars | – |
| `sop` | 11,318, 11,316 of products | 12 |

The root of each is, by default, its folder in the data folder (`data_home`): "cub200", "cars196", "sop".
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from hyperclade.data.formats import mat
from hyperclade.data.images import ImageItem
from hyperclade.data.samples import check_choice, data_file

Listed = tuple[list[ImageItem], list[str]]  # images, and the path of each one's class


def cub200(split: str, root: str | os.PathLike | None = None, *, boxes: bool = False) -> Listed:
    """CUB-200-2011: "train" has classes 1–100, "test" the others.

    Parameters
    ----------
    split : str
    root : path, optional
        Folder with images.txt (id, path), image_class_labels.txt (id, class), classes.txt (class, name),
        bounding_boxes.txt (id, x, y, width, height) and images/CLASS/FILE.jpg.
    boxes : bool
        Only what lies in the boxes of the birds.

    Raises
    ------
    ValueError
        No such file, a line that does not parse, an id of one file that another lacks; names file and line.
    FileNotFoundError
        No `root` is given, and the data folder has none.
    """
    check_choice("split", split, ("train", "test"))
    root = _root(root, "cub200")
    paths = dict(_lines(root / "images.txt", lambda number, path: (int(number), path)))
    kind = dict(_lines(root / "image_class_labels.txt", lambda number, label: (int(number), int(label))))
    names = dict(_lines(root / "classes.txt", lambda label, name: (int(label), name)))
    _same_ids(root / "image_class_labels.txt", kind, paths)
    around: dict[int, tuple[float, ...]] = {}
    if boxes:
        around = dict(
            _lines(
                root / "bounding_boxes.txt",
                lambda number, x, y, w, h: (
                    int(number),
                    (float(x), float(y), float(x) + float(w), float(y) + float(h)),
                ),
            )
        )
        _same_ids(root / "bounding_boxes.txt", around, paths)
    unknown = sorted(set(kind.values()) - names.keys())
    if unknown:
        raise ValueError(f"{root / 'classes.txt'} has no class {unknown[0]}")
    chosen = [number for number in paths if (kind[number] <= 100) == (split == "train")]
    folder = root / "images"
    items = [_item(folder, paths[number], names[kind[number]], around.get(number)) for number in chosen]
    return items, [item.label for item in items]  # type: ignore[misc]


def cars196(split: str, root: str | os.PathLike | None = None, *, boxes: bool = False) -> Listed:
    """Cars196: "train" has classes 1–98, "test" the others.

    Parameters
    ----------
    split : str
    root : path, optional
        Folder with cars_annos.mat (annotations, class_names) and the images that it names, car_ims/ID.jpg; or
        as published first, with devkit/cars_train_annos.mat, cars_test_annos_withlabels.mat and
        cars_meta.mat, and images in cars_train/ and cars_test/.
    boxes : bool
        Only what lies in the boxes of the cars.

    Raises
    ------
    ValueError
        No such file, or one that is damaged or lacks a field; names it.
    FileNotFoundError
        No `root` is given, and the data folder has none.
    """
    check_choice("split", split, ("train", "test"))
    root = _root(root, "cars196")
    if (root / "cars_annos.mat").exists():
        sources = [(root / "cars_annos.mat", root, "relative_im_path")]
        titles = root / "cars_annos.mat"
    else:
        kit = root / "devkit"
        sources = [(kit / "cars_train_annos.mat", root / "cars_train", "fname")]
        sources += [(kit / "cars_test_annos_withlabels.mat", root / "cars_test", "fname")]
        titles = kit / "cars_meta.mat"
    names = _of_matlab(titles, mat.read_texts, "class_names")
    items = []
    for path, folder, field in sources:
        rows = _of_matlab(path, mat.read_table, "annotations")
        needed = {field, "class", *(_CORNERS if boxes else ())}
        if rows and (missing := sorted(needed - rows[0].keys())):
            raise ValueError(f"{path}: annotations lack {', '.join(missing)}")
        for row in rows:
            number = int(row["class"])
            if not 1 <= number <= len(names):
                raise ValueError(f"{path}: {row[field]} has class {number} of {len(names)}")
            if (number <= 98) == (split == "train"):
                box = tuple(float(row[corner]) for corner in _CORNERS) if boxes else None
                name = names[number - 1].replace("/", "-")  # "Ram C/V …" is one name
                items.append(_item(folder, str(row[field]), name, box))
    return items, [item.label for item in items]  # type: ignore[misc]


def sop(split: str, root: str | os.PathLike | None = None) -> Listed:
    """Stanford Online Products: photographs of 22,634 products of 12 kinds, half of them to train with.

    Parameters
    ----------
    split : str
        "train" (Ebay_train.txt) or "test" (Ebay_test.txt).
    root : path, optional
        Folder with these lists (image_id class_id super_class_id path, below a header) and the images that
        they name, KIND_final/FILE.JPG.

    Raises
    ------
    ValueError
        No such file or a line that does not parse; names file and line.
    FileNotFoundError
        No `root` is given, and the data folder has none.
    """
    check_choice("split", split, ("train", "test"))
    root = _root(root, "sop")

    def parsed(_: str, label: str, __: str, path: str) -> tuple[str, str]:
        kind = path.partition("/")[0].removesuffix("_final")
        return path, f"{kind}/{int(label)}"

    rows = list(_lines(root / f"Ebay_{split}.txt", parsed, header="image_id class_id super_class_id path"))
    items = [_item(root, path, label.rpartition("/")[2], None) for path, label in rows]
    return items, [label for _, label in rows]


_CORNERS = ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2")


def _item(folder: Path, path: str, label: str, box: tuple[float, ...] | None) -> ImageItem:
    item = ImageItem(path, label, Path(path).stem, folder / path)
    return item if box is None else replace(item, box=(box[0], box[1], box[2], box[3]))


def _root(root: str | os.PathLike | None, name: str) -> Path:
    return data_file(name) if root is None else Path(root)


def _lines(path: Path, parse: Callable[..., tuple], *, header: str | None = None) -> Iterator[tuple]:
    """What `parse` makes of the fields of each line; ValueError names a line with which it cannot."""
    if not path.is_file():
        raise ValueError(f"no file {path}")
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        if header is not None:
            if line.split() != header.split():
                raise ValueError(f"{path}: line 1 must be {header!r}, got {line!r}")
            header = None
            continue
        try:
            yield parse(*line.split())
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: line {number} does not parse: {line!r}") from error


def _same_ids(path: Path, found: Mapping[int, object], wanted: Mapping[int, str]) -> None:
    if other := sorted(found.keys() ^ wanted.keys()):
        raise ValueError(f"{path}: image {other[0]} is here and not in images.txt, or the other way round")


def _of_matlab(path: Path, read: Callable[[Path, str], list], variable: str) -> list:
    if not path.is_file():
        raise ValueError(f"no file {path}")
    try:
        return read(path, variable)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
