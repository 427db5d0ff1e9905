"""What a model answers: a ranking, a rating, a sentence, a selection or an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union


@dataclass(frozen=True, slots=True)
class Ranking:
    """Ranks ``k`` distinct catalogue item ids, best first, with their scores (higher is better).

    ``scores`` run parallel to ``items``; they are finite and never increase.
    """

    instance_id: str
    items: tuple[str, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Rating:
    """Predicts a rating within the instance's scale; it need not be a whole number."""

    instance_id: str
    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """Explains an item in one sentence.

    Visible text without control characters, of at most
    :data:`~benchmark.tasks.explanation.MAX_CHARACTERS`.
    """

    instance_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Selection:
    """Chooses candidates: their distinct ids, and one score per candidate in the instance's order.

    ``chosen`` may be empty; ``scores`` are finite.
    """

    instance_id: str
    chosen: tuple[str, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Image:
    """Draws a product: PNG bytes, and the ids of the items the image was made from.

    ``retrieved`` may be empty.
    """

    instance_id: str
    png: bytes
    retrieved: tuple[str, ...] = ()


Prediction = Union[Ranking, Rating, Text, Selection, Image]
