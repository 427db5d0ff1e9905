"""Define personalized multi-modal selection: the appropriate ones among a few candidates."""

from __future__ import annotations

import math
from collections.abc import Callable

from benchmark.errors import shown
from benchmark.instances import SelectionInstance
from benchmark.predictions import Selection
from benchmark.tasks.base import PromptPart, Task, first_repeated


def prompt(instance: SelectionInstance) -> list[PromptPart]:
    """Return the instruction of Appendix A.2, "Personalized multi-modal selection"."""
    return [
        "Given",
        *instance.candidates,
        ", can you select all the appropriate items for the user?",
    ]


def check(
    instance: SelectionInstance, prediction: Selection, known: Callable[[str], bool]
) -> str | None:
    """Require distinct candidates (or none), and a finite score for each candidate."""
    candidates = {item.item_id for item in instance.candidates}
    repeated = first_repeated(prediction.chosen)
    if repeated is not None:
        return f"item {shown(repeated)} is chosen twice"
    for item_id in prediction.chosen:
        if item_id not in candidates:
            return f"item {shown(item_id)} is not among the candidates"
    if len(prediction.scores) != len(instance.candidates):
        return f"{len(prediction.scores)} scores given for {len(instance.candidates)} candidates"
    if not all(math.isfinite(score) for score in prediction.scores):
        return "a score is not a finite number"
    return None


TASK = Task(
    name="selection",
    version=2,
    summary="history and candidates -> the ones the user takes",
    metrics=("Precision", "Recall", "F1"),
    primary="F1",
    prediction=Selection,
    scorer="benchmark.metrics.selection:score",
    needs="items that other users took instead",
    prompt=prompt,
    check=check,
)
