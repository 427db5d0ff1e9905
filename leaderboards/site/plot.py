"""Lays out a board's plot: in every row its value and interval, all on one axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from leaderboards.site.standing import Row

#: Units across, and what is left free at either end.
WIDTH, MARGIN = 260, 10
#: On one axis.
_MOST_TICKS = 5
#: Narrower axes are widened: by their larger end, and whatever it is.
_NARROWEST, _SMALLEST = 1e-9, 1e-290


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
    low, high = _apart(min(ends), max(ends))

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
    values = ticks(low, high)
    words = labels(values)
    return Plot(marks, tuple((place(v), said) for v, said in zip(values, words, strict=True)))


def ticks(low: float, high: float) -> list[float]:
    """Return two to five round values within ``low`` to ``high``, evenly spaced.

    Around them where the two are one value, or too close to tell apart.
    """
    low, high = _apart(low, high)
    # Ten to a hundred of the first step: too many. None is more than 2.5 times the one before it,
    # so that the first of which there are five at most fits in twice at least.
    smallest = math.floor(math.log10(high / 10 - low / 10))
    steps = (factor * 10.0**power for power in (smallest, smallest + 1) for factor in (1, 2, 5))
    for step in steps:
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < _MOST_TICKS:
            break
    return [i * step for i in range(first, last + 1)]


def labels(values: Sequence[float]) -> list[str]:
    """Return ``values``, two or more of one spacing, in as few digits as tell them apart."""
    near = (values[1] - values[0]) / 100
    for digits in range(3, 18):
        words = [f"{value:.{digits}g}" for value in values]
        if all(abs(float(said) - value) < near for said, value in zip(words, values, strict=True)):
            break
    return words


def _apart(low: float, high: float) -> tuple[float, float]:
    """The ends of an axis: further apart than rounding, whatever it has to show."""
    if high - low > max(_NARROWEST * max(abs(low), abs(high)), _SMALLEST):
        return low, high
    half = max(0.5, _NARROWEST * abs(high))
    return low - half, high + half
