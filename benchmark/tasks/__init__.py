"""Register the six tasks."""

from __future__ import annotations

from benchmark.registry import Registry
from benchmark.tasks.base import PromptPart, Task

# Literal targets, so that what a model reaches can be read from them (benchmark.models.imports).
TASKS: Registry[Task] = Registry("task")
TASKS.add("recommendation", "benchmark.tasks.recommendation:TASK")
TASKS.add("preference", "benchmark.tasks.preference:TASK")
TASKS.add("explanation", "benchmark.tasks.explanation:TASK")
TASKS.add("selection", "benchmark.tasks.selection:TASK")
TASKS.add("search", "benchmark.tasks.search:TASK")
TASKS.add("image-generation", "benchmark.tasks.image_generation:TASK")

__all__ = ["TASKS", "PromptPart", "Task"]
