"""The text of ARFF files: attributes, and rows of cells; what they mean is for the reader to say.

A name or value is quoted by ' or ", with \\ before a quote (or the quote twice) inside. A % after a blank,
comma or brace, and outside quotes, begins a comment; inside a word it is a sign like any other.
"""

import gzip
import os
import re
import zlib
from pathlib import Path
from typing import Any, NamedTuple

_KINDS = dict.fromkeys(("real", "numeric", "integer"), "numeric") | {
    kind: kind for kind in ("hierarchical", "string", "date")
}
# A quote opens only where a name or value, or a part of one between @ or /, begins.
_QUOTED_OR_COMMENT = re.compile(
    r"""(?<![^\s,@/{])(?:'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")(?=[\s,@/{}]|\Z)"""
    r"""|(?<![^\s,@/{])['"]|(?<![^\s,{}])%.*"""
)
_ATTRIBUTE = re.compile(
    r"@attribute\s+(\0\d+\0|[^\s{\0]+)(?:\s+|(?=\{))(?:\{([^{}]*)\}|([^\s{},]+)(?:\s+(.*))?)\Z", re.IGNORECASE
)
_ESCAPED = re.compile(r"""\\(.)|''|\"\"""")
_CONTROL = {"n": "\n", "r": "\r", "t": "\t"}


class Attribute(NamedTuple):
    """An attribute of the header.

    `kind` is "numeric", "nominal", "hierarchical", "string" or "date"; `values` are what the header lists of
    a nominal or hierarchical one.
    """

    line: int
    name: str
    kind: str
    values: tuple[str, ...]


class Row(NamedTuple):
    """Line number and cells of a row, one per attribute; None is a missing value."""

    line: int
    cells: list[str | None]


def parse(path: str | os.PathLike) -> tuple[list[Attribute], list[Row]]:
    """The attributes, and the rows after @data.

    What a sparse row, `{1 0.5, 3 yes}`, leaves out is 0, or the first value of a nominal attribute; of a
    hierarchical one it is missing.

    Raises
    ------
    ValueError
        Not an ARFF file, no rows, or a line that breaks the format; names the line.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "x.arff")
    ...     _ = path.write_text("@attribute 'a b' {x,y} % note\\n@attribute c real\\n@data\\n?,1\\n{0 y}\\n")
    ...     attributes, rows = parse(path)
    >>> attributes[0].name, attributes[0].values, [row.cells for row in rows]
    ('a b', ('x', 'y'), [[None, '1'], ['y', '0']])
    """
    attributes: list[Attribute] = []
    rows: list[Row] = []
    in_data = False
    for number, line in enumerate(_text(path).split("\n"), 1):
        place = f"{path}: line {number}"
        line, quoted = _hidden(line, place)
        line = line.strip()
        if not line:
            continue
        if in_data:
            rows.append(Row(number, _cells(line, quoted, attributes, place)))
            continue
        word = line.split(None, 1)[0].lower()
        if word == "@data":
            in_data = True
        elif word == "@attribute":
            attributes.append(_attribute(line, quoted, number, place))
        elif word != "@relation":
            raise ValueError(
                f"{place}: {_shown(line, quoted)[:60]!r} is no @relation, @attribute or @data; this is not "
                "an ARFF file"
            )
    if not in_data or not attributes:
        raise ValueError(f"{path}: not an ARFF file (no @attribute or no @data)")
    if not rows:
        raise ValueError(f"{path}: 0 rows; there must be some after @data")
    return attributes, rows


def _attribute(line: str, quoted: list[str], number: int, place: str) -> Attribute:
    match = _ATTRIBUTE.match(line)
    if match is None:
        raise ValueError(
            f"{place}: {_shown(line, quoted)[:60]!r} is no attribute; write @attribute, a name, and a type "
            "or {values}, and quote what has blanks or commas"
        )
    name, nominal, kind, listed = match.groups()
    name = _shown(name, quoted)
    if nominal is not None:
        kind, listed = "nominal", nominal
    elif kind.lower() not in _KINDS:
        raise ValueError(f"{place}: attribute {name!r} has the type {kind!r}, which is not supported")
    else:
        kind = _KINDS[kind.lower()]
    if kind not in ("nominal", "hierarchical"):
        return Attribute(number, name, kind, ())
    values = tuple(_shown(value.strip(), quoted) for value in (listed or "").split(","))
    if values == ("",) and not quoted:
        raise ValueError(f"{place}: attribute {name!r} lists no values")
    if kind == "nominal" and len(set(values)) < len(values):
        twice = next(value for k, value in enumerate(values) if value in values[:k])
        raise ValueError(f"{place}: attribute {name!r} lists the value {twice!r} more than once")
    return Attribute(number, name, kind, values)


def _cells(line: str, quoted: list[str], attributes: list[Attribute], place: str) -> list[str | None]:
    if line.startswith("{"):
        return _sparse_cells(line, quoted, attributes, place)
    separator = "\t" if "\t" in line and "," not in line else ","
    cells = [_cell(cell, quoted) for cell in line.split(separator)]
    if len(cells) != len(attributes):
        raise ValueError(f"{place} has {len(cells)} values for {len(attributes)} attributes")
    return cells


def _sparse_cells(line: str, quoted: list[str], attributes: list[Attribute], place: str) -> list[str | None]:
    if not line.endswith("}"):
        raise ValueError(f"{place}: a sparse row is {{NUMBER VALUE, …}}, and nothing after the brace")
    found: dict[int, str | None] = {}
    entries = line[1:-1].strip()
    for entry in entries.split(",") if entries else ():
        number, *value = entry.split(None, 1)[:2] or [""]
        at = int(number) if re.fullmatch("[0-9]{1,9}", number) else len(attributes)
        if at >= len(attributes) or not value:
            raise ValueError(
                f"{place}: {_shown(entry.strip(), quoted)[:60]!r} is not the number of one of the "
                f"{len(attributes)} attributes (from 0), a blank, and a value"
            )
        if at in found:
            raise ValueError(f"{place} has several values for attribute number {at}")
        found[at] = _cell(value[0], quoted)
    return [found[k] if k in found else _left_out(attribute) for k, attribute in enumerate(attributes)]


def _left_out(attribute: Attribute) -> str | None:
    if attribute.kind == "hierarchical":
        return None
    return attribute.values[0] if attribute.kind == "nominal" else "0"


def _hidden(line: str, place: str) -> tuple[str, list[str]]:
    """A line without comment, with NUL, a number and NUL for each quoted piece; and the pieces, unquoted."""
    quoted: list[str] = []
    if not ("%" in line or "'" in line or '"' in line):
        return line, quoted

    def hide(match: re.Match[str]) -> str:
        piece = match.group()
        if piece[0] == "%":
            return ""
        if len(piece) == 1:
            raise ValueError(
                f"{place}: a quote ({piece}) is never closed, or text follows the closing one; inside quotes "
                f"write \\{piece}"
            )
        quoted.append(_ESCAPED.sub(lambda pair: _unescaped(pair, piece[0]), piece[1:-1]))
        return f"\0{len(quoted) - 1}\0"

    return _QUOTED_OR_COMMENT.sub(hide, line), quoted


def _unescaped(pair: re.Match[str], quote: str) -> str:
    if pair[1] is not None:
        return _CONTROL.get(pair[1], pair[1])
    return quote if pair[0] == quote * 2 else pair[0]


def _shown(text: str, quoted: list[str]) -> str:
    return re.sub("\0([0-9]+)\0", lambda match: quoted[int(match[1])], text) if quoted else text


def _cell(text: str, quoted: list[str]) -> str | None:
    text = text.strip()
    return None if text == "?" else _shown(text, quoted)


def _text(path: str | os.PathLike) -> str:
    opening: Any = gzip.open if Path(path).suffix.lower() == ".gz" else open
    try:
        with opening(path, "rt", encoding="utf-8-sig") as file:
            text = file.read()
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: not readable as text ({error}); ARFF is read as UTF-8") from error
    if "\0" in text:
        raise ValueError(f"{path}: not readable as text (it has NUL bytes); ARFF is read as UTF-8")
    return text
