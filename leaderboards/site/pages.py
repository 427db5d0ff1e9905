"""Renders every page of the site. Nothing is loaded from elsewhere, every word is escaped."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from benchmark.metrics.families import family_of
from benchmark.report.formats.templating import html_environment
from benchmark.runs.spec import RunSpec
from benchmark.stats import FEWEST_USERS
from leaderboards.boards import Board
from leaderboards.site import numbers, plot
from leaderboards.site.entries import EnteredRun, Entry
from leaderboards.site.standing import Standing
from leaderboards.submission.schema import SubmittedRun
from leaderboards.verification.verify import BADGES

TEMPLATES = Path(__file__).parent / "templates"
INDEX = "index.html"
#: Rows that a board shows until more are asked for: thousands take a browser seconds to lay out.
MOST_ROWS = 100
#: Where submissions lie in the repository; pages name this place wherever they were built.
SUBMISSIONS = "leaderboards/submissions"


@dataclass(frozen=True, slots=True)
class TablePage:
    """The page of one report: ``html`` is a whole document of its own."""

    number: str
    name: str
    title: str
    html: str

    @property
    def path(self) -> str:
        """Return where the page lies, relative to the site's root."""
        return f"tables/{self.name}.html"


@dataclass(frozen=True, slots=True)
class _RunView:
    """A run on its submission's page."""

    entered: EnteredRun
    badge: str
    boards: Sequence[Board]
    command: str
    manifest: Sequence[tuple[str, str]]


def site_pages(
    standings: Sequence[Standing], entries: Sequence[Entry], tables: Sequence[TablePage] = ()
) -> dict[str, str]:
    """Render all pages: path inside the site -> HTML of index, boards, submissions, tables."""
    boards = [standing.board for standing in standings]
    pages = {INDEX: _draw("index.html", standings=standings, entries=entries, tables=tables)}
    for standing in standings:
        pages[board_path(standing.board)] = board_page(standing)
    for entry in entries:
        pages[entry_path(entry)] = submission_page(entry, boards)
    for table in tables:
        pages[table.path] = table.html
    return pages


def board_page(standing: Standing) -> str:
    """Render the page of one board."""
    return _draw(
        "board.html",
        root="../",
        scripted=True,
        standing=standing,
        plot=plot.plot_of(standing.rows),
        badges=BADGES,
        most=MOST_ROWS,
        fewest_users=FEWEST_USERS,
    )


def submission_page(entry: Entry, boards: Sequence[Board]) -> str:
    """Render the page of one submission; ``boards`` are those it can link to."""
    submission = entry.submission
    runs = [
        _RunView(
            entered=entered,
            badge=entry.badge_of(entered),
            boards=[board for board in boards if board.takes(entered.run)],
            command=_run_command(submission.asked(entered.run), entered.run),
            manifest=_manifest(entered.run),
        )
        for entered in entry.runs
    ]
    words = ["unimp-bench", "verify", f"{SUBMISSIONS}/{entry.name}"]
    check = shlex.join([*words, "--reproduce", submission.asked(submission.runs[0])])
    return _draw("submission.html", root="../", entry=entry, runs=runs, check=check)


def board_path(board: Board) -> str:
    """Return where the page of ``board`` lies, relative to the site's root."""
    return f"boards/{board.name}.html"


def entry_path(entry: Entry) -> str:
    """Return where the page of ``entry`` lies, relative to the site's root.

    The name shows the model; the digest tells submissions of one name apart.
    """
    label = re.sub(r"[^A-Za-z0-9.-]+", "-", entry.submission.label)[:60]
    return f"submissions/{label}-{entry.submission.digest[:24]}.html"


def _run_command(model: str, run: SubmittedRun) -> str:
    return RunSpec(
        model=model,
        task=run.task,
        data=run.data,
        cohort=run.cohort,
        perturb=run.perturb,
        seed=run.seed,
        settings=run.settings,
    ).command()


def _manifest(run: SubmittedRun) -> list[tuple[str, str]]:
    """What the manifest says of a run besides its scores, in words."""
    fields = run.model_dump(exclude={"scores"})
    return [(key.replace("_", " "), _words(value)) for key, value in fields.items()]


def _words(value: Any) -> str:
    if value is None or value in ([], {}):
        return numbers.NOTHING
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(entry)}" for key, entry in value.items())
    if isinstance(value, list):
        return ", ".join(_words(entry) for entry in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _draw(template: str, *, root: str = "", scripted: bool = False, **values: Any) -> str:
    assets = {"style": _asset("style.css")}
    policy = ["default-src 'none'", "base-uri 'none'", "form-action 'none'"]
    if scripted:
        assets |= {"script": _asset("board.js"), "unscripted": _asset("unscripted.css")}
        policy.append(f"script-src {_source(assets['script'])}")
    styles = [_source(text) for name, text in assets.items() if name != "script"]
    policy.append(f"style-src {' '.join(styles)}")
    values |= {"root": root, "policy": "; ".join(policy), **assets}
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    environment = html_environment(TEMPLATES)
    filters: dict[str, Callable[..., object]] = {
        "score": numbers.score,
        "interval": numbers.interval,
        "seconds": numbers.seconds,
        "count": numbers.count,
        "rank": numbers.rank,
        "percent": numbers.percent,
        "board_path": board_path,
        "entry_path": entry_path,
        "first_direction": _first_direction,
    }
    environment.filters.update(filters)
    environment.globals |= {"badge": _badge, "submissions": SUBMISSIONS}
    return environment


def _badge(name: str) -> Markup:
    return Markup('<span class="badge {0}">{0}</span>').format(name)


def _first_direction(metric: str) -> str:
    """Which way a column is sorted at the first click: best values first."""
    return "descending" if family_of(metric).higher_is_better else "ascending"


@cache
def _asset(name: str) -> Markup:
    """A file of ours that is part of a page as it is."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))


@cache
def _source(content: str) -> str:
    """A Content-Security-Policy source that allows ``content`` alone.

    ``'self'`` would mean nothing for a page that is opened from a disk.
    """
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    return f"'sha256-{digest}'"
