"""The six tasks."""

from __future__ import annotations

from benchmark.registry import Registry
from benchmark.tasks.base import PromptPart, Task

TASKS: Registry[Task] = Registry("task")
for _name in (
    "recommendation",
    "preference",
    "explanation",
    "selection",
    "search",
    "image-generation",
):
    TASKS.add(_name, f"benchmark.tasks.{_name.replace('-', '_')}:TASK")

__all__ = ["TASKS", "PromptPart", "Task"]
