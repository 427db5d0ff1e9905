"""Builds the site from a folder of submissions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmark.errors import UsageError
from benchmark.host.home import Home
from benchmark.report.build import build_report
from benchmark.report.formats.html import draw_html
from benchmark.report.formats.render import render
from benchmark.report.formats.sheet import sheet_of
from benchmark.report.table.listing import list_tables
from leaderboards.boards import Board, load_boards
from leaderboards.site.entries import Collection, collect
from leaderboards.site.pages import INDEX, About, Site, TablePage
from leaderboards.site.showcase import Showcase
from leaderboards.site.standing import rank_entries
from leaderboards.site.writing import check_replaceable, write_site


def build_site(
    submissions: Path,
    out: Path,
    *,
    home: Home,
    boards: Sequence[Board] | None = None,
    with_tables: bool = True,
    repository: str | None = None,
) -> Collection:
    """Verify what lies in ``submissions`` and write the site of what was accepted to ``out``.

    Gives back both, the accepted and the refused. The same submissions and datasets give the
    same bytes on one day. ``repository`` is the address of the code that pages link to. Raises
    :class:`UsageError` for folders that do not fit and
    :class:`~benchmark.errors.BenchError` when the site cannot be written.
    """
    inside, outside = out.resolve(), submissions.resolve()
    if inside == outside or inside in outside.parents or outside in inside.parents:
        raise UsageError(
            f"--out {str(out)!r} and --submissions {str(submissions)!r} lie in each other.",
            fix="Choose another --out.",
        )
    check_replaceable(out)  # before the work
    boards = load_boards() if boards is None else boards
    found = collect(submissions, home, boards)
    standings = [rank_entries(board, found.entries) for board in boards]
    tables = []
    if with_tables:
        tables = table_pages(home)
    about = About(built=_today(), repository=repository)
    site = Site(standings, found.entries, tables, about=about, showcase=Showcase(home))
    write_site(site.files(), out)
    return found


def table_pages(home: Home) -> list[TablePage]:
    """Render every table as ``unimp-bench report --format html`` does, with a link back."""
    pages = []
    for table in list_tables():
        report = build_report(table["name"], home=home)
        pages.append(
            TablePage(
                number=table["number"],
                name=table["name"],
                title=table["title"],
                html=draw_html(sheet_of(report), index=f"../{INDEX}") + "\n",
                csv=render(report, "csv") + "\n",
                json=render(report, "json") + "\n",
            )
        )
    return pages


def _today() -> str:
    """The day of the build, or that of $SOURCE_DATE_EPOCH, as reproducible builds set it."""
    said = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(said), UTC) if said else datetime.now(UTC)
    return moment.date().isoformat()
