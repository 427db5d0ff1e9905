"""Wide tables cut into narrower ones, so that no number ever is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmark.report.sheet import Sheet, SheetColumn

Block = tuple[SheetColumn, ...]


def panels(
    sheet: Sheet, room: float, width_of: Callable[[SheetColumn], float]
) -> list[list[SheetColumn]]:
    """Columns to draw beside the row labels, a table each: few tables, of like size.

    ``room`` is what the row labels leave, in the unit of ``width_of``. Columns of one block
    stay together; a block that is wider than ``room`` by itself gets a table of its own.
    """
    needed = [sum(map(width_of, block)) for block in sheet.blocks]
    parts = [slice(0, len(needed))]
    for size in range(len(needed), 0, -1):
        parts = [slice(at, at + size) for at in range(0, len(needed), size)]
        if size == 1 or all(sum(needed[part]) <= room for part in parts):
            break
    smallest = max(-(-len(needed) // len(parts)), 1)  # as many tables, evenly filled
    even = [slice(at, at + smallest) for at in range(0, len(needed), smallest)]
    if all(sum(needed[part]) <= room for part in even):
        parts = even
    return [_columns(sheet.blocks[part]) for part in parts]


def _columns(blocks: Sequence[Block]) -> list[SheetColumn]:
    return [column for block in blocks for column in block]
