"""Define what a task is, and what all six share.

A task module imports no numpy and no model: listing tasks is instant. Scoring code is named
by a ``"module:attribute"`` string and imported when a run is scored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Union

from benchmark.errors import shown
from benchmark.instances import Item
from benchmark.predictions import Prediction

#: A piece of an instruction: words, or an item to be shown with its attributes and photo.
PromptPart = Union[str, Item]

#: Cut-offs of every ranking metric, and the one that datasets may ask for beside them.
CUTOFFS = (3, 5, 10)
DEEPEST = 20


def ranking_metrics(k: int = max(CUTOFFS)) -> tuple[str, ...]:
    """Return the metrics of rankings of ``k`` items."""
    cutoffs = (*CUTOFFS, DEEPEST) if k >= DEEPEST else CUTOFFS
    return tuple(f"{family}@{cutoff}" for cutoff in cutoffs for family in ("HR", "NDCG", "MRR"))


RANKING_METRICS = ranking_metrics()


@dataclass(frozen=True, slots=True)
class Task:
    """Describes a task: what is asked of a model, and how its predictions are scored.

    ``prompt(instance)`` is the instruction of the paper's Appendix A.2 as a list of
    :data:`PromptPart`; training and evaluation both use it. ``check(instance, prediction,
    known)`` returns why a prediction is malformed, or ``None``; ``known`` answers whether an
    item id is in the catalogue.
    """

    name: str
    version: int
    summary: str
    metrics: tuple[str, ...]
    """What every dataset is scored by."""
    primary: str
    prediction: type
    scorer: str | None
    """``"module:attribute"`` of the scoring function; ``None``: this version cannot score it."""
    needs: str
    """What a dataset must have, in words for ``data stats``."""
    prompt: Callable[[Any], list[PromptPart]]
    check: Callable[[Any, Any, Callable[[str], bool]], str | None]

    def problem(
        self, instance: Any, prediction: Prediction, known: Callable[[str], bool]
    ) -> str | None:
        """Return why ``prediction`` does not answer ``instance``, or ``None`` when it does."""
        if not isinstance(prediction, self.prediction):
            return f"{type(prediction).__name__} given, {self.prediction.__name__} expected"
        if prediction.instance_id != instance.instance_id:
            return f"answers {shown(prediction.instance_id)}, asked was {instance.instance_id!r}"
        return self.check(instance, prediction, known)


def first_repeated(ids: Sequence[str]) -> str | None:
    """Return the first id that occurs a second time, or ``None``."""
    seen: set[str] = set()
    for item_id in ids:
        if item_id in seen:
            return item_id
        seen.add(item_id)
    return None
