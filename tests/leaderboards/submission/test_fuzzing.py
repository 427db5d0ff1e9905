"""The fuzzer notices what it is for: readers that die, raise, or read something else."""

from __future__ import annotations

import faulthandler
import os
import signal

import pytest

from leaderboards.submission import fuzzing
from leaderboards.submission.fuzzing import Fuzz, mutant, zipped


def test_mutants_are_refused_or_say_the_same(packed) -> None:
    fuzz = Fuzz(packed("preference"))
    fuzz.run(0, 120)
    assert fuzz.wrong == []
    assert sum(fuzz.ends.values()) == 120
    assert len(fuzz.ends) > 8
    assert fuzz.slowest < 10


def test_a_mutant_follows_from_its_number(packed) -> None:
    files = packed("preference")
    assert mutant(files, 7) == mutant(files, 7) != mutant(files, 8)
    assert len({mutant(files, seed) for seed in range(40)}) == 40


def _as_it_is(files, seed: int) -> bytes:
    return zipped(files)


def test_a_good_submission_is_read(packed) -> None:
    fuzz = Fuzz(packed("preference"), _as_it_is)
    fuzz.run(0, 2)
    assert (fuzz.ends, fuzz.wrong) == ({"read": 2}, [])


def test_another_submission_that_is_read_is_noticed(packed) -> None:
    other = zipped(packed("search"))  # before the fork: a model's threads do not survive that
    fuzz = Fuzz(packed("preference"), lambda files, seed: other)
    seed = next(seed for seed in range(99) if not fuzzing.has_other_values(seed))
    fuzz.run(seed, 1)
    assert fuzz.wrong == [(seed, "wrong: read as something else")]


def _die() -> None:
    faulthandler.disable()  # pytest's, which would tell of it
    os.kill(os.getpid(), signal.SIGSEGV)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (_die, "the reader ended by SIGSEGV"),
        (lambda: 1 / 0, "wrong: ZeroDivisionError"),
    ],
)
def test_a_reader_that_dies_or_raises_is_noticed_and_the_rest_is_read(
    packed, monkeypatch, fault, told
) -> None:
    sound = fuzzing.outcome
    calls = iter(range(100))

    def faulty(path, folder):
        if next(calls) == 1:
            fault()
        return sound(path, folder)

    monkeypatch.setattr(fuzzing, "outcome", faulty)
    monkeypatch.setattr(fuzzing, "BATCH", 3)
    fuzz = Fuzz(packed("preference"), _as_it_is)
    fuzz.run(0, 3)
    assert fuzz.wrong[:1] == [(1, told)]
