"""Tables as HTML: a page in one file that loads nothing else, or a part of somebody's page."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from benchmark.report.formats.sheet import Sheet

TEMPLATES = Path(__file__).parent / "templates"


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def draw_html(*sheets: Sheet, index: str | None = None) -> str:
    """A page of ``sheets``, at least one. Every word is escaped.

    It follows the reader's choice of light or dark.
    ``index`` is the address of the page that a table of a site leads back to.
    """
    return _template("report.html").render(sheets=sheets, index=index, headings=("h1", "h2"))


def draw_fragment(*sheets: Sheet) -> str:
    """Draw ``sheets`` for a page that exists, such as a notebook. Every word is escaped.

    Its style touches nothing else on that page.
    """
    return _template("fragment.html").render(sheets=sheets, headings=("h4", "h5"))
