"""What a metric is: a named value that follows from the mean of per-instance statistics.

Splitting every metric into *additive statistic per instance* and *value of their mean* is what
lets one bootstrap serve all of them: BLEU and RMSE are no averages of per-instance scores, but
both are functions of averaged statistics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Metric name -> per-instance statistics, float64 of shape (n, ``Metric.columns``).
Statistics = dict[str, NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric as a value object; subclasses document formula and source.

    ``low`` and ``high`` bound the value (``high`` may be infinite). ``columns`` is the width of
    the additive statistic each instance contributes.
    """

    name: str
    higher_is_better: bool
    low: float
    high: float
    columns: int = 1

    def value(self, mean: NDArray[np.float64]) -> NDArray[np.float64]:
        """The metric, shape (...), from mean statistics of shape (..., columns).

        Unless a subclass says otherwise the statistic is the instance's own score.
        """
        return mean[..., 0]


def is_variant(measured: str, name: str) -> bool:
    """Whether ``measured`` is ``name`` or carries a variant behind it, as BERTScore does."""
    return measured == name or measured.startswith(f"{name}-")
