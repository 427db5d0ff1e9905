"""A table as formatted text: what the formats for people draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from benchmark.metrics.families import FAMILIES
from benchmark.report.contents import Report, ReportCell, ReportColumn
from benchmark.uncertainty import Share

#: How a metric's value prints; like all numbers without the sign of a rounded 0.
METRIC_NUMBER = "z.4f"
#: How a share of the learnable prints, and what heads it.
SHARE_NUMBER = "z.0%"
SHARE_HEADING = "share"
ABSENT = "-"
#: What the numbers in brackets are.
INTERVAL_NOTE = "[low, high]: 95% interval, bootstrap over users."
#: Stands where a number of the paper does.
PAPER_NOTE = (
    "paper: the number the paper prints, on its own data; not comparable with the measured one."
)
#: Stands where its counts of datasets do.
COUNTS_NOTE = "paper: the counts printed in the paper, whose filtering rule is not published."
#: How a note on them begins.
PAPERS_NUMBERS = "The paper's numbers"
#: What heads numbers of others, and begins the note on whose they are.
PUBLISHED = "published"

#: What stands behind ±, and where there is none to show.
SPREAD_NOTE = "±: standard deviation over seeds."
NO_SPREAD_NOTE = "No standard deviation over seeds: no value here is of several."

#: What bold and underline say, where a format can show them.
STANDING_LEGEND = (
    "Bold: the best measured value of a column; underlined: the second. "
    "Values that print alike share a place; oracles have none."
)
#: What is added where the rows of a column are of several cohorts.
APART = " Each cohort is ranked by itself: others are asked other instances."


@dataclass(frozen=True, slots=True)
class TableStyle:
    """Sets how the numbers of a report are laid out.

    ``decimals`` are digits behind the point (``None``: 4, of percentages 2). ``percent`` turns
    metrics whose best value is 1 into percentages. ``intervals`` says whether they are shown
    (``None``: as the format has room). ``paper`` says whether the paper's numbers stand beside
    the measured ones. ``spread`` puts the standard deviation over the seeds in the place of the
    interval, where a system has several.
    """

    decimals: int | None = None
    percent: bool = False
    intervals: bool | None = None
    paper: bool = True
    spread: bool = False


@dataclass(frozen=True, slots=True)
class SheetCell:
    """Spells out one cell: a value, its significance ``mark`` and its ``interval``.

    ``best`` values are drawn in bold, ``second`` ones underlined.
    """

    value: str = ""
    best: bool = False
    second: bool = False
    mark: str = ""
    interval: str = ""

    @property
    def marked(self) -> str:
        """Return the value with its mark, as ``0.1234*``."""
        return self.value + self.mark

    @property
    def text(self) -> str:
        """Return value, mark and interval, as ``0.1234* [0.1012, 0.1456]``."""
        return f"{self.marked} {self.interval}" if self.interval else self.marked


@dataclass(frozen=True, slots=True)
class SheetColumn:
    """Stacks cells under a heading, from top to bottom.

    ``printed`` columns hold the numbers of the paper, the others what was measured here.
    ``heading`` says all; ``name`` is its part that a heading spanned over ``context`` leaves over.
    """

    heading: str
    cells: tuple[SheetCell, ...]
    printed: bool = False
    name: str = ""
    context: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Lays out a titled table. Columns of one tuple of ``blocks`` are not drawn apart.

    Where not even one block has room, its columns without a short name are (:func:`units`).

    ``notes`` are footnotes, one sentence or more each; ``commands`` fill what is empty.
    ``standing`` says what bold and underline mean. ``name`` is what a document refers to it by.
    ``keep_intervals`` forbids to leave out intervals for want of room.
    """

    title: str
    row_heading: str
    rows: tuple[str, ...]
    blocks: tuple[tuple[SheetColumn, ...], ...]
    notes: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    standing: str = STANDING_LEGEND
    name: str = ""
    keep_intervals: bool = False

    @property
    def columns(self) -> tuple[SheetColumn, ...]:
        """Return all columns, from left to right."""
        return tuple(column for block in self.blocks for column in block)

    @property
    def legend(self) -> tuple[str, ...]:
        """Return what bold and underline mean; empty where no cell has either."""
        cells = (cell for column in self.columns for cell in column.cells)
        return (self.standing,) if any(cell.best or cell.second for cell in cells) else ()


def sheet_of(report: Report, style: TableStyle | None = None) -> Sheet:
    """Lay out measured numbers with their interval, the paper's in a column of their own."""
    style = TableStyle() if style is None else style
    several_tasks = len({column.task for column in report.columns}) > 1
    several_data = len({column.data for column in report.columns}) > 1
    several_cohorts = len({column.cohort for column in report.columns}) > 1
    columns = range(len(report.columns))
    apart = any(len({row.cells[at].cohort for row in report.rows}) > 1 for at in columns)
    blocks = []
    for at, column in enumerate(report.columns):
        cells = [row.cells[at] for row in report.rows]
        candidates = [None if row.role == "ceiling" else row.cells[at].value for row in report.rows]
        context = [column.task] if several_tasks else []
        context += [column.data] if several_data else []
        context += [column.cohort] if several_cohorts and column.cohort else []
        spanned = ", ".join(context)
        percent = style.percent and _is_fraction(column)
        name = f"{column.metric} %" if percent else column.metric
        heading = f"{name} ({spanned})" if context else name
        words = [_measured(cell, _number(column, style, percent), percent, style) for cell in cells]
        cohorts = [cell.cohort for cell in cells]
        ordered = _ranked_apart(words, candidates, cohorts, column.higher_is_better)
        block = [SheetColumn(heading, ordered, name=name, context=spanned)]
        if column.learned is not None:
            shares = tuple(share_cell(c.share) for c in cells)
            block.append(SheetColumn(SHARE_HEADING, shares, name=SHARE_HEADING, context=spanned))
        if column.paper is not None and style.paper:
            printed = tuple(SheetCell(cell.paper_printed or "") for cell in cells)
            short = column.paper.partition(" (")[0]
            block.append(
                SheetColumn(column.paper, printed, printed=True, name=short, context=spanned)
            )
        blocks.append(tuple(block))
    sheet = Sheet(
        title=report.title,
        row_heading="system" if any(row.model for row in report.rows) else "dataset",
        rows=tuple(row.system for row in report.rows),
        blocks=tuple(blocks),
        notes=(*_notes(report, style), *_spread_notes(report, style)),
        commands=report.missing,
        standing=STANDING_LEGEND + (APART if apart else ""),
        name=report.table,
        keep_intervals=style.intervals is True,
    )
    shown = any(c.interval.startswith("[") for column in sheet.columns for c in column.cells)
    return sheet if shown and style.intervals is not False else without_intervals(sheet)


def _notes(report: Report, style: TableStyle) -> tuple[str, ...]:
    """Those of ``report``; without the paper's numbers nothing is said of them."""
    if style.paper:
        return report.notes
    of_paper = (PAPER_NOTE, COUNTS_NOTE, PAPERS_NUMBERS, f"{PUBLISHED}: ")
    return tuple(note for note in report.notes if not note.startswith(of_paper))


def _spread_notes(report: Report, style: TableStyle) -> tuple[str, ...]:
    """What ± is, where standard deviations are asked for; that there is none, else."""
    if not style.spread:
        return ()
    known = any(cell.deviation is not None for row in report.rows for cell in row.cells)
    return (SPREAD_NOTE if known else NO_SPREAD_NOTE,)


def without_intervals(sheet: Sheet) -> Sheet:
    """Return ``sheet`` without its intervals and the note on them; standard deviations stay."""

    def bare(cell: SheetCell) -> SheetCell:
        return replace(cell, interval="") if cell.interval.startswith("[") else cell

    blocks = tuple(
        tuple(replace(column, cells=tuple(map(bare, column.cells))) for column in block)
        for block in sheet.blocks
    )
    notes = tuple(note for note in sheet.notes if note != INTERVAL_NOTE)
    return replace(sheet, blocks=blocks, notes=notes)


def _is_fraction(column: ReportColumn) -> bool:
    """Whether a metric's best value is 1, so that percent say something."""
    return any(f.stands_for(column.metric) and f.high == 1 for f in FAMILIES)


def _number(column: ReportColumn, style: TableStyle, percent: bool) -> str:
    """The format specification of a column's values."""
    if column.number != METRIC_NUMBER:
        return column.number  # counts
    decimals = (2 if percent else 4) if style.decimals is None else style.decimals
    return f"z.{decimals}f"


def ranked(
    cells: Sequence[SheetCell], values: Sequence[float | None], higher_is_better: bool | None
) -> tuple[SheetCell, ...]:
    """Mark the best and second-best of ``values`` (parallel to ``cells``) in ``cells``.

    ``None`` takes no part. Values whose cells print alike are a tie: a reader of the table
    sees no difference between them.
    """
    alike: dict[str, float] = {}
    shown = [
        None if value is None else alike.setdefault(cell.value, value)
        for cell, value in zip(cells, values, strict=True)
    ]
    places = standings(shown, higher_is_better)
    return tuple(
        replace(cell, best=places.get(i) == "best", second=places.get(i) == "second")
        for i, cell in enumerate(cells)
    )


def _ranked_apart(
    cells: Sequence[SheetCell],
    values: Sequence[float | None],
    cohorts: Sequence[str | None],
    higher_is_better: bool | None,
) -> tuple[SheetCell, ...]:
    """Mark the best of each cohort's ``values``, as :func:`ranked` does; of several, where two
    systems compete."""
    marked = list(cells)
    several = len(set(cohorts)) > 1
    for cohort in dict.fromkeys(cohorts):
        mine = [v if c == cohort else None for v, c in zip(values, cohorts, strict=True)]
        if several and sum(value is not None for value in mine) < 2:
            continue
        of_cohort = ranked(cells, mine, higher_is_better)
        for at, found in enumerate(cohorts):
            if found == cohort:
                marked[at] = of_cohort[at]
    return tuple(marked)


def _measured(cell: ReportCell, number: str, percent: bool, style: TableStyle) -> SheetCell:
    if cell.value is None:
        return SheetCell(ABSENT)
    mark = "" if cell.better is None else "*" if cell.better else "†"
    scale = 100 if percent else 1
    low, high = (None if end is None else scale * end for end in (cell.low, cell.high))
    made = number_cell(scale * cell.value, low, high, number, mark)
    if style.spread and cell.deviation is not None:
        return replace(made, interval=f"± {_printed(scale * cell.deviation, number)}")
    return made


def number_cell(
    value: float, low: float | None, high: float | None, number: str, mark: str = ""
) -> SheetCell:
    """Return the cell of a measured value in the format ``number``, with interval if any."""
    interval = ""
    if low is not None and high is not None:
        interval = f"[{_printed(low, number)}, {_printed(high, number)}]"
    return SheetCell(_printed(value, number), mark=mark, interval=interval)


def _printed(value: float, number: str) -> str:
    """In the format ``number``; a large one of three digits has all before the point, no power."""
    shown = f"{value:{number}}"
    return f"{value:,.0f}" if "e+" in shown else shown


def signed(value: float, number: str = METRIC_NUMBER) -> str:
    """Return a difference in the format ``number`` with its sign; one that prints as 0 has none."""
    shown = f"{value:+{number}}"
    return shown if any(digit in shown for digit in "123456789") else shown[1:]


def share_cell(share: Share | None) -> SheetCell:
    """Return the cell of a share of the learnable, in percent."""
    if share is None:
        return SheetCell(ABSENT)
    return number_cell(share.value, share.low, share.high, SHARE_NUMBER)


Standing = Literal["best", "second"]


def standings(values: Sequence[float | None], higher_is_better: bool | None) -> dict[int, Standing]:
    """Return the positions of the best value and of the next one, ties included.

    ``None`` takes no part; nothing leads where nothing is better (``higher_is_better`` is
    ``None``).
    """
    if higher_is_better is None:
        return {}
    order = sorted({value for value in values if value is not None}, reverse=higher_is_better)
    names: tuple[Standing, ...] = ("best", "second")
    places = dict(zip(order, names, strict=False))
    return {i: places[value] for i, value in enumerate(values) if value in places}


Block = tuple[SheetColumn, ...]


def units(blocks: Sequence[Block]) -> list[Block]:
    """Return ``blocks`` with a block for each column that has no short name: it needs no other."""
    found: list[Block] = []
    for block in blocks:
        found += [block] if block[0].name else [(column,) for column in block]
    return found


def panels(
    sheet: Sheet, room: float, width_of: Callable[[SheetColumn], float]
) -> list[list[SheetColumn]]:
    """Divide the columns into few tables of like size that fit beside the row labels.

    ``room`` is what the row labels leave, in the unit of ``width_of``. Columns of one block
    stay together; a block that is wider than ``room`` by itself gets a table of its own. Without
    columns there is one table, of row labels.
    """
    needed = [sum(map(width_of, block)) for block in sheet.blocks]
    parts = [slice(0, len(needed))]
    for size in range(len(needed), 0, -1):
        parts = [slice(at, at + size) for at in range(0, len(needed), size)]
        if size == 1 or all(sum(needed[part]) <= room for part in parts):
            break
    smallest = max(-(-len(needed) // len(parts)), 1)  # as many tables, evenly filled
    even = [slice(at, at + smallest) for at in range(0, len(needed), smallest)]
    if even and all(sum(needed[part]) <= room for part in even):
        parts = even
    return [_columns(sheet.blocks[part]) for part in parts]


def _columns(blocks: Sequence[Block]) -> list[SheetColumn]:
    return [column for block in blocks for column in block]
