"""Tables as a web page: one HTML file that loads nothing else."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Template

from benchmark.report.formats.sheet import Sheet
from benchmark.report.formats.templating import html_environment

TEMPLATES = Path(__file__).parent / "templates"


@cache
def _page() -> Template:
    return html_environment(TEMPLATES).get_template("report.html")


def draw_html(*sheets: Sheet, index: str | None = None) -> str:
    """Return a self-contained HTML page with one table a sheet; every word is escaped.

    ``sheets`` are one or more. The page follows the reader's choice of a light or dark scheme.
    ``index`` is the address of the page that a table of a site links back to.
    """
    return _page().render(sheets=sheets, index=index)
