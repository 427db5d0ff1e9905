"""The metrics, one file per task, and the lookup of a metric by its printed name.

What computes values stands in modules of its own, which need numpy: they are imported by who
computes. Names and families (:mod:`benchmark.metrics.families`) are what a table needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.metrics.families import (
    FAMILIES,
    MetricFamily,
    family_of,
    family_printing,
    metrics_of_several,
)
from benchmark.predictions import Ranking
from benchmark.tasks.base import DEEPEST, Task, ranking_metrics

if TYPE_CHECKING:
    from benchmark.metrics.base import Metric

__all__ = [
    "FAMILIES",
    "MetricFamily",
    "family_of",
    "family_printing",
    "metric_named",
    "possible_metrics",
]


def possible_metrics(task: Task) -> tuple[str, ...]:
    """Return what some dataset scores ``task`` by: deeper cut-offs, several positives."""
    if task.prediction is not Ranking:
        return task.metrics
    return (*ranking_metrics(DEEPEST), *metrics_of_several(DEEPEST))


def metric_named(name: str, *, scale: tuple[float, float] | None = None) -> Metric:
    """Return the metric printed as ``name``, for statistics read back from a run folder.

    Knows every name a ``score`` function returns, "BERTScore-<encoder>" included. ``scale``
    bounds MAE and RMSE; without it their ``high`` is infinite. Raises
    :class:`~benchmark.errors.UsageError` for a name of no family.
    """
    from benchmark.metrics import image, ranking, rating, selection, text

    if family_printing(name).by_cutoff:
        return ranking.metric(name)
    if name in rating.NAMES:
        return rating.metric(name, scale)
    if name in selection.NAMES:
        return selection.metric(name)
    return text.metric(name) if text.is_text(name) else image.metric(name)
