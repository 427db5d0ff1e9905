"""Selection metrics: hand-worked cases and scikit-learn."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from benchmark.errors import BenchError
from benchmark.metrics import selection


def _row(chosen: list[str] | None, positives: list[str]) -> tuple[float, ...]:
    _, statistics = selection.score([chosen], [positives])
    return tuple(float(statistics[name][0, 0]) for name in selection.NAMES)


def test_agrees_with_scikit_learn_on_thousands_of_instances() -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    truth = rng.random((4000, 8)) < 0.3
    truth[~truth.any(axis=1), 0] = True
    answer = rng.random((4000, 8)) < 0.3  # some rows choose nothing
    _, statistics = selection.score(
        [[str(i) for i in np.flatnonzero(row)] for row in answer],
        [[str(i) for i in np.flatnonzero(row)] for row in truth],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = sklearn.precision_recall_fscore_support(
            truth, answer, average="samples", zero_division=0
        )[:3]
    for name, value in zip(selection.NAMES, expected, strict=True):
        assert float(statistics[name].mean()) == pytest.approx(float(value), abs=1e-9)
    for row in range(0, 4000, 16):
        expected_f1 = sklearn.f1_score(truth[row], answer[row], zero_division=0)
        assert statistics["F1"][row, 0] == pytest.approx(expected_f1, abs=1e-9)


def test_two_of_three_chosen_are_right_by_hand() -> None:
    assert _row(["a", "b", "x"], ["a", "b", "c", "d"]) == pytest.approx((2 / 3, 1 / 2, 4 / 7))


@pytest.mark.parametrize("chosen", [[], None, ["x"]])
def test_an_empty_failed_or_wrong_choice_scores_zero(chosen: list[str] | None) -> None:
    assert _row(chosen, ["a"]) == (0.0, 0.0, 0.0)


def test_choosing_everything_has_full_recall() -> None:
    assert _row(["a", "b", "c", "d"], ["b"]) == pytest.approx((0.25, 1.0, 0.4))


def test_an_instance_without_positives_is_refused() -> None:
    with pytest.raises(BenchError, match="Instance 1 has no positive candidate"):
        selection.score([["a"], ["a"]], [["a"], []])


def test_a_missing_row_is_refused() -> None:
    with pytest.raises(BenchError, match="1 selections were given for 2 instances"):
        selection.score([["a"]], [["a"], ["b"]])
