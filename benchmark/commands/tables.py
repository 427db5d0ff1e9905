"""``tables``: what report and run can fill."""

from __future__ import annotations

import typer

from benchmark.commands.options import JsonOption
from benchmark.commands.printing import print_rows
from benchmark.host.console import print_json

app = typer.Typer()


@app.command(epilog="Example: unimp-bench tables")
def tables(as_json: JsonOption = False) -> None:
    """List the tables that report and run can fill: the paper's, then ours."""
    from benchmark.report.table.listing import list_tables

    rows = list_tables()
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, ["number", "name", "title"])
