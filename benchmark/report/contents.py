"""The report as plain data: columns, rows, cells and notes that every format renders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import stdev
from typing import Any, Literal

from benchmark.compare.learnable import Learned
from benchmark.runs.spec import RunSpec
from benchmark.uncertainty import Share

Role = Literal["system", "trivial", "ceiling"]


@dataclass(frozen=True, slots=True)
class ReportColumn:
    """Describes one measured metric over one (task, dataset, cohort).

    ``paper`` heads the column of the paper's numbers beside it, naming their data; ``None``
    where the paper prints nothing comparable. ``learned`` says between which systems the shares
    of the learnable lie that stand beside it, ``None`` where there are none.
    ``higher_is_better`` is ``None`` for statistics that are neither good nor bad;
    ``number`` is the format specification of its values.
    """

    task: str
    data: str
    cohort: str | None
    metric: str
    higher_is_better: bool | None
    number: str
    paper: str | None = None
    learned: Learned | None = None


@dataclass(frozen=True, slots=True)
class ReportCell:
    """Holds what was measured for one row and column, and what the paper prints there.

    ``value`` is the mean over ``seeds``; ``low`` and ``high`` bound its 95% interval. All
    three are ``None`` where nothing was measured, the bounds also where the
    ``users`` who were asked are too few for an interval. ``significant_against`` names the system
    this one differs from significantly, ``better`` the direction; both ``None`` otherwise.
    ``by_seed`` holds the value of each. ``share`` is the share of the learnable
    (:mod:`benchmark.compare.learnable`).
    """

    data: str
    cohort: str | None
    perturb: str | None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    seeds: tuple[int, ...] = ()
    users: int | None = None
    paper: float | None = None
    paper_printed: str | None = None
    paper_data: str | None = None
    significant_against: str | None = None
    better: bool | None = None
    share: Share | None = None
    by_seed: Mapping[int, float] = field(default_factory=dict)

    @property
    def deviation(self) -> float | None:
        """Return the sample standard deviation of the seeds' values, ``None`` of a single one."""
        return stdev(self.by_seed.values()) if len(self.by_seed) > 1 else None


@dataclass(frozen=True, slots=True)
class ReportRow:
    """Lists the cells of one system; ``cells`` run parallel to the report's columns.

    ``model`` is ``name[:variant]``, or ``None`` for a row that no model makes (a dataset).
    """

    system: str
    model: str | None
    role: Role
    cells: tuple[ReportCell, ...]


@dataclass(frozen=True, slots=True)
class Slot:
    """Names the runs behind one row over one group of columns: what is asked, which seeds exist.

    ``runnable`` is whether this installation can run it; ``rank`` orders cheap models first.
    """

    spec: RunSpec
    seeds: tuple[int, ...]
    runnable: bool
    rank: int


@dataclass(frozen=True, slots=True)
class Report:
    """Holds a table with its numbers, ready for any format.

    ``table`` is the paper's number of it, or the name of a table the paper lacks; ``missing``
    are the commands that fill the empty cells; ``notes`` are footnotes; ``simulated`` are the
    datasets that are generated.
    """

    table: str
    title: str
    columns: tuple[ReportColumn, ...]
    rows: tuple[ReportRow, ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    slots: tuple[Slot, ...] = ()
    simulated: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the JSON document scripts rely on, plus ``notes`` (footnotes as sentences)."""
        return {
            "table": self.table,
            "title": self.title,
            "rows": [
                {
                    "system": row.system,
                    "model": row.model,
                    "cells": [
                        {
                            "task": column.task,
                            "data": cell.data,
                            "cohort": cell.cohort,
                            "perturb": cell.perturb,
                            "metric": column.metric,
                            "value": cell.value,
                            "low": cell.low,
                            "high": cell.high,
                            "seeds": list(cell.seeds),
                            "paper": cell.paper,
                            "paper_data": cell.paper_data,
                            "significant_against": cell.significant_against,
                            **({} if column.learned is None else {"share": _share(cell.share)}),
                        }
                        for column, cell in zip(self.columns, row.cells, strict=True)
                    ],
                }
                for row in self.rows
            ],
            "missing": list(self.missing),
            "notes": list(self.notes),
        }


def told_apart(columns: Sequence[ReportColumn]) -> list[str]:
    """Return what a note calls each of ``columns``: its metric, and of which task, data, cohort.

    Those stand in front where the columns are of several; no two columns are called the same.
    """
    several = len({(column.task, column.data, column.cohort) for column in columns}) > 1
    several_data = len({column.data for column in columns}) > 1
    several_cohorts = len({column.cohort for column in columns}) > 1
    names = []
    for column in columns:
        words = [column.task] if several else []
        words += [column.data] if several_data else []
        words += [column.cohort] if several_cohorts and column.cohort else []
        names.append(" ".join([*words, column.metric]))
    return names


def extended(
    report: Report,
    columns: Sequence[ReportColumn],
    cells: Mapping[str, Sequence[ReportCell]],
    notes: Iterable[str],
) -> Report:
    """Return ``report`` with ``columns``, their ``cells`` by system, and ``notes`` added."""
    return replace(
        report,
        columns=(*report.columns, *columns),
        rows=tuple(replace(row, cells=(*row.cells, *cells[row.system])) for row in report.rows),
        notes=(*report.notes, *notes),
    )


def _share(share: Share | None) -> dict[str, float | None] | None:
    return None if share is None else asdict(share)


def missing_runs(report: Report, seeds: tuple[int, ...] | None = None) -> list[RunSpec]:
    """Return the runs that fill a report's empty cells, cheap models first, each once.

    With ``seeds``, every cell is to have each of them; without, a cell with any seed is full
    and an empty one gets seed 0. Cells this installation cannot run are left out (the
    report's notes say why).
    """
    specs: dict[str, RunSpec] = {}
    for slot in sorted(report.slots, key=lambda slot: slot.rank):
        if not slot.runnable:
            continue
        wanted = ((0,) if not slot.seeds else ()) if seeds is None else seeds
        for seed in wanted:
            if seed not in slot.seeds:
                spec = replace(slot.spec, seed=seed)
                specs[spec.command()] = spec
    return list(specs.values())
