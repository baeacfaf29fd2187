"""Text files with one text a line."""

import os
from pathlib import Path


def text_lines(path: str | os.PathLike) -> tuple[list[str], list[int]]:
    """Read the lines of a UTF-8 file; blank ones are left out, but count.

    Returns
    -------
    texts : the lines, stripped.
    numbers : their line numbers, from 1.

    Raises
    ------
    ValueError : not a file, not UTF-8, or no line with text.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "titles.txt").write_text("first\\n\\nthird\\n")
    ...     text_lines(Path(folder, "titles.txt"))
    (['first', 'third'], [1, 3])
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path} is not a file")
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text ({error}); convert it first") from error
    kept = [(line.strip(), number) for number, line in enumerate(lines, 1) if line.strip()]
    if not kept:
        raise ValueError(f"{path} holds no text")
    return [text for text, _ in kept], [number for _, number in kept]
