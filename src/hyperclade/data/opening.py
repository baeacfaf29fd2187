"""What a path is: the one place that asks, and what is said of one that is missing or of no known kind."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Literal

from hyperclade.data.features import SUFFIXES
from hyperclade.data.formats import csv, parquet

ARFF_SUFFIXES = (".arff", ".arff.gz")
IMAGE_SUFFIXES = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"))
MEDIA_SUFFIXES = frozenset(
    (".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".ts", ".webm", ".wmv")
)

#: an image table has the images in it, an image list (CSV) their paths; what a folder holds is the reader's
Kind = Literal["folder", "features", "image table", "image list", "image", "texts", "arff"]
LISTS_IMAGES = ("folder", "image table", "image list")


def what_is(
    path: str | os.PathLike,
    *,
    give: str = "a file or a folder",
    image: str | None = None,
    otherwise: Kind | None = None,
) -> Kind:
    """The kind of data at a path.

    Parameters
    ----------
    path : path
    give : str
        What to give, to say where there is nothing.
    image : str, optional
        The column of Parquet files that has the images, if they are known to have some. By default those with
        encoded images in the column "image" are image tables, and others features.
    otherwise : str, optional
        The kind of files whose suffix says nothing; None refuses them.

    Raises
    ------
    ValueError
        There is nothing, or a file that cannot be read or of no known kind.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "cats.csv")
    ...     _ = path.write_text("path,label\\ntom.jpg,tabby\\n")
    ...     what_is(folder), what_is(path)
    ('folder', 'image list')
    """
    path = existing(path, give)
    if path.is_dir():
        return "folder"
    suffix = path.suffix.lower()
    if suffix == ".parquet" and (image is not None or parquet.has_images(path)):
        return "image table"
    if suffix == ".csv" and "path" in csv.first_row(path)[0]:
        return "image list"
    if suffix in SUFFIXES:
        return "features"
    if suffix in IMAGE_SUFFIXES:
        return "image"
    if suffix == ".txt":
        return "texts"
    if path.name.lower().endswith(ARFF_SUFFIXES):
        return "arff"
    if otherwise is None:
        known = ", ".join((*SUFFIXES, *ARFF_SUFFIXES, ".txt"))
        raise ValueError(f"{path}: {path.suffix!r} is no known kind of data; use {known}, or images")
    return otherwise


def existing(path: str | os.PathLike, give: str) -> Path:
    """The path, if there is something; ValueError, which says what to give, if not."""
    if not Path(path).exists():
        raise ValueError(f"no data {str(path)!r}: give {give}")
    return Path(path)


def files_under(folder: str | os.PathLike, suffixes: Collection[str], what: str) -> list[Path]:
    """Files in a folder with some suffixes, at any depth, sorted by their paths; hidden ones are passed over.

    Raises ValueError where it is no folder, or has no such file; an error calls them `what`.
    """
    (found,) = kinds_under(folder, suffixes)
    if not found:
        raise ValueError(f"no {what} under {folder}: no file ends in {', '.join(sorted(suffixes))}")
    return found


def kinds_under(folder: str | os.PathLike, *kinds: Collection[str]) -> list[list[Path]]:
    """Files as in `files_under`, those of each kind, which is told by suffixes; a kind may have none."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder")
    found: list[list[Path]] = [[] for _ in kinds]
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            for of_kind, suffixes in zip(found, kinds, strict=True):
                if Path(name).suffix.lower() in suffixes and not name.startswith("."):
                    of_kind.append(Path(parent, name))
    return [sorted(of_kind, key=Path.as_posix) for of_kind in found]
