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

from benchmark.report.sheet import Sheet, SheetColumn

#: Where standard output is no terminal and $COLUMNS is not set.
DEFAULT_WIDTH = 120

_PADDING = 3  # a column's two spaces and its border


def draw_text(sheet: Sheet, *, width: int | None = None, styled: bool | None = None) -> str:
    """A drawn table at most ``width`` characters wide (the terminal's when ``None``).

    Columns that do not fit go into further tables below, so that no number is ever cut.
    ``styled`` sets whether best values come in bold (only on a terminal when ``None``).
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
    for at, columns in enumerate(_panels(sheet, width)):
        console.print(_table(sheet, columns, title=sheet.title if at == 0 else None))
    lines = [line.rstrip() for line in buffer.getvalue().splitlines()]
    if sheet.notes:
        lines.append("")
    for note in sheet.notes:
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
        table.add_row(row, *(Text(c.text, style="bold" if c.best else "") for c in cells))
    return table


def _panels(sheet: Sheet, width: int) -> list[list[SheetColumn]]:
    """Columns to draw beside the row labels, a table each: few tables, of like size.

    A block that is wider than ``width`` by itself gets a table of its own.
    """
    room = width - _label_width(sheet)
    needed = [sum(map(_width, block)) for block in sheet.blocks]
    parts = [slice(0, len(needed))]
    for size in range(len(needed), 0, -1):
        parts = [slice(at, at + size) for at in range(0, len(needed), size)]
        if size == 1 or all(sum(needed[part]) <= room for part in parts):
            break
    smallest = max(-(-len(needed) // len(parts)), 1)  # as many tables, evenly filled
    even = [slice(at, at + smallest) for at in range(0, len(needed), smallest)]
    if all(sum(needed[part]) <= room for part in even):
        parts = even
    return [[column for block in sheet.blocks[part] for column in block] for part in parts]


def _label_width(sheet: Sheet) -> int:
    return max(map(cell_len, (sheet.row_heading, *sheet.rows))) + _PADDING + 1


def _width(column: SheetColumn) -> int:
    return max(map(cell_len, (column.heading, *(c.text for c in column.cells)))) + _PADDING


def _widest(sheet: Sheet) -> int:
    """The narrowest console on which every single block fits."""
    widest = max((sum(map(_width, block)) for block in sheet.blocks), default=0)
    return _label_width(sheet) + widest
