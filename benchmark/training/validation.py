"""The validation value that stops training: the ranking tasks' primary metric."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from benchmark.instances import Example
from benchmark.model import TrainingView
from benchmark.ranking import RankingInstance, rank_in_blocks
from benchmark.tasks import recommendation
from benchmark.tasks.base import Task

Score = Callable[[Sequence[RankingInstance]], NDArray[np.floating]]


class RankingValidation:
    """Computes the primary metric of ``task`` (NDCG@5) over the whole catalogue, on validation.

    ``task`` is one that asks for rankings. At most ``most`` instances are ranked, evenly spaced,
    the same ones every time. Falsy when the data has none: then there is nothing to stop by.
    """

    def __init__(self, data: TrainingView, *, most: int, task: Task = recommendation.TASK) -> None:
        asked = task.name in data.tasks
        examples = spread(data.examples(task.name, "valid"), most) if asked else []
        self._instances = [cast(RankingInstance, example.instance) for example in examples]
        self._targets = [cast(tuple[str, ...], example.target) for example in examples]
        self.measure = f"{task.name} {task.primary}"
        """What a call returns: task and metric."""
        self._item_ids = data.catalogue.ids
        self._k = int(task.primary.partition("@")[2])

    def __len__(self) -> int:
        return len(self._instances)

    def __call__(self, score: Score) -> float:
        """Return the mean value of rankings by ``score`` (n instances -> (n, items))."""
        discounts = 1 / np.log2(np.arange(2, self._k + 2))
        total = 0.0
        rankings = rank_in_blocks(self._instances, score, self._item_ids)
        for ranking, target in zip(rankings, self._targets, strict=True):
            gains = [item_id in target for item_id in ranking.items[: self._k]]
            total += float(discounts[: len(gains)] @ gains / discounts[: len(target)].sum())
        return total / len(self._instances)


def spread(examples: Sequence[Example], most: int) -> list[Example]:
    """Return at most ``most`` of ``examples``, evenly spaced."""
    if len(examples) <= most:
        return list(examples)
    return [examples[int(i)] for i in np.linspace(0, len(examples) - 1, most).round()]
