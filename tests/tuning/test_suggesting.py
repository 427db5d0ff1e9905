"""A suggestion follows from the finished trials, the seed and its number, and from nothing else."""

from __future__ import annotations

import json
import math

import numpy as np

from benchmark.runs.tuned import Trial
from benchmark.tuning.space import Choices, Range, points
from benchmark.tuning.suggesting import suggest

SPACE = {
    "layers": Range(1, 5, log=False, whole=True),
    "rate": Range(1e-4, 1.0, log=True, whole=False),
    "words": Choices((["a"], ["a", "b"], ["c"])),
}


def value_of(settings) -> float:
    """Best, 0, at three layers, a rate of 0.01 and the second choice."""
    return -(
        abs(settings["layers"] - 3)
        + abs(math.log10(settings["rate"]) + 2)
        + (settings["words"] != ["a", "b"])
    )


def searched(trials: int, *, seed: int = 0, sign: int = 1) -> list[Trial]:
    done: list[Trial] = []
    for number in range(1, trials + 1):
        settings = suggest(SPACE, done, number=number, seed=seed, higher_is_better=sign == 1)
        done.append(Trial(number, settings, sign * value_of(settings), None, 1.0))
    return done


def test_suggestions_lie_in_the_space() -> None:
    for trial in searched(15):
        assert all(SPACE[name].holds(value) for name, value in trial.settings.items())
        assert isinstance(trial.settings["layers"], int)


def test_the_same_history_and_seed_give_the_same_suggestion() -> None:
    assert searched(15) == searched(15)
    assert searched(15) != searched(15, seed=1)


def test_lower_values_are_sought_where_lower_is_better() -> None:
    mirrored = [trial.settings for trial in searched(20, sign=-1)]
    assert mirrored == [trial.settings for trial in searched(20)]


def test_failed_trials_are_no_evidence_but_take_a_number() -> None:
    done = searched(12)
    failed = [*done, Trial(13, done[0].settings, None, "failed", 1.0)]
    first, second = (
        suggest(SPACE, history, number=14, seed=0, higher_is_better=True)
        for history in (done, failed)
    )
    assert first == second
    assert first != suggest(SPACE, done, number=13, seed=0, higher_is_better=True)


FINITE = {
    "layers": Range(1, 3, log=True, whole=True),
    "words": Choices((["a"], ["a", "b"], 1, 1.0, True)),
}


def test_no_point_of_a_finite_space_is_suggested_twice() -> None:
    done: list[Trial] = []
    for number in range(1, 16):
        settings = suggest(FINITE, done, number=number, seed=0, higher_is_better=True)
        value = None if number % 4 == 0 else 1.0 / number  # failed ones were tried as well
        done.append(Trial(number, settings, value, None if value else "failed", 1.0))
    assert len({json.dumps(trial.settings) for trial in done}) == points(FINITE) == 15
    assert all(FINITE[n].holds(v) for trial in done for n, v in trial.settings.items())
    assert suggest(FINITE, done, number=16, seed=0, higher_is_better=True) is None


def test_an_endless_space_has_no_number_of_points() -> None:
    assert points(SPACE) is None


def test_later_suggestions_are_better_than_chance() -> None:
    early, late = [], []
    for seed in range(3):
        values = [trial.value for trial in searched(30, seed=seed)]
        early += values[:10]  # drawn at random
        late += values[20:]
    assert np.mean(late) > np.mean(early) + 0.5
