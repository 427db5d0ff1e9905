"""Check rankings of k catalogue items, the predictions of recommendation and search."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

from benchmark.errors import shown
from benchmark.instances import RecommendationInstance, SearchInstance
from benchmark.predictions import Ranking
from benchmark.tasks.base import first_repeated


def check(
    instance: RecommendationInstance | SearchInstance,
    prediction: Ranking,
    known: Callable[[str], bool],
) -> str | None:
    """Require ``k`` distinct known items, none excluded, with finite non-increasing scores."""
    items, scores = prediction.items, prediction.scores
    if len(items) != instance.k:
        return f"{len(items)} items given, {instance.k} asked"
    if len(scores) != len(items):
        return f"{len(scores)} scores given for {len(items)} items"
    repeated = first_repeated(items)
    if repeated is not None:
        return f"item {shown(repeated)} is repeated"
    for item_id in items:
        if not known(item_id):
            return f"item {shown(item_id)} is not in the catalogue"
        if item_id in instance.exclude:
            return f"item {shown(item_id)} is in instance.exclude: the user already had it"
    if not all(math.isfinite(score) for score in scores):
        return "a score is not a finite number"
    if any(later > earlier for earlier, later in itertools.pairwise(scores)):
        return "scores increase: the best item must come first"
    return None
