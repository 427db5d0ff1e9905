"""Plain listings on standard output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def print_rows(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    """A plain aligned listing; lists are joined, nothing is cut."""
    cells = [[_cell(row[column]) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in [list(columns), *cells]) for i in range(len(columns))]
    for line in [list(columns), *cells]:
        print(
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        )


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "-"
    return str(value)


def print_nested(value: Any, indent: str = "") -> None:
    """Print a mapping a line per entry, nested ones indented below their key."""
    width = max((len(key) for key in value), default=0)
    for key, entry in value.items():
        if isinstance(entry, dict) and entry:
            print(f"{indent}{key}:")
            print_nested(entry, indent + "  ")
        elif not isinstance(entry, dict):
            print(f"{indent}{key.ljust(width)}  {_cell(entry)}")
