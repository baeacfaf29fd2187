"""Data sets of clips: a table or a folder of media files, decoded once into a cache that can be resumed."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hyperclade.data.atomic import atomic_write

if TYPE_CHECKING:
    from hyperclade.data.paired import PairedSet

COLUMNS = ("path", "start", "end", "label")
_CHECKPOINT_SECONDS = 5.0
_DONE, _SKIPPED = 1, 2


def read_clip_table(
    source: str | os.PathLike, *, folder: str | os.PathLike | None = None, every: float | None = None
) -> pd.DataFrame:
    """The clips of a CSV file or of a folder of media files.

    Parameters
    ----------
    source : a CSV file with a header line and the columns path, start, end, label, of which only path must be
        there; or a folder, whose media files at any depth become clips, labelled by their parent folders
        (at the top: no label).
    folder : where the paths of a CSV begin; by default the CSV's own folder.
    every : seconds; clips without an end are cut into consecutive clips as long as this; a shorter rest is
        left out. Reads the headers of all files.

    Returns
    -------
    DataFrame with columns path (absolute, as text), start and end (float64 seconds; an end of NaN is the end
    of the file) and label ("" is unknown).

    Raises
    ------
    ValueError : no such file or folder, no clips in it, other columns, an empty path, times that are no
        numbers, negative starts or ends that do not lie beyond their starts; names the line.

    Warns
    -----
    UserWarning : some rows have a label and some have none.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = Path(folder, "clips.csv")
    ...     _ = table.write_text("path,start,end,label\\nowl.mp4,2,4.5,bird\\n")
    ...     read_clip_table(table)[["start", "end", "label"]].to_dict("records")
    [{'start': 2.0, 'end': 4.5, 'label': 'bird'}]
    """
    source = Path(source)
    if every is not None and not (np.isfinite(every) and every > 0):
        raise ValueError(f"every must be positive seconds, got {every}")
    if source.is_dir():
        table = _folder_table(source)
    elif source.is_file():
        table = _csv_table(source, Path(folder) if folder is not None else source.parent)
    else:
        raise ValueError(f"{source}: no such file or folder")
    unlabelled = int((table["label"] == "").sum())
    if 0 < unlabelled < len(table):
        warnings.warn(
            f"{source}: {unlabelled} of {len(table)} clips have no label; they are taken as unknown",
            stacklevel=2,
        )
    return table if every is None else _cut(table, every)


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
    progress: Callable[[str, float], None] | None = None,
    rebuild: bool = False,
    retry_skipped: bool = False,
) -> PairedSet:
    """Decode clips into `cache_dir` and open them as pairs, memory-mapped.

    `frames.npy` (n, f, 3, h, w) uint8 and `sounds.npy` (n, bins, steps) float16 have a row for each clip of
    the table, which is written when the clip has been decoded; a stopped run goes on where it was, at most
    five seconds back. Clips that cannot be read are left out and named with the reason in `skipped.csv`. A
    second process that wants the same cache waits for the first. Labels are not cached: they come from the
    table at hand.

    Parameters
    ----------
    table : from `read_clip_table`.
    n_frames, frame_size, window, sample_rate : as in `media.read_clip`.
    n_bins : mel bands, as in `spectrogram.log_mel`.
    n_workers : threads that decode, one clip each; by default one for each core this process may use.
    progress : called as ``progress("decoding", fraction)``.
    rebuild : throw away what `cache_dir` holds if it was made of another table or with other settings.
    retry_skipped : try the clips again that were skipped before.

    Returns
    -------
    PairedSet of the clips that could be read, in the table's order; ids are "path@start".

    Raises
    ------
    ValueError : not a clip table, settings that make no sense, a cache made of another table or with other
        settings (says which), or not one readable clip (says why).
    OSError : the cache cannot be written, for instance because the disk is full; what is decoded is kept.
    """
    table = _checked(table)
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
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache):
        state, skipped = _opened(cache, table, settings, sound_shape, rebuild=rebuild)
        if retry_skipped:
            state[state == _SKIPPED] = 0
            skipped.clear()
        if (state == 0).any():
            _fill(cache, table, settings, state, skipped, n_workers, progress)
    if progress is not None:
        progress("decoding", 1.0)
    good = np.flatnonzero(state == _DONE)
    if len(good) == 0:
        first = [skipped[row] for row in sorted(skipped)[:3]]
        reasons = "; ".join(f"{path}: {reason}" for path, _, _, reason in first)
        raise ValueError(f"none of the {len(table)} clips could be read ({reasons})")
    return _paired(cache, table, good)


def skipped_clips(cache_dir: str | os.PathLike) -> pd.DataFrame:
    """The clips that a cache leaves out: columns row (of the table), path, start, end and reason.

    Raises
    ------
    ValueError : `cache_dir` is no cache of clips.
    """
    path = Path(cache_dir, "skipped.csv")
    if not path.is_file():
        raise ValueError(f"{cache_dir} is no cache of clips: it has no skipped.csv")
    return pd.read_csv(
        path, dtype={"path": str, "reason": str}, keep_default_na=False, na_values={"end": [""]}
    )


# ---- tables ----


def _folder_table(folder: Path) -> pd.DataFrame:
    from hyperclade.data.media import MEDIA_SUFFIXES

    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            Path(parent, name)
            for name in names
            if Path(name).suffix.lower() in MEDIA_SUFFIXES and not name.startswith(".")
        ]
    if not found:
        raise ValueError(f"no media under {folder}: no file ends in {', '.join(sorted(MEDIA_SUFFIXES))}")
    found.sort(key=lambda path: path.as_posix())
    return pd.DataFrame(
        {
            "path": [os.path.abspath(path) for path in found],
            "start": 0.0,
            "end": np.nan,
            "label": [path.parent.name if path.parent != folder else "" for path in found],
        }
    )


def _csv_table(source: Path, folder: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(
            source, dtype=str, keep_default_na=False, skipinitialspace=True, encoding="utf-8-sig"
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{source}: not a CSV file of clips ({error})") from error
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes surplus values at the start as an index
        raise ValueError(
            f"{source}: lines hold more values than the first line names columns; put values that contain "
            "commas in double quotes, and end lines without a comma"
        )
    wrong = [str(column) for column in table.columns if column not in COLUMNS]
    if wrong or "path" not in table.columns:
        raise ValueError(
            f"{source}: the first line of a clip table names its columns path, start, end, label (only path "
            f"must be there); this one has {', '.join(map(str, table.columns))}"
        )
    if not len(table):
        raise ValueError(f"{source}: no clips, only a header")
    for column in COLUMNS[1:]:
        if column not in table.columns:
            table[column] = ""
    table = table[list(COLUMNS)].apply(lambda column: column.str.strip())
    for column, default in (("start", 0.0), ("end", np.nan)):
        given = table[column] != ""
        times = pd.to_numeric(table[column].where(given, "0"), errors="coerce")
        _refuse(source, ~np.isfinite(times), table[column], f"{column} is not a number of seconds")
        table[column] = times.astype(np.float64).where(given, default)
    _refuse(source, table["path"] == "", table["path"], "the path is empty")
    _refuse(source, table["start"] < 0, table["start"], "start is negative")
    _refuse(source, table["end"] <= table["start"], table["end"], "end does not lie beyond start")
    root = os.path.abspath(folder)
    table["path"] = [os.path.normpath(os.path.join(root, path)) for path in table["path"]]
    return table


def _refuse(source: Path, wrong: pd.Series, values: pd.Series, what: str) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"{source}: clip {row + 1} (line {row + 2}): {what}: {values.iloc[row]!r}; "
            f"{int(wrong.sum())} such lines"
        )


def _cut(table: pd.DataFrame, every: float) -> pd.DataFrame:
    from hyperclade.data.media import MediaError, probe

    whole = table["end"].isna()
    ends: dict[str, float] = {}
    for path in table.loc[whole, "path"].unique():
        try:
            info = probe(path)
        except MediaError:
            continue  # stays one clip, so that the cache names it
        ends[path] = min((s.end for s in (info.video, info.audio) if s is not None), default=0.0)
    known = table["path"].map(ends)
    # A file a rounding error short of a multiple still gives its last clip.
    n = np.floor((known - table["start"]) / every + 1e-6).clip(lower=0)
    n = n.where(whole & (n >= 1), 1).astype(int).to_numpy()
    cut = (whole & known.notna() & ((known - table["start"]) >= every * (1 - 1e-6))).to_numpy()
    rows = np.repeat(np.arange(len(table)), n)
    number = np.arange(len(rows)) - np.repeat(np.cumsum(n) - n, n)
    result = table.iloc[rows].reset_index(drop=True)
    starts = result["start"].to_numpy() + number * every
    result["end"] = np.where(cut[rows], starts + every, result["end"])
    result["start"] = starts
    return result


def _checked(table: pd.DataFrame) -> pd.DataFrame:
    missing = [column for column in COLUMNS if column not in getattr(table, "columns", ())]
    if missing:
        raise ValueError(f"a clip table has the columns {', '.join(COLUMNS)}; {', '.join(missing)} lacking")
    if not len(table):
        raise ValueError("the clip table is empty")
    table = table[list(COLUMNS)].reset_index(drop=True)
    table["path"] = table["path"].astype(str)
    table["label"] = table["label"].fillna("").astype(str)
    for column in ("start", "end"):
        try:
            table[column] = table[column].astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"column {column} of the clip table must hold seconds ({error})") from error
    starts, ends = table["start"], table["end"]
    if not (
        np.isfinite(starts) & (starts >= 0) & (ends.isna() | (np.isfinite(ends) & (ends > starts)))
    ).all():
        raise ValueError(
            "clip table: starts must be 0 or more and ends beyond their starts (NaN: end of the file)"
        )
    return table


# ---- the cache ----


def _sound_shape(window: float, sample_rate: int, n_bins: int) -> tuple[int, int]:
    """Also finds settings that make no sense before any clip is decoded."""
    from hyperclade.data.spectrogram import log_mel

    n_samples = round(window * sample_rate) if np.isfinite(window) else 0
    if n_samples < 1 or sample_rate < 1:
        raise ValueError(f"window must hold a sample, got {window} s at {sample_rate} samples a second")
    bins, steps = log_mel(np.zeros(n_samples, np.float32), sample_rate=sample_rate, n_bins=n_bins).shape
    return bins, steps


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
) -> tuple[np.ndarray, dict[int, tuple[str, float, float, str]]]:
    """State of each row, and (path, start, end, reason) of the skipped ones; lays the files out at first."""
    about = {"format": 1, "n_clips": len(table), "table": _fingerprint(table)} | settings
    manifest = cache / "cache.json"
    if manifest.exists():
        try:
            found = json.loads(manifest.read_text(encoding="utf-8"))
        except ValueError:
            found = {}
        differences = [
            f"{key} {found.get(key)!r} there, {value!r} asked"
            if key != "table"
            else "another table (paths, starts or ends)"
            for key, value in about.items()
            if found.get(key) != value
        ]
        if not differences:
            skipped = {
                int(row.row): (row.path, row.start, row.end, row.reason)
                for row in skipped_clips(cache).itertuples()
            }
            state = np.fromfile(cache / "state.bin", np.uint8)
            if len(state) == len(table):
                return state, skipped
            differences = ["a file of it is damaged"]
        if not rebuild:
            raise ValueError(
                f"cache {cache} was made otherwise ({'; '.join(differences)}); "
                "choose another folder or pass rebuild"
            )
        manifest.unlink()
    n = len(table)
    size = settings["frame_size"]
    _lay_out(cache / "frames.npy", np.dtype(np.uint8), (n, settings["n_frames"], 3, size, size))
    _lay_out(cache / "sounds.npy", np.dtype(np.float16), (n, *sound_shape))
    state, skipped = np.zeros(n, np.uint8), {}
    _save_state(cache, state, skipped, skips_changed=True)
    with atomic_write(manifest, "w") as file:  # last: its presence says that the other files are sound
        json.dump(about, file, indent=1)
        file.write("\n")
    return state, skipped


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
    skipped: dict[int, tuple[str, float, float, str]],
    n_workers: int,
    progress: Callable[[str, float], None] | None,
) -> None:
    todo = iter(np.flatnonzero(state == 0).tolist())
    paths, starts, ends = (table[column].tolist() for column in ("path", "start", "end"))
    n_skips_saved, last_saved = -1, monotonic()
    pool = ThreadPoolExecutor(n_workers, thread_name_prefix="decode")
    running: dict[Future, int] = {}
    files = [_Rows(cache / name) for name in ("frames.npy", "sounds.npy")]

    def save() -> None:
        nonlocal n_skips_saved, last_saved
        for file in files:
            file.flush()
        _save_state(cache, state, skipped, skips_changed=len(skipped) != n_skips_saved)
        n_skips_saved, last_saved = len(skipped), monotonic()

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
                    for file, values in zip(files, outcome, strict=True):
                        file.write(row, values)
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
) -> tuple[np.ndarray, np.ndarray] | str:
    """Frames and log-mel of a clip, or why there are none."""
    from hyperclade.data.media import MediaError, read_clip
    from hyperclade.data.spectrogram import log_mel

    asked = {key: settings[key] for key in ("n_frames", "frame_size", "window", "sample_rate")}
    try:
        clip = read_clip(path, start, None if np.isnan(end) else end, **asked)
    except MediaError as error:
        return error.reason
    spectrogram = log_mel(clip.sound, sample_rate=settings["sample_rate"], n_bins=settings["n_bins"])
    return clip.frames, spectrogram.astype(np.float16)


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


def _save_state(
    cache: Path, state: np.ndarray, skipped: dict[int, tuple[str, float, float, str]], *, skips_changed: bool
) -> None:
    """After the rows it speaks of are on the disk."""
    if skips_changed:
        rows = [(row, *skipped[row]) for row in sorted(skipped)]
        with atomic_write(cache / "skipped.csv", "w") as file:
            pd.DataFrame(rows, columns=["row", "path", "start", "end", "reason"]).to_csv(file, index=False)
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
