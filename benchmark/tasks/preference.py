"""Define personalized preference prediction: the rating a user will give."""

from __future__ import annotations

import math
from collections.abc import Callable

from benchmark.errors import shown
from benchmark.instances import PreferenceInstance
from benchmark.predictions import Rating
from benchmark.tasks.base import PromptPart, Task


def prompt(instance: PreferenceInstance) -> list[PromptPart]:
    """Return the instruction of Appendix A.2, "Personalized preference prediction"."""
    return [
        "Given",
        instance.item,
        ", can you predict the preference level of the user to the product?",
    ]


def check(
    instance: PreferenceInstance, prediction: Rating, known: Callable[[str], bool]
) -> str | None:
    """Require a finite number within the instance's scale."""
    low, high = instance.scale
    try:
        finite = math.isfinite(prediction.value)
    except OverflowError:  # an integer beyond the range of floats
        finite = False
    if not finite:
        return f"rating {shown(prediction.value)} is not a finite number"
    if not low <= prediction.value <= high:
        return f"rating {prediction.value:g} is outside the scale {low:g} to {high:g}"
    return None


TASK = Task(
    name="preference",
    version=1,
    summary="history and an item -> the user's rating of it",
    metrics=("MAE", "RMSE"),
    primary="MAE",
    prediction=Rating,
    scorer="benchmark.metrics.rating:score",
    needs="ratings",
    prompt=prompt,
    check=check,
)
