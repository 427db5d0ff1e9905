"""The metrics, one file per task, and the lookup of a metric by its printed name."""

from __future__ import annotations

from benchmark.errors import UsageError
from benchmark.metrics import image, ranking, rating, selection, text
from benchmark.metrics.base import Metric, Statistics
from benchmark.metrics.families import FAMILIES, MetricFamily, family_of
from benchmark.predictions import Ranking
from benchmark.tasks.base import DEEPEST, Task, ranking_metrics

__all__ = [
    "FAMILIES",
    "Metric",
    "MetricFamily",
    "Statistics",
    "family_of",
    "metric_named",
    "possible_metrics",
]


def possible_metrics(task: Task) -> tuple[str, ...]:
    """Return what some dataset scores ``task`` by: deeper cut-offs, several positives."""
    if task.prediction is not Ranking:
        return task.metrics
    return (*ranking_metrics(DEEPEST), *ranking.metrics_of_several(DEEPEST))


def metric_named(name: str, *, scale: tuple[float, float] | None = None) -> Metric:
    """Return the metric printed as ``name``, for statistics read back from a run folder.

    Knows every name a ``score`` function returns, "BERTScore-<encoder>" included. ``scale``
    bounds MAE and RMSE; without it their ``high`` is infinite. Raises
    :class:`~benchmark.errors.UsageError` for a name of no family.
    """
    family = family_of(name)
    if not family.prints(name):  # a machine's encoder makes it definite
        raise UsageError(
            f"Unknown metric {name!r}: whose encoder is not said.",
            fix=f"Give the name as a run prints it: {name}-ENCODER.",
        )
    if family.by_cutoff:
        return ranking.metric(name)
    if name in rating.NAMES:
        return rating.metric(name, scale)
    if name in selection.NAMES:
        return selection.metric(name)
    return text.metric(name) if text.is_text(name) else image.metric(name)
