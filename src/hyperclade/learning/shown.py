"""What commands are told to show: the figures of a judgement, lines and tables."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Shown:
    """What a command says: lines, and tables with the first `left` columns to the left."""

    lines: list[str] = field(default_factory=list)
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    left: int = 1
    header: bool = True


@dataclass
class Judgement:
    """Figures, as JSON holds them, and what a command shows of them."""

    figures: dict[str, Any]
    shown: list[Shown] = field(default_factory=list)
