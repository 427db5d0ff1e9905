"""``run --tuned`` is the run of the best settings, and reports say how many were tried."""

from __future__ import annotations

import itertools
import json
import shlex
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmark.commands.options import parse_settings
from benchmark.compare.pair import compare_runs
from benchmark.errors import UsageError
from benchmark.report.build import build_report
from benchmark.report.figures.tuning import HistoryFigure, best_so_far
from benchmark.report.formats.render import render
from benchmark.report.side_by_side import render_runs
from benchmark.report.two_runs import render_comparison
from benchmark.runs.runner import plan_run, result_json
from benchmark.runs.spec import RunSpec
from benchmark.runs.store import PER_INSTANCE, PREDICTIONS, stored_runs
from benchmark.runs.tuned import TRIALS, Search, Trial, read_search, require_tuned
from benchmark.tuning.outcome import commands, outcome_json, outcome_text
from benchmark.tuning.search import tune


@pytest.fixture(scope="module")
def searched_once(home_with, sim_xs, write_knob, tmp_path_factory) -> Path:
    """The folder of a search of six trials, made once."""
    folder = tmp_path_factory.mktemp("searched")
    model, space = write_knob(folder)
    home = home_with(folder / "home", sim_xs)
    return tune(model, "search", data="sim-xs", trials=6, home=home, space=space).folder


@pytest.fixture
def searched(searched_once, place) -> Search:
    """That search in this test's home."""
    folder = place.tuning / searched_once.name
    shutil.copytree(searched_once, folder)
    return read_search(folder)


def spec_of(knob: str, **more) -> RunSpec:
    return RunSpec(knob, "search", "sim-xs", **more)


def test_a_tuned_run_is_the_run_of_the_best_settings(
    execute, knob, searched, place, tmp_path, monkeypatch
) -> None:
    count = tmp_path / "count"
    monkeypatch.setenv("KNOB_COUNT", str(count))
    tuned = execute(spec_of(knob, tuned=True), place)
    best = searched.best
    assert best.value == max(trial.value for trial in searched.trials)
    spelled = execute(spec_of(knob, settings=best.settings), place)
    assert tuned.folder != spelled.folder
    for file in (PREDICTIONS, PER_INSTANCE):
        assert (tuned.folder / file).read_bytes() == (spelled.folder / file).read_bytes()
    assert tuned.scores == spelled.scores
    assert tuned.manifest["config"] == spelled.manifest["config"]
    assert count.read_text() == "fit\n"  # one fit serves both


def test_its_id_shows_the_settings_that_the_search_chose(knob, searched, place, sim_xs) -> None:
    other = next(trial for trial in searched.trials if trial.settings != searched.best.settings)
    searched.trials[other.number - 1] = replace(other, value=0.9)
    searched.write()
    spelled = plan_run(spec_of(knob, settings=other.settings), sim_xs, place).folder.name
    tuned = plan_run(spec_of(knob, tuned=True), sim_xs, place).folder.name
    assert "=" in tuned
    words, _, _ = tuned.rpartition("-")
    assert words.replace("-tuned_", "_") == spelled.rpartition("-")[0]


def test_its_manifest_and_folder_tell_of_the_search(execute, knob, searched, place) -> None:
    run = execute(spec_of(knob, tuned=True), place)
    tuning = run.manifest["tuning"]
    assert tuning["id"] == searched.id
    assert tuning["trials"] == 6
    assert tuning["metric"] == "NDCG@5"
    assert (tuning["trial"], tuning["value"]) == (searched.best.number, searched.best.value)
    assert run.manifest["settings"] == searched.best.settings
    beside = json.loads((run.folder / TRIALS).read_text())
    assert beside == {"searches": [searched.to_json()]}
    assert result_json(run)["tuning"] == tuning
    assert execute(spec_of(knob, tuned=True), place).folder == run.folder


def test_a_run_by_name_records_no_search(execute, knob, searched, place) -> None:
    run = execute(spec_of(knob), place)
    assert "tuning" not in run.manifest
    assert "tuning" not in result_json(run)
    assert not (run.folder / TRIALS).exists()


def test_more_trials_make_another_run(execute, knob, searched, place, space) -> None:
    before = execute(spec_of(knob, tuned=True), place)
    tune(knob, "search", data="sim-xs", trials=7, home=place, space=space)
    after = execute(spec_of(knob, tuned=True), place)
    assert after.folder != before.folder
    assert after.manifest["tuning"]["trials"] == 7


def test_of_several_searches_the_best_trial_counts_and_all_trials(
    execute, knob, searched, place, tmp_path
) -> None:
    other = tmp_path / "other.toml"
    other.write_text("rate = [0.001, 50.0]")
    fixed = {"size": 0}
    second = tune(knob, "search", data="sim-xs", trials=2, home=place, space=other, settings=fixed)
    run = execute(spec_of(knob, tuned=True), place)
    better = max((searched, second), key=lambda search: search.best.value)
    assert run.manifest["tuning"]["id"] == better.id
    assert run.manifest["settings"] == better.settings_of(better.best)
    assert run.manifest["tuning"]["trials"] == 8
    assert len(json.loads((run.folder / TRIALS).read_text())["searches"]) == 2


def test_a_seed_and_a_perturbation_use_the_same_settings(execute, knob, searched, place) -> None:
    runs = [
        execute(spec_of(knob, tuned=True, seed=seed, perturb=perturb), place)
        for seed, perturb in ((0, None), (1, None), (0, "nt"))
    ]
    assert len({run.folder for run in runs}) == 3
    assert len({json.dumps(run.manifest["config"]) for run in runs}) == 1


def test_without_a_search_the_command_for_one_is_given(execute, knob, place) -> None:
    spec = spec_of(knob, tuned=True)
    with pytest.raises(UsageError, match="has not been tuned for search on 'sim-xs'") as caught:
        require_tuned([spec_of(knob), spec], place)
    words = shlex.split(str(caught.value.fix))
    assert words[1:4] == ["unimp-bench", "tune", "--model"]
    with pytest.raises(UsageError, match="has not been tuned"):
        execute(spec, place)


def test_of_several_models_those_that_were_searched_for_are_tuned(
    knob, searched, place, capsys
) -> None:
    other = RunSpec("popularity", "search", "sim-xs", settings={}, tuned=True)
    known, unknown, plain = require_tuned([spec_of(knob, tuned=True), other, spec_of(knob)], place)
    assert known.tuned
    assert unknown == replace(other, tuned=False)
    assert not plain.tuned
    said = capsys.readouterr().err
    assert "popularity has not been tuned for search on sim-xs" in said
    assert "unimp-bench tune --model popularity" in said
    assert "Knob" not in said


def test_a_model_without_a_search_keeps_its_own_settings_in_a_tuned_run(
    knob, searched, place
) -> None:
    other = RunSpec("bm25", "search", "sim-xs", settings={"k1": 0.9}, tuned=True)
    resolved = require_tuned([spec_of(knob, tuned=True), other], place)
    assert resolved[1] == replace(other, tuned=False)
    with pytest.raises(UsageError, match="--tuned takes the settings that a search chose"):
        require_tuned([spec_of(knob, tuned=True, settings={"rate": 1.0}), other], place)


def test_settings_that_other_code_chose_are_told_apart(knob, searched, place, capfd) -> None:
    asked = [spec_of(knob, tuned=True), spec_of(knob, tuned=True, seed=1)]
    require_tuned(asked, place)
    assert "by other code" not in capfd.readouterr().err
    with open(knob.rpartition(":")[0], "a") as stream:
        stream.write("\nCHANGED = True\n")
    assert require_tuned(asked, place) == asked  # as before, and said once
    err = capfd.readouterr().err
    assert err.count("was tuned for search on sim-xs by other code than it has now") == 1


def test_tuned_and_set_exclude_each_other(execute, knob, searched, place) -> None:
    with pytest.raises(UsageError, match="--tuned takes the settings"):
        execute(spec_of(knob, tuned=True, settings={"rate": 1.0}), place)


def test_a_tuned_run_needs_no_optuna(execute, knob, searched, place, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert execute(spec_of(knob, tuned=True), place).scores


def test_the_printed_commands_run_the_best(knob, searched, place) -> None:
    tuned, spelled = commands(searched, knob)
    assert tuned == f"unimp-bench run --model {knob} --task search --data sim-xs --tuned"
    words = shlex.split(spelled)
    pairs = [after for word, after in itertools.pairwise(words) if word == "--set"]
    assert parse_settings(pairs) == searched.best.settings
    assert spelled in outcome_text(searched, knob)
    assert outcome_json(searched, knob)["command"] == spelled


def test_every_kind_of_value_survives_the_command() -> None:
    settings = {"a": ["x", "y z"], "b": True, "c": None, "d": 1e-05, "e": "word", "f": 3}
    words = shlex.split(RunSpec("m", "search", settings=settings).command())
    assert parse_settings(words[words.index("--set") + 1 :: 2]) == settings


def table_of(tmp_path, knob: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "mine"\ntitle = "Mine"\ndata = "sim-xs"\n'
        '[[columns]]\ntask = "search"\nmetrics = ["NDCG@5"]\n'
        f'[[rows]]\nsystem = "Knob"\nmodel = "{knob}"\n'
        f'[[rows]]\nsystem = "Knob, tuned"\nmodel = "{knob}"\ntuned = true\n'
    )
    return str(path)


def test_a_table_shows_tuned_runs_in_tuned_rows_with_the_number_of_trials(
    execute, knob, searched, place, tmp_path
) -> None:
    table = table_of(tmp_path, knob)
    plain = f"unimp-bench run --model {knob} --task search --data sim-xs"
    assert build_report(table, home=place).missing == (plain, f"{plain} --tuned")
    tuned = execute(spec_of(knob, tuned=True), place)
    report = build_report(table, home=place)
    assert [row.cells[0].value for row in report.rows] == [None, tuned.scores["NDCG@5"]["value"]]
    named = execute(spec_of(knob), place)
    report = build_report(table, home=place)
    values = [row.cells[0].value for row in report.rows]
    assert values == [run.scores["NDCG@5"]["value"] for run in (named, tuned)]
    note = (
        f"Knob, tuned: settings chosen by NDCG@5 on validation ({searched.best.value:.4f}), "
        "the best of 6 trials."
    )
    assert note in report.notes
    assert "the best of 6 trials" in render(report, "md")


def test_a_tuned_row_nobody_searched_for_says_so(knob, place, tmp_path) -> None:
    report = build_report(table_of(tmp_path, knob), home=place)
    assert len(report.missing) == 1
    assert any("unimp-bench tune" in note for note in report.notes)


def test_runs_side_by_side_say_which_is_tuned(execute, knob, searched, place) -> None:
    runs = [execute(spec_of(knob), place), execute(spec_of(knob, tuned=True), place)]
    shown = render_runs(runs, "md")
    assert "Knob (tuned)" in shown
    assert "the best of 6 trials" in shown


def test_the_commands_search_then_run(knob, space, place, tmp_path, cli) -> None:
    figure = tmp_path / "history.svg"
    common = ["--model", knob, "--task", "search", "--data", "sim-xs"]

    def call(*words: str) -> tuple[int, str]:
        return cli(*words, *common, home=place)[:2]

    status, out = call(
        "tune", "--trials", "3", "--space", str(space), "--figure", str(figure), "--json"
    )
    assert status == 0
    found = json.loads(out)
    assert len(found["trials"]) == 3
    assert found["best"]["value"] == max(trial["value"] for trial in found["trials"])
    assert "best so far" in figure.read_text()
    status, out = call("run", "--tuned", "--json")
    assert status == 0
    assert json.loads(out)["tuning"]["trials"] == 3
    (run,) = stored_runs(place)
    assert "-tuned_" in run.folder.name


def test_a_figure_that_cannot_be_is_refused_by_its_options_name(knob, place, cli) -> None:
    words = ["tune", "--model", knob, "--task", "search", "--trials", "1", "--figure"]
    for name, message in (("x.bmp", "'x.bmp' does not end in .png"), (".", "'.' is a folder")):
        status, _, err = cli(*words, name, home=place)
        assert status == 2
        assert f"--figure {message}" in err


def test_a_search_that_had_no_time_says_so_and_names_no_folder(knob, space, place, cli) -> None:
    figure = place.root / "history.svg"
    status, out, err = cli(
        "tune", "--model", knob, "--task", "search", "--data", "sim-xs", "--trials", "3",
        "--space", str(space), "--timeout", "1e-9", "--figure", str(figure), home=place,
    )  # fmt: skip
    assert status == 0
    assert out == "Knob on search, sim-xs: 0 trials, NDCG@5 on validation\n"
    assert "The time is over: 0 of 3 trials are done." in err
    assert f"No trial has a value: {figure} is not drawn." in err
    assert not figure.exists()


def test_a_comparison_names_the_number_of_trials(execute, knob, searched, place) -> None:
    runs = [execute(spec_of(knob, tuned=True), place), execute(spec_of(knob), place)]
    shown = render_comparison(compare_runs(*runs, home=place), styled=False)
    assert "(tuned, the best of 6 trials)" in " ".join(shown.split())


def test_a_table_decides_by_itself_what_is_tuned(cli) -> None:
    status, _, err = cli("run", "--table", "search", "--tuned")
    assert status == 2
    assert "leave out --table" in err


def test_the_figure_follows_the_best_so_far(searched) -> None:
    trials = [Trial(i, {}, value, None, 0.0) for i, value in enumerate((0.2, 0.1, 0.4), 1)]
    assert best_so_far(trials, higher_is_better=True) == [0.2, 0.2, 0.4]
    assert best_so_far(trials, higher_is_better=False) == [0.2, 0.1, 0.1]
    assert HistoryFigure(searched).summary() == "6 trials"


def test_a_failed_trial_stands_on_the_frame_and_the_axis_says_what_is_better(searched) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    first, *others = searched.trials
    page = Figure()
    HistoryFigure(replace(searched, trials=[replace(first, value=None), *others])).draw(page)
    axes = page.axes[1]
    failed = next(line for line in axes.lines if line.get_marker() == "X")
    assert axes.get_xlim()[0] < first.number < axes.get_xlim()[1]
    heights = axes.transAxes.inverted().transform(failed.get_transform().transform([(1, 0)]))
    assert heights[0][1] == pytest.approx(0)
    assert list(failed.get_ydata()) == [0.0]
    assert axes.get_ylabel().endswith(" is better")
