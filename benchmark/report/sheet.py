"""A table of words: what the text and Markdown formats draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.report.contents import Report, ReportCell, ReportColumn

#: How a metric's value prints.
METRIC_NUMBER = ".4f"
ABSENT = "-"


@dataclass(frozen=True, slots=True)
class SheetCell:
    """Words of one cell; ``best`` ones are drawn in bold."""

    text: str = ""
    best: bool = False


@dataclass(frozen=True, slots=True)
class SheetColumn:
    """A heading with its cells, from top to bottom."""

    heading: str
    cells: tuple[SheetCell, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A titled table. Columns of one tuple of ``blocks`` are never drawn apart.

    ``notes`` are footnotes, one sentence or more each; ``commands`` fill what is empty.
    """

    title: str
    row_heading: str
    rows: tuple[str, ...]
    blocks: tuple[tuple[SheetColumn, ...], ...]
    notes: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


def sheet_of(report: Report) -> Sheet:
    """Measured numbers with their interval, the paper's in a column of their own."""
    several_tasks = len({column.task for column in report.columns}) > 1
    several_data = len({column.data for column in report.columns}) > 1
    blocks = []
    for at, column in enumerate(report.columns):
        cells = [row.cells[at] for row in report.rows]
        candidates = [None if row.role == "oracle" else row.cells[at].value for row in report.rows]
        top = best_of(candidates, column.higher_is_better)
        context = [column.task] if several_tasks else []
        context += [column.data] if several_data else []
        heading = " ".join([column.metric, *([f"({', '.join(context)})"] if context else [])])
        measured = SheetColumn(
            heading,
            tuple(
                SheetCell(_measured(cell, column), best=i in top) for i, cell in enumerate(cells)
            ),
        )
        block = [measured]
        if column.paper is not None:
            printed = tuple(SheetCell(cell.paper_printed or "") for cell in cells)
            block.append(SheetColumn(column.paper, printed))
        blocks.append(tuple(block))
    return Sheet(
        title=report.title,
        row_heading="system" if any(row.model for row in report.rows) else "dataset",
        rows=tuple(row.system for row in report.rows),
        blocks=tuple(blocks),
        notes=report.notes,
        commands=report.missing,
    )


def best_of(values: Sequence[float | None], higher_is_better: bool | None) -> set[int]:
    """Positions of the best value, all of them on a tie; none where nothing is better."""
    known = [value for value in values if value is not None]
    if higher_is_better is None or not known:
        return set()
    top = max(known) if higher_is_better else min(known)
    return {i for i, value in enumerate(values) if value == top}


def _measured(cell: ReportCell, column: ReportColumn) -> str:
    if cell.value is None:
        return ABSENT
    mark = "" if cell.better is None else "*" if cell.better else "†"
    return number_text(cell.value, cell.low, cell.high, column.number, mark)


def number_text(
    value: float, low: float | None, high: float | None, number: str, mark: str = ""
) -> str:
    """``0.1234* [0.1012, 0.1456]``; without an interval, the value and its mark."""
    text = f"{value:{number}}{mark}"
    if low is None or high is None:
        return text
    return f"{text} [{low:{number}}, {high:{number}}]"
