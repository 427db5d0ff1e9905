"""UniMP's tasks, one object each: how it is asked, trained, validated and predicted."""

from __future__ import annotations

from typing import Any

from benchmark.instances import Instance
from unimp_model.tasks.base import ALL_TASKS, UniMPTask
from unimp_model.tasks.drawing import ImageGenerationTask
from unimp_model.tasks.explaining import ExplanationTask
from unimp_model.tasks.ranking import RecommendationTask, SearchTask
from unimp_model.tasks.rating import PreferenceTask
from unimp_model.tasks.selecting import SelectionTask

_OBJECTS: tuple[UniMPTask[Any], ...] = (
    RecommendationTask(),
    SearchTask(),
    PreferenceTask(),
    SelectionTask(),
    ExplanationTask(),
    ImageGenerationTask(),
)
#: The tasks by name, in the order of their numbers in rows.
TASKS: dict[str, UniMPTask[Any]] = {
    task.name: task for task in sorted(_OBJECTS, key=lambda task: task.number)
}


def task_of(instance: Instance) -> UniMPTask[Any]:
    """Return the task that an instance belongs to."""
    return next(task for task in TASKS.values() if type(instance) is task.instance)


__all__ = ["ALL_TASKS", "TASKS", "UniMPTask", "task_of"]
