"""Tables for a terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap
from io import StringIO

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmark.report.formats.sheet import Sheet, SheetCell, SheetColumn, panels

#: Where standard output is no terminal and $COLUMNS is not set.
DEFAULT_WIDTH = 120

_PADDING = 3  # a column's two spaces and its border


def draw_text(sheet: Sheet, *, width: int | None = None, styled: bool | None = None) -> str:
    """Draw a table at most ``width`` characters wide (the terminal's when ``None``).

    Columns that do not fit go into further tables below, so that no number is ever cut.
    ``styled`` sets whether the best values come in bold and the second underlined (only on a
    terminal when ``None``).
    """
    if width is None:
        width = shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns
    if styled is None:
        styled = sys.stdout.isatty()
    buffer = StringIO()
    console = Console(
        file=buffer,
        width=max(width, _widest(sheet)),
        force_terminal=styled,
        color_system="standard" if styled else None,
        highlight=False,
        emoji=False,
        markup=False,
    )
    for at, columns in enumerate(panels(sheet, width - _label_width(sheet), _width)):
        console.print(_table(sheet, columns, title=sheet.title if at == 0 else None))
    lines = [line.rstrip() for line in buffer.getvalue().splitlines()]
    notes = (*sheet.legend, *sheet.notes) if styled else sheet.notes
    if notes:
        lines.append("")
    for note in notes:
        lines += textwrap.wrap(note, width, subsequent_indent="  ")
    if sheet.commands:
        lines += ["", "To fill the empty cells:", *(f"  {command}" for command in sheet.commands)]
    return "\n".join(lines)


def _table(sheet: Sheet, columns: list[SheetColumn], *, title: str | None) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column(sheet.row_heading, no_wrap=True)
    for column in columns:
        table.add_column(column.heading, justify="right", no_wrap=True)
    for at, row in enumerate(sheet.rows):
        cells = [column.cells[at] for column in columns]
        table.add_row(row, *map(_drawn, cells))
    return table


def _drawn(cell: SheetCell) -> Text:
    return Text(cell.text, style="bold" if cell.best else "underline" if cell.second else "")


def _label_width(sheet: Sheet) -> int:
    return max(map(cell_len, (sheet.row_heading, *sheet.rows))) + _PADDING + 1


def _width(column: SheetColumn) -> int:
    return max(map(cell_len, (column.heading, *(c.text for c in column.cells)))) + _PADDING


def _widest(sheet: Sheet) -> int:
    """The narrowest console on which every single block fits."""
    widest = max((sum(map(_width, block)) for block in sheet.blocks), default=0)
    return _label_width(sheet) + widest
