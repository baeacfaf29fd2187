"""Words in names of samples that may stand for many: no extensions, digits of ids or stop words."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files

import numpy as np

from hyperclade.environment import IntArray

_EXTENSION = re.compile(
    r"(?:\.(?:"
    "png|apng|jpe?g|jpe|jfif|jp2|gif|bmp|dib|tiff?|webp|svg|p[bgnp]m|hei[cf]|avif|ico|raw|cr2|nef|arw|dng|psd"
    "|tga|exr|hdr|dcm|nii"
    "|wave?|mp3|flac|og[ag]|opus|m4a|aac|aiff?|aifc|wma|midi?|au"
    "|mp4|m4v|mov|avi|mkv|webm|mpe?g|wmv|flv|3gp|ogv|ts"
    "|te?xt|md|rst|csv|tsv|jsonl?|xml|html?|ya?ml|pdf|docx?|odt|rtf|epub|srt"
    "|np[yz]|parquet|arrow|feather|mat|arff|pth?|safetensors|hdf5|h5|pkl|pickle|tfrecord"
    "|gz|bz2|xz|zst|zip|tar|tgz|7z|rar"
    r"))+\s*$"
)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ELIDED = re.compile(r"^(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|all|dall|dell|nell|sull|un)'(?=..)|'s$")
_NUMBERED = re.compile(r"(?:\d{3,})?(\D{2,})(?:\d{3,})?")
_OF_CAMERAS = frozenset(("img", "dsc", "dscn", "dscf", "imgp", "mvi", "pxl", "gopr"))
_HEX = re.compile(r"[0-9a-f]{8,}")
_CHANGE = re.compile(r"(?<=\d)(?=\D)|(?<=\D)(?=\d)")
_LEAST_MIXED, _MOST_CHANGES = 6, 2  # characters, and changes between letters and digits, of what is no hash
_HIRAGANA, _KATAKANA = "\u3041-\u309f", "\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
_HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNSPACED = re.compile(f"[{_HIRAGANA}{_KATAKANA}{_HAN}]+")
_UNIT = re.compile(f"[{_HIRAGANA}]+|[{_KATAKANA}]+|[{_HAN}]")
_GLUE = re.compile(f"[{_HIRAGANA}]")
_MOST_UNITS = 6
_LONGEST_PHRASE = 12  # characters written without blanks that are taken for one word


class NameWords:
    """The words that at least two of some names hold, each once a name.

    Known file extensions at the end of a name, words that are mostly digits or look like hashes, numbers of
    three digits and more at either end of a word, what cameras call pictures (IMG, DSC, …), and stop words
    are left out. Chinese and Japanese, written without blanks, count as every stretch of a few characters.

    Parameters
    ----------
    names : n str
    stop_words : sequence of str, optional
        Words to leave out beside the built-in ones; with "none" among them, instead of these.

    Attributes
    ----------
    vocabulary : list of str
        Words in lower case, in the order in which ties are broken: alphabetical, after stretches of Chinese
        and Japanese, the longest of which comes first.
    pointer, codes : (n+1,), (c,) int64
        The words of name k are ``codes[pointer[k]:pointer[k+1]]``, numbers in the vocabulary.

    Raises
    ------
    ValueError
        If stop words are one text.

    Examples
    --------
    >>> words = NameWords(["The_barn_owl.png", "owl0001.jpg", "owl of the barn", "photo 7f3a9c21"])
    >>> words.vocabulary, words.codes.tolist(), words.pointer.tolist()
    (['barn', 'owl'], [0, 1, 1, 1, 0], [0, 2, 3, 5, 5])
    >>> NameWords(["黒い柴犬", "柴犬の写真"]).vocabulary
    ['柴犬']
    """

    def __init__(self, names: Sequence[str], stop_words: Sequence[str] | None = None) -> None:
        stopped = _stop_words(stop_words)
        known: dict[str, int] = {}
        found: list[int] = []
        ends = [0]
        for name in names:
            for word in dict.fromkeys(_words(name)):
                if word not in stopped:
                    found.append(known.setdefault(word, len(known)))
            ends.append(len(found))
        codes, pointer = np.array(found, dtype=np.int64), np.array(ends)
        shared = np.bincount(codes, minlength=len(known)) >= 2
        kept = [word for word, several in zip(known, shared.tolist(), strict=True) if several]
        self.vocabulary = sorted(kept, key=lambda word: (-len(word) if _UNSPACED.match(word) else 0, word))
        self._code = {word: code for code, word in enumerate(self.vocabulary)}
        rank = np.full(len(known), -1)
        rank[[known[word] for word in self.vocabulary]] = np.arange(len(kept))
        codes = rank[codes]
        self.pointer: IntArray = np.r_[0, np.cumsum(codes >= 0)][pointer].astype(np.int64)
        self.codes: IntArray = codes[codes >= 0].astype(np.int64)

    def parts(self, word: str) -> list[int]:
        """Numbers of the words that a word of the vocabulary holds, itself among them."""
        return [self._code[part] for part in dict.fromkeys(_words(word)) if part in self._code]


def words_in(text: str) -> list[str]:
    """Words of a text in lower case, whatever they mean; of Chinese and Japanese all between blanks.

    >>> words_in("L'eau,  IMG_01")
    ["l'eau", 'img', '01']
    """
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    plain = plain.lower().replace("’", "'")
    if plain.isascii():
        return _word_pattern("").findall(plain)
    # Invisible characters, such as soft hyphens, are in no word.
    hidden = {ord(letter) for letter in set(plain) if unicodedata.category(letter) == "Cf"}
    return _word_pattern(_marks()).findall(plain.translate(dict.fromkeys(hidden)))


def _words(name: str) -> Iterator[str]:
    name = _UUID.sub(" ", _EXTENSION.sub("", name.lower()))
    for word in words_in(name):
        if word.isascii():
            yield from _spaced(word)
            continue
        start = 0
        for run in _UNSPACED.finditer(word):
            yield from _spaced(word[start : run.start()])
            yield from _unspaced(run.group())
            start = run.end()
        yield from _spaced(word[start:])


def _spaced(word: str) -> Iterator[str]:
    """The word without elided ones before it and numbers around it; none if it is an id."""
    if "'" in word:
        word = _ELIDED.sub("", word)
    if not word.isalpha() and any(map(str.isdigit, word)):
        digits = sum(map(str.isdigit, word))
        mixed = len(word) >= _LEAST_MIXED and len(_CHANGE.findall(word)) > _MOST_CHANGES
        if mixed or _HEX.fullmatch(word):
            return
        if numbered := _NUMBERED.fullmatch(word):
            word = numbered[1]
        elif 2 * digits > len(word):
            return
    if word and word not in _OF_CAMERAS:
        yield word


def _unspaced(run: str) -> Iterator[str]:
    """Stretches of Chinese or Japanese that may be words: they begin and end with no grammatical ending."""
    if 2 <= len(run) <= _LONGEST_PHRASE:
        yield run
    units = _UNIT.findall(run)
    glue = [_GLUE.match(unit) is not None for unit in units]
    for first, unit in enumerate(units):
        alone = all(glue[at] for at in (first - 1, first + 1) if 0 <= at < len(units))
        if glue[first]:
            if len(unit) > 1:
                yield unit
            continue
        stretch = ""
        for last in range(first, min(first + _MOST_UNITS, len(units))):
            stretch += units[last]
            if not glue[last] and (len(stretch) > 1 or alone):
                yield stretch


@cache
def _word_pattern(marks: str) -> re.Pattern[str]:
    """Letters and digits with the marks on them, and one apostrophe between."""
    part = rf"[^\W_](?:[^\W_]|[{marks}])*" if marks else r"[^\W_]+"
    return re.compile(f"{part}(?:'{part})?")


@cache
def _marks() -> str:
    """Accents and vowel signs, which `re` takes for no letters, for a set of it."""
    return "".join(re.escape(chr(at)) for at in range(0x20000) if unicodedata.category(chr(at))[0] == "M")


def _stop_words(given: Sequence[str] | None) -> frozenset[str]:
    if isinstance(given, str):
        raise ValueError("stop words must be a list of words, not one text")
    own = [word for word in given or () if word != "none"]
    listed = {word for line in own for word in words_in(line)}
    return frozenset(listed) if "none" in (given or ()) else _built_in() | listed


@cache
def _built_in() -> frozenset[str]:
    text = (files("hyperclade.hierarchy") / "stop_words.txt").read_text(encoding="utf-8")
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())
