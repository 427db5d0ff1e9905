"""Evidence of per-instance statistics: intervals over seeds, significance, ranks.

The one comparison behind ``run``'s table, reports, figures, ``compare`` and the boards.

Everything is paired by instance and clustered by user (:mod:`benchmark.stats`). A system run
with several seeds enters with its statistics averaged over the seeds, instance by instance:
the interval then says how far the users at hand decide the mean over the seeds, and seeds are
not treated as a sample of their own. A metric that is no plain mean (BLEU, RMSE) is worked out for
each seed and then averaged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchError
from benchmark.metrics import FAMILIES, metric_named
from benchmark.metrics.base import Metric, Statistics
from benchmark.runs.store import PER_INSTANCE, PerInstance, StoredRun, read_per_instance
from benchmark.stats import (
    SIGNIFICANCE,
    Difference,
    Score,
    enough_users,
    holm,
    paired_difference,
    significantly_better,
    summarise,
)
from benchmark.uncertainty import Verdict


@dataclass(frozen=True)
class Evidence:
    """Holds one system's per-instance statistics on one list of instances, in order of their ids.

    ``statistics[name]`` is (n instances, width of the metric's statistic); of a metric that is no
    mean those of several seeds stand side by side (:func:`~benchmark.stats.over_seeds`).
    """

    ids: tuple[str, ...]
    users: tuple[str, ...]
    statistics: Statistics


def gather(runs: Sequence[StoredRun]) -> Evidence | None:
    """Average the per-instance statistics of one system's ``runs``, one run per seed.

    ``None`` where a run kept no per-instance table, or where the runs disagree on instances.
    A metric that not every run has is that of the runs that have it. Raises :class:`BenchError`
    where the runs disagree on whose instances these are.
    """
    parts: list[PerInstance] = []
    for run in runs:
        if not (run.folder / PER_INSTANCE).is_file():
            return None
        parts.append(read_per_instance(run.folder))
    if not parts or any(part.ids != parts[0].ids for part in parts):
        return None
    for run, part in zip(runs, parts, strict=True):
        require_same_users(
            *(part.users, parts[0].users),
            who="These runs",
            fix=f"Delete one of {str(runs[0].folder)!r} and {str(run.folder)!r} and run it again.",
        )
    names = dict.fromkeys(name for part in parts for name in part.statistics)
    together = {
        name: of_seeds(
            metric_named(name), [p.statistics[name] for p in parts if name in p.statistics]
        )
        for name in names
        if any(family.prints(name) for family in FAMILIES)  # else nobody can compare it
    }
    return Evidence(parts[0].ids, parts[0].users, together)


def of_seeds(metric: Metric, statistics: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the statistics of several seeds as one table, as :class:`Evidence` has it."""
    if metric.is_mean and all(each.shape[1] == 1 for each in statistics):
        averaged: NDArray[np.float64] = np.mean(statistics, axis=0)
        return averaged
    return np.concatenate(statistics, axis=1)


def require_same_users(a: Sequence[str], b: Sequence[str], *, who: str, fix: str) -> None:
    """Raise :class:`BenchError` where two tables of the same instances name other users.

    They would be clustered by those of one of them.
    """
    if a != b:
        raise BenchError(f"{who} disagree on whose instances they were asked.", fix=fix)


def asked_alike(evidence: Mapping[str, Evidence], system: str) -> dict[str, Evidence]:
    """Return the evidence of all who were asked the instances of ``system``, itself among them.

    Raises :class:`BenchError` where one of them disagrees on whose instances these are.
    """
    asked = evidence[system]
    alike = {other: found for other, found in evidence.items() if found.ids == asked.ids}
    for other, found in alike.items():
        require_same_users(
            *(found.users, asked.users),
            who=f"Runs of {other!r} and of {system!r}",
            fix="Delete the runs of one of them and run it again.",
        )
    return alike


def interval(evidence: Evidence, metric: Metric) -> Score:
    """Return value and bootstrap interval, over users, of the seed-averaged statistics."""
    name = metric.name
    summary = summarise((metric,), {name: evidence.statistics[name]}, evidence.users)
    return summary[name]


@dataclass(frozen=True, slots=True)
class Tested:
    """Adjusts the p value of a difference a - b by Holm's correction over all tested with it.

    ``better`` is ``"a"`` or ``"b"`` where ``p_adjusted`` is below
    :data:`~benchmark.stats.SIGNIFICANCE`. Both are ``None`` where too few users were asked for a
    test.
    """

    difference: Difference
    p_adjusted: float | None
    better: Literal["a", "b"] | None


def tested(differences: Sequence[tuple[Metric, Difference]]) -> list[Tested]:
    """Correct the p values of ``differences``, which stand together, and say who is better."""
    p_values = [found.p_value for _, found in differences if found.p_value is not None]
    adjusted = iter(holm(p_values).tolist())
    return [
        Tested(found, None, None)
        if found.p_value is None
        else _judged(metric, found, next(adjusted))
        for metric, found in differences
    ]


def _judged(metric: Metric, found: Difference, p_adjusted: float) -> Tested:
    better: Literal["a", "b"] | None = None
    if p_adjusted < SIGNIFICANCE and found.value:
        better = "a" if (found.value > 0) == metric.higher_is_better else "b"
    return Tested(found, p_adjusted, better)


def verdicts(
    metric: Metric,
    evidence: Mapping[str, Evidence],
    opponents: Mapping[str, str],
) -> dict[str, Verdict]:
    """Test whether each system differs significantly from its opponent on ``metric``.

    ``opponents`` maps a system to whom it is compared with. Pairs without the same instances
    are skipped. Holm's correction spans all pairs given here: one column of a table. Nobody
    differs below :data:`~benchmark.stats.FEWEST_USERS` users. Raises as :func:`asked_alike`.
    """
    pairs: list[tuple[str, str]] = []
    differences: list[tuple[Metric, Difference]] = []
    for system, opponent in opponents.items():
        ours, theirs = evidence.get(system), evidence.get(opponent)
        if ours is None or theirs is None:
            continue
        if system not in asked_alike({system: ours, opponent: theirs}, opponent):
            continue
        if metric.name not in ours.statistics or metric.name not in theirs.statistics:
            continue
        pairs.append((system, opponent))
        differences.append(
            (metric, paired_difference(metric, ours.statistics, theirs.statistics, ours.users))
        )
    return {
        system: Verdict(opponent, found.better == "a")
        for (system, opponent), found in zip(pairs, tested(differences), strict=True)
        if found.better is not None
    }


def better_pairs(
    metric: Metric, statistics: Mapping[str, Statistics], users: Sequence[str]
) -> NDArray[np.bool_] | None:
    """Test all pairs at once: which system is significantly better than which.

    [i, j] as in :func:`benchmark.stats.significantly_better`, in the order of ``statistics``;
    ``None`` below :data:`~benchmark.stats.FEWEST_USERS` users: nobody is ranked by tests there.
    """
    return significantly_better(metric, statistics, users) if enough_users(users) else None
