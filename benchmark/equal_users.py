"""Intervals and p values where all users have the same value: no resample differs from them."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from benchmark.metrics.base import Metric


def constant_interval(
    metric: Metric, mean: NDArray[np.float64], users: int, level: float
) -> tuple[float, float] | None:
    """Return the interval of a ``metric`` that is the same for each of ``users`` users.

    No resample of equal users differs from them, so the bootstrap would claim certainty. What n
    equal users do show: with probability ``level`` the share of users who are not like them is at
    most P = 1 - (1 - level)^(1/n), about 3/n: the exact upper bound for none of n (Clopper and
    Pearson, Biometrika 26:404, 1934; the rule of three of Hanley and Lippman-Hand, JAMA 249:1743,
    1983). Those users may have any value in the metric's range, so a mean of c on [l, h] lies in
    [c - P (c - l), c + P (h - c)]: for hits that nobody has [0, P], for hits that all have
    [1 - P, 1]. A metric that is no mean is taken of the statistics mixed so
    (:meth:`~benchmark.metrics.base.Metric.extremes`). ``mean`` (columns,) holds the mean
    statistics. ``None`` where the range has no end.
    """
    ends = metric.extremes(mean)
    if ends is None:
        return None
    share = _unlike(users, level)
    value = float(metric.value(mean))
    mixed = [float(metric.value((1 - share) * mean + share * end)) for end in ends]
    return min(value, *mixed), max(value, *mixed)


def _unlike(users: int, level: float) -> float:
    """At most this share of users, at ``level``, is unlike ``users`` users who are all alike."""
    return float(1 - (1 - level) ** (1 / users))


def constant_difference(
    metric: Metric, value: float, users: int, level: float
) -> tuple[float, float] | None:
    """Return the interval of a difference ``value`` that all ``users`` users have.

    As in :func:`constant_interval`; a difference ranges over the metric's width both ways. ``None``
    where the width has no end.
    """
    width = _difference_width(metric)
    if not np.isfinite(width):
        return None
    share = _unlike(users, level)
    return value - share * (value + width), value + share * (width - value)


def constant_p_value(metric: Metric, value: float, users: int) -> float:
    """Return the p value of a difference ``value`` that all ``users`` users have.

    It is below 1 - level exactly where the interval excludes 0. For a mean of 0, a share of at
    least q = |d| / (|d| + width) of users must differ the other way as far as the metric allows;
    that none of n users does has probability (1 - q)^n. 1 where the width has no end.
    """
    width = _difference_width(metric)
    if not np.isfinite(width):
        return 1.0
    return float((1 - abs(value) / (abs(value) + width)) ** users)


def constant_share(
    metric: Metric, score: float, floor: float, ceiling: float, users: int, level: float
) -> tuple[float, float] | None:
    """Return the interval of (score - floor) / (ceiling - floor), all three alike for all users.

    As in :func:`constant_interval`, the share of users who are unlike these may have any three
    values in the metric's range: a ratio of linear functions is at its ends in a corner of it.
    ``None`` where the range has no end, and where the gap's own interval holds 0: then the ratio
    has no end.
    """
    sign = 1 if metric.higher_is_better else -1
    gap = constant_difference(metric, sign * (ceiling - floor), users, level)
    if gap is None or gap[0] <= 0:
        return None
    share = _unlike(users, level)
    corners = [
        ((1 - share) * (score - floor) + share * (s - f))
        / ((1 - share) * (ceiling - floor) + share * (c - f))
        for s, f, c in product((metric.low, metric.high), repeat=3)
    ]
    return min(corners), max(corners)


def _difference_width(metric: Metric) -> float:
    """How far two users' values can be apart; infinite where a user's share in it is not linear."""
    plain_mean = type(metric).value is Metric.value
    return metric.high - metric.low if plain_mean else float("inf")
