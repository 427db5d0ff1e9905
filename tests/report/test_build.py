from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchmark.errors import BenchError, UsageError
from benchmark.models.registered import ModelEntry, Needs
from benchmark.report import beyond_columns, dataset_table
from benchmark.report.build import build_report, missing_runs
from benchmark.report.contents import Report, ReportCell, ReportRow
from benchmark.report.filling import answers
from benchmark.report.table.listing import list_tables
from benchmark.report.table.specification import load_table

TABLES = [table["number"] or table["name"] for table in list_tables()]


def row(report: Report, system: str) -> ReportRow:
    return next(row for row in report.rows if row.system == system)


def cell(report: Report, system: str, metric: str) -> ReportCell:
    at = next(i for i, column in enumerate(report.columns) if column.metric == metric)
    return row(report, system).cells[at]


@pytest.mark.parametrize("number", TABLES)
def test_every_table_builds_without_a_run(shelf: Any, number: str) -> None:
    report = build_report(number, home=shelf.home)
    assert report.rows
    assert all(cell.value is None for row in report.rows for cell in row.cells)
    assert len(set(report.missing)) == len(report.missing)


@pytest.mark.parametrize("number", TABLES)
def test_others_numbers_are_in_every_table_but_those_of_our_own(shelf: Any, number: str) -> None:
    table = load_table(number)
    ours = table.number is None and not any(row.published for row in table.rows)
    report = build_report(number, home=shelf.home)
    assert ours == all(cell.paper is None for row in report.rows for cell in row.cells)
    assert ours == (number == "extension")


@pytest.mark.parametrize("number", TABLES)
def test_every_table_can_be_asked_of_one_dataset(shelf: Any, number: str) -> None:
    shelf.dataset("hm")
    report = build_report(number, home=shelf.home, data="hm")
    if number != "5":
        assert {column.data for column in report.columns} == {"hm"}


def test_json_has_the_promised_shape(shelf: Any) -> None:
    shelf.ranked("bm25", chance=0.4)
    shape = build_report("search", home=shelf.home).to_json()
    assert shape["table"] == "2d"
    assert list(shape)[:4] == ["table", "title", "rows", "missing"]
    assert list(shape["rows"][0]) == ["system", "model", "cells"]
    assert list(shape["rows"][0]["cells"][0]) == [
        "task",
        "data",
        "cohort",
        "perturb",
        "metric",
        "value",
        "low",
        "high",
        "seeds",
        "paper",
        "paper_data",
        "significant_against",
    ]


def test_a_stored_run_fills_its_cells_beside_the_papers(shelf: Any) -> None:
    run = shelf.ranked("bm25", chance=0.4)
    report = build_report("2d", home=shelf.home)
    filled = cell(report, "BM25", "HR@5")
    assert (filled.value, filled.low, filled.high) == tuple(
        run.scores["HR@5"][key] for key in ("value", "low", "high")
    )
    assert (filled.seeds, filled.paper, filled.paper_data) == ((0,), 0.0513, "amazon-6")
    assert cell(report, "UniMP", "HR@5").value is None
    assert not any("--model bm25" in command for command in report.missing)
    assert "unimp-bench run --model unimp --task search --data sim-s" in report.missing


@pytest.mark.parametrize(
    "change",
    [
        {"limit": 50},
        {"settings": {"k1": 2.0}},
        {"data": "hm"},
        {"cohort": "new-user"},
        {"perturb": "nt"},
        {"dataset_sha256": "older"},
        {"task_version": 99},
    ],
)
def test_a_run_of_another_question_fills_nothing(shelf: Any, change: dict[str, Any]) -> None:
    shelf.dataset("sim-s")
    shelf.ranked("bm25", chance=0.4, **change)
    assert cell(build_report("2d", home=shelf.home), "BM25", "HR@5").value is None


def test_runs_over_an_earlier_dataset_are_counted_in_a_note(shelf: Any) -> None:
    shelf.dataset("sim-s", sha256="newer")
    shelf.ranked("bm25", chance=0.4)
    notes = build_report("2d", home=shelf.home).notes
    assert any(note.startswith("1 stored run(s) over an earlier sim-s") for note in notes)


def test_the_latest_of_two_runs_of_a_seed_counts(shelf: Any) -> None:
    shelf.ranked("bm25", chance=0.2)
    latest = shelf.ranked("bm25", chance=0.6)
    filled = cell(build_report("2d", home=shelf.home), "BM25", "HR@5")
    assert filled.value == latest.scores["HR@5"]["value"]


def test_several_seeds_are_averaged_with_an_interval_of_the_mean(shelf: Any) -> None:
    runs = [shelf.ranked("unimp", chance=0.4, seed=seed) for seed in (2, 0, 1)]
    filled = cell(build_report("2d", home=shelf.home), "UniMP", "HR@5")
    assert filled.seeds == (0, 1, 2)
    assert filled.value == pytest.approx(sum(run.scores["HR@5"]["value"] for run in runs) / 3)
    assert filled.low is not None
    assert filled.high is not None
    assert filled.low < filled.value < filled.high
    widths = [run.scores["HR@5"]["high"] - run.scores["HR@5"]["low"] for run in runs]
    assert filled.high - filled.low < min(widths)  # a mean of three is steadier than one


def test_several_seeds_without_per_instance_tables_have_no_interval(shelf: Any) -> None:
    score = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 9, "users": 9}
    for seed in (0, 1):
        shelf.scored("unimp", {"HR@5": score}, task="search", seed=seed)
    shelf.ranked("bm25", chance=0.4)
    report = build_report("2d", home=shelf.home)
    filled = cell(report, "UniMP", "HR@5")
    assert (filled.value, filled.low, filled.high) == (0.5, None, None)
    (untested,) = [note for note in report.notes if note.startswith("Not compared")]
    assert untested.endswith("is gone from their runs: UniMP.")


def test_a_clear_difference_is_marked_against_the_best_other_row(shelf: Any) -> None:
    shelf.ranked("unimp", chance=0.8)
    shelf.ranked("bm25", chance=0.3)
    shelf.ranked("random", chance=0.05)
    shelf.ranked("oracle", chance=0.95)
    report = build_report("2d", home=shelf.home)
    best = cell(report, "UniMP", "HR@5")
    assert (best.significant_against, best.better) == ("BM25", True)
    worse = cell(report, "BM25", "HR@5")
    assert (worse.significant_against, worse.better) == ("UniMP", False)
    assert cell(report, "Oracle", "HR@5").significant_against is None
    assert any("Holm" in note for note in report.notes)


def test_equal_answers_are_not_marked(shelf: Any) -> None:
    shelf.ranked("bm25", chance=0.5, draw=1)
    shelf.ranked("random", chance=0.5, draw=1)
    report = build_report("2d", home=shelf.home)
    assert cell(report, "BM25", "HR@5").significant_against is None


def test_an_ablation_is_compared_with_the_full_model(shelf: Any) -> None:
    for model, chance in (("unimp", 0.4), ("unimp:no-vision", 0.1), ("popularity", 0.8)):
        shelf.ranked(model, task="recommendation", chance=chance)
    report = build_report("ablation", home=shelf.home)
    assert cell(report, "UniMP w/o Vision", "HR@5").significant_against == "UniMP"
    assert cell(report, "UniMP", "HR@5").significant_against == "Popularity"


def test_a_named_opponent_that_was_not_run_is_not_replaced(shelf: Any) -> None:
    shelf.ranked("unimp:no-vision", task="recommendation", chance=0.1)
    shelf.ranked("popularity", task="recommendation", chance=0.8)
    report = build_report("ablation", home=shelf.home)
    assert cell(report, "UniMP w/o Vision", "HR@5").significant_against is None


def test_models_that_cannot_run_here_are_named_instead_of_asked_for(shelf: Any) -> None:
    report = build_report("recommendation", home=shelf.home)
    assert any(
        note.startswith("-: no model 'mf', 'macr'") and note.endswith("in this installation.")
        for note in report.notes
    )
    assert any("'sasrec'" in note and "unimp-bench[recbole]" in note for note in report.notes)
    assert not any("--model mf" in command for command in report.missing)
    assert not any("--model sasrec" in command for command in report.missing)


def test_unknown_variants_and_tasks_a_model_does_not_answer_are_named(shelf: Any) -> None:
    notes = build_report("ablation", home=shelf.home).notes
    assert any("model 'unimp' has no variant 'no-fine-grained'" in note for note in notes)
    notes = build_report("selection", home=shelf.home).notes
    assert any("no selection by model 'unimp'" in note for note in notes)


def test_a_model_that_reads_reviews_is_not_asked_where_there_are_none(
    shelf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = ModelEntry("rtm", "nowhere:RTM", ("search",), "search", reads_reviews=True)
    monkeypatch.setattr(answers, "entries", lambda: {"rtm": entry})
    shelf.dataset("hm")
    folder = shelf.home.datasets / "hm"
    part = ["train", "train", "test"]
    for reviews, asked in (([None, None, "warm"], False), ([None, "warm", None], True)):
        frame = pl.DataFrame({"part": part, "review": pl.Series(reviews, dtype=pl.String)})
        frame.write_parquet(folder / "interactions.parquet")
        report = build_report("search", home=shelf.home, data="hm")
        assert any("--model rtm" in command for command in report.missing) == asked
        note = "-: dataset 'hm' has no reviews for 'rtm' to read."
        assert (note in report.notes) != asked


def test_a_dataset_without_the_task_is_named_instead_of_asked_for(shelf: Any) -> None:
    shelf.dataset("plain", tasks={}, tasks_absent={"search": "no category paths"})
    report = build_report("search", home=shelf.home, data="plain")
    assert report.missing == ()
    assert any("'plain' has no task 'search' (no category paths)" in n for n in report.notes)


def test_missing_runs_come_cheap_first_and_once(shelf: Any) -> None:
    specs = missing_runs(build_report("search", home=shelf.home))
    assert [spec.model for spec in specs] == [
        *("random", "popularity", "oracle", "bm25", "informed", "unimp")
    ]
    assert {spec.seed for spec in specs} == {0}


def test_missing_runs_can_ask_for_each_of_several_seeds(shelf: Any) -> None:
    shelf.ranked("bm25", chance=0.4)
    specs = missing_runs(build_report("search", home=shelf.home), (0, 1))
    assert [(s.model, s.seed) for s in specs if s.model in ("bm25", "unimp")] == [
        ("bm25", 1),
        ("unimp", 0),
        ("unimp", 1),
    ]


def test_simulated_numbers_are_labelled(shelf: Any) -> None:
    report = build_report("search", home=shelf.home)
    assert "sim-s (simulated)" in report.title
    assert report.notes[0].startswith("sim-s is simulated")


def test_real_data_has_no_oracle_row_and_no_such_label(shelf: Any) -> None:
    report = build_report("search", home=shelf.home, data="hm")
    assert "Oracle" not in [row.system for row in report.rows]
    assert "simulated" not in report.title


def test_a_table_with_its_own_datasets_keeps_the_one_asked_for(shelf: Any) -> None:
    both = build_report("more-datasets", home=shelf.home)
    assert [column.data for column in both.columns] == ["hm"] * 3 + ["netflix"] * 3
    one = build_report("more-datasets", home=shelf.home, data="hm")
    assert cell(one, "P5", "HR@5").paper == 0.0101
    other = build_report("more-datasets", home=shelf.home, data="sim-s")
    assert [column.data for column in other.columns] == ["sim-s"] * 3
    assert cell(other, "P5", "HR@5").paper is None


def test_a_row_can_have_its_own_perturbation(shelf: Any) -> None:
    shelf.ranked("unimp", task="recommendation", chance=0.3, perturb="nv")
    report = build_report("robustness", home=shelf.home)
    assert cell(report, "UniMP with NV", "HR@5").value is not None
    assert cell(report, "UniMP", "HR@5").value is None
    commands = [c for c in report.missing if "--model unimp --task recommendation" in c]
    assert commands == [
        "unimp-bench run --model unimp --task recommendation --data sim-s --perturb nt",
        "unimp-bench run --model unimp --task recommendation --data sim-s",
    ]


def test_failed_answers_are_stated(shelf: Any) -> None:
    shelf.ranked("bm25", chance=0.4, failure_rate=0.25)
    notes = build_report("search", home=shelf.home).notes
    assert any(note.startswith("BM25: 25.00% of the answers to search on sim-s") for note in notes)


_TWO_BACKENDS = """
name = "mine"
title = "Mine"
[[columns]]
task = "search"
metrics = ["MRR@10"]
[[rows]]
system = "One"
model = "bm25"
[[rows]]
system = "Titles"
model = "bm25:titles"
[[rows]]
system = "Other"
model = "bm25:other"
[[rows]]
system = "Absent"
model = "bm25:absent"
"""


def test_formulas_of_the_rows_with_runs_are_stated_once(
    shelf: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variants: dict[str, dict[str, Any]] = {"titles": {}, "other": {}, "absent": {}}
    entry = ModelEntry(
        *("bm25", "nowhere:BM25", ("search",), "search"),
        variants=variants,
        needs={"absent": Needs(("a_package_nobody_has",), "lucene")},
        formulas={"": "a + b", "other": "a - b", "absent": "a * b"},
    )
    monkeypatch.setattr(answers, "entries", lambda: {"bm25": entry})
    path = tmp_path / "mine.toml"
    path.write_text(_TWO_BACKENDS)
    for model in ("bm25", "bm25:titles", "bm25:other"):
        shelf.ranked(model, chance=0.4)
    report = build_report(str(path), home=shelf.home)
    assert "One, Titles: a + b." in report.notes
    assert "Other: a - b." in report.notes
    assert not any("a * b" in note for note in report.notes)
    assert report.missing == ()
    absent = "model 'bm25:absent' cannot run here, missing a_package_nobody_has: "
    assert f"-: {absent}pip install 'unimp-bench[lucene]'." in report.notes


def test_metric_variants_have_columns_of_their_own(shelf: Any) -> None:
    score = {"value": 0.1, "low": 0.0, "high": 0.2, "n": 9, "users": 9}
    shelf.scored("template", {"METEOR-exact+stem": score}, task="explanation")
    shelf.scored("unimp", {"METEOR": score}, task="explanation")
    report = build_report("explanation", home=shelf.home)
    assert cell(report, "Template", "METEOR-exact+stem").value == 0.1
    assert cell(report, "Template", "METEOR").value is None
    assert cell(report, "UniMP", "METEOR").paper == 0.0678
    assert any("did not measure BLEU-1" in note for note in report.notes)


_TWO_GROUPS = (
    'name = "mine"\ntitle = "Mine"\n'
    '[[columns]]\ntask = "search"\nmetrics = ["HR@5"]\n'
    '[[columns]]\ntask = "{task}"\ncohort = "{cohort}"\nmetrics = ["HR@5"]\n'
    '[[rows]]\nsystem = "UniMP"\nmodel = "unimp"\n'
    '[[rows]]\nsystem = "Popularity"\nmodel = "popularity"\n'
)


def test_a_cohort_that_nobody_ran_is_not_called_unmeasured(shelf: Any, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(_TWO_GROUPS.format(task="search", cohort="new-user"))
    shelf.ranked("popularity", chance=0.4)
    report = build_report(str(path), home=shelf.home)
    assert report.rows[1].cells[1].value is None
    assert not any("did not measure" in note for note in report.notes)
    assert any("--cohort new-user" in command for command in report.missing)


def test_seeds_are_told_by_task_where_a_system_has_others_elsewhere(
    shelf: Any, tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(_TWO_GROUPS.format(task="recommendation", cohort="seen"))
    for seed in (0, 1):
        shelf.ranked("unimp", chance=0.4, seed=seed)
        for task in ("search", "recommendation"):
            shelf.ranked("popularity", chance=0.4, seed=seed, task=task)
    shelf.ranked("unimp", chance=0.4, task="recommendation")
    notes = build_report(str(path), home=shelf.home).notes
    assert [note for note in notes if "seed" in note] == [
        "Mean over seeds 0, 1: UniMP (search), Popularity."
    ]


def test_a_run_without_lists_is_no_seed_of_a_mean_beyond_accuracy(
    shelf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Measures:
        notes: tuple[str, ...] = ()

        def measure(self, run: Any) -> dict[str, float]:
            if run.manifest["seed"] == 1:
                raise BenchError("Its lists are gone.")
            return {"coverage@10": 0.5}

    monkeypatch.setattr(beyond_columns, "beyond_accuracy", lambda name, home: Measures())
    for seed in (0, 1):
        shelf.ranked("unimp", chance=0.4, seed=seed)
    report = build_report("search", home=shelf.home, beyond=True)
    measured = cell(report, "UniMP", "coverage@10")
    assert (measured.value, measured.seeds, measured.by_seed) == (0.5, (0,), {0: 0.5})


def test_a_table_without_lists_says_that_nothing_lies_beyond_accuracy(shelf: Any) -> None:
    report = build_report("preference", home=shelf.home, beyond=True)
    assert report.notes[-1].startswith("Nothing beyond accuracy: that is of ranked lists")
    ranked = build_report("search", home=shelf.home, beyond=True)
    assert not any("that is of ranked lists" in note for note in ranked.notes)


def test_an_outside_models_row_comes_from_a_users_table(shelf: Any, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "mine"\ntitle = "Mine"\n[[columns]]\ntask = "search"\nmetrics = ["MRR@10"]\n'
        '[[rows]]\nsystem = "Ours"\nmodel = "ours.py:Ours"\n'
    )
    report = build_report(str(path), home=shelf.home)
    assert report.missing == ("unimp-bench run --model ours.py:Ours --task search --data sim-s",)


def test_an_unknown_dataset_is_a_usage_error_unless_runs_over_it_are_stored(shelf: Any) -> None:
    for table in ("search", "datasets"):
        with pytest.raises(UsageError, match=r"Unknown dataset 'sim-ss'.\nDid you mean 'sim-s'"):
            build_report(table, home=shelf.home, data="sim-ss")
    shelf.ranked("bm25", chance=0.4, data="sim-ss")
    assert cell(build_report("search", home=shelf.home, data="sim-ss"), "BM25", "HR@5").value


def test_a_dataset_that_must_be_prepared_first_is_named(shelf: Any) -> None:
    notes = build_report("more-datasets", home=shelf.home, data="hm").notes
    assert any(note.startswith("hm is not prepared here") for note in notes)
    notes = build_report("search", home=shelf.home).notes
    assert not any("not prepared" in note for note in notes)


def test_an_unknown_table_is_a_usage_error(shelf: Any) -> None:
    with pytest.raises(UsageError, match="Did you mean 'search'"):
        build_report("serch", home=shelf.home)


def test_the_dataset_table_counts_prepared_datasets(
    shelf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_table, "SOURCES", {"amazon2014": None})
    shelf.dataset("amazon-baby")
    shelf.dataset("sim-s")
    report = build_report("datasets", home=shelf.home)
    baby = cell(report, "Baby", "sparsity")
    assert (baby.value, baby.paper) == (pytest.approx(0.8), 0.9989)
    assert cell(report, "sim-s", "users").value == 100
    assert (
        "unimp-bench data prepare amazon2014 --name amazon-beauty --set categories=Beauty "
        "--set core=table5 --raw FOLDER"
    ) in report.missing
    assert "sim-s is simulated: its numbers say nothing about real users." in report.notes
    assert missing_runs(report) == []


@pytest.mark.parametrize(
    "statistics", [None, {}, {"users": 0, "items": 5, "interactions": 0}, {"users": "many"}]
)
def test_a_dataset_that_does_not_count_is_an_error_that_names_it(
    shelf: Any, statistics: Any
) -> None:
    shelf.dataset("mine", statistics=statistics)
    with pytest.raises(BenchError, match="of 'mine' does not count") as caught:
        build_report("datasets", home=shelf.home, data="mine")
    assert str(caught.value.fix).endswith("--force")


def test_a_broken_dataset_is_missed_aloud_among_the_others(shelf: Any) -> None:
    shelf.dataset("mine")
    (shelf.home.datasets / "broken").mkdir()
    report = build_report("datasets", home=shelf.home)
    assert "mine" in [row.system for row in report.rows]
    assert "broken" not in [row.system for row in report.rows]
    assert any(note.startswith("broken is left out: ") for note in report.notes)


def test_a_source_this_installation_lacks_is_named(
    shelf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_table, "SOURCES", {})
    report = build_report("5", home=shelf.home)
    assert report.missing == ()
    assert "-: no data source 'amazon2014' in this installation." in report.notes


def test_reports_are_values(shelf: Any) -> None:
    report = build_report("2d", home=shelf.home)
    assert replace(report) == build_report("2d", home=shelf.home)


def test_the_papers_rows_that_cannot_be_are_named(shelf: Any) -> None:
    def named(table: str) -> list[str]:
        notes = build_report(table, home=shelf.home).notes
        return [note for note in notes if "no predictions at all" in note]

    assert named("search")[0].endswith("allowed for): BM25, HEM, RTM.")
    assert named("preference") == []
    assert [note.partition(" that ")[0] for note in named("more-datasets")] == [
        "The paper's numbers for recommendation on hm",
        "The paper's numbers for recommendation on netflix",
    ]


def test_a_row_of_one_dataset_is_asked_on_no_other(shelf: Any, tmp_path: Path) -> None:
    path = tmp_path / "two.toml"
    groups = "".join(
        f'[[columns]]\ntask = "search"\ndata = "{data}"\nmetrics = ["HR@5"]\n'
        for data in ("hm", "sim-s")
    )
    path.write_text(
        f'name = "two"\ntitle = "Two"\npublished = "by others"\n{groups}'
        '[[rows]]\nsystem = "BM25"\nmodel = "bm25"\ndata = "hm"\npublished = {"HR@5" = 0.5}\n'
        '[[rows]]\nsystem = "Random"\nmodel = "random"\n'
    )
    for data in ("hm", "sim-s"):
        shelf.ranked("bm25", chance=0.4, data=data)
    report = build_report(str(path), home=shelf.home)
    on_hm, on_sim = report.rows[0].cells
    assert (on_hm.paper, on_sim.paper) == (0.5, None)
    assert on_hm.value is not None
    assert on_sim.value is None  # although such a run is stored
    assert all("bm25" not in command for command in report.missing)
    one = build_report(str(path), home=shelf.home, data="sim-s")
    assert [row.system for row in one.rows] == ["Random"]
    other = build_report(str(path), home=shelf.home, data="sim-m")
    assert [row.system for row in other.rows] == ["BM25", "Random"]
