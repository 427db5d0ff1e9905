"""Notes of tables over several datasets, cohorts and tasks: each says of which column it speaks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmark.report.build import build_report
from benchmark.report.contents import ReportColumn, told_apart
from benchmark.report.formats.sheet import METRIC_NUMBER, sheet_of

CHANCES = {"random": 0.05, "popularity": 0.2, "unimp": 0.5, "informed": 0.8}


def table(path: Path, *groups: Mapping[str, str], rows: str = "") -> str:
    columns = "".join(
        "[[columns]]\n" + "".join(f'{key} = "{value}"\n' for key, value in group.items())
        + 'metrics = ["HR@5"]\n'
        for group in groups
    )  # fmt: skip
    named = "".join(f'[[rows]]\nsystem = "{m}"\nmodel = "{m}"\n' for m in CHANCES)
    path.write_text(f'name = "mine"\ntitle = "Mine"\n{columns}{rows or named}')
    return str(path)


def test_no_two_columns_are_called_the_same() -> None:
    def column(task: str, data: str, cohort: str | None) -> ReportColumn:
        return ReportColumn(task, data, cohort, "HR@5", True, METRIC_NUMBER)

    one = column("search", "sim-s", "seen")
    assert told_apart([one]) == ["HR@5"]
    assert told_apart([one, column("recommendation", "sim-s", "seen")])[0] == "search HR@5"
    assert told_apart([one, column("search", "sim-m", "seen")])[0] == "search sim-s HR@5"
    assert told_apart([one, column("search", "sim-s", "new-user")])[0] == "search seen HR@5"


def test_the_floor_of_each_dataset_is_named_where_one_task_is_on_two(
    shelf: Any, tmp_path: Path
) -> None:
    for data, chances in (("sim-s", CHANCES), ("sim-m", {**CHANCES, "random": 0.3})):
        for model, chance in chances.items():
            shelf.ranked(model, chance=chance, data=data)
    groups = ({"task": "search", "data": data} for data in ("sim-s", "sim-m"))
    report = build_report(table(tmp_path / "two.toml", *groups), home=shelf.home)
    (note,) = [note for note in report.notes if note.startswith("share:")]
    assert "popularity (search sim-s HR@5); random (search sim-m HR@5)" in note


def test_what_was_measured_on_one_dataset_is_not_called_unmeasured(
    shelf: Any, tmp_path: Path
) -> None:
    shelf.ranked("unimp", chance=0.4)
    shelf.scored("unimp", {"NDCG@5": _score()}, task="search", data="sim-m")
    groups = ({"task": "search", "data": data} for data in ("sim-s", "sim-m"))
    report = build_report(table(tmp_path / "two.toml", *groups), home=shelf.home)
    assert "-: the stored runs did not measure search sim-m HR@5." in report.notes


def test_failures_are_told_by_cohort_where_there_are_several(shelf: Any, tmp_path: Path) -> None:
    for cohort, rate in (("seen", 0.25), ("new-user", 0.5)):
        shelf.ranked("unimp", chance=0.4, cohort=cohort, failure_rate=rate)
    groups = ({"task": "search", "cohort": cohort} for cohort in ("seen", "new-user"))
    notes = build_report(table(tmp_path / "two.toml", *groups), home=shelf.home).notes
    assert [note[:65] for note in notes if "failed" in note] == [
        "unimp: 25.00% of the answers to search on sim-s (cohort seen) fai",
        "unimp: 50.00% of the answers to search on sim-s (cohort new-user)",
    ]


def test_a_row_is_compared_with_the_best_other_one_of_its_cohort(
    shelf: Any, tmp_path: Path
) -> None:
    for cohort, lift in (("seen", 0.3), ("new-user", 0.0)):
        shelf.ranked("popularity", chance=0.1 + lift, cohort=cohort, instances_sha256=cohort)
        shelf.ranked("unimp", chance=0.5 + lift, cohort=cohort, instances_sha256=cohort)
    rows = "".join(
        f'[[rows]]\nsystem = "{model} {cohort}"\nmodel = "{model}"\ncohort = "{cohort}"\n'
        for cohort in ("seen", "new-user")
        for model in ("popularity", "unimp")
    )
    path = table(tmp_path / "mine.toml", {"task": "search"}, rows=rows)
    report = build_report(path, home=shelf.home)
    assert {row.system: row.cells[0].significant_against for row in report.rows} == {
        "popularity seen": "unimp seen",
        "unimp seen": "popularity seen",
        "popularity new-user": "unimp new-user",
        "unimp new-user": "popularity new-user",
    }
    assert any("the best other row of its cohort" in note for note in report.notes)
    sheet = sheet_of(report)
    cells = sheet.columns[0].cells
    assert [cell.best for cell in cells] == [False, True, False, True]
    assert [cell.second for cell in cells] == [True, False, True, False]
    assert "Each cohort is ranked by itself" in sheet.legend[0]


def test_a_system_alone_in_its_cohort_leads_nothing(shelf: Any, tmp_path: Path) -> None:
    shelf.ranked("popularity", chance=0.2)
    shelf.ranked("unimp", chance=0.5)
    shelf.ranked("random", chance=0.9, cohort="new-user", instances_sha256="new-user")
    rows = "".join(
        f'[[rows]]\nsystem = "{model}"\nmodel = "{model}"\ncohort = "{cohort}"\n'
        for model, cohort in (("popularity", "seen"), ("unimp", "seen"), ("random", "new-user"))
    )
    path = table(tmp_path / "mine.toml", {"task": "search"}, rows=rows)
    cells = sheet_of(build_report(path, home=shelf.home)).columns[0].cells
    assert [cell.best for cell in cells] == [False, True, False]


def _score() -> dict[str, float]:
    return {"value": 0.1, "low": 0.0, "high": 0.2, "n": 9, "users": 90}
