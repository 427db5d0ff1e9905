"""Make ratings of what the model knows, by a few weights chosen on validation.

Focal re-weighting trains probabilities that are too even, and a mean of levels keeps to the middle
of the scale: a temperature and weights undo that. One answer is measured by MAE and by RMSE. Both
count in the choice of these, a mean is what comes of it, and MAE, the first of the two, wants it
nearer to a level (:mod:`benchmark.training.staircase`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from benchmark.rounding import rounded
from benchmark.training.staircase import Staircase, best_staircase
from unimp_model.network.decoding import expected_ratings

#: What is tried on rating probabilities, and on the weighted sum: stretches about its mean, and
#: shifts in shares of the scale's width.
_TEMPERATURES = tuple(step / 20 for step in range(2, 41))
_STRETCHES = tuple(step / 20 for step in range(14, 29))
_SHIFTS = tuple(step / 200 for step in range(-6, 7))


@dataclass(frozen=True, slots=True)
class Evidence:
    """Gathers what the model knows of n ratings on a scale of L levels."""

    p: NDArray[np.float64]
    """Probabilities of the rating tokens (n, L)."""
    beside: NDArray[np.float64]
    """What counts beside them (n, m), NaN where there is nothing to tell."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Makes ratings of evidence: a weighted sum of its parts, plus an offset, moved to levels.

    The parts are the mean of the rating tokens at a temperature, and as many of
    :attr:`Evidence.beside` as there are ``centres``, as deviations from these.
    """

    temperature: float = 1.0
    weights: tuple[float, ...] = (1.0,)
    centres: tuple[float, ...] = ()
    offset: float = 0.0
    staircase: Staircase = field(default_factory=Staircase)

    def __call__(self, evidence: Evidence, levels: Sequence[float]) -> NDArray[np.float64]:
        """Return ratings (n,) within the scale from its lowest to its highest level."""
        return self.staircase(self.expected(evidence, levels))

    def expected(self, evidence: Evidence, levels: Sequence[float]) -> NDArray[np.float64]:
        """Return ratings (n,) within the scale before the staircase."""
        parts = _parts(evidence, levels, self.temperature, self.centres)
        values = np.full(len(parts), self.offset)
        for weight, part in zip(self.weights, parts.T, strict=True):
            values += weight * part  # a matrix product's last digits depend on how many rows it has
        within: NDArray[np.float64] = values.clip(levels[0], levels[-1])
        return within


def best_calibration(
    evidence: Evidence,
    targets: NDArray[np.float64],
    levels: Sequence[float],
    *,
    given: tuple[float, ...],
) -> Calibration:
    """Return the calibration of the least error to ``targets`` (n,), true ratings.

    The error is MAE plus RMSE, each as a share of a constant's. For each temperature the weights
    are those of least squares; their sum is then stretched and shifted. The staircase to the levels
    that people have ``given`` is chosen last, by MAE.
    """
    width, centre = levels[-1] - levels[0], float(targets.mean())
    told = np.isfinite(evidence.beside)
    totals = np.where(told, evidence.beside, 0.0).sum(0)
    centres = tuple((totals / np.maximum(told.sum(0), 1)).tolist())
    tried, errors = [], []
    for temperature in _TEMPERATURES[::2]:
        parts = _parts(evidence, levels, temperature, centres)
        means = parts.mean(0)
        weights, *_ = np.linalg.lstsq(parts - means, targets - centre, rcond=1e-6)
        for stretch in _STRETCHES:
            scaled = stretch * weights
            plain = (parts - means) @ scaled + centre
            for shift in _SHIFTS:
                values = (plain + shift * width).clip(levels[0], levels[-1])
                offset = centre + shift * width - float(means @ scaled)
                tried.append(Calibration(temperature, tuple(scaled.tolist()), centres, offset))
                errors.append(_both_errors(values, targets))
    best = tried[int(np.argmin(rounded(np.array(errors), computed_in=np.float32)))]
    staircase = best_staircase(best.expected(evidence, levels), targets, given)
    return replace(best, staircase=staircase)


def _both_errors(values: NDArray[np.float64], targets: NDArray[np.float64]) -> float:
    """Return MAE plus RMSE, each divided by the least that a constant has: median and mean."""
    mae = max(float(np.abs(targets - np.median(targets)).mean()), 1e-9)
    rmse = max(float(targets.std()), 1e-9)
    away = values - targets
    return float(np.abs(away).mean() / mae + np.sqrt(np.square(away).mean()) / rmse)


def best_temperature(
    p: NDArray[np.float64], targets: NDArray[np.float64], levels: Sequence[float]
) -> tuple[float, float]:
    """Return the least mean absolute error over 0.1, 0.15, ... 2, and its temperature.

    ``p`` (n, L) are probabilities of the ``levels`` (L,), ``targets`` (n,) true ratings.
    """
    errors = [np.abs(expected_ratings(p, levels, t) - targets).mean() for t in _TEMPERATURES]
    best = int(np.argmin(rounded(np.array(errors), computed_in=np.float32)))
    return float(errors[best]), _TEMPERATURES[best]


def _parts(
    evidence: Evidence,
    levels: Sequence[float],
    temperature: float,
    centres: tuple[float, ...],
) -> NDArray[np.float64]:
    """Return the parts (n, 1 + m); what is not known deviates from nothing."""
    known = evidence.beside[:, : len(centres)]
    beside = np.nan_to_num(known - np.array(centres), nan=0.0)
    return np.column_stack([expected_ratings(evidence.p, levels, temperature), beside])
