"""Set how large the simulated shop is and how strong each cause of a choice is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Size = Literal["xs", "s", "m", "l", "xl"]


class SimulatorParams(BaseModel):
    """Validates what a user of the source may set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: Size = Field("s", description="users: xs 132, s 4,400, m 11,000, l 110,000, xl 1,100,000")
    seed: int = Field(0, ge=0, description="a different shop and different users for every seed")


@dataclass(frozen=True, slots=True)
class Scale:
    """Holds the numbers of users, items and leaf categories (search queries) of a shop.

    ``annex`` is a second shop under the same roof: departments, items and users of its own.
    """

    users: int
    items: int
    leaves: int
    annex: Scale | None = None

    @property
    def shops(self) -> tuple[Scale, ...]:
        """Return the main shop, and the annex if there is one."""
        return (self,) if self.annex is None else (self, self.annex)


#: xs is for tests, xl for measuring at scale. The annex becomes the cohort new-domain.
SCALES: dict[str, Scale] = {
    "xs": Scale(120, 80, 5, annex=Scale(12, 24, 4)),
    "s": Scale(4_000, 400, 20, annex=Scale(400, 120, 6)),
    "m": Scale(10_000, 3_000, 120, annex=Scale(1_000, 600, 24)),
    "l": Scale(100_000, 20_000, 576, annex=Scale(10_000, 4_000, 144)),
    "xl": Scale(1_000_000, 50_000, 576, annex=Scale(100_000, 10_000, 144)),
}

#: Interactions of a user, uniform, both ends included. Independent of what is chosen.
LENGTHS = (8, 14)


@dataclass(frozen=True, slots=True)
class Weights:
    """Holds the strength of every cause, in units of utility at temperature 1.

    Looks carry the largest weight by design: a system that does not see the photos loses most
    of what separates the items of one category.
    """

    colour: float = 2.0
    shape: float = 2.0
    pattern: float = 2.0
    brand: float = 1.3
    material: float = 1.7
    price: float = 0.6
    quality: float = 0.25
    exposure: float = 0.4
    liked_leaves: int = 3
    leaf_odds: float = 0.7
    """Total odds of the liked leaf categories against all others, everything else equal."""
    complements: int = 2
    complement_odds: float = 0.8
    """The same for the categories that complement the latest item's."""
    loyalty: tuple[float, ...] = (1.7, 0.3, 0.1)
    """Bonus of a brand had 1, 2, ... items ago; added up."""
    temperature: float = 1.0
    rating_mean: float = 3.65
    rating_taste: float = 0.95
    """Standard deviation of the taste part of a rating, in stars."""
    rating_leniency: float = 0.35
    """Standard deviation of a user's general leniency, in stars."""
    rating_noise: float = 0.45
    """Standard deviation of what nothing explains, in stars, before rounding."""


#: How many past items habits reach back to; a history of this many shows all of them.
HABIT_SPAN = len(Weights().loyalty)
