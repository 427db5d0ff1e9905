"""Renders reports in the format asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from benchmark.errors import unknown_name
from benchmark.report.contents import Report
from benchmark.report.formats.csv_format import render_csv
from benchmark.report.formats.html import draw_html
from benchmark.report.formats.latex import draw_latex
from benchmark.report.formats.markdown import draw_markdown
from benchmark.report.formats.sheet import Sheet, TableStyle, sheet_of
from benchmark.report.formats.text import draw_text

#: Formats for people, which any table of words can have.
DRAWN = ("text", "md", "tex", "html")
#: Every format ``--format`` takes.
FORMATS = (*DRAWN, "csv", "json")


def render(
    report: Report,
    output_format: str = "text",
    *,
    styled: bool | None = None,
    style: TableStyle | None = None,
) -> str:
    """Render ``report`` in one of :data:`FORMATS`, without a final newline.

    ``text`` is fitted to the terminal; ``md``, ``tex`` (booktabs) and ``html`` (a page) are for
    documents; ``csv`` (a row per cell) and ``json`` are for programs. ``styled`` sets whether
    text marks the best values in bold; ``None``: where standard output is a terminal. Give
    ``False`` for text that goes elsewhere. ``style`` is for the formats for people.

    Raises :class:`~benchmark.errors.UsageError` naming the formats when it is none of them.
    """
    check_format(output_format)
    if output_format == "json":
        return render_json(report.to_json())
    if output_format == "csv":
        return render_csv(report)
    return draw(sheet_of(report, style), output_format, styled=styled)


def draw(sheet: Sheet, output_format: str, *, styled: bool | None = None) -> str:
    """Draw ``sheet`` in one of the formats :data:`DRAWN`."""
    if output_format == "md":
        return draw_markdown(sheet)
    if output_format == "tex":
        return draw_latex(sheet)
    if output_format == "html":
        return draw_html(sheet)
    return draw_text(sheet, styled=styled)


def draw_all(sheets: Sequence[Sheet], output_format: str, *, styled: bool | None = None) -> str:
    """Draw ``sheets``, at least one, below each other in one of the formats :data:`DRAWN`."""
    if output_format == "html":
        return draw_html(*sheets)
    return "\n\n".join(draw(sheet, output_format, styled=styled) for sheet in sheets)


def check_format(output_format: str, known: Sequence[str] = FORMATS) -> None:
    """Raise :class:`~benchmark.errors.UsageError` for a format that is not ``known``."""
    if output_format not in known:
        raise unknown_name("report format", output_format, known)


def render_json(value: Any) -> str:
    """Render indented JSON; NaN and infinities raise :class:`ValueError`, as JSON has none."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
