"""Rating metrics: MAE and RMSE."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmark.errors import BenchError, unknown_name
from benchmark.metrics import families
from benchmark.metrics.base import Metric, Statistics

NAMES = (*families.MAE.members, *families.RMSE.members)


class MAE(Metric):
    """Computes the mean absolute error, mean of |predicted - true|.

    In the ratings' own unit, at most the width of ``scale`` = (lowest, highest) where that is
    given (Shardanand and Maes, CHI 1995).
    """

    def __init__(self, scale: tuple[float, float] | None = None) -> None:
        super().__init__(name="MAE", family=families.MAE, widest=_width(scale))


class RMSE(Metric):
    """Computes the root mean squared error, sqrt(mean of (predicted - true)^2).

    In the ratings' own unit, at most the width of ``scale`` = (lowest, highest) where that is
    given. The statistic is the squared error, so the root is taken once, over all instances
    (Netflix Prize; Bennett and Lanning, 2007).
    """

    def __init__(self, scale: tuple[float, float] | None = None) -> None:
        super().__init__(name="RMSE", family=families.RMSE, widest=_width(scale))

    def value(self, mean: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the root of the mean squared error (..., 1)."""
        return np.sqrt(mean[..., 0])

    def extremes(
        self, mean: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Return the squared errors of perfect and of farthest predictions."""
        ends = super().extremes(mean)
        return None if ends is None else (np.square(ends[0]), np.square(ends[1]))


def metric(name: str, scale: tuple[float, float] | None = None) -> Metric:
    """Return the metric printed as ``name``; its ``high`` is the width of ``scale`` when given."""
    if name == "MAE":
        return MAE(scale)
    if name == "RMSE":
        return RMSE(scale)
    raise unknown_name("rating metric", name, NAMES)


def errors(
    predicted: ArrayLike, target: ArrayLike, scale: tuple[float, float]
) -> NDArray[np.float64]:
    """Return absolute errors (n,) of ``predicted`` (n,), where NaN marks a failed prediction.

    A failed prediction errs as far as the scale allows: to the end farthest from the truth.
    Raises :class:`BenchError` when a rating lies outside ``scale`` = (lowest, highest).
    """
    low, high = scale
    answers = np.asarray(predicted, dtype=np.float64)
    truth = np.asarray(target, dtype=np.float64)
    if answers.shape != truth.shape or answers.ndim != 1:
        raise BenchError(
            f"Predictions of shape {answers.shape} do not fit ratings of shape {truth.shape}.",
            fix="Give one prediction per rating.",
        )
    failed = np.isnan(answers)
    for kind, values in (("true", truth), ("predicted", answers[~failed])):
        outside = values[~((values >= low) & (values <= high))]
        if len(outside):
            raise BenchError(
                f"The {kind} rating {outside[0]:g} is outside the scale {low:g} to {high:g}.",
                fix="Give NaN for a failed prediction; correct the data's scale otherwise.",
            )
    worst = np.maximum(truth - low, high - truth)
    return np.where(failed, worst, np.abs(answers - truth))


def score(
    predicted: ArrayLike, target: ArrayLike, scale: tuple[float, float]
) -> tuple[tuple[Metric, ...], Statistics]:
    """Compute MAE and RMSE statistics (n, 1) of ``predicted`` (n,), NaN where failed.

    Raises as :func:`errors` does.
    """
    distance = errors(predicted, target, scale)
    return (
        (MAE(scale), RMSE(scale)),
        {"MAE": distance[:, None], "RMSE": np.square(distance)[:, None]},
    )


def _width(scale: tuple[float, float] | None) -> float | None:
    return None if scale is None else scale[1] - scale[0]
