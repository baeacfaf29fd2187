"""Thumbnails and sounds of samples, for the page: found by their ids, of those that stand for nodes first."""

from __future__ import annotations

import io
import os
import wave
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from hyperclade.data.images import ImageItem, decode_images, image_items
from hyperclade.data.opening import IMAGE_SUFFIXES, MEDIA_SUFFIXES, SOUND_SUFFIXES, kinds_under, what_is
from hyperclade.environment import IntArray, installation
from hyperclade.progress import Progress, Say, counted, say_if, say_skipped

if TYPE_CHECKING:
    from PIL.Image import Image

    from hyperclade.report.outcome import Outcome

MOST_IMAGES = 2000
MOST_SOUNDS = 200
_SIDE = 128  # pixels
_QUALITY = 75
_SECONDS = 5.0
_MP3_RATE, _MP3_BITS = 24_000, 48_000  # a second
_WAV_RATE = 16_000
_BATCH = 64
_TRIED = 5  # files for each that is wanted, as some cannot be read and some clips are silent
_GOLDEN = (5**0.5 - 1) / 2
_WITH_IMAGES = ("folder", "image table")
_GIVE = "a folder of images, sounds or clips, or a Parquet file of images"

Kind = Literal["image", "sound"]
_KINDS: tuple[tuple[Kind, int, str], ...] = (
    ("image", MOST_IMAGES, "thumbnail"), ("sound", MOST_SOUNDS, "sound"),
)  # fmt: skip


@dataclass(frozen=True)
class MediaItem:
    """What a page shows or plays of a sample.

    Attributes
    ----------
    leaf : int
    kind : {"image", "sound"}
    type : str
        Media type of the content, "image/webp".
    content : bytes
    """

    leaf: int
    kind: Kind
    type: str
    content: bytes


class _Content(NamedTuple):
    type: str
    content: bytes


# Makes the content; a text says why there is none, None that the file has nothing of this kind.
_Maker = Callable[[], _Content | str | None]


class Media:
    """Images, sounds and clips of samples: a folder of files, or a Parquet file of encoded images.

    A sample's file is that whose path below the folder is its id, with or without the extension, or else the
    only one that is called so. Ids only choose among files that lie in the folder: no id leads out of it.

    Parameters
    ----------
    source : path

    Raises
    ------
    ValueError
        Neither, or nothing is there.
    """

    def __init__(self, source: str | os.PathLike) -> None:
        self.source = Path(source)
        kind = what_is(self.source, give=_GIVE)
        if kind not in _WITH_IMAGES:
            raise ValueError(f"{self.source} is no folder of media: give {_GIVE}")
        self._is_table = kind == "image table"

    def of(
        self, outcome: Outcome, progress: Progress | None = None, say: Say | None = None
    ) -> Iterator[MediaItem]:
        """Up to 2,000 thumbnails and 200 sounds, of the samples that stand for the largest nodes first.

        What is left out is said, with the reasons.
        """
        n = outcome.tree.n_leaves
        ids = outcome.id_texts()
        order = standing_first(outcome)
        makers = self._in_table(ids, order) if self._is_table else self._in_folder(ids, order, say)
        made: dict[Kind, int] = {"image": 0, "sound": 0}
        skipped: list[tuple[str, str]] = []
        for kind, most, word in _KINDS:
            for leaf, found in _made(makers[kind], most, f"{word}s", progress):
                if isinstance(found, str):
                    skipped.append((ids[leaf], found))
                else:
                    made[kind] += 1
                    yield MediaItem(leaf, kind, *found)
        told = " and ".join(counted(made[kind], word) for kind, _, word in _KINDS if made[kind])
        if told:
            say_if(say, f"{told} of {counted(n, 'sample')}, those that stand for large nodes first")
        elif not skipped:
            say_if(say, f"no thumbnails or sounds: no sample's id is that of a file in {self.source}")
        say_skipped(say, skipped, "files of samples")

    def _in_folder(
        self, ids: Sequence[str], order: IntArray, say: Say | None
    ) -> dict[Kind, Iterable[tuple[int, _Maker]]]:
        images, clips, sounds = kinds_under(self.source, IMAGE_SUFFIXES, MEDIA_SUFFIXES, SOUND_SUFFIXES)
        if (clips or sounds) and find_spec("av") is None:
            left = counted(len(clips) + len(sounds), "file")
            say_if(say, f"{left} of sounds and clips left out: reading them needs av: {installation('av')}")
            clips, sounds = [], []
        seen, heard = _Files(self.source, [*images, *clips]), _Files(self.source, [*sounds, *clips])
        moving = frozenset(clips)
        found: dict[Kind, Iterable[tuple[int, _Maker]]] = {
            "image": (
                (leaf, partial(_frame, path) if path in moving else partial(_picture, path))
                for leaf in order.tolist()
                if (path := seen.of(ids[leaf])) is not None
            ),
            "sound": (
                (leaf, partial(_sound, path))
                for leaf in order.tolist()
                if (path := heard.of(ids[leaf])) is not None
            ),
        }
        return found

    def _in_table(self, ids: Sequence[str], order: IntArray) -> dict[Kind, Iterable[tuple[int, _Maker]]]:
        leaves = {ids[leaf]: leaf for leaf in order[:MOST_IMAGES][::-1].tolist()}
        items = image_items(self.source, leaves.keys())
        return {"image": ((leaves[item.id], partial(_thumbnail, item)) for item in items), "sound": ()}


def media_of(source: Any, say: Say | None = None) -> Media | None:
    """Media of the `input` that a hierarchy was found in, if that holds images and is still there."""
    if not isinstance(source, str) or source == "bundled nouns":
        return None
    try:
        return Media(source) if what_is(source, otherwise="texts") in _WITH_IMAGES else None
    except (ValueError, OSError):
        say_if(say, f"no media: {source} is not to be read any more; --media says where the samples are")
        return None


def standing_first(outcome: Outcome) -> IntArray:
    """All leaves, the typical and borderline ones of the largest nodes first, the others evenly after them.

    >>> from hyperclade.report.outcome import Outcome
    >>> from hyperclade.trees import Tree
    >>> tree = Tree([4, 4, 5, 5, 6, 6, -1])
    >>> standing_first(Outcome(tree, exemplars={4: [1], 6: [2]}, borderline={6: [3]})).tolist()
    [2, 3, 1, 0]
    """
    tree = outcome.tree
    nodes = np.array(sorted({*outcome.exemplars, *outcome.borderline}), dtype=np.int64)
    nodes = nodes[np.argsort(-tree.size[nodes], kind="stable")]
    told = [
        np.asarray(rows.get(node, ()), dtype=np.int64)
        for node in nodes.tolist()
        for rows in (outcome.exemplars, outcome.borderline)
    ]
    # Multiples of the golden ratio are spread evenly, however many are taken.
    evenly = np.argsort(np.arange(tree.n_leaves) * _GOLDEN % 1, kind="stable")
    every = np.concatenate([*told, tree.leaf_order[evenly]])
    return every[np.sort(np.unique(every, return_index=True)[1])]


class _Files:
    """Files in a folder by what an id may call them."""

    def __init__(self, folder: Path, paths: Collection[Path]) -> None:
        own = [(path, path.relative_to(folder)) for path in paths]
        self._called = [
            _unique((key(relative), path) for path, relative in own)
            for key in (
                Path.as_posix,
                lambda relative: relative.with_suffix("").as_posix(),
                lambda relative: relative.name,
                lambda relative: relative.stem,
            )
        ]

    def of(self, id: str) -> Path | None:
        return next((path for called in self._called if (path := called.get(id)) is not None), None)


def _unique(pairs: Iterable[tuple[str, Path]]) -> dict[str, Path | None]:
    """Paths by keys, None for a key of several."""
    found: dict[str, Path | None] = {}
    for key, path in pairs:
        found[key] = None if key in found else path
    return found


def _made(
    makers: Iterable[tuple[int, _Maker]], most: int, stage: str, progress: Progress | None
) -> Iterator[tuple[int, _Content | str]]:
    """What is made of at most so many leaves, and what cannot be made on the way there."""
    waiting, count = islice(makers, _TRIED * most), 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while batch := list(islice(waiting, min(_BATCH, most - count))):
            results = pool.map(lambda own: own[1](), batch)
            for (leaf, _), found in zip(batch, results, strict=True):
                if found is not None:
                    count += not isinstance(found, str)
                    yield leaf, found
            if progress is not None:
                progress(stage, count / most)


def _picture(path: Path) -> _Content | str:
    return _thumbnail(ImageItem("", None, "", path))


def _thumbnail(item: ImageItem) -> _Content | str:
    images, _, broken = decode_images([item], least_side=2 * _SIDE)
    return _webp(images[0]) if images else broken[0][1]


def _webp(image: Image) -> _Content:
    image.thumbnail((_SIDE, _SIDE))
    file = io.BytesIO()
    image.save(file, "WEBP", quality=_QUALITY)
    return _Content("image/webp", file.getvalue())


def _frame(path: Path) -> _Content | str:
    from PIL import Image

    from hyperclade.data.media import MediaError, read_picture

    try:
        pixels = read_picture(path)
    except MediaError as error:
        return error.reason
    return _webp(Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))))


def _sound(path: Path) -> _Content | str | None:
    import av

    from hyperclade.data.media import MediaError, read_sound

    has_mp3 = "libmp3lame" in av.codecs_available
    try:
        sound = read_sound(path, _SECONDS, _MP3_RATE if has_mp3 else _WAV_RATE)
    except MediaError as error:
        return error.reason
    if sound is None:
        return None
    return _Content("audio/mpeg", _mp3(sound)) if has_mp3 else _Content("audio/wav", _wav(sound))


def _mp3(sound: np.ndarray) -> bytes:
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=_MP3_RATE, layout="mono")
        stream.bit_rate = _MP3_BITS
        frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
        frame.sample_rate = _MP3_RATE
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return file.getvalue()


def _wav(sound: np.ndarray) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(_WAV_RATE)
        written.writeframes(np.rint(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()
