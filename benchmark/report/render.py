"""Reports in the formats they are asked for."""

from __future__ import annotations

from benchmark.errors import UsageError
from benchmark.report.contents import Report
from benchmark.report.json_format import render_json
from benchmark.report.markdown import draw_markdown
from benchmark.report.sheet import Sheet, sheet_of
from benchmark.report.text import draw_text

#: Every format ``--format`` takes.
FORMATS = ("text", "md", "json")


def render(report: Report, output_format: str = "text", *, styled: bool | None = None) -> str:
    """``report`` as ``text`` (fitted to the terminal), ``md`` or ``json``, without a final newline.

    ``styled`` sets whether text marks the best values in bold; ``None``: where standard output
    is a terminal. Give ``False`` for text that goes elsewhere.

    Raises :class:`~benchmark.errors.UsageError` naming the formats when it is none of them.
    """
    check_format(output_format)
    if output_format == "json":
        return render_json(report.to_json())
    return draw(sheet_of(report), output_format, styled=styled)


def draw(sheet: Sheet, output_format: str, *, styled: bool | None = None) -> str:
    """``sheet`` as ``text`` or ``md``."""
    return draw_markdown(sheet) if output_format == "md" else draw_text(sheet, styled=styled)


def check_format(output_format: str) -> None:
    """Raise :class:`~benchmark.errors.UsageError` for an unknown format."""
    if output_format not in FORMATS:
        raise UsageError(
            f"Unknown report format {output_format!r}.", fix=f"Formats: {', '.join(FORMATS)}."
        )
