"""What the model knows of a rating becomes a rating, by weights chosen on validation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmark.training.staircase import Staircase
from unimp_model.network.decoding import expected_ratings
from unimp_model.tasks.calibration import (
    Calibration,
    Evidence,
    best_calibration,
    best_temperature,
)

LEVELS = (1.0, 2.0, 3.0, 4.0, 5.0)


def evidence(seed: int, n: int = 400) -> Evidence:
    generator = np.random.default_rng(seed)
    p = generator.dirichlet(np.ones(5), n)
    beside = np.column_stack([generator.normal(size=(n, 2)), generator.uniform(1, 5, n)])
    return Evidence(p, beside)


def test_the_best_temperature_has_the_least_error_of_all_tried():
    generator = np.random.default_rng(2)
    p = generator.dirichlet(np.ones(5), 300)
    truth = expected_ratings(p, LEVELS, 0.5)
    error, temperature = best_temperature(p, truth, LEVELS)
    assert temperature == 0.5
    assert error == pytest.approx(0.0, abs=1e-12)
    worse = [np.abs(expected_ratings(p, LEVELS, t) - truth).mean() for t in (0.45, 0.55, 1.0)]
    assert min(worse) > error


def test_a_calibration_by_hand():
    known = Evidence(np.array([[0, 0, 1.0, 0, 0]]), np.array([[0.6, -1.0, 5.0]]))
    chosen = Calibration(1.0, (0.5, 0.25, 0.2, 0.1), (0.2, 0.0, 4.0), 1.0)
    by_hand = 0.5 * 3 + 0.25 * 0.4 - 0.2 + 0.1 * 1 + 1
    assert chosen(known, LEVELS).tolist() == pytest.approx([by_hand])


def test_the_calibration_undoes_what_flattens_and_shifts():
    known = evidence(3)
    truth = (1.5 * (expected_ratings(known.p, LEVELS, 1.0) - 3) + 3.4).clip(1, 5)
    found = best_calibration(known, truth, LEVELS, given=LEVELS)
    assert np.abs(found(known, LEVELS) - truth).mean() < 0.02
    assert np.abs(expected_ratings(known.p, LEVELS, 1.0) - truth).mean() > 0.3


@pytest.mark.parametrize("part", [0, 1, 2])
def test_what_tells_ratings_is_weighed_and_the_rest_is_not(part):
    known = evidence(6)
    told = known.beside[:, part]
    truth = 3 + 0.4 * (told - told.mean())
    found = best_calibration(known, truth.clip(1, 5), LEVELS, given=LEVELS)
    weights = list(found.weights[1:])
    assert weights.pop(part) == pytest.approx(0.4, abs=0.05)
    assert np.abs(weights).max() < 0.05
    assert abs(found.weights[0]) < 0.1


def test_what_is_not_known_counts_as_middling():
    known = evidence(7)
    known.beside[:3] = np.nan
    chosen = Calibration(1.0, (0.0, 1.0, 1.0, 1.0), (0.1, 0.2, 3.5), 3.5)
    assert chosen(known, LEVELS)[:3].tolist() == [3.5] * 3
    truth = np.nan_to_num(known.beside[:, 2], nan=3.0)
    assert np.isfinite(best_calibration(known, truth, LEVELS, given=LEVELS)(known, LEVELS)).all()


def test_before_the_staircase_the_calibration_serves_both_errors():
    """No calibration that was tried is better by MAE plus RMSE, each as a share of a constant's."""
    known, truth = given_stars()

    def error(values):
        mae = np.abs(values - truth).mean() / np.abs(truth - np.median(truth)).mean()
        return mae + np.sqrt(np.square(values - truth).mean()) / truth.std()

    chosen = best_calibration(known, truth, LEVELS, given=LEVELS)
    for other in (
        Calibration(),
        Calibration(0.2),
        Calibration(1.0, (2.0,), offset=-3.0),
    ):
        assert error(chosen.expected(known, LEVELS)) < error(other(known, LEVELS))


def test_the_staircase_is_chosen_by_mae():
    known, truth = given_stars()
    chosen = best_calibration(known, truth, LEVELS, given=LEVELS)

    def mae(calibration):
        return np.abs(calibration(known, LEVELS) - truth).mean()

    for steepness in (1.0, 2.0, 10.0):
        for shift in (-0.1, 0.0, 0.1):
            other = replace(chosen, staircase=Staircase(LEVELS, steepness, shift))
            assert mae(chosen) <= mae(other) + 1e-5


def given_stars():
    """Evidence, and stars drawn after it."""
    generator, known = np.random.default_rng(4), evidence(4)
    drawn = [generator.choice(LEVELS, p=row**2 / (row**2).sum()) for row in known.p]
    return known, np.array(drawn)


def test_calibrated_ratings_stay_on_the_scale():
    values = Calibration(0.1, (2.0, 0.5, 0.5, 0.5), (0.0, 0.0, 3.0), -2.0)(evidence(5), LEVELS)
    assert values.min() >= 1
    assert values.max() <= 5
