"""From a printed name back to the metric, as stored runs need it."""

from __future__ import annotations

import math

import pytest

from benchmark.errors import UsageError
from benchmark.metrics import image, metric_named
from benchmark.tasks import TASKS

SCORED = [task for task in map(TASKS.get, TASKS) if task.scorer is not None]
#: Printed with the encoder behind them, never alone.
NAMED_BY_ENCODER = {"BERTScore", *image.NAMES}


@pytest.mark.parametrize(
    "name",
    [
        *(name for task in SCORED for name in task.metrics if name not in NAMED_BY_ENCODER),
        *(f"{name}-own" for name in image.NAMES),
        "METEOR-exact+stem",
        "BERTScore-all-MiniLM-L6-v2",
    ],
)
def test_every_printed_name_leads_to_its_metric(name: str) -> None:
    metric = metric_named(name)
    assert metric.name == name
    assert metric.low < metric.high
    assert type(metric).__doc__


def test_the_scale_bounds_rating_errors() -> None:
    assert metric_named("MAE", scale=(1, 5)).high == 4
    assert math.isinf(metric_named("RMSE").high)


def test_only_errors_are_better_when_lower() -> None:
    lower = {"MAE", "RMSE", "KMMD-own"}
    for name in ("HR@5", "F1", "BLEU-4", "ROUGE-L", "target similarity-own", *lower):
        assert metric_named(name).higher_is_better == (name not in lower)


@pytest.mark.parametrize("name", ["BERTScore", "KMMD", "BLEU-3", "accuracy", "AUC@5"])
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"Unknown .*metric"):
        metric_named(name)


def test_metrics_are_value_objects() -> None:
    assert metric_named("NDCG@5") == metric_named("NDCG@5")
    assert len({metric_named("NDCG@5"), metric_named("NDCG@5"), metric_named("NDCG@3")}) == 2
