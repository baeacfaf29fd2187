"""What a path is: the one place that asks, and what is said of one that is missing or of no known kind."""

import os
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

from hyperclade.data.features import SUFFIXES, suffix_of
from hyperclade.data.formats import csv, parquet, vectors
from hyperclade.progress import counted

ARFF_SUFFIXES = (".arff", ".arff.gz")
#: of images that Pillow reads, some with a plugin or where it was built with their libraries
IMAGE_SUFFIXES = frozenset(
    (
        ".avif", ".bmp", ".gif", ".heic", ".heif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".jxl",
        ".pbm", ".pgm", ".png", ".ppm", ".tga", ".tif", ".tiff", ".webp",
    )
)  # fmt: skip
MEDIA_SUFFIXES = frozenset(
    (".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".ts", ".webm", ".wmv")
)
SOUND_SUFFIXES = frozenset(
    (".aac", ".aif", ".aiff", ".flac", ".m4a", ".mp3", ".oga", ".ogg", ".opus", ".wav", ".wma")
)

LIST_SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz")

#: an image table has the images in it, an image list (CSV) their paths; what a folder holds is the reader's
Kind = Literal["folder", "features", "image table", "image list", "image", "texts", "arff"]
LISTS_IMAGES = ("folder", "image table", "image list")
_MOST_SUFFIXES = 8


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
        if not _holds_tables(path):
            return "folder"
        return "image table" if image is not None or parquet.has_images(path) else "features"
    suffix = suffix_of(path)
    if suffix == ".parquet" and (image is not None or parquet.has_images(path)):
        return "image table"
    if suffix in LIST_SUFFIXES and "path" in csv.first_row(path):
        return "image list"
    if suffix in SUFFIXES or (suffix == ".txt" and vectors.is_file(path)):
        return "features"
    if suffix in IMAGE_SUFFIXES:
        return "image"
    if suffix == ".txt":
        return "texts"
    if suffix in ARFF_SUFFIXES:
        return "arff"
    if otherwise is None:
        known = ", ".join((*SUFFIXES, *ARFF_SUFFIXES, ".txt"))
        raise ValueError(f"{path}: {suffix!r} is no known kind of data; use {known}, or images")
    return otherwise


def existing(path: str | os.PathLike, give: str) -> Path:
    """The path, if there is something; ValueError, which says what to give, if not."""
    if not Path(path).exists():
        raise ValueError(f"no data {str(path)!r}: give {give}")
    return Path(path)


def files_under(folder: str | os.PathLike, suffixes: Collection[str], what: str) -> list[Path]:
    """Files in a folder with some suffixes, at any depth, sorted by their paths.

    Links are followed, but for those that lead back to a folder they lie in; those that lead to nothing are
    files like others, which cannot be read. Hidden files and folders are passed over. Raises ValueError where
    it is no folder, or has no such file; an error calls them `what`.
    """
    (found,) = kinds_under(folder, suffixes)
    if not found:
        others = passed_over(folder, suffixes)
        raise ValueError(
            f"no {what} under {folder}: no file ends in {', '.join(sorted(suffixes))}"
            + (f" ({others})" if others else "")
        )
    return found


def kinds_under(folder: str | os.PathLike, *kinds: Collection[str]) -> list[list[Path]]:
    """Files as in `files_under`, those of each kind, which is told by suffixes; a kind may have none."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder")
    found: list[list[Path]] = [[] for _ in kinds]
    for path in _walk(folder):
        for of_kind, suffixes in zip(found, kinds, strict=True):
            if path.suffix.lower() in suffixes:
                of_kind.append(path)
    return [sorted(of_kind, key=Path.as_posix) for of_kind in found]


def passed_over(folder: str | os.PathLike, suffixes: Collection[str]) -> str | None:
    """How many files in a folder have other suffixes, and which; None if there are none, or it is no folder.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("a.jpg", "b.psd", "c.psd", "notes"):
    ...         Path(folder, name).touch()
    ...     passed_over(folder, IMAGE_SUFFIXES)
    '3 files passed over: 2 .psd, 1 without a suffix'
    """
    if not Path(folder).is_dir():
        return None
    counts = Counter(path.suffix.lower() for path in _walk(Path(folder)))
    others = [(count, suffix) for suffix, count in counts.items() if suffix not in suffixes]
    if not others:
        return None
    told = [
        f"{count:,} {suffix or 'without a suffix'}"
        for count, suffix in sorted(others, key=lambda own: (-own[0], own[1]))
    ]
    more = f" and {len(told) - _MOST_SUFFIXES} more kinds" if len(told) > _MOST_SUFFIXES else ""
    n = sum(count for count, _ in others)
    return f"{counted(n, 'file')} passed over: {', '.join(told[:_MOST_SUFFIXES])}{more}"


def _walk(folder: Path) -> Iterator[Path]:
    """All files in a folder, at any depth, that are not hidden; links that lead back are not followed."""
    waiting: list[tuple[Path, frozenset[tuple[int, int]]]] = [(folder, frozenset())]
    while waiting:
        parent, above = waiting.pop()
        status = parent.stat()
        above |= {(status.st_dev, status.st_ino)}
        with os.scandir(parent) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                path = Path(parent, entry.name)
                if not entry.is_dir():
                    yield path
                    continue
                status = entry.stat()
                if (status.st_dev, status.st_ino) not in above:
                    waiting.append((path, above))


def _holds_tables(folder: Path) -> bool:
    """Whether there are Parquet files, and no images."""
    found = False
    for path in _walk(folder):
        suffix = path.suffix.lower()
        if suffix in IMAGE_SUFFIXES:
            return False
        found |= suffix == ".parquet"
    return found
