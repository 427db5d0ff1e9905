"""What there is: the registries, as the listing commands print them with ``--json``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.data import listing
from benchmark.face.shown import Listing, home_at
from benchmark.models.registered import entries
from benchmark.report.table import listing as paper_tables
from benchmark.tasks import TASKS

if TYPE_CHECKING:
    import os


def list_tasks() -> Listing:
    """List the six tasks with their versions and metrics."""
    rows = [
        {
            "name": task.name,
            "version": task.version,
            "metrics": list(task.metrics),
            "primary": task.primary,
            "summary": task.summary,
        }
        for task in map(TASKS.get, TASKS)
    ]
    return Listing("task", rows, ("primary", "summary"))


def list_models() -> Listing:
    """List the models, their variants and tasks, and what is missing to run them."""
    rows = []
    for entry in entries().values():
        reason = entry.why_not()
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
                "variants_why_not": entry.variants_why_not(),
            }
        )
    return Listing("model", rows, ("group", "tasks", "variants", "available", "why_not"))


def list_datasets(*, home: str | os.PathLike[str] | None = None) -> Listing:
    """List the prepared datasets."""
    columns = ("source", "users", "items", "interactions", "tasks")
    return Listing("dataset", listing.list_datasets(home_at(home)), columns)


def list_tables() -> Listing:
    """List the paper's tables that :func:`report_table` and :func:`run_table` can fill."""
    return Listing("table", paper_tables.list_tables(), ("number", "title"))
