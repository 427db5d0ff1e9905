"""Picks fifty instances of a run for its page: what was asked, what was answered, what was right.

The same users whatever the run, drawn by a hash of their ids, so that pages of different systems
show the same instances and nobody chooses which. Of data that are not simulated only ids are kept:
their texts and photos belong to others.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.instances import Instance
from benchmark.metrics.base import Metric
from leaderboards.verification.local_data import Asked
from leaderboards.verification.rescoring import Rescored

#: Instances that a page shows, and what their draw depends on beside the users' ids.
NUMBER, SEED = 50, 0
#: Items shown of a history (its latest) and of a ranking (its first).
MOST_ITEMS = 10

#: An answer or what was right: item ids, a rating, a sentence, a picture, or (``None``) nothing.
Answer = tuple[str, ...] | float | str | bytes | None


@dataclass(frozen=True, slots=True)
class ShownInstance:
    """Shows one instance with its prediction and target; items are ids.

    ``history`` is oldest first and lacks the ``earlier`` items before it. ``item`` is the one
    asked about, ``candidates`` those to select from. ``answer`` is the prediction, ``None`` where
    that failed; ``target`` is ``None`` where it may not be shown. ``score`` is the value of the
    task's primary metric over this instance alone.
    """

    instance_id: str
    history: tuple[str, ...]
    earlier: int
    query: str | None
    item: str | None
    candidates: tuple[str, ...]
    answer: Answer
    target: Answer
    score: float

    def items(self) -> tuple[str, ...]:
        """Return all item ids in it."""
        found = [*self.history, *self.candidates, *([self.item] if self.item else [])]
        for side in (self.answer, self.target):
            found += side if isinstance(side, tuple) else ()
        return tuple(dict.fromkeys(found))


@lru_cache(maxsize=16)  # many submissions answer the same instances
def drawn(users: tuple[str, ...], number: int = NUMBER) -> tuple[int, ...]:
    """Return the positions of ``number`` instances, at most, in the order of their draw."""

    def lot(at: int) -> tuple[bytes, int]:
        return hashlib.sha256(f"{SEED}:{users[at]}".encode()).digest(), at

    return tuple(sorted(range(len(users)), key=lot)[:number])


def examples_of(asked: Asked, rescored: Rescored, metric: Metric) -> tuple[ShownInstance, ...]:
    """Return the drawn instances of a run with its answers, scored by ``metric``."""
    rows = drawn(rescored.users)
    open_data = bool(asked.dataset.info.get("simulated"))
    statistics = rescored.statistics[metric.name]
    return tuple(
        _shown(
            asked.instances[row],
            answered,
            asked.instances[row : row + 1].targets[0],
            _value(metric, statistics[row]),
            open_data=open_data,
        )
        for row, answered in zip(rows, rescored.answers.take(rows).to_pylist(), strict=True)
    )


def _value(metric: Metric, statistic: NDArray[np.float64]) -> float:
    return float(metric.value(statistic))


def _shown(
    instance: Instance,
    answered: dict[str, Any],
    target: Answer,
    score: float,
    *,
    open_data: bool,
) -> ShownInstance:
    history = tuple(item.item_id for item in instance.history.items)
    item = getattr(instance, "item", None)
    words = (getattr(instance, "query", None), target)
    query, right = words if open_data else (None, None if isinstance(target, str) else target)
    return ShownInstance(
        instance_id=instance.instance_id,
        history=history[-MOST_ITEMS:],
        earlier=max(0, len(history) - MOST_ITEMS),
        query=query,
        item=None if item is None else item.item_id,
        candidates=tuple(c.item_id for c in getattr(instance, "candidates", ())),
        answer=_answer(answered) if answered["status"] == "ok" else None,
        target=right,
        score=score,
    )


def _answer(row: dict[str, Any]) -> Answer:
    for name in ("items", "chosen"):
        if name in row:
            return tuple(row[name] or ())[:MOST_ITEMS]
    for name in ("value", "text", "png"):
        if name in row:
            found: Answer = row[name]
            return found
    return None
