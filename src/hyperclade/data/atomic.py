"""Files and folders that appear complete or not at all, whatever interrupts their writing."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)  # which Windows has


@contextmanager
def atomic_write(path: str | os.PathLike, mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a file that takes the name `path` only when the block ends without an error.

    Writes to a temporary file in the same folder, flushes it to the disk and renames it over `path`. After an
    error (or Ctrl-C) the temporary file is removed. The mode is "wb" or "w" (UTF-8, "\\n" line ends).

    Raises
    ------
    ValueError
        Another mode, or `path` is a folder.
    OSError
        The folder is missing or not writable.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> target = Path(folder.name, "answer.txt")
    >>> with atomic_write(target, "w") as file:
    ...     _ = file.write("42")
    >>> target.read_text()
    '42'
    >>> folder.cleanup()
    """
    if mode not in ("wb", "w"):
        raise ValueError(f"mode must be 'wb' or 'w', got {mode!r}")
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder, cannot write a file there")
    temporary = _temporary(path)
    try:
        descriptor = os.open(temporary, _NEW_FILE, 0o600)
        text = {"encoding": "utf-8", "newline": "\n"} if mode == "w" else {}
        with open(descriptor, mode, **text) as file:  # type: ignore[call-overload]
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, path.stat().st_mode & 0o777 if path.exists() else _default_mode(0o666))
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


@contextmanager
def atomic_directory(path: str | os.PathLike, *, overwrite: bool = False) -> Iterator[Path]:
    """Give an empty folder to fill, which becomes `path` only when the block ends without an error.

    Parameters
    ----------
    path : path
        The folder to create; its parents are created too.
    overwrite : bool
        Replace a folder that holds something. Otherwise only an empty folder may be there before.

    Raises
    ------
    ValueError
        `path` is a file, or a folder that holds something and `overwrite` is not set; raised at once, before
        any work is spent.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with atomic_directory(Path(folder.name, "run")) as run:
    ...     _ = (run / "summary.txt").write_text("done")
    >>> Path(folder.name, "run", "summary.txt").read_text()
    'done'
    >>> folder.cleanup()
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file, cannot create a folder there")
    if path.is_dir() and any(path.iterdir()) and not overwrite:
        raise ValueError(f"folder {path} holds files already; choose another or allow to overwrite it")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    try:
        temporary.mkdir(mode=0o700)
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                with open(file, "rb") as handle:
                    os.fsync(handle.fileno())
        os.chmod(temporary, _default_mode(0o777))
        if path.exists():  # rename cannot replace a filled folder: the old one steps aside first
            aside = _temporary(path).with_suffix(".old")
            try:
                os.replace(path, aside)
                os.replace(temporary, path)
            except BaseException:
                if aside.exists() and not path.exists():
                    os.replace(aside, path)
                raise
            shutil.rmtree(aside)
        else:
            os.replace(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _sync_folder(path.parent)


def _temporary(path: Path) -> Path:
    """A new name beside a path, known before anything is there, so that an interruption can remove it."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")


def _default_mode(mode: int) -> int:
    """What a plain `open` or `mkdir` would have given; temporary files are private to begin with."""
    mask = os.umask(0)
    os.umask(mask)
    return mode & ~mask


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut; only POSIX can open folders."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
