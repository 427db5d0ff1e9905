"""Uncertainty: bootstrap intervals by user, paired differences, Holm's correction, ranks.

All numbers of resamples stand here, and nowhere else; the rule for few users stands in
:mod:`benchmark.uncertainty`.

Users are what is resampled (:mod:`benchmark.resampling`), since one user's instances are not
independent; where all users have the same value, :mod:`benchmark.equal_users` says what that shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmark.equal_users import (
    constant_difference,
    constant_interval,
    constant_p_value,
    constant_share,
)
from benchmark.errors import BenchError
from benchmark.metrics.base import Metric, Statistics
from benchmark.resampling import UserSums, numbered
from benchmark.uncertainty import FEWEST_USERS as FEWEST_USERS
from benchmark.uncertainty import Difference as Difference
from benchmark.uncertainty import RankInterval as RankInterval
from benchmark.uncertainty import Score as Score
from benchmark.uncertainty import Share as Share

#: The level of every interval, and what a corrected p value must be below to be significant.
LEVEL, SIGNIFICANCE = 0.95, 0.05
#: Resamples behind a score's interval, as stored with every run.
SCORE_RESAMPLES = 1_000
#: Behind a difference. The smallest p value is 2 / (DIFFERENCE_RESAMPLES + 1): enough for a
#: hundred rows a column after correction.
DIFFERENCE_RESAMPLES = 4_000
#: Behind ranks, and behind the ranks of more systems than MANY_SYSTEMS, where pairs are many.
RANK_RESAMPLES, RANK_RESAMPLES_OF_MANY, MANY_SYSTEMS = 2_000, 500, 200
#: Differences of one system to so many others are drawn at a time: they stay in a core's cache.
PAIRS_AT_ONCE = 64
#: A standard deviation below this is rounding.
_NO_SPREAD = 1e-12


def summarise(
    metrics: Sequence[Metric],
    statistics: Statistics,
    users: ArrayLike | Sequence[str],
    *,
    resamples: int = SCORE_RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> dict[str, Score]:
    """Return value and percentile bootstrap interval of every metric, from one resampling.

    Metrics that an encoder measures have a resampling of their own: whether a machine has the
    encoder, and how it rounds, changes no other interval. A metric that is the same for every
    user has the interval of :func:`~benchmark.equal_users.constant_interval`, and below
    :data:`FEWEST_USERS` users none has any.

    ``statistics[name]`` has shape (n, metric.columns), ``users`` (n,) names each instance's
    user. The same arguments give the same numbers. Raises :class:`BenchError` when there is
    nothing to score, shapes disagree or a statistic is not finite.
    """
    summary = Summary(metrics)
    summary.add(statistics, users)
    means = {metric.name: _checked(metric, statistics).mean(axis=0) for metric in metrics}
    return summary.scores(means, resamples=resamples, seed=seed, level=level)


class Summary:
    """Summarises statistics that come some users at a time, as :func:`summarise` does.

    What is kept are the distinct sums of users, which do not grow with them where a metric takes
    few values.
    """

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = tuple(metrics)
        parts = [
            [metric for metric in metrics if metric.family.by_encoder == by_encoder]
            for by_encoder in (False, True)
        ]
        self._resampled = [_Resampled(part) for part in parts if part or not metrics]

    def add(self, statistics: Statistics, users: ArrayLike | Sequence[str]) -> None:
        """Add instances; all of a user's at once.

        ``statistics[name]`` (n, metric.columns) and ``users`` (n,) as :func:`summarise` has them,
        which says what is raised.
        """
        for each in self._resampled:
            each.add(statistics, users)

    def scores(
        self,
        means: Mapping[str, NDArray[np.float64]],
        *,
        resamples: int = SCORE_RESAMPLES,
        seed: int = 0,
        level: float = LEVEL,
    ) -> dict[str, Score]:
        """Return value and interval of every metric; ``means[name]`` (columns,) of all instances.

        The means are given because how numbers are added up shows in the last digit.
        """
        found: dict[str, Score] = {}
        for each in self._resampled:
            found |= each.scores(means, resamples, seed, level)
        return {metric.name: found[metric.name] for metric in self._metrics}


class _Resampled:
    """Metrics that share one resampling of users."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics
        self._widths: list[int] = []
        self._parts: list[UserSums] = []

    def add(self, statistics: Statistics, users: ArrayLike | Sequence[str]) -> None:
        rows = [_checked(metric, statistics) for metric in self._metrics]
        self._widths = [each.shape[1] for each in rows]
        self._parts.append(UserSums.of(rows, users))

    def scores(
        self, known: Mapping[str, NDArray[np.float64]], resamples: int, seed: int, level: float
    ) -> dict[str, Score]:
        sample = UserSums.together(self._parts)
        enough = sample.users >= FEWEST_USERS
        means = sample.resampled_means(resamples, seed) if enough else None
        scores: dict[str, Score] = {}
        for metric, columns in zip(self._metrics, _places(self._widths), strict=True):
            mean = known[metric.name]
            ends: tuple[float, float] | None = None
            if means is not None:
                drawn = over_seeds(metric, means[:, columns])
                ends = (
                    _percentiles(drawn, level)
                    if _varies(drawn)
                    else _of_equal_users(metric, mean, sample.users, level)
                )
            low, high = (None, None) if ends is None else ends
            scores[metric.name] = Score(
                float(over_seeds(metric, mean)), low, high, sample.n, sample.users
            )
        return scores


def _of_equal_users(
    metric: Metric, mean: NDArray[np.float64], users: int, level: float
) -> tuple[float, float] | None:
    """The interval where all users have one value: the mean of each seed's, as the value is."""
    found = [
        constant_interval(metric, of_seed, users, level)
        for of_seed in mean.reshape(-1, metric.columns)
    ]
    ends = [each for each in found if each is not None]
    if len(ends) < len(found):
        return None
    low, high = np.mean(ends, axis=0).tolist()
    return low, high


def over_seeds(metric: Metric, mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over seeds of a metric, shape (...), from mean statistics.

    ``mean`` (..., seeds x columns) has the columns of one seed behind those of another. For a
    metric that is no plain mean (BLEU, RMSE) this is not its value of the seeds' averaged
    statistics.
    """
    if mean.shape[-1] == metric.columns:
        return metric.value(mean)
    of_seeds = mean.reshape(*mean.shape[:-1], -1, metric.columns)
    averaged: NDArray[np.float64] = metric.value(of_seeds).mean(axis=-1)
    return averaged


def paired_difference(
    metric: Metric,
    statistics_a: Statistics,
    statistics_b: Statistics,
    users: ArrayLike | Sequence[str],
    *,
    resamples: int = DIFFERENCE_RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> Difference:
    """Test the difference a - b in ``metric``, both systems resampled with the same users.

    Row i of both statistics (n, columns) and ``users[i]`` belong to the same instance. The p
    value is twice the smaller tail of the resampled difference beyond 0, counted as
    (r + 1) / (resamples + 1), so it is never 0 and agrees with the percentile interval. Where
    all users differ by the same amount, both are those of :mod:`benchmark.equal_users`. Below
    :data:`FEWEST_USERS` users there is neither. Raises as :func:`summarise` does.
    """
    a, b = _checked(metric, statistics_a), _checked(metric, statistics_b)
    sample = UserSums.of([a, b], users)
    value = float(over_seeds(metric, a.mean(axis=0)) - over_seeds(metric, b.mean(axis=0)))
    ends: tuple[float, float] | None = None
    p_value: float | None = None
    if sample.users >= FEWEST_USERS:
        means = sample.resampled_means(resamples, seed)
        drawn_a, drawn_b = (over_seeds(metric, means[:, part]) for part in _slices([a, b]))
        drawn = drawn_a - drawn_b
        if _varies(drawn):
            ends = _percentiles(drawn, level)
            tail = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
            p_value = min(1.0, 2 * (tail + 1) / (resamples + 1))
        else:
            ends = constant_difference(metric, value, sample.users, level)
            p_value = constant_p_value(metric, value, sample.users)
    low, high = (None, None) if ends is None else ends
    return Difference(metric.name, value, low, high, p_value, sample.n, sample.users)


def paired_share(
    metric: Metric,
    statistics: Statistics,
    floor: Statistics,
    ceiling: Statistics,
    users: ArrayLike | Sequence[str],
    *,
    resamples: int = DIFFERENCE_RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> Share | None:
    """Return (score - floor) / (ceiling - floor) in ``metric``, all three on the same instances.

    Row i of each of the statistics (n, columns) and ``users[i]`` belong to the same instance. Each
    resample of users gives a ratio of its own three values (Davison and Hinkley, 1997, section
    2.4), so the interval knows that floor and ceiling are estimated too. The sign is right for
    errors as well: both differences turn around. ``None`` where the ceiling is not above the floor
    beyond doubt: the interval of the gap holds 0, and a share of nothing means nothing. Where all
    users have the same gap, gap and interval are those of :mod:`benchmark.equal_users`. Raises as
    :func:`summarise` does.
    """
    rows = [_checked(metric, each) for each in (statistics, floor, ceiling)]
    sample = UserSums.of(rows, users)
    score, low, high = (float(over_seeds(metric, each.mean(axis=0))) for each in rows)
    sign = 1 if metric.higher_is_better else -1
    if sign * (high - low) <= _NO_SPREAD:
        return None
    value = sign * (score - low) / (sign * (high - low)) + 0.0  # no -0
    if sample.users < FEWEST_USERS:
        return Share(value, None, None)
    means = sample.resampled_means(resamples, seed)
    scores, lows, highs = (over_seeds(metric, means[:, part]) for part in _slices(rows))
    gaps = sign * (highs - lows)
    if not _varies(gaps):
        alike = constant_share(metric, score, low, high, sample.users, level)
        if alike is None:
            return None
        of_an_end = any(np.array_equal(rows[0], end) for end in rows[1:])  # exact by its definition
        if not _varies(scores) and not of_an_end:
            return Share(value, *alike)
    elif _percentiles(gaps, level)[0] <= 0:
        return None
    some = gaps > 0  # all but a few of the resamples
    ratios = sign * (scores - lows)[some] / gaps[some] + 0.0
    return Share(value, *_percentiles(ratios, level))


def paired_effect(
    metric: Metric,
    statistics_a: Statistics,
    statistics_b: Statistics,
    users: ArrayLike | Sequence[str],
) -> float | None:
    """Return Cohen's d_z of a - b: the users' mean difference over its standard deviation.

    A user's difference is that of ``metric`` over the user's own instances; every user counts
    once (Lakens, Frontiers in Psychology 4:863, 2013, equation 6). ``None`` with fewer than two
    users, or where all users differ by the same amount. Raises as :func:`summarise` does.
    """
    a, b = _checked(metric, statistics_a), _checked(metric, statistics_b)
    sample = UserSums.of([a, b], users)
    means = sample.rows[:, :-1] / sample.rows[:, -1:]
    of_a, of_b = (over_seeds(metric, means[:, part]) for part in _slices([a, b]))
    gaps = of_a - of_b
    mean = float(np.average(gaps, weights=sample.multiplicity))
    squares = float((sample.multiplicity * (gaps - mean) ** 2).sum())
    if sample.users < 2 or squares <= _NO_SPREAD**2 * sample.users:
        return None
    return mean / float(np.sqrt(squares / (sample.users - 1)))


def ranks_of(above: NDArray[np.bool_]) -> list[RankInterval]:
    """Return simultaneous intervals of all systems' ranks, from the pairs in ``above``.

    All true ranks lie inside at the level of ``above`` (:func:`significantly_better`), row by row.

    With u systems significantly better and v significantly worse, a rank is 1 + u to M - v
    (Mogstad, Romano, Shaikh and Wilhelm, "Inference for Ranks with Applications to Mobility across
    Neighbourhoods and Academic Achievement across Countries", Review of Economic Studies 91:476,
    2024, section 3).
    """
    better, worse = above.sum(axis=0), above.sum(axis=1)
    return [
        RankInterval(1 + int(up), len(above) - int(down))
        for up, down in zip(better, worse, strict=True)
    ]


def significantly_better(
    metric: Metric,
    statistics: Mapping[str, Statistics],
    users: ArrayLike | Sequence[str],
    *,
    resamples: int | None = None,
    seed: int = 0,
    level: float = LEVEL,
) -> NDArray[np.bool_]:
    """Return [i, j]: whether system i is better than j, all pairs tested at once at ``level``.

    ``statistics[system][metric.name]`` is (n, columns), row i of every system and ``users[i]``
    of the same instance; the answer is (systems, systems) in the order of ``statistics``. Two
    systems differ where their difference exceeds, in bootstrap standard errors, the ``level``
    quantile of the largest such deviation over all pairs. The quantile knows how systems move
    together, so nothing is lost to the number of pairs as with Holm. A pair that differs by the
    same amount for all users is tested as :func:`paired_difference` does, at the level over the
    number of pairs. Below :data:`FEWEST_USERS` users nobody is better than anybody.

    ``resamples`` are :data:`RANK_RESAMPLES` unless given, fewer for more than
    :data:`MANY_SYSTEMS` systems. Raises as :func:`summarise` does.
    """
    rows = [_checked(metric, of_system) for of_system in statistics.values()]
    if not rows:
        return np.zeros((0, 0), dtype=np.bool_)
    sample = UserSums.of(rows, users)
    if sample.users < FEWEST_USERS:
        return np.zeros((len(rows), len(rows)), dtype=np.bool_)
    if resamples is None:
        resamples = RANK_RESAMPLES if len(rows) <= MANY_SYSTEMS else RANK_RESAMPLES_OF_MANY
    means = sample.resampled_means(resamples, seed)
    drawn = np.stack([over_seeds(metric, means[:, part]) for part in _slices(rows)], axis=1)
    values = np.array([float(over_seeds(metric, row.mean(axis=0))) for row in rows])
    sign = 1.0 if metric.higher_is_better else -1.0
    share = (1 - level) / max(1, len(rows) * (len(rows) - 1) // 2)
    largest = np.zeros(resamples)
    distance = np.zeros((len(rows), len(rows)))  # [i, j]: how far i is above j, standardised
    for i, start in _half(len(rows), PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        gaps, gap = drawn[:, [i]] - drawn[:, part], values[i] - values[part]
        error = gaps.std(axis=0, ddof=1)
        spread = error > _NO_SPREAD
        scale = np.where(spread, error, 1.0)
        gaps -= gap
        np.abs(gaps, out=gaps)
        gaps /= scale
        gaps[:, ~spread] = 0.0
        np.maximum(largest, gaps.max(axis=1), out=largest)
        alike = np.zeros(len(gap))  # without spread all users differ by one amount
        for j in np.flatnonzero(~spread & (np.abs(gap) > _NO_SPREAD)):
            if constant_p_value(metric, float(gap[j]), sample.users) < share:
                alike[j] = np.copysign(np.inf, gap[j])
        distance[i, part] = sign * np.where(spread, gap / scale, alike)
        distance[part, i] = -distance[i, part]
    critical = float(np.quantile(largest, level))
    better: NDArray[np.bool_] = distance > critical
    return better


def _half(number: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield (i, start of ``size`` others after i): each pair of ``number`` once."""
    for i in range(number - 1):
        for start in range(i + 1, number, size):
            yield i, start


def enough_users(users: ArrayLike | Sequence[str]) -> bool:
    """Return whether ``users``, one for each instance, are :data:`FEWEST_USERS` or more."""
    return numbered(users)[1] >= FEWEST_USERS


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjust p values by Holm's step-down rule, in the order given (Scand. J. Statistics, 1979).

    The i-th smallest of m is multiplied by m - i + 1, made non-decreasing, cut at 1.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1.0)
    return adjusted


def _checked(metric: Metric, statistics: Statistics) -> NDArray[np.float64]:
    """The metric's statistics, finite: (n, columns), or those of several seeds side by side."""
    if metric.name not in statistics:
        raise BenchError(
            f"There are no statistics of {metric.name!r}.",
            fix=f"Statistics exist for: {', '.join(statistics) or 'nothing'}.",
        )
    rows = np.asarray(statistics[metric.name], dtype=np.float64)
    width = rows.shape[1] if rows.ndim == 2 else 0
    if width != metric.columns and (metric.is_mean or not width or width % metric.columns):
        raise BenchError(
            f"The statistics of {metric.name!r} have shape {rows.shape}.",
            fix=f"Their shape must be (n, {metric.columns}), or so many columns for each seed.",
        )
    if not np.isfinite(rows).all():
        raise BenchError(
            f"A statistic of {metric.name!r} is not a finite number.",
            fix="Score failed predictions with the metric's worst value.",
        )
    return rows


def _slices(rows: Sequence[NDArray[np.float64]]) -> list[slice]:
    return _places([row.shape[1] for row in rows])


def _places(widths: Sequence[int]) -> list[slice]:
    """Where columns of these widths lie behind each other."""
    ends = np.cumsum(widths, dtype=np.int64).tolist()
    return [slice(end - width, end) for width, end in zip(widths, ends, strict=True)]


def _varies(drawn: NDArray[np.float64]) -> bool:
    return bool(np.ptp(drawn) > _NO_SPREAD)


def _percentiles(values: NDArray[np.float64], level: float) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
