"""Selection metrics: precision, recall and F1 of a chosen set, per instance, averaged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmark.errors import BenchError, unknown_name
from benchmark.metrics import families
from benchmark.metrics.base import Metric, Statistics

NAMES = (
    *families.PRECISION.members,
    *families.RECALL.members,
    *families.F1.members,
)


class Precision(Metric):
    """Computes |chosen ∩ positives| / |chosen|, 0 when nothing is chosen, averaged over instances.

    (van Rijsbergen, Information Retrieval, 1979; the other two as well.)
    """

    def __init__(self) -> None:
        super().__init__(name="Precision", family=families.PRECISION)


class Recall(Metric):
    """Computes |chosen ∩ positives| / |positives|, averaged over instances."""

    def __init__(self) -> None:
        super().__init__(name="Recall", family=families.RECALL)


class F1(Metric):
    """Computes 2 |chosen ∩ positives| / (|chosen| + |positives|) per instance, then averages.

    Not the harmonic mean of the averaged precision and recall, which is another number.
    """

    def __init__(self) -> None:
        super().__init__(name="F1", family=families.F1)


_METRICS: tuple[Metric, ...] = (Precision(), Recall(), F1())


def metric(name: str) -> Metric:
    """Return the metric printed as ``name``; :class:`~benchmark.errors.UsageError` on a miss."""
    for candidate in _METRICS:
        if candidate.name == name:
            return candidate
    raise unknown_name("selection metric", name, NAMES)


def score(
    chosen: Sequence[Sequence[str] | None], positives: Sequence[Sequence[str]]
) -> tuple[tuple[Metric, ...], Statistics]:
    """Compute the statistics (n, 1) of precision, recall and F1.

    ``chosen`` holds a set of ids per instance, ``None`` where the prediction failed (scores 0,
    as an empty choice does). Raises :class:`BenchError` for an instance without positives.
    """
    if len(chosen) != len(positives):
        raise BenchError(
            f"{len(chosen)} selections were given for {len(positives)} instances.",
            fix="Give one selection, or None, per instance.",
        )
    values = np.zeros((len(positives), len(NAMES)))
    for row, (answer, truth) in enumerate(zip(chosen, positives, strict=True)):
        wanted = set(truth)
        if not wanted:
            raise BenchError(
                f"Instance {row} has no positive candidate.",
                fix="Rebuild the dataset's task instances (unimp-bench data prepare).",
            )
        picked = set(answer or ())
        right = len(picked & wanted)
        if right:
            values[row] = (
                right / len(picked),
                right / len(wanted),
                2 * right / (len(picked) + len(wanted)),
            )
    return _METRICS, {name: values[:, [column]] for column, name in enumerate(NAMES)}
