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
    from benchmark.tasks import TASKS

    rows = [
        {
            "name": name,
            "version": task.version,
            "metrics": list(task.metrics),
            "primary": task.primary,
            "summary": task.summary,
        }
        for name, task in ((name, TASKS.get(name)) for name in TASKS)
    ]
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, ["name", "primary", "summary"])
