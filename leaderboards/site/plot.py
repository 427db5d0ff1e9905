"""Lays out a board's plot: one line per row with its value and interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leaderboards.site.standing import Row

#: Rows that are drawn; a plot of hundreds shows nothing.
MOST_ROWS = 20
WIDTH, LABEL, MARGIN = 420, 170, 12
LINE, TOP, BOTTOM = 22, 8, 34
_LETTERS = 24


@dataclass(frozen=True, slots=True)
class Mark:
    """A row's line at height ``y``; ``low``, ``x`` and ``high`` are places from the left.

    ``low`` and ``high`` are ``None`` where there is no interval.
    """

    label: str
    y: int
    low: float | None
    x: float
    high: float | None
    reported: bool


@dataclass(frozen=True, slots=True)
class Plot:
    """An SVG of :data:`WIDTH` x ``height`` units; ``ticks`` are (place, words)."""

    marks: tuple[Mark, ...]
    ticks: tuple[tuple[float, str], ...]
    width: int
    height: int
    left: int
    right: int
    left_out: int


def plot_of(rows: Sequence[Row]) -> Plot | None:
    """Lay out the plot of the first :data:`MOST_ROWS` rows; ``None`` where there is none."""
    drawn = rows[:MOST_ROWS]
    if not drawn:
        return None
    scores = [row.primary for row in drawn]
    ends = [end for s in scores for end in (s.low, s.value, s.high) if end is not None]
    low, high = min(ends), max(ends)
    if high == low:
        low, high = low - 0.5, high + 0.5
    left, right = LABEL, WIDTH - MARGIN

    def place(value: float) -> float:
        return round(left + (value - low) / (high - low) * (right - left), 1)

    marks = [
        Mark(
            _shortened(row.entry.submission.label),
            TOP + LINE * i + LINE // 2,
            None if row.primary.low is None else place(row.primary.low),
            place(row.primary.value),
            None if row.primary.high is None else place(row.primary.high),
            row.rank is None,
        )
        for i, row in enumerate(drawn)
    ]
    return Plot(
        marks=tuple(marks),
        ticks=tuple((place(value), f"{value:.3g}") for value in _ticks(low, high)),
        width=WIDTH,
        height=TOP + LINE * len(drawn) + BOTTOM,
        left=left,
        right=right,
        left_out=len(rows) - len(drawn),
    )


def _ticks(low: float, high: float) -> list[float]:
    """Two to six round values within the range."""
    rough = (high - low) / 6
    unit = 10.0 ** np.floor(np.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    return [float(i * step) for i in range(first, last + 1)]


def _shortened(label: str) -> str:
    return label if len(label) <= _LETTERS else f"{label[: _LETTERS - 1]}…"
