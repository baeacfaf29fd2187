"""Clips decoded once into a folder, memory-mapped: a stopped run goes on where it was."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hyperclade.data.atomic import atomic_write
from hyperclade.data.clips import checked_clips
from hyperclade.data.store import differences, read_json, write_json
from hyperclade.progress import Progress

if TYPE_CHECKING:
    from hyperclade.data.paired import PairedSet

_CHECKPOINT_SECONDS = 5.0
_DONE, _SKIPPED = 1, 2
_SILENT = 1e-4  # of full scale, −80 dB: below is what dithering and codecs make of silence
_COLUMNS = ["row", "path", "start", "end", "reason"]  # of the lists of clips
_Listed = dict[int, Sequence[Any]]  # path, start, end and reason of clips by their rows


def cache_clips(
    table: pd.DataFrame,
    cache_dir: str | os.PathLike,
    *,
    n_frames: int = 1,
    frame_size: int = 224,
    window: float = 1.0,
    sample_rate: int = 24000,
    n_bins: int = 257,
    n_workers: int | None = None,
    progress: Progress | None = None,
    rebuild: bool = False,
    retry_skipped: bool = False,
) -> PairedSet:
    """Decode clips into `cache_dir` and open them as pairs, memory-mapped.

    `frames.npy` (n, f, 3, h, w) uint8 and `sounds.npy` (n, bins, steps) float16 have a row for each clip of
    the table, which is written when the clip has been decoded; a stopped run goes on where it was, at most
    five seconds back. Clips that cannot be read are left out and named with the reason in `skipped.csv`;
    those whose sound stays below −80 dB of full scale, or whose pictures are all alike, are kept, and named
    in `noted.csv`. A second process that wants the same cache waits for the first. Labels are not cached:
    they come from the table at hand.

    Parameters
    ----------
    table : pd.DataFrame
        What `read_clip_table` gives.
    n_frames, frame_size, window, sample_rate : int or float
        See `media.read_clip`.
    n_bins : int
        Mel bands, as in `spectrogram.log_mel`.
    n_workers : int, optional
        Threads that decode, one clip each; by default one for each core this process may use.
    progress : callable, optional
        Called as ``progress("decoding", fraction)``.
    rebuild : bool
        Throw away what `cache_dir` holds if it was made of another table or with other settings.
    retry_skipped : bool
        Try the clips again that were skipped before.

    Returns
    -------
    PairedSet
        The clips that could be read, in the table's order; ids are "path@start".

    Raises
    ------
    ValueError
        Not a clip table, settings that make no sense, a cache made of another table or with other settings
        (says which), a cache that may not be written to, or not one readable clip (says why).
    OSError
        The cache can no longer be written, for instance because the disk is full; what is decoded is kept.
    """
    table = checked_clips(table)
    settings = {
        "n_frames": n_frames,
        "frame_size": frame_size,
        "window": window,
        "sample_rate": sample_rate,
        "n_bins": n_bins,
    }
    if n_workers is None:
        n_workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if n_workers < 1:
        raise ValueError(f"n_workers must be at least 1, got {n_workers}")
    cache = Path(cache_dir)
    if cache.exists() and not cache.is_dir():
        raise ValueError(f"{cache} is a file; choose a folder for the cache")
    if n_frames < 1 or frame_size < 1:
        raise ValueError(f"n_frames and frame_size must be at least 1, got {n_frames} and {frame_size}")
    sound_shape = _sound_shape(window, sample_rate, n_bins)
    with _writable(cache), _alone(cache):
        state, skipped, noted = _opened(cache, table, settings, sound_shape, rebuild=rebuild)
        if retry_skipped:
            state[state == _SKIPPED] = 0
            skipped.clear()
        if (state == 0).any():
            _fill(cache, table, settings, state, skipped, noted, n_workers, progress)
    if progress is not None:
        progress("decoding", 1.0)
    good = np.flatnonzero(state == _DONE)
    if len(good) == 0:
        first = [skipped[row] for row in sorted(skipped)[:3]]
        reasons = "; ".join(f"{path}: {reason}" for path, _, _, reason in first)
        raise ValueError(f"none of the {len(table)} clips could be read ({reasons})")
    return _paired(cache, table, good)


def skipped_clips(cache_dir: str | os.PathLike) -> pd.DataFrame:
    """The clips that a cache leaves out: columns row (of the table), path, start, end and reason."""
    path = Path(cache_dir, "skipped.csv")
    if not path.is_file():
        raise ValueError(f"{cache_dir} is no cache of clips: it has no skipped.csv")
    return _read_list(path)


def noted_clips(cache_dir: str | os.PathLike) -> pd.DataFrame:
    """The clips of a cache that are silent or still: columns row, path, start, end and reason.

    Of a single picture nothing can be said, nor of clips that an older version decoded.
    """
    path = Path(cache_dir, "noted.csv")
    return _read_list(path) if path.is_file() else pd.DataFrame(columns=_COLUMNS)


def _read_list(path: Path) -> pd.DataFrame:
    return pd.read_csv(
        path, dtype={"path": str, "reason": str}, keep_default_na=False, na_values={"end": [""]}
    )


def _sound_shape(window: float, sample_rate: int, n_bins: int) -> tuple[int, int]:
    """Also finds settings that make no sense before any clip is decoded."""
    from hyperclade.data.spectrogram import log_mel

    n_samples = round(window * sample_rate) if np.isfinite(window) else 0
    if n_samples < 1 or sample_rate < 1:
        raise ValueError(f"window must hold a sample, got {window} s at {sample_rate} samples per second")
    bins, steps = log_mel(np.zeros(n_samples, np.float32), sample_rate=sample_rate, n_bins=n_bins).shape
    return bins, steps


@contextmanager
def _writable(cache: Path) -> Iterator[None]:
    """Makes the folder; where it may not be written to, says what does without."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
            raise
        raise ValueError(
            f"the cache {cache} cannot be written ({error.strerror}): name a folder for it by the option "
            "cache"
        ) from error


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Let one process at a time fill a cache; the lock goes with the process, however it ends."""
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows: filling one cache twice at the same time is the user's to avoid
        yield
        return
    try:
        lock = open(cache / ".lock", "a")  # noqa: SIM115 - closed below
    except OSError:  # a finished cache on a medium that is only for reading needs no lock
        yield
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _opened(
    cache: Path, table: pd.DataFrame, settings: dict[str, Any], sound_shape: tuple[int, int], *, rebuild: bool
) -> tuple[np.ndarray, _Listed, _Listed]:
    """State of each row, and the skipped and the noted ones; lays the files out at first."""
    about = {"format": 1, "n_clips": len(table), "table": _fingerprint(table)} | settings
    manifest = cache / "cache.json"
    if manifest.exists():
        faults = _faults(manifest, about)
        if not faults:
            state = np.fromfile(cache / "state.bin", np.uint8)
            if len(state) == len(table):
                skipped, noted = (
                    {row: why for row, *why in found.itertuples(index=False)}
                    for found in (skipped_clips(cache), noted_clips(cache))
                )
                return state, skipped, noted
            faults = "a file of it is damaged"
        if not rebuild:
            raise ValueError(
                f"cache {cache} was made otherwise ({faults}); name another folder by the option cache, or "
                "replace it by the option rebuild, after which runs that learned from it cannot go on"
            )
        manifest.unlink()
    n = len(table)
    size = settings["frame_size"]
    _lay_out(cache / "frames.npy", np.dtype(np.uint8), (n, settings["n_frames"], 3, size, size))
    _lay_out(cache / "sounds.npy", np.dtype(np.float16), (n, *sound_shape))
    state = np.zeros(n, np.uint8)
    _save_state(cache, state, {"skipped.csv": {}, "noted.csv": {}})
    write_json(manifest, about)  # last: its presence says that the other files are sound
    return state, {}, {}


def _faults(manifest: Path, about: dict[str, Any]) -> str:
    """What keeps a cache from being that of these clips and settings."""
    try:
        different = differences(read_json(manifest), about)
    except ValueError as error:
        return str(error)
    return "; ".join(
        "another table (paths, starts or ends)"
        if name == "table"
        else f"{name} {there!r} there, {asked!r} asked"
        for name, (there, asked) in different.items()
    )


def _lay_out(path: Path, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    """A .npy file of zeros that takes disk space only where rows are written."""
    with open(path, "wb") as file:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize)


def _fill(
    cache: Path,
    table: pd.DataFrame,
    settings: dict[str, Any],
    state: np.ndarray,
    skipped: _Listed,
    noted: _Listed,
    n_workers: int,
    progress: Progress | None,
) -> None:
    todo = iter(np.flatnonzero(state == 0).tolist())
    paths, starts, ends = (table[column].tolist() for column in ("path", "start", "end"))
    lists = {"skipped.csv": skipped, "noted.csv": noted}
    saved: dict[str, int] = {}
    last_saved = monotonic()
    pool = ThreadPoolExecutor(n_workers, thread_name_prefix="decode")
    running: dict[Future, int] = {}
    files = [_Rows(cache / name) for name in ("frames.npy", "sounds.npy")]

    def save() -> None:
        nonlocal saved, last_saved
        for file in files:
            file.flush()
        sizes = {name: len(listed) for name, listed in lists.items()}
        changed = {name: lists[name] for name in sizes if sizes[name] != saved.get(name)}
        _save_state(cache, state, changed)
        saved, last_saved = sizes, monotonic()

    try:
        while True:
            # No more clips under way than this, so that memory stays bounded however slow the disk is.
            for row in islice(todo, 2 * n_workers - len(running)):
                running[pool.submit(_decode, paths[row], starts[row], ends[row], settings)] = row
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                row = running.pop(future)
                outcome = future.result()
                if isinstance(outcome, str):
                    skipped[row] = (paths[row], starts[row], ends[row], outcome)
                    state[row] = _SKIPPED
                else:
                    frames, spectrogram, remark = outcome
                    for file, values in zip(files, (frames, spectrogram), strict=True):
                        file.write(row, values)
                    if remark:
                        noted[row] = (paths[row], starts[row], ends[row], remark)
                    state[row] = _DONE
            if progress is not None:
                progress("decoding", float((state != 0).mean()))
            if monotonic() - last_saved > _CHECKPOINT_SECONDS:
                save()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        save()
        for file in files:
            file.close()


def _decode(
    path: str, start: float, end: float, settings: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray, str] | str:
    """Frames and log-mel of a clip and what is odd about them, or why there are none."""
    from hyperclade.data.media import MediaError, read_clip
    from hyperclade.data.spectrogram import log_mel

    asked = {key: settings[key] for key in ("n_frames", "frame_size", "window", "sample_rate")}
    try:
        clip = read_clip(path, start, None if np.isnan(end) else end, **asked)
    except MediaError as error:
        return error.reason
    spectrogram = log_mel(clip.sound, sample_rate=settings["sample_rate"], n_bins=settings["n_bins"])
    remarks = []
    if np.abs(clip.sound).max() < _SILENT:
        remarks.append("silent")
    if len(clip.frames) > 1 and (clip.frames == clip.frames[0]).all():
        remarks.append("still")
    return clip.frames, spectrogram.astype(np.float16), " and ".join(remarks)


class _Rows:
    """Writes rows of a .npy file; through a file and not a memory map, which a full disk would kill."""

    def __init__(self, path: Path) -> None:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
        self.shape, self.dtype, self.offset = rows.shape[1:], rows.dtype, rows.offset
        self.row_bytes = int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize
        self.file = open(path, "r+b")  # noqa: SIM115 - closed by close

    def write(self, row: int, values: np.ndarray) -> None:
        if values.shape != self.shape or values.dtype != self.dtype:
            raise ValueError(f"row of {values.dtype} {values.shape} for {self.dtype} {self.shape}")
        self.file.seek(self.offset + row * self.row_bytes)
        self.file.write(np.ascontiguousarray(values).data)

    def flush(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())

    def close(self) -> None:
        self.file.close()


def _save_state(cache: Path, state: np.ndarray, lists: dict[str, _Listed]) -> None:
    """After the rows it speaks of are on the disk; lists by the names of their files."""
    for name, listed in lists.items():
        rows = [(row, *listed[row]) for row in sorted(listed)]
        with atomic_write(cache / name, "w") as file:
            pd.DataFrame(rows, columns=_COLUMNS).to_csv(file, index=False)
    with atomic_write(cache / "state.bin") as file:
        file.write(state.tobytes())


def _fingerprint(table: pd.DataFrame) -> str:
    """Of paths, starts and ends; paths seen from the folder they share, so that data and cache can move."""
    folders = {os.path.dirname(path) for path in table["path"]}
    try:
        root = os.path.commonpath(folders)
    except ValueError:  # relative and absolute paths together, or several drives
        root = ""
    digest = hashlib.sha256()
    for path, start, end in zip(table["path"], table["start"], table["end"], strict=True):
        name = os.path.relpath(path, root) if root else path
        digest.update(json.dumps([name, start, None if np.isnan(end) else end]).encode())
    return digest.hexdigest()


def _paired(cache: Path, table: pd.DataFrame, good: np.ndarray) -> PairedSet:
    from hyperclade.data.paired import PairedSet

    known = table["label"] != ""
    class_names = tuple(sorted(table.loc[known, "label"].unique()))
    labels = None
    if class_names:
        labels = pd.Index(class_names).get_indexer(table["label"])[good].astype(np.int64)  # −1: unknown
    ids = [f"{path}@{start:g}" for path, start in zip(table["path"], table["start"], strict=True)]
    return PairedSet(
        frames=np.load(cache / "frames.npy", mmap_mode="r", allow_pickle=False),
        sounds=np.load(cache / "sounds.npy", mmap_mode="r", allow_pickle=False),
        frame_rows=good.astype(np.int64),
        sound_rows=good.astype(np.int64),
        labels=labels,
        class_names=class_names,
        ids=tuple(ids[row] for row in good),
    )
