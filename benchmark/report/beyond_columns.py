"""Columns of a report beyond accuracy: ``report --metrics all``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from benchmark.compare.beyond import LEGEND, RANKED, BeyondAccuracy, beyond_accuracy
from benchmark.errors import BenchError
from benchmark.host.home import Home
from benchmark.report.contents import Report, ReportCell, ReportColumn, extended
from benchmark.report.filling.answers import Answer, Answers
from benchmark.report.formats.sheet import METRIC_NUMBER
from benchmark.report.table.specification import ColumnGroup


def with_beyond_accuracy(report: Report, answers: Answers, home: Home) -> Report:
    """Return ``report`` with the measures of its ranking tasks' lists as further columns.

    A dataset that is not prepared here, or a run over another version of it, is left out and a
    note says so; one says too where the table has no lists.
    """
    columns: list[ReportColumn] = []
    cells: dict[str, list[ReportCell]] = {row.system: [] for row in report.rows}
    notes: dict[str, None] = {}
    for at, group in enumerate(answers.groups):
        if group.task not in RANKED:
            continue
        here = answers.of_group(at)
        try:
            measures = beyond_accuracy(str(group.data), home)
        except BenchError as error:
            notes[f"Nothing beyond accuracy on {group.data}: {error.message}"] = None
            continue
        found = {system: _measured(measures, answer, notes) for system, answer in here.items()}
        names = dict.fromkeys(name for each in found.values() for name in each)
        columns += [_column(group, name) for name in names]
        for system, answer in here.items():
            cells[system] += [_cell(answer, found[system].get(name, {})) for name in names]
        notes |= dict.fromkeys(measures.notes)
    if not any(group.task in RANKED for group in answers.groups):
        ranked = ", ".join(sorted(RANKED))
        notes[f"Nothing beyond accuracy: that is of ranked lists ({ranked})."] = None
    return extended(report, columns, cells, [*([LEGEND] if columns else []), *notes])


def _measured(
    measures: BeyondAccuracy, answer: Answer, notes: dict[str, None]
) -> dict[str, dict[int, float]]:
    """Each measure's values by seed, of the runs that can be measured."""
    found: dict[str, dict[int, float]] = {}
    for run in answer.runs:
        try:
            measured = measures.measure(run)
        except BenchError as error:
            notes[f"Nothing beyond accuracy of {answer.row.system}: {error.message}"] = None
            continue
        for name, value in measured.items():
            values = found.setdefault(name, {})
            if value is not None:
                values[int(run.manifest["seed"])] = value
    return found


def _column(group: ColumnGroup, name: str) -> ReportColumn:
    return ReportColumn(group.task, str(group.data), group.cohort, name, None, METRIC_NUMBER)


def _cell(answer: Answer, values: Mapping[int, float]) -> ReportCell:
    """The mean over the seeds whose runs have the measure."""
    spec = answer.spec
    cell = ReportCell(spec.data, spec.cohort, spec.perturb)
    if not values:
        return cell
    value = sum(values.values()) / len(values)
    return replace(cell, value=value, seeds=tuple(values), by_seed=values)
