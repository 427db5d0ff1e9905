"""Tables for a terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap
from dataclasses import dataclass, replace
from io import StringIO

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmark.report.formats.printable import printable
from benchmark.report.formats.sheet import (
    Block,
    Sheet,
    SheetCell,
    SheetColumn,
    panels,
    units,
)

#: Where standard output is no terminal and $COLUMNS is not set.
DEFAULT_WIDTH = 120

#: A row label's line has room for so many letters at least.
_FEWEST_LETTERS = 16

_PADDING = 3  # a column's two spaces and its border


@dataclass(frozen=True, slots=True)
class _Layout:
    """How wide the row labels are drawn, borders included, and whether intervals stand below."""

    label: int
    stacked: bool

    def width_of(self, column: SheetColumn) -> int:
        """Return how wide ``column`` is drawn, border included."""
        lines = [line for cell in column.cells for line in _words(cell, self.stacked).split("\n")]
        return max(map(cell_len, (column.heading, *lines))) + _PADDING

    def widest_of(self, sheet: Sheet) -> int:
        """Return how wide the widest block is drawn."""
        blocks = (sum(map(self.width_of, block)) for block in sheet.blocks)
        return max(blocks, default=0)


def draw_text(sheet: Sheet, *, width: int | None = None, styled: bool | None = None) -> str:
    """Draw a table at most ``width`` characters wide (the terminal's when ``None``).

    Columns that do not fit go into further tables below, so that no number is ever cut; where a
    single one does not fit, row labels take several lines, and intervals stand below their values.
    ``styled`` sets whether the best values come in bold and the second underlined (only on a
    terminal when ``None``).
    """
    if width is None:
        width = shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns
    if styled is None:
        styled = sys.stdout.isatty()
    sheet = _divided(printable(sheet), width)
    layout = _fitted(sheet, width)
    buffer = StringIO()
    console = Console(
        file=buffer,
        width=max(width, layout.label + layout.widest_of(sheet)),
        force_terminal=styled,
        color_system="standard" if styled else None,
        highlight=False,
        emoji=False,
        markup=False,
    )
    for at, columns in enumerate(panels(sheet, width - layout.label, layout.width_of)):
        console.print(_table(sheet, columns, layout, title=sheet.title if at == 0 else None))
    lines = [line.rstrip() for line in buffer.getvalue().splitlines()]
    notes = (*sheet.legend, *sheet.notes) if styled else sheet.notes
    if notes:
        lines.append("")
    for note in notes:  # names of runs stay whole, to be copied
        lines += textwrap.wrap(
            note, width, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False
        )
    if sheet.commands:
        lines += ["", "To fill the empty cells:", *(f"  {command}" for command in sheet.commands)]
    return "\n".join(lines)


def _divided(sheet: Sheet, width: int) -> Sheet:
    """Divide the blocks that do not fit beside the row labels, where they can be."""
    layout = _Layout(_whole(sheet), stacked=False)
    blocks: list[Block] = []
    for block in sheet.blocks:
        fits = layout.label + sum(map(layout.width_of, block)) <= width
        blocks += [block] if fits else units([block])
    return replace(sheet, blocks=tuple(blocks))


def _whole(sheet: Sheet) -> int:
    """How wide the row labels are drawn on one line each, borders included."""
    return max(map(cell_len, (sheet.row_heading, *sheet.rows))) + _PADDING + 1


def _fitted(sheet: Sheet, width: int) -> _Layout:
    """The layout that lets the widest block stand beside the row labels, if there is one."""
    labels, whole = (sheet.row_heading, *sheet.rows), _whole(sheet)
    longest = max(cell_len(word) for label in labels for word in label.split() or [""])
    # A word is broken only where nothing else lets the table fit.
    for letters in (longest, min(longest, _FEWEST_LETTERS)):
        least = letters + _PADDING + 1
        for stacked in (False, True):
            room = width - _Layout(whole, stacked).widest_of(sheet)
            if room >= least:
                return _Layout(min(whole, room), stacked)
    return _Layout(min(longest, _FEWEST_LETTERS) + _PADDING + 1, stacked=True)


def _table(
    sheet: Sheet, columns: list[SheetColumn], layout: _Layout, *, title: str | None
) -> Table:
    label = layout.label - _PADDING - 1
    wrapped = any(cell_len(row) > label for row in sheet.rows) or layout.stacked
    table = Table(title=title, title_justify="left", title_style="bold", show_lines=wrapped)
    width = label if wrapped else None
    table.add_column(sheet.row_heading, width=width, no_wrap=not wrapped, overflow="fold")
    for column in columns:
        table.add_column(column.heading, justify="right", no_wrap=not layout.stacked)
    for at, row in enumerate(sheet.rows):
        cells = [column.cells[at] for column in columns]
        table.add_row(row, *(_drawn(cell, layout.stacked) for cell in cells))
    return table


def _drawn(cell: SheetCell, stacked: bool) -> Text:
    style = "bold" if cell.best else "underline" if cell.second else ""
    return Text(_words(cell, stacked), style=style)


def _words(cell: SheetCell, stacked: bool) -> str:
    return f"{cell.marked}\n{cell.interval}" if stacked and cell.interval else cell.text
