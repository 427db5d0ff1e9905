"""A run is exact, cached, honest about failures, and never half there."""

from __future__ import annotations

import errno
import json
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmark.data.listing import changes_nothing
from benchmark.errors import BenchError, UsageError
from benchmark.host import provenance
from benchmark.host.home import Home
from benchmark.report.build import build_report
from benchmark.runs import predictions as shards
from benchmark.runs import runner
from benchmark.runs.runner import check, result_json, warn_of_failures
from benchmark.runs.scoring_stored import score_stored
from benchmark.runs.spec import RunSpec
from benchmark.runs.store import MANIFEST, PARTIAL, PREDICTIONS, as_written, stored_runs


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD", 32)


def spec_of(model: str, **changes) -> RunSpec:
    return replace(RunSpec(model, "search", data="sim-xs"), **changes)


def test_same_seed_gives_identical_prediction_bytes(execute, odd_model, run_home) -> None:
    first = execute(spec_of(odd_model), run_home)
    before = (first.folder / PREDICTIONS).read_bytes()
    again = execute(spec_of(odd_model), run_home, force=True)
    assert again.folder == first.folder
    assert (again.folder / PREDICTIONS).read_bytes() == before
    other = execute(spec_of(odd_model, seed=1), run_home)
    assert (other.folder / PREDICTIONS).read_bytes() != before


def test_a_finished_run_is_returned_without_fitting_again(
    execute, odd_model, run_home, monkeypatch, tmp_path
) -> None:
    count = tmp_path / "count"
    monkeypatch.setenv("ODD_COUNT", str(count))
    execute(spec_of(odd_model), run_home)
    execute(spec_of(odd_model), run_home)
    execute(spec_of(odd_model, task="recommendation"), run_home)  # same fit, another task
    assert count.read_text() == "fit\n"


def test_a_forced_run_fits_anew_where_the_clock_of_the_files_is_another_machines(
    execute, odd_model, run_home, monkeypatch, tmp_path
) -> None:
    count = tmp_path / "count"
    monkeypatch.setenv("ODD_COUNT", str(count))
    execute(spec_of(odd_model), run_home)
    now = time.time
    monkeypatch.setattr("time.time", lambda: now() - 60)
    execute(spec_of(odd_model), run_home, force=True)
    assert count.read_text() == "fit\n" * 2
    monkeypatch.setattr("time.time", lambda: now() + 60)
    specs = [spec_of(odd_model), spec_of(odd_model, task="recommendation")]
    runner.execute_all(specs, run_home, force=True)
    assert count.read_text() == "fit\n" * 3  # both share the new one


def test_the_manifest_says_how_the_run_was_made(execute, odd_model, run_home) -> None:
    run = execute(spec_of(odd_model), run_home)
    manifest = run.manifest
    for key in ("run_id", "dataset_sha256", "instances_sha256", "packages", "python", "command"):
        assert manifest[key], key
    assert manifest["seed"] == 0
    assert manifest["simulated"] is True
    assert set(run.scores["HR@5"]) == {"value", "low", "high", "n", "users"}
    assert [r.folder for r in stored_runs(run_home)] == [run.folder]
    shape = result_json(run)
    assert set(shape["scores"]["NDCG@10"]) == {"value", "low", "high", "n"}
    json.dumps(shape, allow_nan=False)


@pytest.mark.parametrize(
    ("oddity", "message"),
    [
        ("short", "9 items given, 10 asked"),
        ("unknown", "'no-such-item' is not in the catalogue"),
        ("repeated", "is repeated"),
        ("excluded", "is in instance.exclude"),
        ("nan", "not a finite number"),
        ("increasing", "scores increase"),
        ("wrong id", "answers 'another'"),
        ("wrong type", "str given, Ranking expected"),
        ("strings for scores", "wrong type"),
    ],
)
def test_a_malformed_answer_is_recorded_and_scores_the_worst_value(
    execute, odd_model, run_home, monkeypatch, capsys, oddity, message
) -> None:
    monkeypatch.setenv("ODD", oddity)
    run = execute(spec_of(odd_model), run_home)
    assert run.failure_rate == 1.0
    assert all(score["value"] == 0.0 for score in run.scores.values())
    problems = pl.read_parquet(run.folder / PREDICTIONS)["problem"]
    assert message in problems[0]
    with pytest.raises(BenchError, match="No prediction"):
        warn_of_failures(run)
    assert message in capsys.readouterr().err


def test_a_missing_prediction_fails_only_its_own_instance(
    execute, odd_model, run_home, home_with, sim_xs, monkeypatch
) -> None:
    monkeypatch.setenv("ODD", "one too few")
    run = execute(spec_of(odd_model), run_home)
    problems = pl.read_parquet(run.folder / PREDICTIONS)["problem"].drop_nulls()
    count = len(shards.borders(run.scores["HR@5"]["n"]))
    assert problems.to_list() == ["no prediction given"] * count  # the last one of each shard


@pytest.mark.parametrize(
    ("oddity", "message"),
    [("one too many", "returned more predictions"), ("raises", "ZeroDivisionError: no such luck")],
)
def test_a_broken_adapter_fails_the_run_with_a_message(
    execute, odd_model, run_home, monkeypatch, oddity, message
) -> None:
    monkeypatch.setenv("ODD", oddity)
    with pytest.raises(BenchError, match=message):
        execute(spec_of(odd_model), run_home)
    assert list(stored_runs(run_home)) == []


def test_a_full_disk_leaves_no_run_that_looks_whole_and_the_next_try_resumes(
    execute, odd_model, run_home, home_with, sim_xs, monkeypatch
) -> None:
    whole = execute(spec_of(odd_model), run_home)
    expected = (whole.folder / PREDICTIONS).read_bytes()
    write_table = shards.pq.write_table
    written = []

    def full_disk(*arguments, **keywords):
        if len(written) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(1)
        return write_table(*arguments, **keywords)

    other = home_with(run_home.root.parent / "other", sim_xs)
    monkeypatch.setattr(shards.pq, "write_table", full_disk)
    with pytest.raises(BenchError, match="No space left on device"):
        execute(spec_of(odd_model), other)
    assert list(stored_runs(other)) == []
    assert not list(other.runs.glob(f"*/{MANIFEST}"))
    monkeypatch.setattr(shards.pq, "write_table", write_table)
    assert (execute(spec_of(odd_model), other).folder / PREDICTIONS).read_bytes() == expected


def test_a_home_that_cannot_be_written_is_named(execute, odd_model, tmp_path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(BenchError, match=r"Cannot write to .*file"):
        execute(spec_of(odd_model), Home(tmp_path / "file" / "home"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "serch"}, r"Unknown task 'serch'[\s\S]*'search'"),
        ({"data": "sim-xz"}, r"sim-xz[\s\S]*sim-xs"),
        ({"task": "preference"}, "does not answer 'preference'"),
        ({"limit": 0}, "--limit 0"),
        ({"seed": -1}, "--seed -1"),
        ({"cohort": "nobody"}, "nobody"),
        ({"perturb": "nx"}, "nx"),
        ({"settings": {"epochs": 3}}, "has no settings"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_any_work(
    execute, odd_model, run_home, changes, message
) -> None:
    with pytest.raises(UsageError, match=message):
        execute(spec_of(odd_model, **changes), run_home)


def test_an_unknown_model_gets_a_suggestion(execute, run_home) -> None:
    with pytest.raises(UsageError, match=r"Unknown model 'popularty'[\s\S]*'popularity'"):
        execute(spec_of("popularty"), run_home)


def test_an_unknown_setting_gets_a_suggestion(execute, run_home) -> None:
    with pytest.raises(UsageError, match=r"Unknown setting of bm25 'k2'[\s\S]*'k1'"):
        execute(spec_of("bm25", settings={"k2": 1.0}), run_home)


def test_a_task_the_dataset_lacks_is_refused_with_the_reason(execute, run_home, tmp_path) -> None:
    from benchmark.data.preparing.prepare import prepare

    raw = tmp_path / "events.txt"
    raw.write_text("".join(f"{u} 1 2 3 4 5 {6 + u % 3}\n" for u in range(1, 9)))
    prepare("sequences", home=run_home, raw=raw, name="ids-only")
    with pytest.raises(UsageError, match=r"ids-only[\s\S]*search"):
        execute(RunSpec("popularity", "search", data="ids-only"), run_home)


def test_a_missing_scoring_package_is_told_before_anything_is_run(
    execute, run_home, monkeypatch
) -> None:
    monkeypatch.setitem(sys.modules, "rouge_score", None)
    with pytest.raises(BenchError, match="'rouge_score', which is not installed") as raised:
        execute(spec_of("template", task="explanation"), run_home)
    assert raised.value.fix == "pip install 'unimp-bench[text]'"
    assert not run_home.runs.exists() or not any(run_home.runs.glob("template_explanation*"))


def test_scores_that_no_predictions_can_have_stop_the_run(
    execute, odd_model, run_home, home_with, sim_xs, monkeypatch
) -> None:
    def wrong(*arguments, **options):
        scored = score_stored(*arguments, **options)
        ndcg = replace(scored.scores["NDCG@10"], value=0.9)
        return replace(scored, scores={**scored.scores, "NDCG@10": ndcg})

    monkeypatch.setattr("benchmark.runs.runner.score_stored", wrong)
    with pytest.raises(BenchError, match=r"impossible together \(ndcg-gain-too-large: NDCG@10"):
        execute(spec_of(odd_model), run_home)
    assert list(stored_runs(run_home)) == []


@pytest.mark.parametrize("known", [True, False])
def test_shards_of_another_fit_are_not_mixed_with_those_of_this(
    execute, odd_model, run_home, monkeypatch, capsys, known
) -> None:
    """The fit may have been made anew, from files that changed, while the run was unfinished."""
    write_table, written = shards.pq.write_table, []

    def full_disk(*arguments, **keywords):
        if len(written) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(1)
        return write_table(*arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(shards, "SHARD", 20)
        patch.setattr(shards.pq, "write_table", full_disk)
        with pytest.raises(BenchError, match="No space left"):
            execute(spec_of(odd_model), run_home)
        (partial,) = run_home.runs.glob(f"*{PARTIAL}")
        assert len(list(partial.glob("shard-*.parquet"))) == 1
        (record,) = run_home.fitted.glob("Odd-*/fitted.json")
        fit = json.loads(record.read_text())
        patch.setattr(shards.pq, "write_table", write_table)
        shard = next(partial.glob("shard-*.parquet"))
        other = pl.read_parquet(shard).with_columns(pl.lit("failed").alias("status"))
        other.write_parquet(shard)  # as another fit answered
        if known:
            (partial / "fit.sha256").write_text("of another fit")
        else:
            (partial / "fit.sha256").unlink()
        run = execute(spec_of(odd_model), run_home)
    assert "1 finished shard(s) are not of this fit" in capsys.readouterr().err
    assert run.failure_rate == 0.0
    assert fit["key"] == run.manifest["fit_key"]
    assert not (run.folder / "fit.sha256").exists()
    assert len(pl.read_parquet(run.folder / PREDICTIONS)) == run.scores["HR@5"]["n"]


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux forgets")
def test_the_memory_of_a_run_is_not_that_of_the_one_before_it(execute, odd_model, run_home) -> None:
    held = np.ones(600 * 2**17)  # 600 MiB
    before = provenance.peak_memory_mib()
    del held
    manifest = execute(spec_of(odd_model), run_home).manifest
    assert manifest["fit_peak_memory_mib"] < before - 300
    assert manifest["peak_memory_mib"] < before - 300


def test_a_run_without_its_answers_is_run_again(execute, odd_model, run_home) -> None:
    run = execute(spec_of(odd_model), run_home)
    expected = (run.folder / PREDICTIONS).read_bytes()
    (run.folder / PREDICTIONS).unlink()
    again = execute(spec_of(odd_model), run_home)
    assert (again.folder / PREDICTIONS).read_bytes() == expected


def test_a_forced_run_that_is_killed_while_the_old_one_goes_is_the_new_one(
    execute, odd_model, run_home, monkeypatch
) -> None:
    """Removed file by file under its name, half of the old one would pass for it."""
    first = execute(spec_of(odd_model), run_home)

    def killed(path):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("benchmark.host.removing.erase", killed)
        with pytest.raises(KeyboardInterrupt):
            execute(spec_of(odd_model), run_home, force=True)
    (run,) = stored_runs(run_home)
    assert as_written(run).folder == first.folder
    assert not list(run.folder.glob("shard-*"))


def test_a_perturbation_that_changes_nothing_is_told(
    execute, odd_model, run_home, home_with, sim_xs, tmp_path, monkeypatch, capsys
) -> None:
    spec = spec_of(odd_model, perturb="nv")
    execute(spec, run_home)
    assert "changes no item" not in capsys.readouterr().err
    with monkeypatch.context() as patch:
        patch.setattr(runner, "changes_nothing", lambda *asked: True)
        execute(spec, run_home, force=True)
    assert "nv changes no item of sim-xs" in capsys.readouterr().err
    home = home_with(tmp_path / "bare", sim_xs)
    folder = home.datasets / "sim-xs"
    folder.unlink()
    shutil.copytree(sim_xs.folder, folder)
    file = folder / "perturbations" / "nv.parquet"
    pl.read_parquet(sim_xs.folder / "perturbations" / "nv.parquet").clear().write_parquet(file)
    assert changes_nothing(home, "sim-xs", "nv")
    assert not changes_nothing(home, "sim-xs", "nt")
    report = build_report("robustness", home=home, data="sim-xs")
    assert "dataset 'sim-xs' has no photos that 'NV' could change" in " ".join(report.notes)
    assert not any("--perturb nv" in command for command in report.missing)
    assert any("--perturb nt" in command for command in report.missing)


@pytest.mark.parametrize("wrong", [{"seed": True}, {"seed": 1.0}, {"limit": True}, {"limit": 2.5}])
def test_a_run_whose_manifest_nobody_could_read_is_refused(wrong) -> None:
    with pytest.raises(UsageError, match=r"--(seed|limit)"):
        check(RunSpec("popularity", "recommendation", "sim-xs", **wrong))
