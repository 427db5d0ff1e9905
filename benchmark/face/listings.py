"""What there is: the registries, as the listing commands print them with ``--json``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import benchmark.data.listing as data
import benchmark.models.listing as known_models
import benchmark.report.table.listing as paper_tables
import benchmark.tasks.listing as known_tasks
from benchmark.face.shown import Listing, home_at

if TYPE_CHECKING:
    import os


def list_tasks() -> Listing:
    """List the six tasks with their versions and metrics."""
    return Listing("task", known_tasks.list_tasks(), ("primary", "summary"))


def list_models() -> Listing:
    """List the models, their variants and tasks, and what is missing to run them."""
    columns = ("group", "tasks", "variants", "available", "why_not")
    return Listing("model", known_models.list_models(), columns)


def list_datasets(*, home: str | os.PathLike[str] | None = None) -> Listing:
    """List the prepared datasets."""
    columns = ("source", "users", "items", "interactions", "tasks")
    return Listing("dataset", data.list_datasets(home_at(home)), columns)


def list_tables() -> Listing:
    """List the tables that :func:`report_table` and :func:`run_table` can fill."""
    return Listing("table", paper_tables.list_tables(), ("number", "title"))
