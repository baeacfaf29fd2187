"""Where pairs come from: AV digits by name, or a table or folder of clips, decoded once into a cache."""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from hyperclade.data.opening import existing
from hyperclade.data.paired import PairedSet

AVDIGITS = "avdigits"
_KEEPING = (
    "cache",
    "rebuild",
    "retry_skipped",
    "n_workers",
)  # change nothing about what is kept


@dataclass
class Media:
    """What is decoded of each clip, and where it is kept.

    Attributes
    ----------
    n_frames : int
        Frames of a clip, spread over its window of sound.
    frame_size : int
        Side of the square frames in pixels.
    window : float
        Seconds of sound.
    sample_rate : int
        Samples of sound per second.
    n_bins : int
        Mel bands.
    every : float or None
        Seconds; clips without an end are cut into clips of this length.
    cache : str or None
        Folder for what is decoded; default: beside the data, with ".cache" added to its name.
    rebuild : bool
        Replace a cache of other clips or settings.
    retry_skipped : bool
        Try the clips again that could not be read before.
    n_workers : int or None
        Threads that decode; default: one per core.
    """

    n_frames: int = 1
    frame_size: int = 224
    window: float = 1.0
    sample_rate: int = 24000
    n_bins: int = 257
    every: float | None = None
    cache: str | None = None
    rebuild: bool = False
    retry_skipped: bool = False
    n_workers: int | None = None


def load_pairs(
    data: str | os.PathLike,
    split: str = "train",
    *,
    n_pairs: int | None = None,
    wrong_pairs: float = 0.0,
    noisy: Literal["vision", "audio"] | None = None,
    noise: float = 1.0,
    random_state: int = 0,
    media: Media | None = None,
    class_names: Sequence[str] = (),
    progress: Callable[[str, float], None] | None = None,
) -> PairedSet:
    """Pairs of frames and sounds to learn from or to judge by.

    Parameters
    ----------
    data : path
        "avdigits", a CSV file of clips (path, start, end, label), the list of VGGSound or AudioSet as
        published, or a folder of media files.
    split : str
        "train" or "test" of AV digits and VGGSound. Other clips have no splits: give each a table or folder
        of its own.
    n_pairs : int, optional
        So many, drawn at random; None for all.
    wrong_pairs, noisy, noise : float or {"vision", "audio"} or None
        See `load_avdigits`; for AV digits alone.
    media : Media, optional
        How clips are decoded, and into which cache.
    class_names : sequence of str
        Names of the training pairs' classes, to number the classes alike; others come after them.

    Raises
    ------
    ValueError
        No such data, options that do not apply to it, or not one readable clip.

    Examples
    --------
    >>> load_pairs("nowhere.csv")
    Traceback (most recent call last):
    ...
    ValueError: no data 'nowhere.csv': give "avdigits", a CSV file of clips, or a folder of media files
    """
    if str(data) == AVDIGITS:
        from hyperclade.data.avdigits import load_avdigits

        return load_avdigits(
            split,
            n_pairs=n_pairs,
            wrong_pairs=wrong_pairs,
            noisy=noisy,
            noise=noise,
            random_state=random_state,
        )
    if wrong_pairs or noisy is not None:
        raise ValueError('wrong_pairs and noisy are options of the data "avdigits"')
    existing(data, give='"avdigits", a CSV file of clips, or a folder of media files')
    from hyperclade.data.clip_cache import cache_clips
    from hyperclade.data.clips import read_clip_table

    media = media or Media()
    options = {name: value for name, value in asdict(media).items() if name not in ("every", "cache")}
    table = read_clip_table(data, every=media.every, split=split)
    pairs = cache_clips(table, cache_folder(data, media, split), progress=progress, **options)
    pairs = with_classes(pairs, class_names)
    if n_pairs is None:
        return pairs
    if not 1 <= n_pairs <= len(pairs):
        raise ValueError(f"n_pairs must be 1 … {len(pairs)} for {data}, got {n_pairs}")
    chosen = np.random.default_rng(random_state).permutation(len(pairs))[:n_pairs]
    return pairs.subset(np.sort(chosen))


def has_splits(data: str | os.PathLike) -> bool:
    """Whether training and test pairs are told apart by name.

    >>> has_splits("avdigits"), has_splits("nowhere.csv")
    (True, False)
    """
    from hyperclade.data.video_lists import form_of

    return str(data) == AVDIGITS or (Path(data).is_file() and form_of(Path(data)) == "vggsound")


def cache_folder(data: str | os.PathLike, media: Media, split: str | None = None) -> Path:
    """Where the clips of `data` are kept: beside it, or in the folder that `media` names.

    There with a hash of the path of `data`, as tables in several folders may have one name. What is decoded
    otherwise than by the standard settings is kept apart, under a hash of the settings, and so are splits.

    >>> cache_folder("clips/train.csv", Media()).as_posix()
    'clips/train.csv.cache'
    >>> cache_folder("/clips/train.csv", Media(cache="/scratch")).as_posix()
    '/scratch/train.csv-ea7a4710.cache'
    >>> cache_folder("clips/train.csv", Media(frame_size=64)).as_posix()
    'clips/train.csv-24603287.cache'
    """
    whole = Path(os.path.abspath(data))
    path = whole if Path(data).name in ("", "..") else Path(data)
    name, settings = path.name, _decoding(media)
    if split is not None and has_splits(data):
        name += f"-{split}"
    if media.cache is not None:
        name += f"-{_digest(whole.as_posix())}"
    if settings != _decoding(Media()):
        name += f"-{_digest(json.dumps(settings, sort_keys=True))}"
    return (path.parent if media.cache is None else Path(media.cache)) / f"{name}.cache"


def _decoding(media: Media) -> dict[str, float | None]:
    """The settings that decide what is decoded, all of which are numbers."""
    return {
        name: None if value is None else float(value)
        for name, value in asdict(media).items()
        if name not in _KEEPING
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def with_classes(pairs: PairedSet, class_names: Sequence[str]) -> PairedSet:
    """The pairs with their classes numbered as in `class_names`; classes it lacks come after those.

    >>> frames, sounds = np.zeros((2, 1, 1, 8, 8), np.uint8), np.zeros((2, 4, 5), np.float32)
    >>> pairs = PairedSet(frames, sounds, np.arange(2), np.arange(2), np.array([1, 0]), ("cello", "owl"))
    >>> again = with_classes(pairs, ["dog", "owl"])
    >>> again.labels.tolist(), again.class_names
    ([1, 2], ('dog', 'owl', 'cello'))
    """
    if not class_names or pairs.labels is None:
        return pairs
    names = [*class_names, *(name for name in pairs.class_names if name not in class_names)]
    number = {name: k for k, name in enumerate(names)}
    to = np.array([*(number[name] for name in pairs.class_names), -1], dtype=np.int64)  # −1 stays −1
    return replace(pairs, labels=to[pairs.labels], class_names=tuple(names))
