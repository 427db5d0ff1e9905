"""Builds the report of a table from its specification and the stored runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmark.compare.gathered import Gathered
from benchmark.compare.kept import Kept
from benchmark.compare.learnable import Learned, is_blind
from benchmark.errors import UsageError
from benchmark.host.home import Home
from benchmark.host.progress import track
from benchmark.metrics.families import MetricFamily, family_printing
from benchmark.report.contents import (
    Report,
    ReportCell,
    ReportColumn,
    ReportRow,
    missing_runs,
)
from benchmark.report.cost_columns import COST, METRICS, with_costs
from benchmark.report.dataset_table import build_dataset_report
from benchmark.report.filling.answers import Answer, Answers, collect, require_known_models
from benchmark.report.footnotes import footnotes, seed_notes, simulated_note
from benchmark.report.formats.sheet import METRIC_NUMBER, PUBLISHED
from benchmark.report.table.listing import is_own
from benchmark.report.table.paper import PaperNumber, paper_numbers
from benchmark.report.table.specification import (
    ColumnGroup,
    DatasetTable,
    MetricColumn,
    ResultTable,
    load_table,
)
from benchmark.uncertainty import Verdict

__all__ = ["build_report", "missing_runs", "report_of"]


def build_report(
    table: str,
    *,
    home: Home,
    data: str | None = None,
    beyond: bool = False,
    kinds: Sequence[str] = (METRICS,),
) -> Report:
    """Build the report of ``table`` (paper number, name, or TOML path) over stored runs.

    ``data`` is the dataset of the measured columns; ``None`` takes the table's own. Where a
    table fixes its datasets, ``data`` keeps the columns of that one; a dataset the table does
    not name is asked the table's instances, and then no number of the paper stands beside it.
    With ``beyond``, lists of recommendations are measured beyond accuracy too. ``kinds`` are the
    columns wanted, of :data:`~benchmark.report.cost_columns.KINDS`.

    Raises :class:`~benchmark.errors.UsageError` for an unknown table, a broken file, a model
    nobody knows in a user's own file, and a ``data`` that is neither prepared, nor preparable
    by name, nor in a stored run.
    """
    specification = load_table(table)
    if isinstance(specification, DatasetTable):
        if COST in kinds:
            raise UsageError(
                f"Table {table} describes datasets, which cost nothing to run.",
                fix="Leave out --columns cost.",
            )
        if beyond:
            raise UsageError(
                f"Table {table} describes datasets, which nobody is recommended.",
                fix="Leave out --metrics all.",
            )
        return build_dataset_report(specification, home=home, data=data)
    answers = collect(specification, home=home, data=data)
    if is_own(table):
        require_known_models(specification, Path(table), answers.entries)
    report = (
        report_of(specification, answers, kept=Kept(home.comparisons))
        if METRICS in kinds
        else _bare(specification, answers)
    )
    if beyond:
        from benchmark.report.beyond_columns import with_beyond_accuracy  # opens datasets

        report = with_beyond_accuracy(report, answers, home)
    return with_costs(report, answers) if COST in kinds else report


def report_of(
    table: ResultTable, answers: Answers, *, compared: bool = True, kept: Kept | None = None
) -> Report:
    """Build the report of ``table`` from the stored runs that ``answers`` holds.

    Not ``compared``, no cell says what it differs from significantly: tests take most of the time.
    What they find is taken from ``kept`` where it was found before.
    """
    kept = kept or Kept(None)
    columns: list[ReportColumn] = []
    cells: dict[str, list[ReportCell]] = {row.system: [] for row in answers.rows}
    work = [(at, wanted) for at, group in enumerate(answers.groups) for wanted in group.metrics]
    at_hand = [
        Gathered({system: answer.runs for system, answer in answers.of_group(at).items()}, kept)
        for at in range(len(answers.groups))
    ]
    for at, wanted in track(work, f"table {table.name}"):
        group = answers.groups[at]
        here = answers.of_group(at)
        for name, paper_metric, family in _measured(here, wanted):
            made = {
                system: _cell(table, answer, name, paper_metric, at_hand[at])
                for system, answer in here.items()
            }
            column = _column(group, name, family, paper_metric, made.values())
            if family is not None and compared:
                opponents = _opponents(table, answers, family, made)
                made = _marked(made, at_hand[at].verdicts(name, opponents))
                found = _learned(answers, name, at_hand[at])
                column = replace(column, learned=found)
                made = _with_shares(made, found)
            columns.append(column)
            for system, cell in made.items():
                cells[system].append(cell)
    rows = tuple(
        ReportRow(row.system, row.model, row.role, tuple(cells[row.system])) for row in answers.rows
    )
    report = Report(
        table=table.number or table.name,
        title=_title(table, answers),
        columns=tuple(columns),
        rows=rows,
        missing=(),
        notes=footnotes(table, answers, columns, rows, kept),
        slots=tuple(answer.slot() for answer in answers.by_place.values()),
        simulated=tuple(name for name, simulated in answers.simulated.items() if simulated),
    )
    return _with_missing(report)


def _bare(table: ResultTable, answers: Answers) -> Report:
    """The table's rows without a column yet, where its metrics are not asked for."""
    simulated = tuple(name for name, simulated in answers.simulated.items() if simulated)
    return _with_missing(
        Report(
            table=table.number or table.name,
            title=_title(table, answers),
            columns=(),
            rows=tuple(ReportRow(row.system, row.model, row.role, ()) for row in answers.rows),
            missing=(),
            notes=(*map(simulated_note, simulated), *seed_notes(answers)),
            slots=tuple(answer.slot() for answer in answers.by_place.values()),
            simulated=simulated,
        )
    )


def _with_missing(report: Report) -> Report:
    return replace(report, missing=tuple(spec.command() for spec in missing_runs(report)))


def _title(table: ResultTable, answers: Answers) -> str:
    named = [
        f"{name} (simulated)" if simulated else name
        for name, simulated in answers.simulated.items()
    ]
    return f"{table.heading}. Measured on {', '.join(named)}"


def _measured(
    here: Mapping[str, Answer], wanted: MetricColumn
) -> list[tuple[str, str | None, MetricFamily | None]]:
    """(full name, the paper's name, family) of each column that ``wanted`` becomes.

    Variants of a metric never share a column; the paper's number stands beside the first. A
    metric that no run measured has a column under the name asked for, and no family.
    """
    names = {
        name
        for answer in here.values()
        for run in answer.runs
        for name in run.scores
        if wanted.matches(name)
    }
    if not names:
        return [(wanted.name, wanted.paper, None)]
    return [
        (name, wanted.paper if i == 0 else None, family_printing(name))
        for i, name in enumerate(sorted(names))
    ]


def _column(
    group: ColumnGroup,
    name: str,
    family: MetricFamily | None,
    paper_metric: str | None,
    cells: Iterable[ReportCell],
) -> ReportColumn:
    heading = None
    if any(cell.paper is not None for cell in cells):
        whose = "paper" if paper_metric == name else f"paper's {paper_metric}"
        heading = f"{whose} ({group.paper_data})" if group.paper_data else PUBLISHED
    return ReportColumn(
        task=group.task,
        data=str(group.data),
        cohort=group.cohort,
        metric=name,
        higher_is_better=None if family is None else family.higher_is_better,
        number=METRIC_NUMBER,
        paper=heading,
    )


def _cell(
    table: ResultTable,
    answer: Answer,
    name: str,
    paper_metric: str | None,
    gathered: Gathered,
) -> ReportCell:
    printed = _printed(table, answer, paper_metric)
    cell = ReportCell(
        data=answer.spec.data,
        cohort=answer.spec.cohort,
        perturb=answer.spec.perturb,
        paper=None if printed is None else printed.value,
        paper_printed=None if printed is None else printed.printed,
        paper_data=None if printed is None else answer.group.paper_data,
    )
    runs = [run for run in answer.runs if name in run.scores]
    if not runs:
        return cell
    scores = [run.scores[name] for run in runs]
    low, high = _bounds(answer.row.system, name, scores, gathered)
    return replace(
        cell,
        value=sum(score["value"] for score in scores) / len(scores),
        low=low,
        high=high,
        seeds=tuple(int(run.manifest["seed"]) for run in runs),
        by_seed={int(run.manifest["seed"]): run.scores[name]["value"] for run in runs},
        users=min((score["users"] for score in scores if "users" in score), default=None),
    )


def _printed(table: ResultTable, answer: Answer, paper_metric: str | None) -> PaperNumber | None:
    """The paper's number in this place, or one published elsewhere, if there is any."""
    group = answer.group
    if answer.row.data not in (None, answer.spec.data):
        return None
    if paper_metric in answer.row.published:
        value = answer.row.published[paper_metric]
        return PaperNumber(value, format(value, METRIC_NUMBER))
    if table.number is None or group.paper_data is None or paper_metric is None:
        return None
    place = (table.number, group.task, group.paper_data, answer.row.system, paper_metric)
    return paper_numbers().get(place)


def _bounds(
    system: str, metric: str, scores: Sequence[Mapping[str, Any]], gathered: Gathered
) -> tuple[float | None, float | None]:
    """The stored interval of one seed; over several, the bootstrap of their mean.

    Several seeds without per-instance tables have no interval.
    """
    if len(scores) == 1:
        return scores[0]["low"], scores[0]["high"]
    return gathered.interval(system, metric)


def _marked(cells: Mapping[str, ReportCell], found: Mapping[str, Verdict]) -> dict[str, ReportCell]:
    """``cells`` with what differs significantly."""
    marked = dict(cells)
    for system, verdict in found.items():
        marked[system] = replace(
            cells[system], significant_against=verdict.against, better=verdict.better
        )
    return marked


def _learned(answers: Answers, metric: str, gathered: Gathered) -> Learned | None:
    """The shares of the learnable between the table's own blind rows and its ceiling."""
    blind, ceilings = [], []
    for row in answers.rows:
        name, _, variant = row.model.partition(":")
        entry = answers.entries.get(name)
        if row.perturb is not None:  # of another question than the one with the inputs as they are
            continue
        if is_blind(entry, variant, row.set):
            blind.append(row.system)
        if entry is not None and entry.learnable:
            ceilings.append(row.system)
    return gathered.learned(metric, ceilings=ceilings, blind=blind)


def _with_shares(cells: Mapping[str, ReportCell], found: Learned | None) -> dict[str, ReportCell]:
    shares = {} if found is None else found.shares
    return {system: replace(cell, share=shares.get(system)) for system, cell in cells.items()}


def _opponents(
    table: ResultTable, answers: Answers, family: MetricFamily, cells: Mapping[str, ReportCell]
) -> dict[str, str]:
    """Whom each measured system is compared with; an oracle takes no part.

    A named opponent that was not measured leaves the row without a comparison: another
    opponent would be another question.
    """
    values = {
        row.system: value
        for row in answers.rows
        if row.role != "ceiling" and (value := cells[row.system].value) is not None
    }
    sign = 1 if family.higher_is_better else -1
    opponents = {}
    for row in answers.rows:
        if row.system not in values:
            continue
        against = row.against or table.against
        if against is None or against == row.system:
            cohort = cells[row.system].cohort  # another cohort is asked other instances
            others = [s for s in values if s != row.system and cells[s].cohort == cohort]
            against = max(others, key=lambda system: sign * values[system], default=None)
        if against in values:
            opponents[row.system] = against
    return opponents
