"""MATLAB files of level 5 (versions 5 to 7.2): images and masks, and tables of numbers and texts.

SciPy reads such files too, but takes sizes in them on trust: one wrong byte can end the process.
"""

import struct
import zlib
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIX = ".mat"
VARIABLES = ("img", "gt")
_VOID = 255
_MOST_BYTES = 1 << 30  # of a decompressed variable

_HEADER, _MATRIX, _COMPRESSED = 128, 14, 15
#: types of stored numbers and classes of arrays, by the numbers that the format gives them
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_COMPLEX = 1 << 11
_CELL, _STRUCT, _CHAR = 1, 2, 4
#: how texts are stored: bytes of a letter, and coding
_TEXTS = {1: (1, "latin-1"), 2: (1, "latin-1"), 4: (2, "utf-16"), 16: (1, "utf-8"), 17: (2, "utf-16")}


def read_image(path: Path) -> "Image":
    """The image of a file, in its variable "img", or its mask, in "gt".

    Images are (h, w) or (h, w, 3 or 4) uint8, of which a fourth channel (infrared) is left out; masks (h, w)
    whole numbers, where negative ones mean no class and become 255. Raises ValueError where the file is no
    such file or has no such variable, OSError where it cannot be read.

    >>> import tempfile
    >>> import scipy.io
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     scipy.io.savemat(f"{folder}/a.mat", {"gt": np.array([[0, 1, -1]])})
    ...     np.asarray(read_image(Path(folder, "a.mat"))).tolist()
    [[0, 1, 255]]
    """
    from PIL import Image

    found = {name: array for name, array in _variables(path.read_bytes()) if name in VARIABLES}
    if len(found) != 1:
        raise ValueError(f"a MATLAB file needs one of the variables {', '.join(VARIABLES)}; has {len(found)}")
    array = next(iter(found.values()))
    if array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] in (3, 4):
        return Image.fromarray(np.ascontiguousarray(array[:, :, :3]))
    if array.ndim != 2 or array.dtype.kind not in "iu" or not array.size:
        raise ValueError(
            f"need (h, w, 3 or 4) uint8 or (h, w) whole numbers, got {array.shape} of {array.dtype}"
        )
    if array.dtype == np.uint8:
        return Image.fromarray(np.ascontiguousarray(array))
    if array.max() > np.iinfo(np.int32).max:
        raise ValueError(f"the value {array.max()} is beyond 31 bits")
    return Image.fromarray(np.where(array < 0, _VOID, array).astype(np.int32))


def read_table(path: Path, variable: str) -> list[dict[str, Any]]:
    """The rows of a structure array: a number or a text for each field.

    Raises ValueError where the file is no such file, has no such variable, or a field holds something else;
    OSError where it cannot be read.

    >>> import tempfile
    >>> import scipy.io
    >>> rows = np.array([("a.jpg", 3)], dtype=[("name", "O"), ("class", "O")])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     scipy.io.savemat(f"{folder}/a.mat", {"annotations": rows})
    ...     read_table(Path(folder, "a.mat"), "annotations")
    [{'name': 'a.jpg', 'class': 3}]
    """
    kind, parts, order = _named(path, variable)
    if kind != _STRUCT:
        raise ValueError(f"{variable} is no structure array")
    if len(parts) < 5 or len(parts[3][1]) != 4:
        raise ValueError("the MATLAB file is damaged (a structure without names)")
    (length,) = struct.unpack(f"{order}I", parts[3][1])
    titles = bytes(parts[4][1])
    if not length or len(titles) % length:
        raise ValueError("the MATLAB file is damaged (names of fields)")
    starts = range(0, len(titles), length)
    fields = [titles[at : at + length].split(b"\0")[0].decode("latin-1") for at in starts]
    cells = [_cell(data, order) for _, data in parts[5:]]
    if not fields or len(cells) % len(fields):
        raise ValueError("the MATLAB file is damaged (fields without value)")
    rows = zip(*(iter(cells),) * len(fields), strict=True)
    return [dict(zip(fields, row, strict=True)) for row in rows]


def read_texts(path: Path, variable: str) -> list[str]:
    """The texts of a cell array; errors are those of `read_table`."""
    kind, parts, order = _named(path, variable)
    found = [_cell(data, order) for _, data in parts[3:]]
    if kind != _CELL or not all(isinstance(text, str) for text in found):
        raise ValueError(f"{variable} is no cell array of texts")
    return found


def _named(path: Path, variable: str) -> tuple[int, list[tuple[int, memoryview]], str]:
    """Kind and elements of the variable of a name, and the order of its bytes."""
    for data, order in _matrices(path.read_bytes()):
        parts = list(_elements(data, order))
        if len(parts) >= 3 and len(parts[0][1]) == 8 and bytes(parts[2][1]) == variable.encode():
            return struct.unpack_from(f"{order}I", parts[0][1])[0] & 0xFF, parts, order
    raise ValueError(f"no variable {variable!r}")


def _cell(data: memoryview, order: str) -> Any:
    """The number or text of a value."""
    parts = list(_elements(data, order))
    if len(parts) >= 4 and len(parts[0][1]) == 8:
        kind = struct.unpack_from(f"{order}I", parts[0][1])[0] & 0xFF
        stored, raw = parts[3]
        if kind == _CHAR and stored in _TEXTS:
            width, coding = _TEXTS[stored]
            return bytes(raw).decode(coding if width == 1 else coding + ("-le" if order == "<" else "-be"))
        if (found := _variable(data, order)) is not None and found[1].size == 1:
            return found[1].ravel()[0].item()
    raise ValueError("a field holds neither a number nor a text")


def _variables(content: bytes) -> Iterator[tuple[str, np.ndarray]]:
    """Names and arrays of the variables of a file that hold numbers."""
    for data, order in _matrices(content):
        if (variable := _variable(data, order)) is not None:
            yield variable


def _matrices(content: bytes) -> Iterator[tuple[memoryview, str]]:
    """The variables of a file, and the order of their bytes."""
    version, end = content[124:126], content[126:_HEADER]
    if len(content) < _HEADER or end not in (b"IM", b"MI"):
        raise ValueError("not a MATLAB file of version 5 to 7.2")
    order = "<" if end == b"IM" else ">"
    if struct.unpack(f"{order}H", version) != (0x0100,):
        raise ValueError("a MATLAB file of version 7.3 or unknown; save it with -v7")
    for kind, data in _elements(memoryview(content)[_HEADER:], order):
        if kind == _COMPRESSED:
            kind, data = next(_elements(_decompressed(data), order), (0, data))
        if kind == _MATRIX:
            yield data, order


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Type and bytes of the data elements that follow one another."""
    at = 0
    while at < len(data):
        if len(data) - at < 8:
            raise ValueError("the MATLAB file is cut off")
        kind, size = struct.unpack_from(f"{order}II", data, at)
        if kind >> 16:  # a small element has its size beside its type, and up to four bytes after them
            kind, size, start, after = kind & 0xFFFF, kind >> 16, at + 4, at + 8
        else:
            start = at + 8
            after = start + size + (0 if kind == _COMPRESSED else -size % 8)
        if start + size > min(after, len(data)):
            raise ValueError("the MATLAB file is cut off")
        yield kind, data[start : start + size]
        at = after


def _variable(data: memoryview, order: str) -> tuple[str, np.ndarray] | None:
    """Name and array of a variable; None if it holds no real numbers (text, cells, structures …)."""
    parts = list(_elements(data, order))
    if len(parts) < 4 or len(parts[0][1]) != 8:
        return None
    (_, flags), (_, shape), (_, name), (stored, raw) = parts[:4]
    (flag,) = struct.unpack_from(f"{order}I", flags)
    kind = flag & 0xFF
    if kind not in _CLASSES or stored not in _STORED or flag & _COMPLEX:
        return None
    numbers = np.dtype(order + _STORED[stored])
    sizes = np.frombuffer(shape[: len(shape) // 4 * 4], f"{order}i4").tolist()
    if min(sizes, default=-1) < 0 or prod(sizes) * numbers.itemsize != len(raw):
        raise ValueError(f"the MATLAB file has {len(raw)} bytes for an array of {sizes}")
    array = np.frombuffer(raw, numbers).astype(_CLASSES[kind])  # may be stored in fewer bytes
    return bytes(name).decode("latin-1"), array.reshape(sizes, order="F")


def _decompressed(data: memoryview) -> memoryview:
    reader = zlib.decompressobj()
    try:
        content = reader.decompress(data, _MOST_BYTES)
    except zlib.error as error:
        raise ValueError(f"the MATLAB file is damaged ({error})") from error
    if not reader.eof:
        raise ValueError("the MATLAB file is cut off or too large")
    return memoryview(content)
