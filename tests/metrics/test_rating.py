"""Rating metrics: hand-worked cases and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmark.errors import BenchError
from benchmark.metrics import rating

SCALE = (1.0, 5.0)


def _values(predicted: list[float], target: list[float]) -> dict[str, float]:
    metrics, statistics = rating.score(predicted, target, SCALE)
    return {m.name: float(m.value(statistics[m.name].mean(axis=0))) for m in metrics}


def test_agrees_with_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for _ in range(1000):
        n = int(rng.integers(1, 30))
        target = rng.integers(1, 6, size=n).astype(float)
        predicted = rng.uniform(1, 5, size=n)
        values = _values(predicted.tolist(), target.tolist())
        assert values["MAE"] == pytest.approx(
            sklearn.mean_absolute_error(target, predicted), abs=1e-9
        )
        assert values["RMSE"] == pytest.approx(
            sklearn.root_mean_squared_error(target, predicted), abs=1e-9
        )


def test_by_hand() -> None:
    values = _values([3.0, 5.0], [4.0, 2.0])
    assert values == {"MAE": 2.0, "RMSE": pytest.approx(math.sqrt(5))}


@pytest.mark.parametrize(("truth", "error"), [(5.0, 4.0), (1.0, 4.0), (4.0, 3.0), (3.0, 2.0)])
def test_a_failed_prediction_errs_to_the_far_end_of_the_scale(truth: float, error: float) -> None:
    assert _values([math.nan], [truth]) == {"MAE": error, "RMSE": error}


def test_no_value_exceeds_the_metrics_bound() -> None:
    for metric in rating.score([math.nan], [1.0], SCALE)[0]:
        assert (metric.low, metric.high, metric.higher_is_better) == (0.0, 4.0, False)


@pytest.mark.parametrize(
    ("predicted", "target", "message"),
    [
        ([5.5], [3.0], "predicted rating 5.5 is outside the scale 1 to 5"),
        ([math.inf], [3.0], "predicted rating inf is outside"),
        ([3.0], [0.0], "true rating 0 is outside"),
        ([3.0], [math.nan], "true rating nan is outside"),
        ([3.0, 4.0], [3.0], "do not fit"),
    ],
)
def test_ratings_that_cannot_be_scored_are_refused(
    predicted: list[float], target: list[float], message: str
) -> None:
    with pytest.raises(BenchError, match=message):
        rating.score(predicted, target, SCALE)
