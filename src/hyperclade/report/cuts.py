"""Partitions of a tree that are asked for, beside its natural layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from hyperclade.trees.tree import Tree


@dataclass(frozen=True)
class Cuts:
    """Exactly so many clusters, several such numbers, or the clusters that merge up to a height.

    Parameters
    ----------
    cut : int, optional
        Column `cut_K`.
    levels : sequence of int or str
        Columns `level_K`; also as text, "5,20,100".
    height : float, optional
        Column `height_H`.

    Examples
    --------
    >>> from hyperclade.trees import Tree
    >>> cuts = Cuts(3, [2, 4])
    >>> cuts.check(4)
    >>> {column: labels.tolist() for column, labels in cuts.of(Tree([4, 4, 5, 5, 6, 6, -1])).items()}
    {'cut_3': [0, 0, 1, 2], 'level_2': [0, 0, 1, 1], 'level_4': [0, 1, 2, 3]}
    """

    cut: int | None = None
    levels: Sequence[int] | str | None = None
    height: float | None = None

    @property
    def counts(self) -> list[int]:
        """The numbers of `levels`, each once."""
        levels = self.levels or []
        try:
            return list(dict.fromkeys(map(int, levels.split(",") if isinstance(levels, str) else levels)))
        except ValueError:
            raise ValueError(
                f"--levels must be numbers of clusters such as 5,20,100; got {self.levels!r}"
            ) from None

    def check(self, n: int | None = None) -> None:
        """Refuse what no tree of n rows has, or no tree at all; names the options of the commands.

        Raises
        ------
        ValueError
        """
        for option, count in [("--cut", self.cut), *(("--levels", count) for count in self.counts)]:
            if count is not None and (count < 1 or (n is not None and count > n)):
                most = "" if n is None else f" to the number of rows, {n}"
                raise ValueError(f"{option} must be from 1{most}, got {count}")
        if self.height is not None and not self.height >= 0:
            raise ValueError(f"--height must not be below 0, got {self.height:g}")

    def of(self, tree: "Tree") -> "dict[str, np.ndarray]":
        """Labels `(n,)` of the leaves by column."""
        columns = {} if self.cut is None else {f"cut_{self.cut}": tree.cut(self.cut)}
        columns |= {f"level_{count}": tree.cut(count) for count in self.counts}
        if self.height is not None:
            columns[f"height_{self.height:g}"] = tree.cut_height(self.height)
        return columns
