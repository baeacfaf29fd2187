"""Where samples come from: AV digits by name, clips, decoded once into a cache, or images without sound."""

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from hyperclade.data.formats.csv import read_text_table
from hyperclade.data.image_rows import open_images
from hyperclade.data.image_set import ImageSet
from hyperclade.data.images import ImageItem, image_folder
from hyperclade.data.labelled_files import listed_images
from hyperclade.data.opening import IMAGE_SUFFIXES, MEDIA_SUFFIXES, existing, kinds_under
from hyperclade.data.paired import PairedSet
from hyperclade.data.video_lists import form_of

AVDIGITS = "avdigits"
_KEEPING = ("cache", "rebuild", "retry_skipped", "n_workers")  # change nothing about what is kept
_GIVE = '"avdigits", a folder or CSV file of clips or of images, or a Parquet file of images'

Seen = PairedSet | ImageSet
Some = TypeVar("Some", PairedSet, ImageSet)


@dataclass
class Media:
    """What is decoded of each clip, and where it is kept; of images `frame_size` alone counts.

    Attributes
    ----------
    n_frames : int
        Frames of a clip, spread over its window of sound.
    frame_size : int
        Side of the square frames in pixels: what is seen is scaled to cover it, and its middle cut out.
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
    ValueError: no data 'nowhere.csv': give "avdigits", a folder or CSV file of clips or of images, or a \
Parquet file of images
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
    if holds_images(data):
        raise ValueError(f"{data} has images without sound: these are no pairs")
    from hyperclade.data.clip_cache import cache_clips
    from hyperclade.data.clips import read_clip_table

    media = media or Media()
    options = {name: value for name, value in asdict(media).items() if name not in ("every", "cache")}
    table = read_clip_table(data, every=media.every, split=split)
    pairs = cache_clips(table, cache_folder(data, media, split), progress=progress, **options)
    pairs = with_classes(pairs, class_names)
    return _some(pairs, n_pairs, data, random_state)


def load_images(
    data: str | os.PathLike,
    *,
    n_pairs: int | None = None,
    random_state: int = 0,
    media: Media | None = None,
    class_names: Sequence[str] = (),
) -> ImageSet:
    """Images without sound, to learn from or to judge by; those that do not decode are named in `skipped`.

    Parameters
    ----------
    data : path
        A folder of images, whose classes are the folders they lie in; a Parquet file with the column "image"
        (encoded bytes) and, if known, "label"; or a CSV file with the column "path", relative to its folder,
        and, if known, "label".
    n_pairs : int, optional
        So many images, drawn at random; None for all.
    media : Media, optional
        The `frame_size` that all are brought to.
    class_names : sequence of str
        As in `load_pairs`.

    Raises
    ------
    ValueError
        No such data, media options other than `frame_size`, or not one readable image.

    Warns
    -----
    UserWarning
        Some images have a label and some have none.
    """
    media = media or Media()
    usual = asdict(Media(frame_size=media.frame_size))
    given = [name for name, value in asdict(media).items() if value != usual[name]]
    if given:
        raise ValueError(f"media.{given[0]} is an option of clips; of images media.frame_size alone counts")
    if media.frame_size < 1:
        raise ValueError(f"media.frame_size must be at least 1 pixel, got {media.frame_size}")
    items, named = _listed(existing(data, _GIVE))
    pixels, good, skipped = open_images(items, (media.frame_size, media.frame_size))
    known = [named[k] for k in good]
    names = tuple(sorted({name for name in known if name}))
    unlabelled = sum(not name for name in known)
    if names and unlabelled:
        warnings.warn(
            f"{data}: {unlabelled} of {len(known)} images have no label; they are taken as unknown",
            stacklevel=2,
        )
    code = {name: k for k, name in enumerate(names)}
    labels = np.array([code.get(name, -1) for name in known], dtype=np.int64) if names else None
    images = ImageSet(pixels, labels, names, tuple(items[k].id for k in good), skipped)
    return _some(with_classes(images, class_names), n_pairs, data, random_state)


def holds_images(data: str | os.PathLike) -> bool:
    """Whether data are images without sound, by the suffixes of its files; else they are clips.

    Raises ValueError for nothing there, and for a folder or list of images and clips, or a folder of neither.
    """
    if str(data) == AVDIGITS:
        return False
    path = existing(data, _GIVE)
    if path.is_dir():
        images, clips = kinds_under(path, IMAGE_SUFFIXES, MEDIA_SUFFIXES)
        if not images and not clips:
            raise ValueError(
                f"no media under {path}: no file ends in {', '.join(sorted(MEDIA_SUFFIXES))} (clips), or in "
                f"{', '.join(sorted(IMAGE_SUFFIXES))} (images)"
            )
    elif path.suffix.lower() == ".csv":
        if form_of(path) is not None:
            return False
        listed = [Path(name.strip()) for name in read_text_table(path).get("path", ())]
        images, clips = (
            [name for name in listed if name.suffix.lower() in suffixes]
            for suffixes in (IMAGE_SUFFIXES, MEDIA_SUFFIXES)
        )
    else:
        return path.suffix.lower() in (".parquet", *IMAGE_SUFFIXES)
    if images and clips:
        raise ValueError(
            f"{path} has {len(images)} images ({images[0]}) and {len(clips)} clips ({clips[0]}): give a "
            "folder of the one or the other, or a CSV file that lists their paths"
        )
    return bool(images)


def has_splits(data: str | os.PathLike) -> bool:
    """Whether training and test pairs are told apart by name.

    >>> has_splits("avdigits"), has_splits("nowhere.csv")
    (True, False)
    """
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


def with_classes(samples: Some, class_names: Sequence[str]) -> Some:
    """The samples with their classes numbered as in `class_names`; classes it lacks come after those.

    >>> frames, sounds = np.zeros((2, 1, 1, 8, 8), np.uint8), np.zeros((2, 4, 5), np.float32)
    >>> pairs = PairedSet(frames, sounds, np.arange(2), np.arange(2), np.array([1, 0]), ("cello", "owl"))
    >>> again = with_classes(pairs, ["dog", "owl"])
    >>> again.labels.tolist(), again.class_names
    ([1, 2], ('dog', 'owl', 'cello'))
    """
    if not class_names or samples.labels is None:
        return samples
    names = [*class_names, *(name for name in samples.class_names if name not in class_names)]
    number: dict[str, int] = {name: k for k, name in enumerate(names)}
    to = np.array([*(number[name] for name in samples.class_names), -1], dtype=np.int64)  # −1 stays −1
    return replace(samples, labels=to[samples.labels], class_names=tuple(names))


def _some(samples: Some, number: int | None, data: str | os.PathLike, random_state: int) -> Some:
    """So many of them, drawn at random; all where no number is given."""
    if number is None:
        return samples
    if not 1 <= number <= len(samples):
        raise ValueError(f"n_pairs must be 1 … {len(samples)} for {data}, got {number}")
    chosen = np.random.default_rng(random_state).permutation(len(samples))[:number]
    return samples.subset(np.sort(chosen))


def _listed(path: Path) -> tuple[list[ImageItem], list[str]]:
    """Images not yet decoded, and the name of each one's class; "" where it is unknown."""
    if path.is_dir():
        items = image_folder(path)
    elif path.suffix.lower() == ".csv" and "label" in read_text_table(path):
        items, cells = listed_images(path, ["label"])
        return items, [cell[0].strip() if cell else "" for cell in cells]
    else:
        items, _ = listed_images(path)
    return items, ["" if item.label is None else str(item.label).strip() for item in items]
