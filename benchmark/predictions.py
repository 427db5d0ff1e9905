"""What a model answers: a ranking, a rating, a sentence, a selection or an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union


@dataclass(frozen=True, slots=True)
class Ranking:
    """``k`` distinct catalogue item ids, best first, with their scores (higher is better)."""

    instance_id: str
    items: tuple[str, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Rating:
    """A rating within the instance's scale; need not be a whole number."""

    instance_id: str
    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence."""

    instance_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Selection:
    """The chosen candidate ids, and one score per candidate in the instance's order."""

    instance_id: str
    chosen: tuple[str, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Image:
    """PNG bytes, and the ids of the items the image was made from (may be empty)."""

    instance_id: str
    png: bytes
    retrieved: tuple[str, ...] = ()


Prediction = Union[Ranking, Rating, Text, Selection, Image]
