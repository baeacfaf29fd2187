"""Pairs of pictures and sounds: what cross-modal systems learn from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from hyperclade.data.sets import content_digest, some_rows


@dataclass(frozen=True, eq=False)
class PairedSet:
    """n pairs of frames and sounds, in memory or memory-mapped; many pairs may share one frame or sound.

    Attributes
    ----------
    frames : (m_v, f, c, h, w) uint8
        f frames of each of m_v clips, c channels.
    sounds : (m_a, bins, steps) float16 or float32
        Log-mel spectrograms, natural logarithm of power.
    frame_rows : (n,) int64
        Pair i shows frames[frame_rows[i]],
    sound_rows : (n,) int64
        And sounds[sound_rows[i]].
    labels : (n,) int64
        True classes for evaluation, −1 where unknown; None where nobody knows any.
    class_names : tuple of str
        The name of each class, or empty.
    ids : tuple of str
        A name for each pair ("path@start"), or empty.

    Raises
    ------
    ValueError
        Shapes, dtypes, rows or labels that do not fit together; says which.

    Examples
    --------
    >>> frames, sounds = np.zeros((3, 1, 1, 8, 8), np.uint8), np.zeros((2, 4, 5), np.float32)
    >>> pairs = PairedSet(frames, sounds, np.array([0, 1, 2]), np.array([0, 1, 1]))
    >>> batch = pairs.batch([2, 0])
    >>> batch["frames"].shape, batch["sounds"].shape, batch["rows"].tolist()
    ((2, 1, 1, 8, 8), (2, 1, 4, 5), [2, 0])
    """

    word: ClassVar[str] = "pairs"
    modalities: ClassVar[tuple[str, ...]] = ("vision", "audio")

    frames: np.ndarray
    sounds: np.ndarray
    frame_rows: np.ndarray
    sound_rows: np.ndarray
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.frames.ndim != 5 or self.frames.dtype != np.uint8:
            raise ValueError(
                "frames must be uint8 of shape (clips, frames, channels, height, width), got "
                f"{self.frames.dtype} of shape {self.frames.shape}"
            )
        if self.sounds.ndim != 3 or self.sounds.dtype not in (np.float16, np.float32):
            raise ValueError(
                "sounds must be float16 or float32 of shape (clips, bins, steps), got "
                f"{self.sounds.dtype} of shape {self.sounds.shape}"
            )
        for name, media in (("frames", self.frames), ("sounds", self.sounds)):
            if 0 in media.shape[1:]:
                raise ValueError(f"{name} are empty: their shape is {media.shape}")
        object.__setattr__(self, "frame_rows", _checked_rows("frame_rows", self.frame_rows, len(self.frames)))
        object.__setattr__(self, "sound_rows", _checked_rows("sound_rows", self.sound_rows, len(self.sounds)))
        n = len(self.frame_rows)
        if len(self.sound_rows) != n:
            raise ValueError(
                f"{n} frame_rows for {len(self.sound_rows)} sound_rows: give one of each per pair"
            )
        if self.labels is not None:
            object.__setattr__(self, "labels", checked_labels(self.labels, n, len(self.class_names)))
        if self.ids and len(self.ids) != n:
            raise ValueError(f"{len(self.ids)} ids for {n} pairs: give one per pair, or none")

    def __len__(self) -> int:
        return len(self.frame_rows)

    @property
    def skipped(self) -> tuple[tuple[str, str], ...]:
        return ()  # the cache of the clips lists them

    @property
    def in_memory(self) -> bool:
        return False

    def batch(self, rows: Any) -> dict[str, np.ndarray]:
        """A batch of b pairs: copies, which may be changed in place.

        rows `(b,) int64`, frames `(b, f, c, h, w) uint8` and sounds `(b, 1, bins, steps) float32`.
        """
        index = np.asarray(rows, dtype=np.int64)
        sounds = np.asarray(self.sounds[self.sound_rows[index]], dtype=np.float32)
        return {
            "rows": np.arange(len(self))[index],
            "frames": np.asarray(self.frames[self.frame_rows[index]]),
            "sounds": sounds[:, None],
        }

    def fingerprint(self) -> dict[str, Any]:
        """Their number and shapes, and a digest of names, rows, and the media of a few pairs."""
        some = some_rows(len(self))
        frames, sounds = self.frames[self.frame_rows[some]], self.sounds[self.sound_rows[some]]
        return {
            "number": len(self),
            "frame_shape": list(self.frames.shape[1:]),
            "sound_shape": list(self.sounds.shape[1:]),
            "content": content_digest(self.ids, (self.frame_rows, self.sound_rows, frames, sounds)),
        }

    def describe(self) -> str:
        shapes = (" × ".join(map(str, media.shape[1:])) for media in (self.frames, self.sounds))
        return "frames {}, sounds {}".format(*shapes)

    def subset(self, rows: Any) -> PairedSet:
        """The pairs `rows` ((k,) integers or an (n,) mask), in that order; the media are shared, not copied.

        Examples
        --------
        >>> frames, sounds = np.zeros((3, 1, 1, 8, 8), np.uint8), np.zeros((3, 4, 5), np.float32)
        >>> pairs = PairedSet(frames, sounds, np.arange(3), np.arange(3), ids=("a", "b", "c"))
        >>> pairs.subset([2, 0]).ids
        ('c', 'a')
        """
        chosen = np.arange(len(self))[np.asarray(rows) if len(rows) else np.empty(0, np.int64)]
        return replace(
            self,
            frame_rows=self.frame_rows[chosen],
            sound_rows=self.sound_rows[chosen],
            labels=None if self.labels is None else self.labels[chosen],
            ids=tuple(self.ids[row] for row in chosen) if self.ids else (),
        )


def _checked_rows(name: str, rows: Any, n_media: int) -> np.ndarray:
    rows = np.asarray(rows)
    if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
        raise ValueError(f"{name} must be one-dimensional integers, got {rows.dtype} of shape {rows.shape}")
    outside = np.flatnonzero((rows < 0) | (rows >= n_media))
    if outside.size:
        raise ValueError(f"{name}[{outside[0]}] is {rows[outside[0]]}, but there are {n_media} of them")
    return rows.astype(np.int64, copy=False)


def checked_labels(labels: Any, n: int, n_classes: int) -> np.ndarray:
    """Labels `(n,) int64`, −1 where unknown; ValueError for others, or one without a class name."""
    labels = np.asarray(labels)
    if labels.shape != (n,) or (n and labels.dtype.kind not in "iu"):
        raise ValueError(f"labels must be {n} integers, got {labels.dtype} of shape {labels.shape}")
    limit = n_classes or np.iinfo(np.int64).max
    outside = np.flatnonzero((labels < -1) | (labels >= limit))
    if outside.size:
        names = f"{n_classes} class names" if n_classes else "classes from 0"
        raise ValueError(f"labels[{outside[0]}] is {labels[outside[0]]}, but there are {names} (-1: unknown)")
    return labels.astype(np.int64, copy=False)
