"""Reads a table with its stored runs, which every figure of a table starts from."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.errors import BenchError, UsageError
from benchmark.host.home import Home
from benchmark.metrics.families import is_variant
from benchmark.report.build import report_of
from benchmark.report.contents import Report, ReportCell, ReportColumn, ReportRow
from benchmark.report.filling.answers import Answer, Answers, collect, require_known_models
from benchmark.report.footnotes import has_few_users, place_of, seed_notes, simulated_note
from benchmark.report.table.listing import is_own
from benchmark.report.table.specification import DatasetTable, load_table
from benchmark.tasks import TASKS
from benchmark.uncertainty import FEW_USERS_NOTE

_BARS_NOTE = "Bars: 95% intervals, bootstrap over users."


@dataclass(frozen=True, slots=True)
class Group:
    """Groups columns over one (task, dataset, cohort); ``number`` is its place in the table.

    ``columns`` are places of the report's columns that some run measured, ``primary`` the one of
    the task's primary metric (else the first).
    """

    number: int
    title: str
    task: str
    columns: tuple[int, ...]
    primary: int


@dataclass(frozen=True, slots=True)
class TableView:
    """Joins a table with its runs. ``fill`` is the command that runs what is missing."""

    asked: str
    fill: str
    answers: Answers
    report: Report
    groups: tuple[Group, ...]

    def answer(self, row: ReportRow, group: Group) -> Answer:
        """Return the spec behind a row's cells of one group, with its stored runs."""
        return self.answers.by_place[row.system, group.number]

    def summary(self, what: str) -> str:
        """Return a title as ``dots of Table 2d. Search. Measured on sim-s (simulated)``."""
        return f"{what} of {self.report.title}"

    def to_json(self, figure: str, panels: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the JSON document of a figure of this table."""
        return {
            "figure": figure,
            "table": self.report.table,
            "title": self.report.title,
            "simulated": list(self.report.simulated),
            "panels": panels,
            "missing": list(self.report.missing),
        }

    def place_json(self, at: int) -> dict[str, Any]:
        """Return task, data, cohort and metric of column ``at`` of the report."""
        column = self.report.columns[at]
        return {
            "task": column.task,
            "data": column.data,
            "cohort": column.cohort,
            "metric": column.metric,
        }

    def bars_notes(self, more: str = "") -> list[str]:
        """Return what the bars are, and why values have none; ``more`` is said of the bars."""
        cells = [cell for row in self.report.rows for cell in row.cells]
        notes = [_BARS_NOTE + more] if any(cell.low is not None for cell in cells) else []
        return [*notes, *([FEW_USERS_NOTE] if any(map(has_few_users, cells)) else [])]

    def notes(self, *, means: bool = True) -> list[str]:
        """Return the notes that every figure of this table needs; ``means``: seeds are averaged."""
        notes = [simulated_note(name) for name in self.report.simulated]
        if means:
            notes += seed_notes(self.answers)
        absent = {runnable: self._absent(runnable=runnable) for runnable in (True, False)}
        if absent[True]:
            notes.append(f"Not run yet: {', '.join(absent[True])}. To run: {self.fill}")
        if absent[False]:
            notes.append(
                f"Cannot run here: {', '.join(absent[False])}. "
                f"Why: unimp-bench report --table {shlex.quote(self.asked)}"
            )
        return notes

    def _absent(self, *, runnable: bool) -> list[str]:
        """The systems without a run, with their places where it is not so in all."""
        places: dict[str, list[str]] = {}
        for answer in self.answers.by_place.values():
            if not answer.runs and (answer.reason is None) == runnable:
                of_system = places.setdefault(answer.row.system, [])
                of_system.append(place_of(answer, self.answers))
        return [
            f"{system} ({', '.join(here)})" if len(here) < len(self.answers.groups) else system
            for system, here in places.items()
        ]


def read_table_view(home: Home, table: str, data: str | None) -> TableView:
    """Read ``table`` (paper number, name, or TOML path) with its stored runs on ``data``.

    Raises :class:`~benchmark.errors.UsageError` for a table without scores, and as
    :func:`benchmark.report.build.build_report` does; :class:`~benchmark.errors.BenchError` where
    none of its runs is stored.
    """
    specification = load_table(table)
    if isinstance(specification, DatasetTable):
        raise UsageError(
            f"Table {table!r} counts datasets: there is nothing to plot.",
            fix="unimp-bench tables lists the others.",
        )
    answers = collect(specification, home=home, data=data)
    if is_own(table):
        require_known_models(specification, Path(table), answers.entries)
    words = ["unimp-bench", "run", "--table", table, *(["--data", data] if data else [])]
    fill = shlex.join(words)
    report = report_of(specification, answers, compared=False)
    if all(cell.value is None for row in report.rows for cell in row.cells):
        names = ", ".join(answers.simulated)
        why = f"To see why: unimp-bench report --table {shlex.quote(table)}"
        raise BenchError(
            f"No run of table {table!r} on {names} is stored.",
            fix=f"Run it: {fill}" if report.missing else f"None can run here. {why}",
        )
    return TableView(table, fill, answers, report, tuple(_groups(answers, report)))


def is_measured(cell: ReportCell) -> bool:
    """Return whether some run stands behind ``cell``."""
    return cell.value is not None


def _groups(answers: Answers, report: Report) -> Iterator[Group]:
    measured: dict[tuple[str, str, str | None], list[int]] = {}
    for at, column in enumerate(report.columns):
        places = measured.setdefault(_place(column), [])
        if any(is_measured(row.cells[at]) for row in report.rows):
            places.append(at)
    seen = set()
    for number, asked in enumerate(answers.groups):
        place = (asked.task, str(asked.data), asked.cohort)
        columns = measured[place]
        if not columns or place in seen:
            continue
        seen.add(place)
        simulated = " (simulated)" if answers.simulated[place[1]] else ""
        cohort = "" if asked.cohort == "seen" else f", cohort {asked.cohort}"
        title = f"{asked.task} on {asked.data}{simulated}{cohort}"
        primary = TASKS.get(asked.task).primary
        leading = [at for at in columns if is_variant(report.columns[at].metric, primary)]
        yield Group(number, title, asked.task, tuple(columns), (leading or columns)[0])


def _place(column: ReportColumn) -> tuple[str, str, str | None]:
    return column.task, column.data, column.cohort


def direction(column: ReportColumn) -> str:
    """Return ``higher is better`` or ``lower is better``."""
    return "higher is better" if column.higher_is_better else "lower is better"


def best_first(rows: list[ReportRow], at: int, column: ReportColumn) -> list[ReportRow]:
    """Sort the rows with a value in column ``at``, the best first; equals keep their order."""
    sign = -1 if column.higher_is_better else 1
    measured = [row for row in rows if row.cells[at].value is not None]
    return sorted(measured, key=lambda row: sign * (row.cells[at].value or 0.0))
