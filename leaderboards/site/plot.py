"""Lays out a board's plot: in every row its value and interval, all on one axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leaderboards.site.standing import Row

#: Units across, and what is left free at either end.
WIDTH, MARGIN = 260, 10


@dataclass(frozen=True, slots=True)
class Mark:
    """Places a row's value and the ends of its interval on the axis.

    Places count from the left, from :data:`MARGIN` to :data:`WIDTH` less that. ``low`` and
    ``high`` are ``None`` where there is no interval.
    """

    low: float | None
    x: float
    high: float | None


@dataclass(frozen=True, slots=True)
class Plot:
    """Lays out the ``marks`` of all rows, in order, and the axis: ``ticks`` are (place, words)."""

    marks: tuple[Mark, ...]
    ticks: tuple[tuple[float, str], ...]
    width: int = WIDTH


def plot_of(rows: Sequence[Row]) -> Plot | None:
    """Lay out the plot of ``rows``; ``None`` where there is none."""
    if not rows:
        return None
    scores = [row.primary for row in rows]
    ends = [end for s in scores for end in (s.low, s.value, s.high) if end is not None]
    low, high = min(ends), max(ends)
    if high == low:
        low, high = low - 0.5, high + 0.5

    def place(value: float) -> float:
        return round(MARGIN + (value - low) / (high - low) * (WIDTH - 2 * MARGIN), 1)

    marks = tuple(
        Mark(
            None if s.low is None else place(s.low),
            place(s.value),
            None if s.high is None else place(s.high),
        )
        for s in scores
    )
    return Plot(marks, tuple((place(value), f"{value:.3g}") for value in ticks(low, high)))


def ticks(low: float, high: float) -> list[float]:
    """Return the one to five round values within ``low`` to ``high``, which is above ``low``."""
    rough = (high - low) / 4
    unit = 10.0 ** np.floor(np.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    return [float(i * step) for i in range(first, last + 1)]
