"""What a folder is for: written down in it once, and compared whenever work in it goes on."""

import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

from hyperclade.data.atomic import atomic_write


def claim(
    folder: str | os.PathLike,
    file: str,
    wanted: dict[str, Any],
    *,
    may_change: Collection[str] = (),
    within: str = "",
    what: str = "run",
    advice: str = "choose another folder or remove it",
    alone: bool = True,
    completed: Callable[[dict[str, Any]], dict[str, Any]] = lambda found: found,
) -> bool:
    """Write down in a folder what it is for, or see that it is for just that.

    Parameters
    ----------
    folder : path
        It is made where there is none.
    file : str
        Name of the JSON file in it, "recipe.json".
    wanted : dict
        What decides the outcome of the work, to any depth.
    may_change : collection of str
        Settings that work which goes on may have otherwise, such as "training.precision".
    within : str
        The entry of `wanted` that is left out of the names of settings: with "recipe" it is "training.seed",
        not "recipe.training.seed".
    what : str
        What to call such work in an error.
    advice : str
        What to do about another one.
    alone : bool
        Refuse a folder that holds other files and not this one.
    completed : callable
        Adds what the file, which may be older, lacks of `wanted` and means nevertheless.

    Returns
    -------
    bool
        Whether the folder was for this already.

    Raises
    ------
    ValueError
        The folder is for something else (names the settings that differ), is a file, holds files and no such
        work, or the file in it is damaged.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [claim(folder, "run.json", {"seed": 0}), claim(folder, "run.json", {"seed": 0})]
    [False, True]
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; choose a folder")
    # Listed before the file is looked for: another process that claims the folder writes the file first.
    # What an interrupted attempt to claim the folder has left is no other file.
    others = folder.exists() and any(
        entry.name != file and not entry.name.startswith(f".{file}.") for entry in folder.iterdir()
    )
    if (folder / file).exists():
        try:
            found = completed(read_json(folder / file))
        except ValueError as error:
            raise ValueError(f"{folder} holds a {what} that cannot go on: {error}; {advice}") from error
        strip = f"{within}." if within else ""
        names = {name.removeprefix(strip) for name in differences(found, wanted)}
        if other := sorted(names - set(may_change)):
            raise ValueError(f"{folder} holds a {what} with another {', '.join(other)}; {advice}")
        return True
    if alone and others:
        raise ValueError(f"{folder} is not empty and holds no {what}; choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / file, wanted)
    return False


def differences(found: dict[str, Any], wanted: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Dotted names of the entries that differ, each with what is there and what is asked (None: nothing).

    Examples
    --------
    >>> differences({"area": [0, 1], "training": {"seed": 0}}, {"area": (0, 1), "training": {"seed": 1}})
    {'training.seed': (0, 1)}
    """
    return _differences(found, json.loads(json.dumps(wanted)), "")


def _differences(found: dict[str, Any], wanted: dict[str, Any], prefix: str) -> dict[str, tuple[Any, Any]]:
    different: dict[str, tuple[Any, Any]] = {}
    for key in dict.fromkeys([*wanted, *found]):
        there, asked = found.get(key), wanted.get(key)
        if isinstance(there, dict) and isinstance(asked, dict):
            different |= _differences(there, asked, f"{prefix}{key}.")
        elif there != asked:
            different[f"{prefix}{key}"] = (there, asked)
    return different


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; ValueError if it is damaged."""
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)
    except ValueError as error:
        why = error if isinstance(error, UnicodeError) or text.strip() else "it is empty"
        raise ValueError(f"{path} is damaged ({why})") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} is damaged (it holds no object)")
    return content


def check_replaceable(folder: Path, ours: Collection[str]) -> None:
    """Refuse to replace a folder that holds anything but files and folders of our own making.

    Raises
    ------
    ValueError
        It holds others; names some.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "letter.txt").write_text("Dear")
    ...     check_replaceable(Path(folder), ["summary.json"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: folder ... holds files of other origin (letter.txt); choose another --out
    """
    others = sorted({path.name for path in folder.iterdir()} - {*ours}) if folder.is_dir() else []
    if others:
        raise ValueError(
            f"folder {folder} holds files of other origin ({', '.join(others[:3])}); choose another --out"
        )


def check_writable(path: str | os.PathLike, *, folder: bool = False) -> None:
    """Refuse a file, or a folder, that could not be written, before the work that would go there.

    Raises
    ------
    ValueError
        It is a folder (a file), or what it would lie in is a file, or not to be written to.

    Examples
    --------
    >>> check_writable("/dev/null/figures.json")
    Traceback (most recent call last):
    ...
    ValueError: cannot write to /dev/null/figures.json: /dev/null is a file; choose another place
    """
    path = Path(path)
    if path.exists() and path.is_dir() != folder:
        there, wanted = ("file", "folder") if folder else ("folder", "file")
        raise ValueError(f"{path} is a {there}, cannot write a {wanted} there")
    nearest = path if folder else path.parent
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        why = "may not be written to" if nearest.is_dir() else "is a file"
        raise ValueError(f"cannot write to {path}: {nearest} {why}; choose another place")


def write_json(path: Path, content: Any, **options: Any) -> None:
    """A JSON file, complete or not at all; options are those of `json.dump`."""
    with atomic_write(path, "w") as file:
        json.dump(content, file, indent=1, **options)
        file.write("\n")


def fingerprint(files: Iterable[tuple[str, Path]]) -> str:
    """Of files by name: another one when a file is added, removed, renamed or rewritten; reads no contents.

    Links that lead nowhere count as they are.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a")
    ...     before = (path.write_text("x"), fingerprint([("a", path)]))[1]
    ...     after = (path.write_text("xy"), fingerprint([("a", path)]))[1]
    >>> before == after
    False
    """
    digest = hashlib.sha256()
    for name, path in files:
        status = path.stat() if path.exists() else path.lstat()
        digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def folder_fingerprint(folder: Path) -> str:
    """The `fingerprint` of all files in a folder, at any depth."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return fingerprint((path.relative_to(folder).as_posix(), path) for path in paths)
