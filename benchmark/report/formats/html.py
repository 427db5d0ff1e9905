"""Tables as HTML: a page in one file that loads nothing else, or a part of somebody's page."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.report.formats.printable import printable
from benchmark.report.formats.sheet import Sheet

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATES = Path(__file__).parent / "templates"


@cache
def _template(name: str) -> Template:
    from benchmark.report.formats.templating import html_environment  # jinja2

    return html_environment(TEMPLATES).get_template(name)


def draw_html(*sheets: Sheet, index: str | None = None) -> str:
    """Return a self-contained HTML page with one table a sheet; every word is escaped.

    ``sheets`` are one or more. The page follows the reader's choice of a light or dark scheme.
    ``index`` is the address of the page that a table of a site links back to.
    """
    shown = [printable(sheet) for sheet in sheets]
    return _template("report.html").render(sheets=shown, index=index, headings=("h1", "h2"))


def draw_fragment(*sheets: Sheet) -> str:
    """Draw ``sheets`` for a page that exists, such as a notebook. Every word is escaped.

    Its style touches nothing else on that page.
    """
    shown = [printable(sheet) for sheet in sheets]
    return _template("fragment.html").render(sheets=shown, headings=("h4", "h5"))
