"""What per-instance statistics add to a table: intervals over seeds, and significance.

Everything is paired by instance and clustered by user (:mod:`benchmark.stats`). A system run
with several seeds enters with its statistics averaged over the seeds, instance by instance:
the interval then says how far the users at hand decide the mean over the seeds, and seeds are
not treated as a sample of their own. For RMSE and BLEU, which are no plain means, it is the
interval of the metric over the averaged statistics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.metrics.base import Metric, Statistics
from benchmark.runs.per_instance import read_per_instance
from benchmark.runs.store import PER_INSTANCE, StoredRun
from benchmark.stats import Score, holm, paired_difference, summarise

#: Two-sided, after Holm's correction.
SIGNIFICANCE_LEVEL = 0.05
#: The smallest p value is 2 / (RESAMPLES + 1): enough for 50 rows a column after correction.
RESAMPLES = 2_000


@dataclass(frozen=True)
class Evidence:
    """Statistics of one system on one question set: rows in order of instance id.

    ``statistics[name]`` is (n instances, width of the metric's statistic).
    """

    ids: tuple[str, ...]
    users: tuple[str, ...]
    statistics: Statistics


def gather(runs: Sequence[StoredRun]) -> Evidence | None:
    """The evidence of one system's runs, one per seed, averaged over seeds.

    ``None`` where a run kept no per-instance table, or where the runs disagree on instances.
    Metrics that not every run has are left out.
    """
    parts = []
    for run in runs:
        if not (run.folder / PER_INSTANCE).is_file():
            return None
        parts.append(read_per_instance(run.folder))
    if not parts or any(part.ids != parts[0].ids for part in parts):
        return None
    shared = [
        name for name in parts[0].statistics if all(name in part.statistics for part in parts)
    ]
    averaged = {name: np.mean([part.statistics[name] for part in parts], axis=0) for name in shared}
    return Evidence(parts[0].ids, parts[0].users, averaged)


def interval(evidence: Evidence, metric: Metric) -> Score:
    """Bootstrap over users of the seed-averaged statistics."""
    name = metric.name
    summary = summarise((metric,), {name: evidence.statistics[name]}, evidence.users)
    return summary[name]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A system differs significantly from ``against``; ``better`` says in which direction."""

    against: str
    better: bool


def verdicts(
    metric: Metric,
    evidence: Mapping[str, Evidence],
    opponents: Mapping[str, str],
) -> dict[str, Verdict]:
    """Which systems differ significantly from their opponents on ``metric``.

    ``opponents`` maps a system to whom it is compared with. Pairs without the same instances
    are skipped. Holm's correction spans all pairs given here: one column of a table.
    """
    p_values: list[float] = []
    pairs: list[tuple[str, Verdict]] = []
    for system, opponent in opponents.items():
        ours, theirs = evidence.get(system), evidence.get(opponent)
        if ours is None or theirs is None or ours.ids != theirs.ids:
            continue
        if metric.name not in ours.statistics or metric.name not in theirs.statistics:
            continue
        difference = paired_difference(
            metric, ours.statistics, theirs.statistics, ours.users, resamples=RESAMPLES
        )
        better = (difference.value > 0) == metric.higher_is_better
        p_values.append(difference.p_value)
        pairs.append((system, Verdict(opponent, better)))
    adjusted = holm(p_values)
    return {
        system: verdict
        for (system, verdict), p in zip(pairs, adjusted, strict=True)
        if p < SIGNIFICANCE_LEVEL
    }
