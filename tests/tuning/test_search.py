"""A search sees no test question, forgets nothing, and goes on as if never interrupted."""

from __future__ import annotations

import errno
import math
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from benchmark.data.opening import open_dataset
from benchmark.errors import BenchError, UsageError
from benchmark.host.home import Home
from benchmark.models.building import configure
from benchmark.runs import fitting
from benchmark.runs.tuned import SEARCH, Search, stored_searches
from benchmark.tuning import search as searching
from benchmark.tuning.search import tune
from benchmark.tuning.trial import validation_instances


def run(knob: str, place: Home, space: Path, trials: int, **more) -> Search:
    return tune(knob, "search", data="sim-xs", trials=trials, home=place, space=space, **more)


def test_the_value_is_the_metric_on_the_validation_questions(knob, space, place) -> None:
    search = run(knob, place, space, 3)
    view = open_dataset("sim-xs", place).training_view()
    for trial in search.trials:
        model = configure(knob, trial.settings).build()
        model.fit(view, seed=0)
        gains = []
        for example in view.examples("search", "valid"):
            (ranking,) = model.predict([example.instance])
            (target,) = example.target
            place_of = ranking.items.index(target) if target in ranking.items[:5] else None
            gains.append(0.0 if place_of is None else 1 / math.log2(place_of + 2))
        assert trial.value == pytest.approx(sum(gains) / len(gains), abs=1e-12)
    assert len({trial.value for trial in search.trials}) > 1


def test_the_first_trial_is_the_configuration_as_it_is(knob, space, place) -> None:
    first, second = run(knob, place, space, 2).trials
    assert first.settings == {"rate": 0.5, "size": 4}
    assert (first.as_it_is, second.as_it_is) == (True, False)


def test_a_default_outside_the_space_is_not_tried(knob, tmp_path, place) -> None:
    space = tmp_path / "narrow.toml"
    space.write_text("rate = { low = 1.0, high = 2.0 }")
    assert 1 <= run(knob, place, space, 1).trials[0].settings["rate"] <= 2


def test_without_the_test_questions_a_search_ends_the_same(
    knob, space, place, sim_xs, outcomes, monkeypatch
) -> None:
    before = run(knob, place, space, 4)
    for module in (searching, fitting):  # which would see that files are gone
        monkeypatch.setattr(module, "require_unchanged", lambda dataset: None)
    blind = Home(place.root.parent / "blind")
    folder = blind.datasets / "sim-xs"
    shutil.copytree(sim_xs.folder, folder)
    for file in folder.glob("tasks/*/test-*.parquet"):
        file.unlink()
    rows = pl.read_parquet(folder / "interactions.parquet")
    assert (rows["part"] == "test").any()
    rows.filter(pl.col("part") != "test").write_parquet(folder / "interactions.parquet")
    after = run(knob, blind, space, 4)
    assert after.id == before.id
    assert outcomes(after) == outcomes(before)


def test_a_search_over_changed_data_is_refused_before_its_first_trial(
    knob, space, sim_xs, tmp_path
) -> None:
    spoilt = Home(tmp_path / "spoilt")
    shutil.copytree(sim_xs.folder, spoilt.datasets / "sim-xs")
    pl.DataFrame({"user_id": ["u"]}).write_parquet(
        spoilt.datasets / "sim-xs" / "interactions.parquet"
    )
    with pytest.raises(BenchError, match=r"interactions.parquet of .* is not as it was prepared"):
        run(knob, spoilt, space, 4)
    assert not list(spoilt.root.rglob(SEARCH))


def test_same_seed_same_trials_and_another_seed_others(
    knob, space, place, outcomes, elsewhere
) -> None:
    first = run(knob, place, space, 3)
    assert outcomes(run(knob, elsewhere, space, 3)) == outcomes(first)
    other = run(knob, place, space, 3, seed=1)
    assert other.id != first.id
    assert [t.settings for t in other.trials[1:]] != [t.settings for t in first.trials[1:]]


def test_more_trials_go_on_where_the_search_stood(
    knob, space, place, monkeypatch, outcomes, elsewhere
) -> None:
    count = place.root.parent / "count"
    monkeypatch.setenv("KNOB_COUNT", str(count))
    run(knob, place, space, 2)
    assert count.read_text() == "fit\n" * 2
    extended = run(knob, place, space, 4)
    assert count.read_text() == "fit\n" * 4
    assert outcomes(extended) == outcomes(run(knob, elsewhere, space, 4))
    assert len(run(knob, place, space, 1).trials) == 4  # nothing is taken away


def test_nothing_of_a_trial_stays_but_its_outcome(knob, space, place) -> None:
    search = run(knob, place, space, 2)
    assert [path.name for path in search.folder.iterdir()] == [SEARCH]
    assert not place.fitted.exists()
    assert not place.runs.exists()


def test_a_failing_trial_is_listed_and_does_not_stop_the_search(knob, tmp_path, place) -> None:
    space = tmp_path / "odd.toml"
    space.write_text('mode = ["plain", "broken", "short"]\nrate = [0.5, 1.5, 2.5, 3.5]')
    search = run(knob, place, space, 9)
    by_mode = {mode: [t for t in search.trials if t.settings["mode"] == mode]
               for mode in ("plain", "broken", "short")}  # fmt: skip
    assert all(by_mode.values())
    assert all("ZeroDivisionError: no such luck" in str(t.problem) for t in by_mode["broken"])
    assert {t.value for t in by_mode["broken"]} == {None}
    assert {(t.value, t.failure_rate) for t in by_mode["short"]} == {(0.0, 1.0)}
    assert search.best in by_mode["plain"]


def test_a_file_that_one_configuration_may_not_open_is_a_failed_trial(
    knob, tmp_path, place
) -> None:
    space = tmp_path / "forbidden.toml"
    space.write_text('mode = ["plain", "forbidden"]')
    problems = {t.settings["mode"]: t.problem for t in run(knob, place, space, 2).trials}
    assert problems["plain"] is None
    assert "failed while fitting: PermissionError" in str(problems["forbidden"])


def test_where_every_trial_fails_the_search_fails(knob, space, place) -> None:
    with pytest.raises(BenchError, match=r"All 2 trials of Knob failed\. First: .*no such luck"):
        run(knob, place, space, 2, settings={"mode": "broken"})


def test_a_finite_space_is_searched_once_through(
    knob, tmp_path, place, monkeypatch, capsys
) -> None:
    count = tmp_path / "count"
    monkeypatch.setenv("KNOB_COUNT", str(count))
    space = tmp_path / "small.toml"
    space.write_text("size = [1, 4]")
    search = run(knob, place, space, 6)
    assert count.read_text() == "fit\nfit\n"
    assert [trial.settings for trial in search.trials] == [{"size": 4}, {"size": 1}]
    assert "All 2 configurations of the space were tried" in capsys.readouterr().err


def test_equal_settings_are_fitted_once(knob, space, place, monkeypatch, tmp_path) -> None:
    """An endless space may hold few numbers of as many digits as are kept."""
    count = tmp_path / "count"
    monkeypatch.setenv("KNOB_COUNT", str(count))
    monkeypatch.setattr(searching, "suggest", lambda *_, **__: {"rate": 0.5, "size": 4})
    search = run(knob, place, space, 3)
    assert count.read_text() == "fit\n"
    assert [trial.same_as for trial in search.trials] == [None, 1, 1]
    assert len({trial.value for trial in search.trials}) == 1


def test_no_trial_begins_after_the_timeout(knob, space, place, monkeypatch, capfd) -> None:
    clock = [0.0]
    monkeypatch.setattr(searching, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    def lasting(seconds: float, function: Callable[..., Any]) -> Callable[..., Any]:
        def slow(*words: object) -> Any:
            clock[0] += seconds
            return function(*words)

        return slow

    monkeypatch.setattr(searching, "judge", lasting(10.0, searching.judge))
    assert len(run(knob, place, space, 50, timeout=15.0).trials) == 2
    # What is done before the first trial, as preparing the dataset, counts as well.
    monkeypatch.setattr(searching, "ensure_dataset", lasting(20.0, searching.ensure_dataset))
    capfd.readouterr()
    assert len(run(knob, place, space, 50, timeout=15.0).trials) == 2
    assert "The time is over: 2 of 50 trials are done." in capfd.readouterr().err
    assert len(run(knob, place, space, 50, timeout=25.0).trials) == 3


def test_a_full_disk_is_not_a_failed_trial(knob, space, place, monkeypatch) -> None:
    def full(*_) -> None:
        raise BenchError("Cannot write.") from OSError(errno.ENOSPC, "No space left")

    monkeypatch.setattr(searching, "judge", full)
    with pytest.raises(BenchError, match="Cannot write"):
        run(knob, place, space, 2)
    assert list(stored_searches(place)) == []


def test_a_forbidden_home_is_not_a_failed_trial(knob, space, place, monkeypatch) -> None:
    def refused(*_) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "fit.json")

    monkeypatch.setattr(fitting, "write_json", refused)
    with pytest.raises(BenchError, match=r"Cannot write .*Permission denied"):
        run(knob, place, space, 2)
    assert list(stored_searches(place)) == []


def test_an_interrupt_keeps_what_is_finished(knob, space, place, monkeypatch) -> None:
    judged = searching.judge

    def interrupted(by, settings):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(settings)
        return judged(by, settings)

    calls: list = []
    monkeypatch.setattr(searching, "judge", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(knob, place, space, 4)
    (stored,) = stored_searches(place)
    assert len(stored.trials) == 2


@pytest.mark.parametrize(("trials", "more"), [(0, {}), (1, {"timeout": 0.0})])
def test_a_search_for_nothing_is_refused(knob, space, place, trials, more) -> None:
    with pytest.raises(UsageError, match=r"tries nothing|leaves no time"):
        run(knob, place, space, trials, **more)


def test_a_task_the_model_does_not_answer_is_refused(knob, space, place) -> None:
    with pytest.raises(UsageError, match="does not answer 'preference'"):
        tune(knob, "preference", data="sim-xs", trials=1, home=place, space=space)


def test_data_without_validation_questions_cannot_be_tuned_on() -> None:
    class Unasked:
        name = "unasked"

        def instances(self, *_, **__) -> list:
            return []

    with pytest.raises(BenchError, match="'unasked' has no validation instances of task 'search'"):
        validation_instances(Unasked(), "search")


def test_without_optuna_the_extra_is_named(knob, space, place, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(BenchError, match="Optuna, which is not installed") as caught:
        run(knob, place, space, 1)
    assert caught.value.fix == "pip install 'unimp-bench[tune]'"


def test_a_damaged_search_is_reported_with_its_folder(knob, space, place) -> None:
    folder = run(knob, place, space, 1).folder
    (folder / SEARCH).write_text('{"trials": [{"number": 1}]}')
    with pytest.raises(BenchError, match="is no search") as caught:
        run(knob, place, space, 2)
    assert str(folder) in str(caught.value.fix)
