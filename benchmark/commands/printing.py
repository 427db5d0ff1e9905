"""Plain listings on standard output, as wide as the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from benchmark.host import console

_GAP = 2


def print_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print an aligned listing; lists are joined.

    Where it is wider than the terminal, its widest columns are wrapped between words. Nothing is
    cut: a name that does not fit stands out.
    """
    lines = [list(columns), *([cell(row[column]) for column in columns] for row in rows)]
    widths = _widths(lines, console.width() - _GAP * (len(columns) - 1))
    for line in lines:
        wrapped = [_wrapped(text, width) for text, width in zip(line, widths, strict=True)]
        for at in range(max(map(len, wrapped))):
            parts = [part[at] if at < len(part) else "" for part in wrapped]
            padded = [text.ljust(width) for text, width in zip(parts, widths, strict=True)]
            print((" " * _GAP).join(padded).rstrip())


def _widths(lines: Sequence[Sequence[str]], room: int) -> list[int]:
    """Widths of the columns: those of their longest cells, the widest one less as need be."""
    columns = list(zip(*lines, strict=True))
    widths = [max(map(len, column)) for column in columns]
    least = [
        max(len(word) for text in column for word in text.split() or [""]) for column in columns
    ]
    while sum(widths) > room:
        slack = [width if width > low else 0 for width, low in zip(widths, least, strict=True)]
        if not any(slack):
            break
        widths[slack.index(max(slack))] -= 1
    return widths


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def print_wrapped(text: str, indent: str = "", *, more: str | None = None) -> None:
    """Print ``text`` within the terminal's width; lines after the first begin with ``more``."""
    width = max(console.width(), len(indent) + 20)
    lines = textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent if more is None else more,
        break_long_words=False,
        break_on_hyphens=False,
    )
    print("\n".join(lines))


def cell(value: Any) -> str:
    """Return ``value`` in words: ``-`` for nothing, yes or no, the parts of a list."""
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
            print(f"{indent}{key.ljust(width)}  {cell(entry)}")
