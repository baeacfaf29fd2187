"""Text files: all of one, its lines, or opened, compressed or not."""

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


def text_lines(path: str | os.PathLike) -> tuple[list[str], list[int]]:
    """The lines of a UTF-8 file that are not blank, stripped, and their numbers, from 1.

    Raises ValueError as `read_text` has it, or if no line has text.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "titles.txt").write_text("first\\n\\nthird\\n")
    ...     text_lines(Path(folder, "titles.txt"))
    (['first', 'third'], [1, 3])
    """
    lines = read_text(path).split("\n")
    kept = [(line.strip(), number) for number, line in enumerate(lines, 1) if line.strip()]
    if not kept:
        raise ValueError(f"{path} holds no text")
    return [text for text, _ in kept], [number for _, number in kept]


def listed_words(given: str) -> list[str]:
    """Words between commas, or those in a text file with one on each line.

    Raises
    ------
    ValueError
        There is no such file, where the text is the name of one, or it holds no word.

    Examples
    --------
    >>> listed_words("photo, scan")
    ['photo', 'scan']
    """
    is_file = given != "none" and os.path.isfile(given)
    if not is_file and "," not in given and (given.endswith(".txt") or "/" in given):
        raise ValueError(f"{given}: no such file; give words with commas between them, or a text file")
    words = [word.strip() for word in (read_text(given).splitlines() if is_file else given.split(","))]
    if not any(words):
        raise ValueError(f"{given if is_file else repr(given)} holds no word")
    return [word for word in words if word]


def read_text(path: str | os.PathLike) -> str:
    """All of a UTF-8 file; ValueError if it cannot be read as text."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text ({error}); convert it first") from error
    except OSError as error:
        raise ValueError(f"{path}: not a readable text file ({error})") from error


@contextmanager
def open_text(path: str | os.PathLike) -> Iterator[IO[str]]:
    """A UTF-8 file, compressed where its name ends in ".gz", with line ends as they are.

    Raises ValueError where what is read of it is no such text.
    """
    opening: Any = gzip.open if str(path).lower().endswith(".gz") else open
    try:
        with opening(path, "rt", encoding="utf-8-sig", newline="") as file:
            yield file
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text ({error}); convert it first") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: not a readable gzip file ({error})") from error
