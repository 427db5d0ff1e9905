"""Jinja environments for HTML pages: the one place that decides how they are rendered."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def html_environment(folder: Path) -> Environment:
    """Return an environment over the templates in ``folder`` that escapes every value.

    A name that a template uses and its caller did not give raises
    :class:`jinja2.UndefinedError` instead of leaving a gap in the page.
    """
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
