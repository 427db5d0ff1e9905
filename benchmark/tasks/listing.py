"""List the tasks without importing what scores them."""

from __future__ import annotations

from typing import Any

from benchmark.tasks import TASKS


def list_tasks() -> list[dict[str, Any]]:
    """Return one row a task, in their usual order: ``name, version, metrics, primary, summary``."""
    return [
        {
            "name": task.name,
            "version": task.version,
            "metrics": list(task.metrics),
            "primary": task.primary,
            "summary": task.summary,
        }
        for task in map(TASKS.get, TASKS)
    ]
