"""Texts of figures: plain, never mathematics, in installed fonts that have their letters."""

import logging
import os
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager, get_font
from matplotlib.text import Text

from hyperclade.hierarchy.naming import plain
from hyperclade.progress import Say

BOX = "□"
_BASE = "DejaVu Sans"  # comes with matplotlib
# Symbols of mathematics under codes of their own, boxes for every letter, pictures of fixed size.
_NO_LETTERS = re.compile(r"cm[a-z]+\d+$|STIX(Size|NonUni)|Last ?Resort|.*Colou?r Emoji", re.IGNORECASE)
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")  # choose a form of the letter before
_SCRIPTS = {"CJK": "Chinese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean"}


class Lettering:
    """Fonts for the texts of a figure; letters that none has stand as □.

    Other fonts than matplotlib's own are looked at only for letters that it lacks.

    Parameters
    ----------
    texts : iterable of str
        All that will be written.

    Attributes
    ----------
    families : list of str
        Names of fonts, in the order in which they are asked for a letter.

    Examples
    --------
    >>> letters = Lettering(["barn owl", "$x$"])
    >>> letters.families, letters.shown("$x$\\x1b \\u202eone\\ntwo")
    (['DejaVu Sans'], '$x$ one\\ntwo')
    """

    def __init__(self, texts: Iterable[str]) -> None:
        letters = {letter for text in texts for letter in set(_lines(text))} - {"\n", " "}
        self.families, self._absent = _fonts_for(letters)
        self._boxed: dict[Text, set[str]] = {}

    def shown(self, text: str) -> str:
        """A text, its lines kept, as it can be drawn."""
        text = _lines(text)
        if not self._absent:
            return text
        return re.sub(f"{BOX}{{2,}}", BOX, "".join(BOX if c in self._absent else c for c in text))

    def write(self, on: Axes | Figure, x: float, y: float, text: str, **options: Any) -> Text:
        """Add a text to axes or a figure, with any options of `Axes.text`."""
        made = on.text(x, y, self.shown(text), fontfamily=self.families, parse_math=False, **options)
        if absent := self._absent & set(_lines(text)):
            self._boxed[made] = absent
        return made

    def tell(self, say: Say | None, path: str | os.PathLike) -> None:
        """Say what is boxed in a figure, of the texts that have not been removed; nothing if nothing is."""
        boxed = [absent for text, absent in self._boxed.items() if text.get_figure() is not None]
        if say is None or not boxed:
            return
        scripts = ", ".join(sorted({_script(letter) for letter in set().union(*boxed)}))
        count = "1 text has" if len(boxed) == 1 else f"{len(boxed):,} texts have"
        say(
            f"warning: {Path(path).name}: {count} letters that no installed font has ({scripts}), "
            f"drawn as {BOX}; install a font that has them, one of Noto's for instance"
        )


def _lines(text: str) -> str:
    return "\n".join(plain(_SELECTORS.sub("", line)) for line in text.split("\n"))


def _fonts_for(letters: set[str]) -> tuple[list[str], set[str]]:
    """Families that have the letters together, each the one with most of those left, and letters of none."""
    families = [_BASE]
    absent = {letter for letter in letters if ord(letter) not in _letters_of_family(_BASE)}
    files: dict[str, str] = {}
    if absent:
        # Of fonts of one weight matplotlib says for every text that it lacks the weight.
        logging.getLogger("matplotlib.font_manager").addFilter(_says_more)
        files = _families()
    while absent and files:
        codes = {ord(letter) for letter in absent}
        counts = {family: len(codes & _letters_of_file(file)) for family, file in files.items()}
        family = min(files, key=lambda family: (-counts[family], _rank(family)))
        if not counts[family]:
            break
        del files[family]
        if had := {letter for letter in absent if ord(letter) in _letters_of_family(family)}:
            families.append(family)
            absent -= had
    return families, absent


def _says_more(record: logging.LogRecord) -> bool:
    return not record.msg.startswith("findfont: Failed to find font weight")


def _rank(family: str) -> tuple[bool, bool, str]:
    """Of fonts with as many letters plain ones come first."""
    special = re.search("mono|serif|mincho|ming|song|batang", family, re.IGNORECASE)
    return special is not None and "sans" not in family.lower(), "mono" in family.lower(), family


def _families() -> dict[str, str]:
    """The installed families, each with its upright file of medium weight."""
    _add_new_fonts()
    found: dict[str, tuple[float, str]] = {}
    for font in fontManager.ttflist:
        if font.style == "normal" and font.name != _BASE and not _NO_LETTERS.match(font.name):
            weight = font.weight
            if isinstance(weight, str):
                weight = font_manager.weight_dict.get(weight, 400)
            found[font.name] = min(found.get(font.name, (1e9, "")), (abs(weight - 400), str(font.fname)))
    return {family: file for family, (_, file) in sorted(found.items())}


@cache
def _add_new_fonts() -> None:
    """Fonts that were installed after matplotlib listed them."""
    known = {str(font.fname) for font in fontManager.ttflist}
    for file in sorted({*font_manager.findSystemFonts()} - known):
        try:
            fontManager.addfont(file)
        except Exception:  # a damaged font can raise anything, and is no font
            continue


@cache
def _letters_of_family(family: str) -> frozenset[int]:
    """Codes of the letters that a family has both upright and bold."""
    upright, bold = (FontProperties(family=family, weight=weight) for weight in ("normal", "bold"))
    return _letters_of_file(font_manager.findfont(upright)) & _letters_of_file(font_manager.findfont(bold))


@cache
def _letters_of_file(file: str) -> frozenset[int]:
    """Codes of the letters of a font that can be drawn at any size."""
    try:
        font = get_font(file)
        return frozenset(font.get_charmap() if font.scalable else ())
    except (OSError, RuntimeError):
        return frozenset()


def _script(letter: str) -> str:
    """What people call the writing that a letter belongs to."""
    if 0x1F000 <= ord(letter) <= 0x1FAFF:
        return "emoji"
    first = unicodedata.name(letter, "unnamed").partition(" ")[0]
    return _SCRIPTS.get(first, first.capitalize())
