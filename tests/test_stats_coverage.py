"""Do intervals, corrected tests and rank intervals keep their promises? By simulation.

Answers are drawn from known chances, so the truth is known: two systems answer the same two
instances of each user, whose difficulty they share.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmark import stats
from benchmark.metrics import metric_named
from benchmark.metrics.base import Metric, Statistics

HR = metric_named("HR@5")
MAE = metric_named("MAE")

USERS = 150
OWNER = np.repeat(np.arange(USERS), 2)


def _one(metric: Metric, values: np.ndarray) -> Statistics:
    return {metric.name: values.reshape(-1, 1).astype(float)}


def _ranks(
    metric: Metric, systems: dict[str, Statistics], users: np.ndarray, **options: int
) -> dict[str, stats.RankInterval]:
    above = stats.significantly_better(metric, systems, users, **options)
    return dict(zip(systems, stats.ranks_of(above), strict=True))


def _hits(rng: np.random.Generator, chances: list[float]) -> list[np.ndarray]:
    """Hits (300,) of systems with these chances; a user is hard or easy for all of them."""
    ease = rng.choice([0.5, 1.5], size=USERS)[OWNER]
    draw = rng.random(2 * USERS) < 0.5  # half of the luck is shared, too
    shared = rng.random(2 * USERS)
    return [np.where(draw, shared, rng.random(2 * USERS)) < ease * c for c in chances]


def test_intervals_of_a_known_difference_cover_it_95_times_in_100() -> None:
    rng = np.random.default_rng(0)
    trials = 1000
    covered = 0
    for trial in range(trials):
        a, b = _hits(rng, [0.45, 0.30])
        found = stats.paired_difference(
            HR, _one(HR, a), _one(HR, b), OWNER, resamples=400, seed=trial
        )
        covered += found.low <= 0.15 <= found.high
    assert 0.93 <= covered / trials <= 0.97


def test_intervals_of_a_continuous_score_cover_as_well() -> None:
    # Errors of users with one to five instances each; the mean is over instances.
    rng = np.random.default_rng(1)
    trials, users = 400, 80
    covered = 0
    for trial in range(trials):
        owner = np.repeat(np.arange(users), rng.integers(1, 6, size=users))
        own = rng.normal(0, 0.3, size=users)[owner]
        b = rng.gamma(2.0, 0.5, size=len(owner))
        a = b + 0.1 + own + rng.normal(0, 0.2, size=len(owner))
        found = stats.paired_difference(
            MAE, _one(MAE, a), _one(MAE, b), owner, resamples=200, seed=trial
        )
        covered += found.low <= 0.1 <= found.high
    assert 0.93 <= covered / trials <= 0.97


def test_a_corrected_family_cries_wolf_at_most_5_times_in_100() -> None:
    rng = np.random.default_rng(2)
    families, others = 160, 4
    alarms = 0
    for family in range(families):
        baseline, *systems = _hits(rng, [0.3] * (others + 1))
        p_values = [
            stats.paired_difference(
                HR, _one(HR, system), _one(HR, baseline), OWNER, resamples=499, seed=family
            ).p_value
            for system in systems
        ]
        alarms += bool((stats.holm(p_values) < 0.05).any())
    assert alarms / families <= 0.05


@pytest.mark.parametrize(
    ("chances", "best", "worst"),
    [
        ([0.3] * 5, [1] * 5, [5] * 5),  # all tied: every rank is a true one
        ([0.5, 0.44, 0.3, 0.3, 0.26], [1, 2, 3, 3, 5], [1, 2, 4, 4, 5]),
    ],
)
def test_rank_intervals_hold_all_true_ranks_together(
    chances: list[float], best: list[int], worst: list[int]
) -> None:
    rng = np.random.default_rng(3)
    trials = 150
    held = 0
    for trial in range(trials):
        systems = {str(i): _one(HR, hits) for i, hits in enumerate(_hits(rng, chances))}
        found = _ranks(HR, systems, OWNER, resamples=300, seed=trial)
        held += all(
            found[str(i)].best <= best[i] and worst[i] <= found[str(i)].worst
            for i in range(len(chances))
        )
    assert held / trials >= 0.94  # 0.95 less the luck of 150 trials


def test_rank_intervals_separate_what_is_clear_and_no_more() -> None:
    rng = np.random.default_rng(4)
    good, fair, alike, poor = _hits(rng, [0.6, 0.3, 0.3, 0.05])
    systems = {"good": good, "fair": fair, "alike": alike, "poor": poor}
    found = _ranks(HR, {k: _one(HR, v) for k, v in systems.items()}, OWNER)
    assert {name: (rank.best, rank.worst) for name, rank in found.items()} == {
        "good": (1, 1),
        "fair": (2, 3),
        "alike": (2, 3),
        "poor": (4, 4),
    }


def test_a_smaller_error_has_the_better_rank() -> None:
    errors = np.random.default_rng(5).gamma(2.0, size=300)
    more = np.random.default_rng(6).gamma(2.0, size=300)
    systems = {"large": _one(MAE, errors + more), "small": _one(MAE, errors)}
    found = _ranks(MAE, systems, OWNER)
    assert (found["small"].best, found["small"].worst) == (1, 1)
    assert (found["large"].best, found["large"].worst) == (2, 2)


def test_rank_intervals_at_the_edges() -> None:
    hits = np.ones(300)
    same = {"a": _one(HR, hits), "b": _one(HR, hits), "never": _one(HR, 0 * hits)}
    found = _ranks(HR, same, OWNER)
    assert found["a"] == found["b"] == stats.RankInterval(1, 2)
    assert found["never"] == stats.RankInterval(3, 3)
    one_user = _ranks(HR, same, np.zeros(300, dtype=int))
    assert set(one_user.values()) == {stats.RankInterval(1, 3)}  # one user proves nothing
    assert _ranks(HR, {"a": same["a"]}, OWNER) == {"a": stats.RankInterval(1, 1)}
    assert _ranks(HR, {}, OWNER) == {}


def test_effect_size_by_hand() -> None:
    # User x: (1 + 0) / 2 - 0 = 0.5, user y: 1 - 0 = 1, user z: 0 - 1 = -1.
    a, b = np.array([1, 0, 1, 0]), np.array([0, 0, 0, 1])
    gaps = np.array([0.5, 1.0, -1.0])
    found = stats.paired_effect(HR, _one(HR, a), _one(HR, b), ["x", "x", "y", "z"])
    assert found == pytest.approx(gaps.mean() / gaps.std(ddof=1))


def test_effect_size_needs_users_that_differ() -> None:
    ones, zeros = _one(HR, np.ones(4)), _one(HR, np.zeros(4))
    assert stats.paired_effect(HR, ones, zeros, list("wxyz")) is None
    assert stats.paired_effect(HR, ones, _one(HR, np.array([0, 1, 0, 1])), ["x"] * 4) is None
