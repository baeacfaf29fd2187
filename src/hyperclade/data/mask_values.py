"""What pixels of masks mean: the class of each value or colour, as options, mappings and CSV files say it."""

import csv
import io
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hyperclade.data.texts import read_text
from hyperclade.trees.taxonomy import Taxonomy

VOID = 255
_VALUES = 1 << 16  # that pixels of a mask can have
_COLOURS = 1 << 24
_SHOWN = 12  # values in a message

Purpose = Literal["learning", "judging", "known"]
Meanings = Mapping[Any, str | None] | str | os.PathLike


@dataclass
class MaskSource:
    """How masks are found, and what their pixels mean.

    Attributes
    ----------
    masks : str or None
        Folder of masks, which makes the data a folder of images with a class for each pixel.
    classes : list of str or None
        Names of the classes, by the values of the masks from the first that is not void; default: those that
        values or palette name, or the leaves of the taxonomy.
    values : mapping, str or None
        Class of each value of the masks, '{1: road, 2: car}', or a CSV file of value,name. A value without
        name is void, one that is not listed refused.
    palette : mapping, str or None
        Class of each colour of masks in colours, '{"128,64,128": road, "#0000ff": car}', or a CSV file of
        r,g,b,name or color,name. A colour without name is void, one that is not listed refused.
    void : int, list of int or None
        Values of the masks without class; default: 255, unless it is a class.
    image_ending : str
        What follows the common part of the names of image and mask, "_leftImg8bit".
    mask_ending : str
        The same of masks, "_gtFine_labelTrainIds".
    """

    masks: str | None = None
    classes: list[str] | None = None
    values: str | dict | None = None
    palette: str | dict | None = None
    void: int | list[int] | None = None
    image_ending: str = ""
    mask_ending: str = ""

    def __post_init__(self) -> None:
        if self.masks is None and (self.values is not None or self.palette is not None):
            raise ValueError("the options values and palette are about masks: give their folder (masks)")

    def reading(self) -> dict[str, Any]:
        """What `mask_listing` takes of it, by keyword."""
        return {
            "classes": self.classes,
            "values": self.values,
            "palette": self.palette,
            "void": self.void,
            "image_ending": self.image_ending,
            "mask_ending": self.mask_ending,
        }


@dataclass(frozen=True, eq=False)
class MaskKey:
    """The class of each value, or of each colour, of masks.

    Attributes
    ----------
    names : k str
        Names of the classes.
    of_code : (65536,) or (16777216,) int16
        Class of each value, or of each colour 0xRRGGBB; `VOID` for pixels without class, -1 for what must not
        occur.
    assumed : bool
        Whether 255 is void only because nobody has said what it is.
    first : int
        The value of the first class where the values before it are void and all others follow in order; else
        0.
    """

    names: tuple[str, ...]
    of_code: np.ndarray
    assumed: bool = False
    first: int = 0

    @property
    def colours(self) -> bool:
        """Whether pixels are told apart by their colours."""
        return len(self.of_code) > _VALUES

    def named(self, code: int) -> str:
        """A value or colour, in words.

        >>> MaskKey(("road",), np.zeros(1 << 24, np.int16)).named(0x0000FF)
        'the colour #0000ff (0,0,255)'
        """
        if not self.colours:
            return f"the value {code}"
        return f"the colour #{code:06x} ({code >> 16},{code >> 8 & 255},{code & 255})"

    def remarks(self) -> tuple[str, ...]:
        """What is to be told of how values are read."""
        if not self.first:
            return ()
        pairs = [f"{code} {self.names[self.of_code[code]]}" for code in self._of_classes().tolist()]
        more = ", …" if len(pairs) > _SHOWN else ""
        return (f"the values before {self.first} being void, classes are {', '.join(pairs[:_SHOWN])}{more}",)

    def check(self, codes: np.ndarray, n: int, purpose: Purpose = "judging") -> None:
        """Raise ValueError where what occurs in n masks says that they are read otherwise than meant.

        That is where all pixels are void; unless what values mean is "known" from others, where without a
        value that is void by default only there is but one class, or where the classes begin behind void
        values and no mask needs that; and for "learning" where there is but one class. `codes` has the values
        or colours that occur, ascending.
        """
        found = self.of_code[codes]
        listed = ", ".join(self.named(code).split()[2] for code in codes[:_SHOWN].tolist())
        listed += ", …" if len(codes) > _SHOWN else ""
        have = f"the {n} masks have the {'colours' if self.colours else 'values'} {listed or '(none)'}"
        say = "the palette" if self.colours else "the option values"
        present = np.unique(found[found != VOID])
        if not len(present):
            raise ValueError(
                f"all pixels of {n} masks are void, so every class is empty: {have}; name their "
                f"classes by {say}"
            )
        if purpose == "known":
            return
        only = self.names[present[0]]
        if len(present) == 1 and self.assumed and VOID in codes:
            value = int(codes[found != VOID][0])
            raise ValueError(
                f"{have}, of which {VOID} is void by default, so that all others are {only!r}: say what "
                f"{VOID} is, a class by the option values ({{{value}: {only}, {VOID}: …}}) or void by the "
                f"option void ({VOID})"
            )
        last = int(self._of_classes()[-1])
        if self.first and codes[found != VOID].max() <= last - self.first:
            raise ValueError(
                f"{have}: the values before {self.first} being void, classes have {self.first} to {last}, of "
                f"which the last, {self.names[self.of_code[last]]!r}, would be empty; if the first, "
                f"{self.names[0]!r}, is the void one, leave it out of the classes; else give the class of "
                "each value (the option values)"
            )
        if len(present) == 1 and purpose == "learning":
            raise ValueError(
                f"{have}, which leave one class, {only!r}, so that there is nothing to learn; check what is "
                f"void, and the classes, by {say}"
            )

    def _of_classes(self) -> np.ndarray:
        """Values or colours of classes, ascending."""
        return np.flatnonzero((self.of_code >= 0) & (self.of_code != VOID))


def mask_key(
    taxonomy: Taxonomy,
    *,
    classes: Sequence[str] | None = None,
    values: Meanings | None = None,
    palette: Meanings | None = None,
    void: int | Sequence[int] | None = None,
) -> tuple[np.ndarray, MaskKey]:
    """The node of each class, `(k,) int64`, and what pixels of masks mean.

    Parameters are those of `MaskSource`. Without `classes` the classes that `values` or `palette` name stand
    in the order of the taxonomy.

    Raises
    ------
    ValueError
        Values or colours that are none, that have two meanings or an unknown class; names file and line.

    Examples
    --------
    >>> streets = Taxonomy.from_paths(["road", "sky"])
    >>> nodes, key = mask_key(streets, void=0)
    >>> nodes.tolist(), key.of_code[:4].tolist()
    ([0, 1], [255, 0, 1, -1])
    >>> mask_key(streets, values={7: "sky", 255: "road"})[1].of_code[[7, 255]].tolist()
    [1, 0]
    """
    if palette is not None:
        if values is not None:
            raise ValueError("masks have values or colours: give one of the options values and palette")
        if void is not None:
            raise ValueError(
                "the option void is about values; a colour without class has no name in the palette"
            )
        meanings, code_of, size = _meanings(palette, "palette", ("r", "g", "b"), _colour), "colour", _COLOURS
    else:
        meanings, code_of, size = _meanings(values, "values", ("value",), _value), "value", _VALUES
    named = dict.fromkeys(name for name in meanings.values() if name is not None)
    for name in named:
        taxonomy.index(name)  # raises
    if classes is None:
        leaves = [taxonomy.names[leaf] for leaf in taxonomy.leaves]
        classes = sorted(named, key=taxonomy.index) if meanings else leaves
    names = tuple(dict.fromkeys(classes))
    nodes = np.array([taxonomy.index(name) for name in names], dtype=np.int64)
    if not names:
        raise ValueError(f"no {code_of} of the masks has a class; name one")
    if len(names) > VOID:
        raise ValueError(f"{len(names)} classes; masks can have up to {VOID}")
    no_class, first = _void_values(void), 0
    if not meanings:
        while first in no_class:
            first += 1
        meanings = dict(enumerate(classes, first))
    assumed = palette is None and void is None and VOID not in meanings
    of_code = np.full(size, -1, dtype=np.int16)
    if palette is None:
        of_code[no_class] = VOID
    for code, given in meanings.items():
        if given is not None and void is not None and code in no_class:
            raise ValueError(
                f"value {code} of class {given!r} is void; give the class of each value (the option values)"
            )
        if given is not None and given not in names:
            raise ValueError(f"class {given!r} of the {code_of}s is none of the classes {', '.join(names)}")
        of_code[code] = VOID if given is None else names.index(given)
    return nodes, MaskKey(names, of_code, assumed, first)


def named_classes(values: Meanings | None, palette: Meanings | None) -> list[str]:
    """Names of the classes that values or colours have, in order; none where neither is given.

    >>> named_classes({3: "sky", 5: None, 4: "road", 9: "sky"}, None)
    ['sky', 'road']
    """
    found = _meanings(palette, "palette", ("r", "g", "b"), _colour)
    found |= _meanings(values, "values", ("value",), _value)
    return list(dict.fromkeys(name for name in found.values() if name is not None))


def _void_values(void: int | Sequence[int] | None) -> list[int]:
    given = (VOID,) if void is None else (void,) if isinstance(void, int | np.integer) else tuple(void)
    wrong = [value for value in given if not 0 <= value < _VALUES]
    if wrong:
        raise ValueError(f"void value {wrong[0]} is not in 0..{_VALUES - 1}, as values of masks are")
    return [int(value) for value in given]


def _meanings(given: Meanings | None, option: str, columns: tuple[str, ...], read: Any) -> dict[int, Any]:
    """Name of the class (None for void) of each value or colour, from a mapping, its text or a CSV file."""
    if given is None:
        return {}
    if isinstance(given, str) and given.lstrip().startswith("{"):
        import yaml

        try:
            given = yaml.safe_load(given)
        except yaml.YAMLError as error:
            raise ValueError(f"the option {option} is no mapping: {' '.join(str(error).split())}") from error
    if isinstance(given, Mapping):
        where = f"the option {option}"
        entries = [(f"{where}: {key!r}", key, name) for key, name in given.items()]
    else:
        where = str(given)
        entries = _csv_entries(Path(given), option, columns)
    if not entries:
        raise ValueError(f"{where} names no class")
    found: dict[int, Any] = {}
    for place, key, name in entries:
        if name is not None and not isinstance(name, str):
            raise ValueError(f"{place} has the class {name!r}, which is no name; put names in quotes")
        code, name = read(key, place), name or None
        if code in found and found[code] != name:
            raise ValueError(f"{place} has two classes, {found[code]!r} and {name!r}; keep one")
        found[code] = name
    return found


def _csv_entries(path: Path, option: str, columns: tuple[str, ...]) -> list[tuple[str, Any, str | None]]:
    """(place, value or colour, name) of each line of a CSV file with a header."""
    if not path.is_file():
        raise ValueError(f"the option {option}: {path} is no file; it takes a mapping or a CSV file")
    try:
        reader = csv.reader(io.StringIO(read_text(path), newline=""))
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(row)]
    except csv.Error as error:
        raise ValueError(f"{path}: cannot be read as comma-separated values ({error})") from error
    header = ["color" if cell.lower() == "colour" else cell.lower() for cell in rows[0][1]] if rows else []
    if "color" in header and len(columns) > 1:
        columns = ("color",)
    if any(header.count(column) != 1 for column in (*columns, "name")):
        need = " or ".join(["color,name"] * (option == "palette") + [",".join((*columns, "name"))])
        raise ValueError(f"{path}: the first line must have the columns {need}, once each")
    entries: list[tuple[str, Any, str | None]] = []
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise ValueError(f"{path}: line {line} has {len(row)} cells, the first line {len(header)}")
        key = ",".join(row[header.index(column)] for column in columns)
        entries.append((f"{path}: line {line}", key, row[header.index("name")]))
    return entries


def _value(key: Any, place: str) -> int:
    text = str(key).strip()
    if isinstance(key, bool) or not re.fullmatch(r"[0-9]{1,9}", text) or int(text) >= _VALUES:
        raise ValueError(f"{place}: {text} is no value of masks, which are whole numbers 0..{_VALUES - 1}")
    return int(text)


def _colour(key: Any, place: str) -> int:
    text = str(key).strip()
    if re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        return int(text[1:], 16)
    parts = re.fullmatch(r"([0-9]{1,3})\s*,\s*([0-9]{1,3})\s*,\s*([0-9]{1,3})", text)
    if parts is None or max(map(int, parts.groups())) > VOID:
        raise ValueError(
            f'{place}: {text} is no colour; write red, green and blue as "128,64,128" or "#804080", in quotes'
        )
    red, green, blue = map(int, parts.groups())
    return red << 16 | green << 8 | blue
