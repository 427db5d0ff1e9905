"""``tasks``: what can be asked of a model."""

from __future__ import annotations

import typer

from benchmark.commands.options import JsonOption
from benchmark.commands.printing import print_rows
from benchmark.host.console import print_json

app = typer.Typer()


@app.command(epilog="Example: unimp-bench tasks --json")
def tasks(as_json: JsonOption = False) -> None:
    """List the six tasks with their metrics."""
    from benchmark.tasks.listing import list_tasks

    rows = list_tasks()
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, ["name", "primary", "summary"])
