"""Images without sound: what systems learn from that only see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from hyperclade.data.image_rows import ImageRows, Skipped
from hyperclade.data.paired import checked_labels
from hyperclade.data.sets import content_digest, some_rows


@dataclass(frozen=True, eq=False)
class ImageSet:
    """n images of one size, with what a `PairedSet` says of its frames.

    Attributes
    ----------
    images : ImageRows
        Kept decoded, or decoded when they are read.
    labels : (n,) int64
        True classes for evaluation, −1 where unknown; None where nobody knows any.
    class_names : tuple of str
        The name of each class, or empty.
    ids : tuple of str
        A name for each image, or empty.
    skipped : (id, reason)
        Images left out because they do not decode.

    Raises
    ------
    ValueError
        Labels or ids that do not fit the images; says which.

    Examples
    --------
    >>> images = ImageSet(ImageRows.of_pixels(np.zeros((3, 3, 8, 8), np.uint8)))
    >>> batch = images.batch([2, 0])
    >>> batch["frames"].shape, batch["rows"].tolist()
    ((2, 1, 3, 8, 8), [2, 0])
    """

    word: ClassVar[str] = "images"
    modalities: ClassVar[tuple[str, ...]] = ("vision",)

    images: ImageRows
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    skipped: Skipped = ()

    def __post_init__(self) -> None:
        if self.labels is not None:
            labels = checked_labels(self.labels, len(self.images), len(self.class_names))
            object.__setattr__(self, "labels", labels)
        if self.ids and len(self.ids) != len(self.images):
            raise ValueError(
                f"{len(self.ids)} ids for {len(self.images)} images: give one per image, or none"
            )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def in_memory(self) -> bool:
        return isinstance(self.images.source, np.ndarray)

    @property
    def frames(self) -> Frames:
        """The images as n clips of one frame, `(n, 1, 3, h, w) uint8`."""
        return Frames(self.images)

    @property
    def frame_rows(self) -> np.ndarray:
        """`(n,) int64`: image i is frames[i]."""
        return np.arange(len(self))

    def batch(self, rows: Any) -> dict[str, np.ndarray]:
        """A batch of b images: rows `(b,) int64` and frames `(b, 1, 3, h, w) uint8`, copies."""
        index = self.frame_rows[np.asarray(rows, dtype=np.int64)]
        return {"rows": index, "frames": self.frames[index]}

    def fingerprint(self) -> dict[str, Any]:
        """Their number and size, and a digest of names and the pixels of a few."""
        some = self.images.read(some_rows(len(self)))
        return {
            "number": len(self),
            "frame_shape": list(self.frames.shape[1:]),
            "content": content_digest(self.ids, (some,)),
        }

    def describe(self) -> str:
        return f"{self.images.size[0]} × {self.images.size[1]} pixels"

    def subset(self, rows: Any) -> ImageSet:
        """The images `rows` ((k,) integers or an (n,) mask), in that order; pixels are shared, not copied.

        Examples
        --------
        >>> images = ImageSet(ImageRows.of_pixels(np.zeros((3, 3, 8, 8), np.uint8)), ids=("a", "b", "c"))
        >>> images.subset([2, 0]).ids
        ('c', 'a')
        """
        chosen = self.frame_rows[np.asarray(rows) if len(rows) else np.empty(0, np.int64)]
        return replace(
            self,
            images=self.images.subset(chosen),
            labels=None if self.labels is None else self.labels[chosen],
            ids=tuple(self.ids[row] for row in chosen) if self.ids else (),
        )


@dataclass(frozen=True, eq=False)
class Frames:
    """Images as an array of clips of one frame, `(n, 1, 3, h, w) uint8`, of which rows are read."""

    images: ImageRows

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.images), 1, 3, *self.images.size)

    def __getitem__(self, rows: Any) -> np.ndarray:
        # Decoded anew, images have another layout than kept ones, which would change roundings.
        return np.ascontiguousarray(self.images.read(rows))[:, None]
