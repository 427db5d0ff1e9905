"""What is asked of a model: items, histories, and an instance type for each task.

An instance never holds its target: targets live beside it in an :class:`Example`
(training, validation) or with the runner alone (test).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from types import MappingProxyType
from typing import Union

# Model files written for version 0.1 take both halves of the interface from here.
from benchmark.predictions import Image as Image
from benchmark.predictions import Prediction as Prediction
from benchmark.predictions import Ranking as Ranking
from benchmark.predictions import Rating as Rating
from benchmark.predictions import Selection as Selection
from benchmark.predictions import Text as Text


@dataclass(frozen=True, slots=True)
class Item:
    """Describes one catalogue entry. Everything but the id may be missing (``None`` or empty).

    ``category`` is the path from general to specific; ``image`` is an absolute file path;
    ``price`` is in the dataset's own currency or unit.
    """

    item_id: str
    domain: str = ""
    title: str | None = None
    category: tuple[str, ...] = ()
    brand: str | None = None
    price: float | None = None
    description: str | None = None
    image: str | None = None
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    @property
    def photo_name(self) -> str | None:
        """Return the file name of ``image``, by which models know a photo; ``None`` without one."""
        return None if self.image is None else PurePath(self.image).name


@dataclass(frozen=True, slots=True)
class History:
    """Lists a user's latest interactions, oldest first, at most the dataset's history window.

    ``ratings`` and ``timestamps`` (seconds) run parallel to ``items``; a rating is ``None``
    where the data has none.
    """

    items: tuple[Item, ...] = ()
    ratings: tuple[float | None, ...] = ()
    timestamps: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True)
class RecommendationInstance:
    """Asks which ``k`` items of the whole catalogue come next.

    ``exclude`` holds item ids that may not be answered: all the user already had, whatever
    the history window, in datasets that do not recommend again; empty in the others.
    """

    instance_id: str
    user_id: str
    history: History
    exclude: frozenset[str] = frozenset()
    k: int = 10


@dataclass(frozen=True, slots=True)
class SearchInstance:
    """Asks which ``k`` items of the whole catalogue fit this user and this query.

    ``exclude`` is as in :class:`RecommendationInstance`.
    """

    instance_id: str
    user_id: str
    history: History
    query: str
    exclude: frozenset[str] = frozenset()
    k: int = 10


@dataclass(frozen=True, slots=True)
class PreferenceInstance:
    """Asks how the user will rate ``item``, on ``scale`` = (lowest, highest)."""

    instance_id: str
    user_id: str
    history: History
    item: Item
    scale: tuple[float, float] = (1.0, 5.0)


@dataclass(frozen=True, slots=True)
class ExplanationInstance:
    """Asks for one sentence on why ``item`` might suit the user, or not."""

    instance_id: str
    user_id: str
    history: History
    item: Item


@dataclass(frozen=True, slots=True)
class SelectionInstance:
    """Asks which of these ``candidates`` the user will take."""

    instance_id: str
    user_id: str
    history: History
    candidates: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class ImageGenerationInstance:
    """Asks for a drawing of the product this user has in mind for ``query``.

    The drawing is a square PNG of ``size`` x ``size`` pixels.
    """

    instance_id: str
    user_id: str
    history: History
    query: str
    size: int = 64


Instance = Union[
    RecommendationInstance,
    SearchInstance,
    PreferenceInstance,
    ExplanationInstance,
    SelectionInstance,
    ImageGenerationInstance,
]


#: What the right answer looks like: item ids (recommendation, search, selection and, as a
#: 1-tuple, image generation), a rating, or a sentence.
Target = Union[tuple[str, ...], float, str]


@dataclass(frozen=True, slots=True)
class Example:
    """Pairs an instance with its target, from the training or the validation part."""

    instance: Instance
    target: Target
