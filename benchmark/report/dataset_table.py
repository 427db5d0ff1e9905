"""The table of dataset statistics: prepared datasets beside the paper's counts."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from benchmark.data.listing import INFO, dataset_info, list_datasets, prepare_command
from benchmark.data.sources import SOURCES
from benchmark.errors import BenchError
from benchmark.host.home import Home
from benchmark.report.contents import Report, ReportCell, ReportColumn, ReportRow
from benchmark.report.filling.availability import Reason, sentences
from benchmark.report.filling.shelf import require_known_dataset
from benchmark.report.footnotes import simulated_note
from benchmark.report.formats.sheet import COUNTS_NOTE
from benchmark.report.table.paper import paper_numbers
from benchmark.report.table.specification import DatasetTable

#: The ``task`` of these cells, in the paper's numbers and in JSON.
STATISTICS = "dataset statistics"

_NUMBER = {"users": ".0f", "items": ".0f", "interactions": ".0f", "sparsity": ".2%"}


def build_dataset_report(table: DatasetTable, *, home: Home, data: str | None) -> Report:
    """Build the table of dataset statistics: its own datasets, then every other prepared one.

    ``data`` keeps only that dataset among the others. ``missing`` are the commands that
    prepare the table's datasets, where this installation has their source.

    Raises :class:`~benchmark.errors.UsageError` for a ``data`` nobody knows, and
    :class:`BenchError` for one whose counts cannot be read.
    """
    columns = tuple(
        ReportColumn(
            task=STATISTICS,
            data="",
            cohort=None,
            metric=metric,
            higher_is_better=None,
            number=_NUMBER[metric],
            paper="paper",
        )
        for metric in table.metrics
    )
    if data is not None and data not in {row.data for row in table.rows}:
        require_known_dataset(home, data)
    rows, missing, reasons = [], [], list[Reason]()
    simulated = []
    for row in table.rows:
        info = dataset_info(home, row.data)
        rows.append(_row(table, row.system, row.data, info))
        if info is None and row.source in SOURCES:
            words = ["unimp-bench", "data", "prepare", row.source, "--name", row.data]
            words += [w for key, value in row.settings.items() for w in ("--set", f"{key}={value}")]
            missing.append(shlex.join([*words, "--raw"]) + " FOLDER")
        elif info is None:
            reasons.append(("no data source {} in this installation", row.source))
    others, unreadable = _others(table, home, data)
    for name in others:
        info = dataset_info(home, name)
        if info is not None and info.get("simulated", False):
            simulated.append(name)
        rows.append(_row(table, name, name, info))
    notes = [COUNTS_NOTE]
    notes += table.notes
    notes += [simulated_note(name) for name in simulated]
    notes += sentences(reasons)
    notes += [f"{name} is left out: {problem}" for name, problem in unreadable.items()]
    return Report(
        table=table.number or table.name,
        title=table.heading,
        columns=columns,
        rows=tuple(rows),
        missing=tuple(missing),
        notes=tuple(notes),
        simulated=tuple(simulated),
    )


def _others(table: DatasetTable, home: Home, data: str | None) -> tuple[list[str], dict[str, str]]:
    """The datasets beside the table's own, and those that cannot be read, with the reason."""
    named = {row.data for row in table.rows}
    if data is not None:
        return [] if data in named else [data], {}
    found = {row["name"]: row.get("problem") for row in list_datasets(home)}
    others = [name for name, problem in found.items() if name not in named and problem is None]
    return others, {name: why for name, why in found.items() if name not in named and why}


def _row(table: DatasetTable, system: str, data: str, info: Mapping[str, Any] | None) -> ReportRow:
    cells = []
    for metric in table.metrics:
        printed = paper_numbers().get((table.number or "", STATISTICS, data, system, metric))
        cells.append(
            ReportCell(
                data=data,
                cohort=None,
                perturb=None,
                value=None if info is None else _counted(data, info, metric),
                paper=None if printed is None else printed.value,
                paper_printed=None if printed is None else printed.printed,
                paper_data=None if printed is None else data,
            )
        )
    return ReportRow(system, None, "system", tuple(cells))


def _counted(data: str, info: Mapping[str, Any], metric: str) -> float:
    try:
        return _statistic(info["statistics"], metric)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        raise BenchError(
            f"The {INFO} of {data!r} does not count its users, items and interactions.",
            fix=f"Prepare it again: {prepare_command(data, dict(info))} --force",
        ) from None


def _statistic(statistics: Mapping[str, Any], metric: str) -> float:
    if metric == "sparsity":  # share of user-item pairs without an interaction
        pairs = float(statistics["users"]) * float(statistics["items"])
        return 1 - float(statistics["interactions"]) / pairs
    return float(statistics[metric])
