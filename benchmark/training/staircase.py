"""Answer nearer to a whole star, as far as the mean absolute error asks for it.

The mean of what a rating may be has the least RMSE; the least MAE has its median, and where people
give whole stars that is a whole star. Between two levels the MAE of an answer changes by P(below) -
P(above), which is about zero midway and grows towards either: as little is known there, an answer
is best left about where the mean has it, and elsewhere moved to the level. That is a straight line
about the middle, steeper than the mean's own, that ends at the levels: a staircase with slanting
risers. How steep is chosen on validation, by MAE, the task's first metric.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.rounding import rounded

Floats = NDArray[np.float64]

#: With more levels than these the nearest one is next to the mean, and there are no stairs.
MOST_LEVELS = 20
_STEEPNESSES = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0)
#: In shares of the distance between two levels.
_SHIFTS = tuple(step / 20 for step in range(-6, 7))


@dataclass(frozen=True, slots=True)
class Staircase:
    """Moves ratings towards ``levels``, ascending: between two of them along a line of
    ``steepness`` (1: as they are, infinite: to the nearest), ``shift`` being added first."""

    levels: tuple[float, ...] = ()
    steepness: float = 1.0
    shift: float = 0.0

    def __call__(self, ratings: Floats) -> Floats:
        """Return ``ratings`` (n,), moved; those beyond the levels to the ends.

        Without two levels they stay.
        """
        if len(self.levels) < 2 or (self.steepness, self.shift) == (1.0, 0.0):
            return ratings
        known = np.asarray(self.levels, np.float64)
        # A rating that is midway but for its last digits goes up on every processor.
        values = rounded(ratings + self.shift, computed_in=np.float32).clip(known[0], known[-1])
        below = np.clip(np.searchsorted(known, values, side="right") - 1, 0, len(known) - 2)
        width = known[below + 1] - known[below]
        part = (values - known[below]) / width
        if math.isinf(self.steepness):
            return known[below + (part >= 0.5)]
        moved: Floats = known[below] + width * (0.5 + self.steepness * (part - 0.5)).clip(0, 1)
        return moved


def levels_in(ratings: Iterable[float]) -> tuple[float, ...]:
    """Return the levels people rate with, ascending; none where there are more than 20."""
    levels = sorted(set(ratings))
    return tuple(levels) if len(levels) <= MOST_LEVELS else ()


def best_staircase(ratings: Floats, targets: Floats, levels: tuple[float, ...]) -> Staircase:
    """Return the staircase to ``levels`` after which ``ratings`` (n,) have the least MAE."""
    if not len(targets):
        return Staircase()
    steps = [Staircase(levels, a, b) for a in _STEEPNESSES for b in _shifts(levels)]
    return _best(steps, targets, ratings)


def nearest_level(ratings: Floats, targets: Floats, levels: tuple[float, ...]) -> Staircase:
    """Return the staircase with upright risers after which ``ratings`` (n,) have the least MAE."""
    if not len(targets):
        return Staircase(levels, math.inf)
    steps = [Staircase(levels, math.inf, b) for b in _shifts(levels)]
    return _best(steps, targets, ratings)


def _shifts(levels: Sequence[float]) -> list[float]:
    step = float(np.diff(levels).min()) if len(levels) > 1 else 0.0
    return [share * step for share in sorted(_SHIFTS, key=abs)]


def _best(steps: Sequence[Staircase], targets: Floats, ratings: Floats) -> Staircase:
    """The least MAE decides, then the smaller steepness and shift, which come first."""
    errors = [np.abs(step(ratings) - targets).mean() for step in steps]
    return steps[int(np.argmin(rounded(np.array(errors), computed_in=np.float32)))]
