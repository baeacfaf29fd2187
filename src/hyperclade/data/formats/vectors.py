"""Vectors as text: in the cells of a table, "[0.1, 0.2]", and in files of word vectors, "cat 0.1 0.2"."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from hyperclade.data.formats.rows import Asked, Read, refuse_choice
from hyperclade.data.texts import open_text

SUFFIXES = (".vec", ".vec.gz", ".txt")
_VECTOR = re.compile(r"\s*[\[(][-+.,;\s\deEnaif]*[\])]\s*")
_MARKS = str.maketrans("[](),;", "      ")
_PEEKED_LINES = 20
_FEWEST_NUMBERS = 2
_ROWS = 4096


def read(path: Path, asked: Asked) -> Read:
    """Words and their vectors; rows of numbers alone have no words.

    The first line may say how many rows and numbers there are, as word2vec and fastText write it.
    """
    refuse_choice(path, asked)
    with open_text(path) as file:
        lines = (line for line in file if line.strip())
        first, second = next(lines, ""), next(lines, "")
        counts = _is_size(first, second)
        head = [second] if counts else [line for line in (first, second) if line]
        head += islice(lines, _PEEKED_LINES)
        bare = all(_all_numbers(line.split()) for line in head)
        d = _usual_width([line.split() for line in head]) - (not bare)
        if d < 1:
            raise ValueError(f"{path}: no rows of words and numbers")
        words: list[str] = []
        parts: list[np.ndarray] = []
        start = 2 if counts else 1
        for block in _blocks([*head], lines):
            split = [line.split() if bare else line.rstrip().rsplit(maxsplit=d) for line in block]
            words += [row[0] for row in split] if not bare else []
            parts.append(_matrix([row if bare else row[1:] for row in split], d, f"{path}: row {{}}", start))
            start += len(block)
    features = np.concatenate(parts).astype(np.float32)
    if counts and features.shape != tuple(map(int, first.split())):
        raise ValueError(
            f"{path}: {features.shape[0]} × {features.shape[1]} numbers, its first line says {first.strip()}"
        )
    return Read(features, {} if bare else {"name": np.array(words, dtype=object)}, set())


def is_file(path: Path) -> bool:
    """Whether a text file has vectors: a word, or none, and as many numbers in all of its first lines."""
    try:
        with open_text(path) as file:
            lines = [line.split() for line in islice((line for line in file if line.strip()), _PEEKED_LINES)]
    except ValueError:
        return False
    if len(lines) > 1 and _is_size(" ".join(lines[0]), " ".join(lines[1])):
        lines = lines[1:]
    if len(lines) < 2:
        return False
    bare = all(map(_all_numbers, lines))
    width = _usual_width(lines)
    d = width - (not bare)
    usual = sum(len(cells) == width for cells in lines)
    return (
        d >= _FEWEST_NUMBERS
        and (usual == len(lines) or (2 * usual > len(lines) and not bare))
        and all(len(cells) >= width and _all_numbers(cells[-d:]) for cells in lines)
    )


def are_texts(cells: Iterable[str]) -> bool:
    """Whether cells are vectors in brackets, all of them."""
    return all(_VECTOR.fullmatch(cell) is not None for cell in cells)


def of_texts(cells: Sequence[str], place: str) -> np.ndarray:
    """Vectors `(n, d) float64` of n cells; ValueError names the row of one that differs, put into `place`."""
    d = len(cells[0].translate(_MARKS).split())
    return np.concatenate(
        [
            _matrix(
                [cell.translate(_MARKS).split() for cell in cells[start : start + _ROWS]], d, place, start
            )
            for start in range(0, len(cells), _ROWS)
        ]
    )


def _matrix(rows: list[list[str]], d: int, place: str, start: int) -> np.ndarray:
    for k, row in enumerate(rows):
        if len(row) != d:
            raise ValueError(f"{place.format(start + k)} has {len(row)} numbers, the first {d}")
    try:
        return np.array(rows, dtype=np.float64)
    except ValueError:
        wrong = next(k for k, row in enumerate(rows) if not _all_numbers(row))
        cell = next(cell for cell in rows[wrong] if not _all_numbers([cell]))
        raise ValueError(f"{place.format(start + wrong)} has {cell!r}, which is no number") from None


def _blocks(head: list[str], lines: Iterable[str]) -> Iterable[list[str]]:
    yield head
    while block := list(islice(lines, _ROWS)):
        yield block


def _usual_width(lines: Sequence[list[str]]) -> int:
    """The most frequent number of cells; some words have blanks in them."""
    counts = Counter(map(len, lines))
    return max(counts, key=lambda width: (counts[width], -width), default=0)


def _is_size(first: str, second: str) -> bool:
    """Whether a first line tells the numbers of rows and of columns, the next being of so many."""
    cells = first.split()
    return len(cells) == 2 and all(map(str.isdecimal, cells)) and len(second.split()) == int(cells[1]) + 1


def _all_numbers(cells: Sequence[str]) -> bool:
    try:
        list(map(float, cells))
    except ValueError:
        return False
    return not any("_" in cell for cell in cells)
