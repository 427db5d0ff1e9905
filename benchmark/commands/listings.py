"""``tasks``, ``models``, ``tables``: what there is."""

from __future__ import annotations

import typer

from benchmark.commands.options import JsonOption
from benchmark.commands.printing import print_rows
from benchmark.host.console import output_to_stderr, print_json

app = typer.Typer()


@app.command(epilog="Example: unimp-bench tasks --json")
def tasks(as_json: JsonOption = False) -> None:
    """List the six tasks with their metrics."""
    from benchmark.tasks import TASKS

    rows = []
    for name in TASKS:
        task = TASKS.get(name)
        rows.append(
            {
                "name": name,
                "version": task.version,
                "metrics": list(task.metrics),
                "primary": task.primary,
                "summary": task.summary,
            }
        )
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, ["name", "primary", "summary"])


@app.command(epilog="Example: unimp-bench models --json")
def models(as_json: JsonOption = False) -> None:
    """List the models, their variants and tasks, and what is missing to run them."""
    from benchmark.models.registered import entries

    rows = []
    shown: list[str | list[str]] = []
    with output_to_stderr():  # importing installed packages runs their code
        known = entries()
    for entry in known.values():
        reason = entry.why_not()
        reasons = entry.variants_why_not()
        shown.append(reason or [f"{variant}: {why}" for variant, why in reasons.items()])
        rows.append(
            {
                "name": entry.name,
                "variants": list(entry.variants),
                "tasks": list(entry.tasks),
                "group": entry.group,
                "paper_name": entry.paper_name,
                "adapted": entry.adapted,
                "available": reason is None,
                "why_not": reason,
                "variants_why_not": reasons,
            }
        )
    if as_json:
        print_json(rows)
    else:
        rows = [{**row, "why_not": why} for row, why in zip(rows, shown, strict=True)]
        print_rows(rows, ["name", "group", "tasks", "variants", "available", "why_not"])


@app.command(epilog="Example: unimp-bench tables")
def tables(as_json: JsonOption = False) -> None:
    """List the paper's tables that report and run can fill."""
    from benchmark.report.table.listing import list_tables

    rows = list_tables()
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, ["number", "name", "title"])
