"""Columns of what the runs of a table took: ``report --columns cost``.

All of it stands in manifests and score files: no dataset is opened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from benchmark.errors import unknown_name
from benchmark.report.contents import Report, ReportCell, ReportColumn, extended
from benchmark.report.filling.answers import Answer, Answers
from benchmark.runs.costs import energy_wh, parameters, peak_mib, predict_seconds_per_1000
from benchmark.runs.store import StoredRun

#: What ``--columns`` can be made of.
METRICS, COST = "metrics", "cost"
KINDS = (METRICS, COST)

#: Heading, format specification, and the figure of a run; ``None`` where its manifest lacks it.
_COLUMNS: tuple[tuple[str, str, Callable[[StoredRun], float | None]], ...] = (
    ("fit s", ",.2f", lambda run: run.manifest["fit_seconds"]),
    ("predict s/1,000", ",.2f", predict_seconds_per_1000),
    ("peak MiB", ",.0f", peak_mib),
    ("parameters", ",.0f", parameters),
    ("energy Wh", ",.3g", energy_wh),
)

#: What the figures are.
LEGEND = (
    "Costs are of the machine that made each run, the mean over the seeds that have them: "
    "wall-clock seconds of the fit (one fit serves every task of a model) and of 1,000 "
    "predictions, largest resident memory, weights, and watt-hours of fit and predictions where "
    "codecarbon measured both."
)


def chosen_kinds(words: str) -> tuple[str, ...]:
    """Read ``metrics,cost``, each kind once.

    Raises :class:`~benchmark.errors.UsageError` for a kind that is not of :data:`KINDS`.
    """
    kinds = tuple(dict.fromkeys(word.strip() for word in words.split(",")))
    for kind in kinds:
        if kind not in KINDS:
            raise unknown_name("value of --columns", kind, KINDS)
    return kinds


def with_costs(report: Report, answers: Answers) -> Report:
    """Return ``report`` with a column of each cost for every group of columns of its table.

    What no run of a group has (the energy, where nothing measured it) has no column.
    """
    columns: list[ReportColumn] = []
    cells: dict[str, list[ReportCell]] = {row.system: [] for row in report.rows}
    for at, group in enumerate(answers.groups):
        here = answers.of_group(at)
        for heading, number, figure in _COLUMNS:
            found = {system: _cell(answer, figure) for system, answer in here.items()}
            if all(cell.value is None for cell in found.values()):
                continue
            columns.append(
                ReportColumn(group.task, str(group.data), group.cohort, heading, None, number)
            )
            for system, cell in found.items():
                cells[system].append(cell)
    return extended(report, columns, cells, [LEGEND] if columns else [])


def _cell(answer: Answer, figure: Callable[[StoredRun], float | None]) -> ReportCell:
    """The mean over the seeds whose runs have the figure."""
    spec = answer.spec
    cell = ReportCell(spec.data, spec.cohort, spec.perturb)
    of_seeds = {int(run.manifest["seed"]): figure(run) for run in answer.runs}
    known = {seed: value for seed, value in of_seeds.items() if value is not None}
    if not known:
        return cell
    value = sum(known.values()) / len(known)
    return replace(cell, value=value, seeds=tuple(known), by_seed=known)
