"""The interface of metrics: named values of the mean of per-instance statistics.

Splitting every metric into *additive statistic per instance* and *value of their mean* is what
lets one bootstrap serve all of them: BLEU and RMSE are no averages of per-instance scores, but
both are functions of averaged statistics.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from benchmark.metrics.families import MetricFamily

#: Metric name -> per-instance statistics, float64 of shape (n, ``Metric.columns``).
Statistics = dict[str, NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """Describes a metric as a value object; subclasses document formula and source.

    ``columns`` is the width of the additive statistic each instance contributes. ``widest`` is
    the highest value where the data bound it closer than the family does.
    """

    name: str
    family: MetricFamily
    columns: int = 1
    widest: float | None = None

    @property
    def higher_is_better(self) -> bool:
        """Return whether the larger of two values is the better one."""
        return self.family.higher_is_better

    @property
    def low(self) -> float:
        """Return the lowest possible value."""
        return self.family.low

    @property
    def high(self) -> float:
        """Return the highest possible value; it may be infinite."""
        return self.family.high if self.widest is None else self.widest

    @property
    def is_mean(self) -> bool:
        """Return whether the value is the mean of the instances' own scores.

        If not (BLEU, RMSE), that of several seeds' averaged statistics is not the seeds' mean.
        """
        return self.columns == 1 and type(self).value is Metric.value

    def value(self, mean: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compute the metric, shape (...), from mean statistics of shape (..., columns).

        Unless a subclass says otherwise the statistic is the instance's own score.
        """
        return mean[..., 0]

    def extremes(
        self, mean: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Return the mean statistics (columns,) of users with the lowest and the highest value.

        ``mean`` (columns,) is of users at hand, whom these would stand beside. ``None`` where no
        statistic is the most extreme one.
        """
        if self.columns > 1 or not isfinite(self.high):
            return None
        return np.array([self.low]), np.array([self.high])
