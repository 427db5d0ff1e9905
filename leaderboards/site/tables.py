"""The paper's tables with whatever runs there are, a page each."""

from __future__ import annotations

from benchmark.home import Home
from benchmark.report.build import build_report
from benchmark.report.html import draw_html
from benchmark.report.listing import list_tables
from benchmark.report.sheet import sheet_of
from leaderboards.site.pages import INDEX, TablePage


def table_pages(home: Home) -> list[TablePage]:
    """What ``unimp-bench report --format html`` prints for every table, with a way back."""
    return [
        TablePage(
            number=table["number"],
            name=table["name"],
            title=table["title"],
            html=draw_html(sheet_of(build_report(table["name"], home=home)), index=f"../{INDEX}")
            + "\n",
        )
        for table in list_tables()
    ]
