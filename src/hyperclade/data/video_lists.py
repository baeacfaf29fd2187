"""Lists of clips of videos in the forms in which VGGSound and AudioSet are published."""

from __future__ import annotations

import csv
import re
import warnings
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from hyperclade.data.formats.csv import read_text_table
from hyperclade.data.opening import MEDIA_SUFFIXES, files_under

SPLITS = ("train", "test")  # of VGGSound
_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_SECONDS = 10.0  # of a clip of VGGSound
_NAMES = "class_labels_indices.csv"  # of AudioSet's labels

Form = Literal["vggsound", "audioset"]
_LINES: dict[Form, str] = {
    "vggsound": 'ID,start,"label",train or test',
    "audioset": 'ID, start, end, "label,label"',
}


def form_of(source: Path) -> Form | None:
    """Whose list a file is by its first lines; None for another file."""
    first: list[str] = []
    with open(source, newline="", encoding="utf-8-sig", errors="replace") as file:
        for line in file:
            if line.startswith("#") and line[1:].strip().startswith("YTID"):
                return "audioset"
            if line.strip() and not line.startswith("#"):
                first = next(csv.reader([line], skipinitialspace=True), [])
                break
    if len(first) == 4 and _ID.fullmatch(first[0]) and first[1].isdecimal() and first[3] in SPLITS:
        return "vggsound"
    return None


def read_video_list(source: Path, folder: Path, *, split: str | None = None) -> pd.DataFrame:
    """The clips of a list whose form is known, with the files of the videos.

    Lines are `ID,start,"label",split` (VGGSound) or `ID, start, end, "mid,mid"` (AudioSet). `ID_000030.mp4`
    holds the clip that begins at 30 s and nothing else, `ID.mp4` the whole video; files of any suffix of
    media, at any depth. A clip without a file is one of a file that is not there, as the first clip's is
    named. Of several labels the first is taken, by its name where `class_labels_indices.csv` lies beside.

    Parameters
    ----------
    source : Path
    folder : Path
        Holds the files.
    split : str, optional
        "train" or "test" of a list that names them; None for all.

    Returns
    -------
    pd.DataFrame
        With columns path, start, end (NaN is the end of the file) and label.

    Raises
    ------
    ValueError
        A line of another form, no clips of the split, or none of the files; names the line.

    Warns
    -----
    UserWarning
        Clips with several labels, or with several files, of which the first is taken.
    """
    form = form_of(source)
    if form is None:
        raise ValueError(f"{source}: neither a list of VGGSound nor of AudioSet")
    clips = _clips(source, form)
    if split is not None and (clips["split"] != "").any():
        have = sorted(clips["split"].unique())
        clips = clips[clips["split"] == split].reset_index(drop=True)
        if not len(clips):
            raise ValueError(f"{source}: no clips of the split {split!r}; it has {', '.join(have)}")
    return _with_files(source, folder, clips)


def _clips(source: Path, form: Form) -> pd.DataFrame:
    """Columns id, start, end, label and split."""
    names, several = _label_names(source) if form == "audioset" else {}, 0
    found = []
    for number, row in _rows(source):
        try:
            video, start, third, last = row
            end = float(third) if form == "audioset" else float(start) + _SECONDS
            fine = _ID.fullmatch(video) and 0 <= float(start) < end < np.inf
        except ValueError:
            fine = None
        if not fine or (form == "vggsound" and last not in SPLITS):
            raise ValueError(f"{source}: line {number} is not {_LINES[form]}: {', '.join(row)!r}")
        label, part = third, last
        if form == "audioset":
            first, *more = (name.strip() for name in last.split(","))
            label, part, several = names.get(first, first), "", several + bool(more)
        found.append((video, float(start), end, label.strip(), part))
    if not found:
        raise ValueError(f"{source}: no clips, only comments")
    if several:
        warnings.warn(
            f"{source}: {several} of {len(found)} clips have several labels; the first of each is taken",
            stacklevel=5,
        )
    return pd.DataFrame(found, columns=["id", "start", "end", "label", "split"])


def _rows(source: Path) -> list[tuple[int, list[str]]]:
    try:
        with open(source, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, skipinitialspace=True, strict=True)
            return [(reader.line_num, row) for row in reader if row and not row[0].startswith("#")]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{source}: not a readable CSV file ({error})") from error


def _label_names(source: Path) -> dict[str, str]:
    path = source.parent / _NAMES
    if not path.is_file():
        return {}
    table = read_text_table(path)
    if not {"mid", "display_name"} <= set(table.columns):
        raise ValueError(f"{path}: names of labels have the columns index, mid, display_name")
    return dict(zip(table["mid"], table["display_name"], strict=True))


def _with_files(source: Path, folder: Path, clips: pd.DataFrame) -> pd.DataFrame:
    files: dict[str, list[Path]] = {}
    for path in files_under(folder.absolute(), MEDIA_SUFFIXES, "media"):
        files.setdefault(path.stem, []).append(path)
    cut = [f"{video}_{int(start):06d}" for video, start in zip(clips["id"], clips["start"], strict=True)]
    is_cut = np.array([name in files for name in cut])
    stems = np.where(is_cut, cut, clips["id"])
    known = np.array([stem in files for stem in stems])
    if not known.any():
        raise ValueError(
            f"{source}: none of the files of its {len(clips)} clips lies under {folder}, such as "
            f"{cut[0]}.mp4 or {clips['id'].iloc[0]}.mp4"
        )
    several = sum(len(files[stem]) > 1 for stem in stems[known])
    if several:
        warnings.warn(
            f"{source}: {several} clips have several files; the first of each by its path is taken",
            stacklevel=4,
        )
    first = int(np.argmax(known))
    like = files[stems[first]][0]
    is_cut[~known] = is_cut[first]
    stems = np.where(is_cut, cut, clips["id"])
    return pd.DataFrame(
        {
            "path": [
                str(files[stem][0] if there else like.with_name(stem + like.suffix))
                for stem, there in zip(stems, known, strict=True)
            ],
            "start": np.where(is_cut, 0.0, clips["start"]),
            "end": np.where(is_cut, np.nan, clips["end"]),
            "label": clips["label"],
        }
    )
