"""Beside a fit lies what it took, stage by stage; manifests say the energy of fit and answers."""

from __future__ import annotations

import itertools

import pytest

from benchmark.host import energy
from benchmark.host.progress import Bar, CutShort, bar, track, watched
from benchmark.runs.account import StageLog, read_account
from benchmark.runs.fitting import fit_folder
from benchmark.runs.spec import RunSpec


class Stand:
    """A meter that uses one watt-hour more each time."""

    name = "stand-in 1.0"

    def __init__(self) -> None:
        self.times = 0

    def start(self) -> None:
        self.times += 1

    def stop(self) -> tuple[float, float]:
        return self.times / 1000, self.times / 2000


def test_the_outermost_stages_are_logged_with_how_far_they_went():
    ticks = itertools.count(step=2.0)
    log = StageLog(clock=lambda: next(ticks))
    with watched(log):
        with bar("outer", total=9) as progress:
            for _ in track(range(3), "inner"):
                progress.advance(2)
        for _ in track("ab", "later"):
            pass
    told = [(stage.label, stage.total, stage.done) for stage in log.stages]
    assert told == [("outer", 9, 6), ("later", 2, 2)]
    assert all(stage.seconds > 0 for stage in log.stages)


def test_a_watcher_can_end_a_piece_of_work_and_nothing_else():
    class Impatient(StageLog):
        def moved(self, bar: Bar) -> None:
            if bar.label == "long" and bar.done == 2:
                raise CutShort

    log, seen = Impatient(), []
    with watched(log):
        seen += list(track(range(100), "long"))
        seen += list(track("ab", "short"))
    assert seen == [0, 1, "a", "b"]
    assert [(stage.done, stage.total) for stage in log.stages] == [(2, 100), (2, 2)]
    with pytest.raises(CutShort), bar("nobody watches"):
        raise CutShort


def test_a_failure_inside_a_watched_stage_stays_one():
    log = StageLog()
    with watched(log), pytest.raises(ZeroDivisionError):
        [1 / number for number in track((1, 0), "dividing")]
    assert [(stage.label, stage.done) for stage in log.stages] == [("dividing", 1)]


@pytest.fixture
def stand(monkeypatch):
    meter = Stand()
    monkeypatch.setattr(energy, "find_meter", lambda: meter)
    monkeypatch.setenv(energy.VARIABLE, "DEU")
    return meter


def test_manifests_say_the_energy_of_the_fit_behind_them(run_home, execute, stand):
    first = execute(RunSpec("popularity", "search", data="sim-xs"), run_home)
    assert first.manifest["energy"] == {
        "fit_kwh": 0.001, "fit_co2_kg": 0.0005, "predict_kwh": 0.002, "predict_co2_kg": 0.001,
        "country": "DEU", "meter": "stand-in 1.0",
    }  # fmt: skip
    second = execute(RunSpec("popularity", "recommendation", data="sim-xs"), run_home)
    energy_of_both = [run.manifest["energy"]["fit_kwh"] for run in (first, second)]
    assert energy_of_both == [0.001, 0.001]  # one fit
    account = read_account(fit_folder(first.manifest["fit_key"], run_home))
    assert account["energy"]["fit_kwh"] == 0.001
    assert account["model"] == "popularity"


def test_energy_of_resumed_predictions_is_left_out(run_home, execute, stand, monkeypatch):
    spec = RunSpec("popularity", "search", data="sim-xs")

    def fails(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("benchmark.runs.runner.score_stored", fails)
        with pytest.raises(KeyboardInterrupt):
            execute(spec, run_home)
    assert set(execute(spec, run_home).manifest["energy"]) == {
        "fit_kwh", "fit_co2_kg", "country", "meter"
    }  # fmt: skip


def test_a_fit_of_another_country_leaves_its_emissions_out(run_home, execute, stand, monkeypatch):
    execute(RunSpec("popularity", "search", data="sim-xs"), run_home)
    monkeypatch.setenv(energy.VARIABLE, "FRA")
    second = execute(RunSpec("popularity", "recommendation", data="sim-xs"), run_home)
    told = second.manifest["energy"]
    assert told == {
        "fit_kwh": 0.001, "predict_kwh": told["predict_kwh"], "country": "FRA",
        "predict_co2_kg": told["predict_co2_kg"], "meter": "stand-in 1.0",
    }  # fmt: skip


def test_without_a_meter_manifests_say_nothing_of_it(run_home, execute, monkeypatch):
    monkeypatch.setattr(energy, "find_meter", lambda: None)
    run = execute(RunSpec("random", "search", data="sim-xs"), run_home)
    assert "energy" not in run.manifest
