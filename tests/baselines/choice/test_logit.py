"""The conditional logit against closed forms, planted weights and its own first-order condition."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from baselines.choice.logit import Choices, best_fit, fit_logit, log_likelihood


def choices(x, taken, allowed=None):
    x, taken = np.asarray(x, np.float32), np.asarray(taken, np.float32)
    return Choices(x, np.ones(taken.shape, bool) if allowed is None else allowed, taken)


def planted(weights, *, n, alternatives, seed=0):
    """``n`` choices among ``alternatives`` drawn by a logit with ``weights``."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, alternatives, len(weights)))
    utility = x @ weights + rng.gumbel(size=(n, alternatives))
    return choices(x, utility == utility.max(1, keepdims=True))


def test_of_two_alternatives_the_weight_is_the_logarithm_of_the_odds():
    taken = [[1, 0]] * 3 + [[0, 1]]
    weights = fit_logit(choices([[[1.0], [0.0]]] * 4, taken), 0.0)
    assert weights == pytest.approx([log(3)], rel=1e-4)
    assert log_likelihood(choices([[[1.0], [0.0]]] * 4, taken), weights) == pytest.approx(
        (3 * log(3 / 4) + log(1 / 4)) / 4, rel=1e-5
    )


def test_what_is_not_allowed_counts_for_nothing():
    x = [[[1.0], [0.0], [9.0]]] * 4
    allowed = np.array([[True, True, False]] * 4)
    taken = [[1, 0, 0]] * 3 + [[0, 1, 0]]
    assert fit_logit(choices(x, taken, allowed), 0.0) == pytest.approx([log(3)], rel=1e-4)


def test_several_taken_share_the_choice():
    x = [[[1.0], [1.0], [0.0], [0.0]]]  # both of the first pair, one of the second
    assert fit_logit(choices(x, [[1 / 3, 1 / 3, 1 / 3, 0]]), 0.0) == pytest.approx(
        [log(2)], rel=1e-4
    )


@pytest.mark.parametrize("alternatives", [4, 40])
def test_planted_weights_are_recovered(alternatives):
    weights = np.array([1.5, -0.7, 0.0, 0.3])
    found = fit_logit(planted(weights, n=4000, alternatives=alternatives), 1e-6)
    assert found == pytest.approx(weights, abs=0.08)


def test_a_uniform_sample_of_the_alternatives_estimates_the_same_weights():
    weights = np.array([1.0, -0.5])
    full = planted(weights, n=6000, alternatives=60)
    rng = np.random.default_rng(1)
    others = np.argsort(rng.random(full.taken.shape) + 2 * full.taken, axis=1)[:, :9]
    rows = np.concatenate([full.taken.argmax(1)[:, None], others], axis=1)
    sampled = choices(
        np.take_along_axis(full.x, rows[..., None], 1), np.take_along_axis(full.taken, rows, 1)
    )
    assert fit_logit(sampled, 1e-6) == pytest.approx(weights, abs=0.08)


def test_no_small_change_of_the_weights_is_better_under_the_penalty():
    # Column 2 is on another scale, column 3 never varies within a choice.
    data = planted(np.array([1.0, -0.5]), n=300, alternatives=5)
    wide = np.concatenate([data.x[..., :1], 50 * data.x[..., 1:], np.ones((300, 5, 1))], axis=2)
    data = choices(wide, data.taken)
    penalty, found = 0.05, fit_logit(choices(wide, data.taken), 0.05)
    units = np.array([*(wide[..., :2] - wide[..., :2].mean(1, keepdims=True)).std((0, 1)), 1.0])

    def value(weights):
        return log_likelihood(data, weights) - penalty / 2 * float(np.square(weights * units).sum())

    for column in range(3):
        for change in (-0.02, 0.02):
            moved = found.copy()
            moved[column] += change / units[column]
            assert value(moved) < value(found)
    assert found[2] == pytest.approx(0, abs=1e-4)


def test_the_penalty_is_the_one_that_validation_likes_best():
    weights = np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    few, many = (
        planted(weights, n=25, alternatives=3),
        planted(weights, n=2000, alternatives=3, seed=1),
    )
    fits = {penalty: fit_logit(few, penalty) for penalty in (1e-6, 0.1, 100.0)}
    best = max(fits, key=lambda penalty: log_likelihood(many, fits[penalty]))
    assert best == 0.1
    assert (best_fit(few, many, tuple(fits)) == fits[best]).all()
