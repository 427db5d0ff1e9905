"""Words of a table as every reader can see them: on one line, and none that acts unseen.

Names come from data, submissions and files of users; a terminal obeys what a name may hold.
"""

from __future__ import annotations

from dataclasses import replace

from benchmark.report.formats.sheet import Sheet, SheetCell, SheetColumn
from benchmark.visible import control_character

_UNSEEN = "\N{REPLACEMENT CHARACTER}"


def printable(sheet: Sheet) -> Sheet:
    """Return ``sheet`` with every text on one line and a sign in the place of each control."""
    return replace(
        sheet,
        title=_line(sheet.title),
        row_heading=_line(sheet.row_heading),
        rows=tuple(map(_line, sheet.rows)),
        blocks=tuple(tuple(map(_column, block)) for block in sheet.blocks),
        notes=tuple(map(_line, sheet.notes)),
        commands=tuple("\n".join(map(_seen, each.split("\n"))) for each in sheet.commands),
    )


def _column(column: SheetColumn) -> SheetColumn:
    return replace(
        column,
        heading=_line(column.heading),
        cells=tuple(map(_cell, column.cells)),
        name=_line(column.name),
        context=_line(column.context),
    )


def _cell(cell: SheetCell) -> SheetCell:
    return replace(cell, value=_line(cell.value))


def _line(text: str) -> str:
    return _seen(" ".join(text.split()))


def _seen(text: str) -> str:
    if control_character(text) is None:
        return text
    return "".join(_UNSEEN if control_character(letter) else letter for letter in text)
