"""Set how large the simulated shop is and how strong each cause of a choice is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Size = Literal["xs", "s", "m", "l", "xl"]


class SimulatorParams(BaseModel):
    """Validates what a user of the source may set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: Size = Field("s", description="users: xs 120, s 1,000, m 10,000, l 100,000, xl 1,000,000")
    seed: int = Field(0, ge=0, description="a different shop and different users for every seed")


@dataclass(frozen=True, slots=True)
class Scale:
    """Holds the numbers of users, items and leaf categories (search queries)."""

    users: int
    items: int
    leaves: int


#: xs is for tests, xl for measuring at scale.
SCALES: dict[str, Scale] = {
    "xs": Scale(users=120, items=80, leaves=5),
    "s": Scale(users=1_000, items=400, leaves=20),
    "m": Scale(users=10_000, items=3_000, leaves=120),
    "l": Scale(users=100_000, items=20_000, leaves=720),
    "xl": Scale(users=1_000_000, items=50_000, leaves=720),
}

#: Interactions of a user, uniform, both ends included. Independent of what is chosen.
LENGTHS = (8, 14)


@dataclass(frozen=True, slots=True)
class Weights:
    """Holds the strength of every cause, in units of utility at temperature 1.

    Looks carry the largest weight by design: a system that does not see the photos loses most
    of what separates the items of one category.
    """

    colour: float = 1.4
    shape: float = 1.4
    pattern: float = 1.4
    brand: float = 0.5
    material: float = 0.5
    price: float = 0.2
    quality: float = 0.25
    exposure: float = 0.4
    liked_leaves: int = 3
    leaf_odds: float = 0.7
    """Total odds of the liked leaf categories against all others, everything else equal."""
    complements: int = 2
    complement_odds: float = 0.3
    """The same for the categories that complement the latest item's."""
    loyalty: tuple[float, ...] = (0.6, 0.35, 0.2)
    """Bonus of a brand had 1, 2, ... items ago; added up."""
    temperature: float = 1.0
    rating_mean: float = 3.65
    rating_taste: float = 0.95
    """Standard deviation of the taste part of a rating, in stars."""
    rating_leniency: float = 0.35
    """Standard deviation of a user's general leniency, in stars."""
    rating_noise: float = 0.6
    """Standard deviation of what nothing explains, in stars, before rounding."""


#: How many past items habits reach back to; a history of this many shows all of them.
HABIT_SPAN = len(Weights().loyalty)
