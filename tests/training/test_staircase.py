"""Expected ratings move towards whole stars as far as MAE asks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmark.training.staircase import (
    MOST_LEVELS,
    Staircase,
    best_staircase,
    levels_in,
    nearest_level,
)

STARS = (1.0, 2.0, 3.0, 4.0, 5.0)


def mae(ratings, targets):
    return float(np.abs(ratings - targets).mean())


def rmse(ratings, targets):
    return float(np.sqrt(np.square(ratings - targets).mean()))


@pytest.fixture
def given():
    """Expected ratings, and the stars given: of a wide and lopsided distribution."""
    generator = np.random.default_rng(5)
    means = generator.uniform(2.2, 4.6, 4000)
    return means, np.clip(np.rint(means + generator.normal(0, 0.8, 4000)), 1, 5)


def test_a_staircase_by_hand():
    ratings = np.array([3.1, 3.4, 3.5, 3.6, 4.0, 6.0])
    moved = Staircase(STARS, 2.0)(ratings)
    assert moved.tolist() == pytest.approx([3.0, 3.3, 3.5, 3.7, 4.0, 5.0], abs=1e-4)
    shifted = Staircase(STARS, 2.0, 0.1)(ratings)
    assert shifted.tolist() == pytest.approx([3.0, 3.5, 3.7, 3.9, 4.0, 5.0], abs=1e-4)
    assert Staircase(STARS, math.inf)(ratings).tolist() == [3.0, 3.0, 4.0, 4.0, 4.0, 5.0]


def test_levels_need_not_be_evenly_apart():
    moved = Staircase((0.5, 1.0, 4.0), 2.0)(np.array([0.2, 2.5, 3.25]))
    assert moved.tolist() == pytest.approx([0.5, 2.5, 4.0], abs=1e-4)
    assert Staircase((0.5, 1.0, 4.0), math.inf)(np.array([2.4])).tolist() == [1.0]


def test_a_staircase_never_turns_two_ratings_around():
    ratings = np.linspace(0, 6, 500)
    for steepness in (1.25, 3.0, math.inf):
        assert (np.diff(Staircase(STARS, steepness, 0.15)(ratings)) >= 0).all()


def test_midway_does_not_hang_on_last_digits():
    away = np.array([3.5, np.nextafter(3.5, 0), np.nextafter(3.5, 9)])
    assert len(set(Staircase(STARS, math.inf)(away).tolist())) == 1


def test_the_best_staircase_trades_rmse_for_mae(given):
    means, stars = given
    moved = best_staircase(means, stars, STARS)(means)
    assert mae(moved, stars) < 0.98 * mae(means, stars)
    assert rmse(moved, stars) > rmse(means, stars)


def test_no_staircase_that_was_tried_has_less_mae(given):
    means, stars = given
    best = mae(best_staircase(means, stars, STARS)(means), stars)
    for steepness in (1.0, 1.5, 3.0, 10.0):
        for shift in (-0.2, 0.0, 0.2):
            assert best <= mae(Staircase(STARS, steepness, shift)(means), stars) + 1e-5


def test_the_nearest_level_has_the_least_mae_of_all_shifts(given):
    means, stars = given
    chosen = nearest_level(means, stars, STARS)
    found = chosen(means)
    assert set(found.tolist()) <= set(STARS)
    for shift in (-0.3, -0.1, 0.0, 0.1, 0.3):
        other = Staircase(STARS, math.inf, shift)(means)
        assert mae(found, stars) <= mae(other, stars) + 1e-5


def test_ratings_without_levels_or_targets_stay():
    ratings = np.array([2.2, 3.1])
    for choose in (best_staircase, nearest_level):
        assert choose(ratings, ratings, ())(ratings).tolist() == ratings.tolist()
        assert choose(ratings[:0], ratings[:0], STARS).shift == 0
    assert best_staircase(ratings, ratings, STARS) == Staircase(STARS)


def test_levels_are_told_apart_from_a_continuous_scale():
    assert levels_in([3.0, 1.0, 3.0]) == (1.0, 3.0)
    assert levels_in([x / 100 for x in range(MOST_LEVELS + 1)]) == ()
