"""Ratings by votes: the user's level, the item's, and how the user rated what is like the item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from baselines.choice.matches import STATISTICS, Histories, Kinds, Shown, statistics

Floats = NDArray[np.float64]

_MATCHES, _RATINGS = STATISTICS.index("matches"), STATISTICS.index("ratings")
#: Imaginary ratings at the expected level in the two estimates of a user's level.
_DAMPINGS = (1.0, 4.0)
PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0)


class Rated(NamedTuple):
    """Holds n ratings to fit: D numbers known before, and the rating less its expectation.

    The expectation is what such an item is given.
    """

    x: NDArray[np.float32]
    """(n, D)"""
    deviation: Floats
    """(n,)"""


def votes(histories: Histories, items: Shown, kinds: Kinds) -> NDArray[np.float32]:
    """Return the numbers (n, D) that speak of the rating of ``items`` (n, 1).

    The user's mean deviation, drawn towards zero twice; of each kind of match the deviations of
    what matches, the mean deviation as far as something matches, and how much does.
    """
    given = histories.deviations
    known = (given != 0).sum(1)
    levels = [given.sum(1) / (damping + known) for damping in _DAMPINGS]
    columns = list(levels)
    for each in statistics(histories, items, kinds):  # (n, 1, 5)
        matches, ratings = each[:, 0, _MATCHES], each[:, 0, _RATINGS]
        columns += [ratings, levels[0] * -np.expm1(-matches), matches]
    return np.stack(columns, axis=1).astype(np.float32)


def fit_ridge(rated: Rated, penalty: float) -> Floats:
    """Return the weights (D + 1,), the last a constant, of least squares under ``penalty``.

    The penalty counts each weight in units of its column's standard deviation.
    """
    x = rated.x.astype(np.float64)
    spread = x.std(0)
    scale = np.where(spread > 1e-6, spread, 1.0)
    design = np.hstack([x / scale, np.ones((len(x), 1))])
    shrink = np.diag([*np.full(x.shape[1], penalty), 1e-9])
    weights = np.linalg.solve(design.T @ design + shrink, design.T @ rated.deviation)
    return np.asarray(weights / np.append(scale, 1.0))


def predicted(x: NDArray[np.float32], weights: Floats) -> Floats:
    """Return the expected deviations (n,) of ``x`` (n, D)."""
    return np.asarray((x * weights[:-1]).sum(1) + weights[-1])


def best_ridge(train: Rated, valid: Rated, penalties: Sequence[float] = PENALTIES) -> Floats:
    """Return the weights under the penalty of least mean absolute error on ``valid``.

    Without validation ratings the first penalty counts.
    """
    fits = [fit_ridge(train, penalty) for penalty in penalties]
    if not len(valid.deviation):
        return fits[0]
    return min(fits, key=lambda w: float(np.abs(predicted(valid.x, w) - valid.deviation).mean()))
