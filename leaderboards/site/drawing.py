"""Fills the templates: what every page shares, and how it names boards, badges and numbers.

Nothing is loaded from elsewhere, every word is escaped.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup, escape

from benchmark import __version__
from benchmark.metrics.families import family_of
from benchmark.report.formats.templating import html_environment
from leaderboards.boards import Board
from leaderboards.site import numbers
from leaderboards.site.entries import Entry

TEMPLATES = Path(__file__).parent / "templates"
#: The paper whose tables the project implements.
PAPER = "https://arxiv.org/abs/2403.10667"
#: Where submissions lie in the repository; pages name this place wherever they were built.
SUBMISSIONS = "leaderboards/submissions"


@dataclass(frozen=True, slots=True)
class About:
    """States what all pages say of the site: its version, when it was built, where its code is."""

    version: str = __version__
    built: str | None = None
    repository: str | None = None


def draw(template: str, about: About, script: str = "", *, root: str = "", **values: Any) -> str:
    """Fill ``template``; ``script`` joins the site's own, ``root`` leads to the site's root.

    The page's Content-Security-Policy allows its own scripts and styles, by hash, and nothing else.
    """
    scripts = [asset(name) for name in ("site.js", script) if name]
    styles = {"style": asset("style.css")}
    if script == "board.js":
        styles["unscripted"] = asset("unscripted.css")
    policy = [
        "default-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        f"script-src {' '.join(map(_source, scripts))}",
        f"style-src {' '.join(map(_source, styles.values()))}",
    ]
    if script == "instances.js":
        policy.append("img-src 'self' file:")  # from the disk, 'self' means nothing
    values |= {"root": root, "policy": "; ".join(policy), "about": about}
    values |= {**styles, "scripts": scripts}
    return _environment().get_template(template).render(values)


def board_path(board: Board) -> str:
    """Return where the page of ``board`` lies, relative to the site's root."""
    return f"boards/{board.name}.html"


def entry_path(entry: Entry) -> str:
    """Return where the page of ``entry`` lies, relative to the site's root.

    The name shows the model; the digest tells submissions of one name apart.
    """
    label = re.sub(r"[^A-Za-z0-9.-]+", "-", entry.submission.label)[:60]
    return f"submissions/{label}-{entry.submission.digest[:24]}.html"


@cache
def _environment() -> Environment:
    environment = html_environment(TEMPLATES)
    filters: dict[str, Callable[..., object]] = {
        "score": numbers.score,
        "interval": numbers.interval,
        "seconds": numbers.seconds,
        "energy": numbers.energy,
        "count": numbers.count,
        "rank": numbers.rank,
        "percent": numbers.percent,
        "share": numbers.share,
        "short": numbers.short,
        "breakable": _breakable,
        "board_path": board_path,
        "entry_path": entry_path,
        "first_direction": _first_direction,
    }
    environment.filters.update(filters)
    environment.globals |= {"badge": _badge, "submissions": SUBMISSIONS, "paper": PAPER}
    return environment


def _badge(name: str) -> Markup:
    return Markup('<span class="badge {0}">{0}</span>').format(name)


def _breakable(name: str) -> Markup:
    """A name that a narrow column may break behind its colon rather than inside a word."""
    return escape(name).replace(":", Markup(":<wbr>"))


def _first_direction(metric: str) -> str:
    """Which way a column is sorted at the first click: best values first."""
    return "descending" if family_of(metric).higher_is_better else "ascending"


@cache
def asset(name: str) -> Markup:
    """Read a file of ours that is part of a page as it is."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))


@cache
def _source(content: str) -> str:
    """A Content-Security-Policy source that allows ``content`` alone.

    ``'self'`` would mean nothing for a page that is opened from a disk.
    """
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    return f"'sha256-{digest}'"
