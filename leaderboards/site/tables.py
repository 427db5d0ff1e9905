"""The paper's tables with whatever runs there are, a page each."""

from __future__ import annotations

from benchmark.home import Home
from benchmark.report.build import build_report
from benchmark.report.listing import list_tables
from benchmark.report.render import render
from leaderboards.site.pages import TablePage


def table_pages(home: Home) -> list[TablePage]:
    """What ``unimp-bench report --format html`` prints for every table."""
    return [
        TablePage(
            number=table["number"],
            name=table["name"],
            title=table["title"],
            html=render(build_report(table["name"], home=home), "html") + "\n",
        )
        for table in list_tables()
    ]
