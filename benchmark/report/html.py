"""Tables as a web page: one file that loads nothing else."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from benchmark.report.sheet import Sheet

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


def draw_html(sheet: Sheet, *, index: str | None = None) -> str:
    """A page that follows the reader's choice of light or dark. Every word is escaped.

    ``index`` is the address of the page that a table of a site leads back to.
    """
    return _page().render(sheet=sheet, index=index)
