"""The metrics, one family a file, and the way from a printed name back to its metric."""

from __future__ import annotations

from benchmark.errors import unknown_name
from benchmark.metrics import image, ranking, rating, selection, text
from benchmark.metrics.base import Metric, Statistics

__all__ = ["Metric", "Statistics", "metric_named"]


def metric_named(name: str, *, scale: tuple[float, float] | None = None) -> Metric:
    """The metric printed as ``name``, for statistics read back from a run folder.

    Knows every name a ``score`` function returns, "BERTScore-<encoder>" included. ``scale``
    bounds MAE and RMSE; without it their ``high`` is infinite. Raises
    :class:`~benchmark.errors.UsageError` for a name of no family.
    """
    if "@" in name:
        return ranking.metric(name)
    if name in rating.NAMES:
        return rating.metric(name, scale)
    if name in selection.NAMES:
        return selection.metric(name)
    if text.is_text(name):
        return text.metric(name)
    if image.is_image(name):
        return image.metric(name)
    known = (*rating.NAMES, *selection.NAMES, *text.NAMES, *image.NAMES, "HR@5")
    raise unknown_name("metric", name, known)
