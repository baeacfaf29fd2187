"""Tables of clips: parts of media files with their labels, from a CSV file or of a folder."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from hyperclade.data.formats.csv import read_text_table
from hyperclade.data.opening import MEDIA_SUFFIXES, existing, files_under
from hyperclade.data.video_lists import form_of, read_video_list

COLUMNS = ("path", "start", "end", "label")
GIVE = "a CSV file of clips, or a folder of media files"


def read_clip_table(
    source: str | os.PathLike,
    *,
    folder: str | os.PathLike | None = None,
    every: float | None = None,
    split: str | None = None,
) -> pd.DataFrame:
    """The clips of a CSV file or of a folder of media files.

    Parameters
    ----------
    source : path
        A CSV file with a header line and the columns path, start, end, label, of which only path must be
        there; the list of VGGSound or of AudioSet as published; or a folder, whose media files at any depth
        become clips, labelled by their parent folders (at the top: no label).
    folder : path, optional
        What paths of a CSV are relative to; by default the CSV's own folder.
    every : float, optional
        Seconds; clips without an end are cut into consecutive clips as long as this; a shorter rest is left
        out. Reads the headers of all files.
    split : str, optional
        Of lists that name splits: "train" or "test"; by default all.

    Returns
    -------
    pd.DataFrame
        With columns path (absolute, as text), start and end (float64 seconds; an end of NaN is the end of the
        file) and label ("" is unknown).

    Raises
    ------
    ValueError
        No such file or folder, no clips in it, other columns, an empty path, times that are no numbers,
        negative starts or ends that do not lie beyond their starts; names the line.

    Warns
    -----
    UserWarning
        Some rows have a label and some have none.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = Path(folder, "clips.csv")
    ...     _ = table.write_text("path,start,end,label\\nowl.mp4,2,4.5,bird\\n")
    ...     read_clip_table(table)[["start", "end", "label"]].to_dict("records")
    [{'start': 2.0, 'end': 4.5, 'label': 'bird'}]
    """
    source = existing(source, GIVE)
    if every is not None and not (np.isfinite(every) and every > 0):
        raise ValueError(f"every must be positive seconds, got {every}")
    if source.is_dir():
        table = _folder_table(source)
    else:
        there = Path(folder) if folder is not None else source.parent
        if form_of(source) is None:
            table = _csv_table(source, there)
        else:
            table = read_video_list(source, there, split=split)
    unlabelled = int((table["label"] == "").sum())
    if 0 < unlabelled < len(table):
        warnings.warn(
            f"{source}: {unlabelled} of {len(table)} clips have no label; they are taken as unknown",
            stacklevel=2,
        )
    return table if every is None else _cut(table, every)


def checked_clips(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of a clip table, in their types; ValueError if one is lacking, or times make no sense."""
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


def _folder_table(folder: Path) -> pd.DataFrame:
    found = files_under(folder, MEDIA_SUFFIXES, "media")
    return pd.DataFrame(
        {
            "path": [os.path.abspath(path) for path in found],
            "start": 0.0,
            "end": np.nan,
            "label": [path.parent.name if path.parent != folder else "" for path in found],
        }
    )


def _csv_table(source: Path, folder: Path) -> pd.DataFrame:
    table = read_text_table(source)
    if "path" not in table.columns or not set(table.columns) <= set(COLUMNS):
        raise ValueError(
            f"{source}: the first line of a clip table names its columns path, start, end, label (only path "
            f"must be there); this one has {', '.join(table.columns)}"
        )
    if not len(table):
        raise ValueError(f"{source}: no clips, only a header")
    table = table.reindex(columns=list(COLUMNS), fill_value="").apply(lambda column: column.str.strip())
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
            streams = probe(path)
        except MediaError:
            continue  # stays one clip, so that the cache names it
        ends[path] = min((stream.end for stream in streams if stream is not None), default=0.0)
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
