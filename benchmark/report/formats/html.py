"""Tables as a web page: one file that loads nothing else."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from benchmark.report.formats.sheet import Sheet

TEMPLATES = Path(__file__).parent / "templates"


@cache
def _page() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")


def draw_html(*sheets: Sheet, index: str | None = None) -> str:
    """A page of ``sheets``, at least one. Every word is escaped.

    It follows the reader's choice of light or dark.
    ``index`` is the address of the page that a table of a site leads back to.
    """
    return _page().render(sheets=sheets, index=index)
