"""Stages are watched for some steps, ended, and extrapolated; by a clock that the test moves."""

from __future__ import annotations

import pytest

from benchmark.host.progress import bar, track, watched
from benchmark.runs.estimating.measuring import understood
from benchmark.runs.estimating.stages import Pacer, Stage, stages_of


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def watch(clock, seconds, work):
    """The reports of ``work`` under a pacer."""
    reports = []
    with watched(Pacer(reports.append, seconds, clock)):
        work()
    return reports


def test_a_long_stage_is_ended_and_extrapolated_from_its_steps_after_the_first(clock):
    taken = []

    def work():
        with bar("training", total=1000) as progress:
            for step in range(1000):
                clock.now += 7.0 if step == 0 else 0.5  # the first also makes ready
                taken.append(step)
                progress.advance()

    (stage,) = stages_of(watch(clock, 5.0, work))
    assert stage.cut
    assert len(taken) == 11
    assert stage.expected() == pytest.approx(7.0 + 999 * 0.5)
    assert stage.expected(0.25) == pytest.approx(7.0 + 249 * 0.5)
    assert stage.observed == pytest.approx(7.0 + 10 * 0.5)


def test_a_stage_that_ends_soon_is_left_whole_and_the_next_one_is_seen(clock):
    def work():
        for label, steps in (("encoding", 14), ("training", 200)):
            for _ in track(range(steps), label):
                clock.now += 1.0

    first, second = stages_of(watch(clock, 8.0, work))
    assert (first.label, first.cut, first.expected()) == ("encoding", False, pytest.approx(14.0))
    assert (second.label, second.cut, second.expected()) == ("training", True, pytest.approx(200.0))


def test_what_goes_on_inside_a_stage_is_part_of_it(clock):
    def work():
        with bar("training", total=3) as progress:
            for _ in range(3):
                for _ in track(range(50), "validation"):
                    clock.now += 1.0
                progress.advance()

    (stage,) = stages_of(watch(clock, 1000.0, work))
    assert (stage.label, stage.expected()) == ("training", pytest.approx(150.0))


def test_steps_gone_on_from_do_not_count_as_fast_ones(clock):
    def work():
        with bar("training", total=100) as progress:
            progress.advance(60)  # a checkpoint
            for _ in range(40):
                clock.now += 2.0
                progress.advance()

    (stage,) = stages_of(watch(clock, 6.0, work))
    assert stage.expected() == pytest.approx(80.0)


@pytest.mark.parametrize(
    "stage",
    [
        Stage("no step", 10, 0.0),
        Stage("no total", None, 0.0, first=(1.0, 1), last=(5.0, 5), ended=5.0, cut=True),
    ],
)
def test_what_nobody_can_know_is_not_known(stage):
    assert stage.expected() is None


def test_one_step_alone_tells_the_rate():
    stage = Stage("slow", 4, 1.0, first=(11.0, 1), last=(11.0, 1))
    assert stage.expected() == pytest.approx(40.0)


def test_a_process_that_fell_silent_leaves_what_was_seen():
    reports = [
        {"kind": "fitting", "peak_mib": 100.0},
        {"kind": "began", "t": 1.0, "label": "training", "total": 10, "peak_mib": 120.0},
        {"kind": "moved", "t": 3.0, "done": 1, "peak_mib": 300.0},
        {"kind": "silent", "t": 60.0},
    ]
    found = understood(reports)
    assert (found.whole, found.peak_mib) == (False, 300.0)
    assert found.problem == "nothing was told of its progress for 60 s"
    assert found.cut[0].expected() == pytest.approx(20.0)


def test_a_process_that_died_is_quoted():
    assert understood([], "Killed").problem == "the process ended: Killed"
