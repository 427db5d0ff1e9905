"""Draw a shop and its users: who likes what, and what there is to like."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmark.data.simulator.parameters import Scale, Weights
from benchmark.data.simulator.truth import ItemFactors, Truth, UserFactors
from benchmark.data.simulator.vocabulary import BRANDS, COLOURS, MATERIALS, PATTERNS, SHAPES

F = TypeVar("F", ItemFactors, UserFactors)


@dataclass(frozen=True, slots=True)
class Taste:
    """Sets how a user's taste over one vocabulary is drawn: so many entries liked and disliked.

    ``liked`` and ``disliked`` are distinct entries of the ``size`` in the vocabulary; the rest
    leave the user nearly indifferent.
    """

    size: int
    liked: int
    disliked: int = 1


#: The tastes over vocabularies, by the attribute's name, in the order in which they are drawn.
TASTES: dict[str, Taste] = {
    "colour": Taste(len(COLOURS), liked=2),
    "shape": Taste(len(SHAPES), liked=2),
    "pattern": Taste(len(PATTERNS), liked=1),
    "brand": Taste(len(BRANDS), liked=2),
    "material": Taste(len(MATERIALS), liked=2),
}
#: Spread of the indifferent entries' utilities, as a share of the taste's weight.
INDIFFERENT = 0.12
#: Utility of a disliked entry, as a share of the taste's weight; that of a liked one is 1.
DISLIKED = -0.6


def draw_world(scale: Scale, weights: Weights, rng: np.random.Generator) -> Truth:
    """Draw all factors of items and users, not yet calibrated for ratings."""
    items, users, complements = [], [], []
    for number, shop in enumerate(scale.shops):
        first_leaf = sum(earlier.leaves for earlier in scale.shops[:number])
        items.append(_draw_items(shop, weights, rng, first_leaf=first_leaf))
        follow = _distinct(rng, shop.leaves, shop.leaves, weights.complements, no_self=True)
        complements.append(follow + first_leaf)
        users.append(_draw_users(shop, weights, rng, number=number, first_leaf=first_leaf))
    return Truth(
        items=joined(ItemFactors, items),
        users=joined(UserFactors, users),
        complements=np.concatenate(complements).astype(np.int16),
        shops=np.repeat(np.arange(len(scale.shops)), [shop.leaves for shop in scale.shops]).astype(
            np.int16
        ),
        weights=weights,
        # One pair of gains for all users: those of the main shop.
        need_gain=_gain(weights.leaf_odds, weights.liked_leaves, scale.leaves),
        complement_gain=_gain(weights.complement_odds, weights.complements, scale.leaves),
    )


def joined(kind: type[F], parts: Sequence[F]) -> F:
    """Return the rows of several tables as one table, in the order of ``parts``."""
    columns = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(kind)
    }
    return kind(**columns)


def _gain(odds: float, favoured: int, total: int) -> float:
    """The utility that gives ``favoured`` of ``total`` equal options together these odds."""
    return math.log(1 + odds * (total - favoured) / favoured)


def _draw_items(
    scale: Scale, weights: Weights, rng: np.random.Generator, *, first_leaf: int
) -> ItemFactors:
    n = scale.items

    def entries(size: int) -> NDArray[np.int16]:
        return rng.integers(0, size, n).astype(np.int16)

    # Every leaf category holds nearly the same number of items, in no particular order.
    leaf = (first_leaf + rng.permutation(np.arange(n) % scale.leaves)).astype(np.int16)
    return ItemFactors(
        colour=entries(len(COLOURS)),
        shape=entries(len(SHAPES)),
        pattern=entries(len(PATTERNS)),
        leaf=leaf,
        brand=entries(len(BRANDS)),
        material=entries(len(MATERIALS)),
        price=rng.normal(size=n).astype(np.float32),
        quality=(weights.quality * rng.normal(size=n)).astype(np.float32),
        exposure=(weights.exposure * rng.normal(size=n)).astype(np.float32),
    )


def _draw_users(
    scale: Scale, weights: Weights, rng: np.random.Generator, *, number: int, first_leaf: int
) -> UserFactors:
    n = scale.users

    def drawn(taste: Taste, weight: float) -> NDArray[np.float32]:
        chosen = _distinct(rng, n, taste.size, taste.liked + taste.disliked)
        table = rng.normal(scale=INDIFFERENT, size=(n, taste.size))
        np.put_along_axis(table, chosen[:, : taste.liked], 1.0, axis=1)
        np.put_along_axis(table, chosen[:, taste.liked :], DISLIKED, axis=1)
        return (weight * table).astype(np.float32)

    return UserFactors(
        **{name: drawn(taste, getattr(weights, name)) for name, taste in TASTES.items()},
        price=rng.normal(size=n).astype(np.float32),
        leaves=(first_leaf + _distinct(rng, n, scale.leaves, weights.liked_leaves)).astype(
            np.int16
        ),
        leniency=(weights.rating_leniency * rng.normal(size=n)).astype(np.float32),
        shop=np.full(n, number, dtype=np.int16),
    )


def _distinct(
    rng: np.random.Generator, rows: int, size: int, count: int, *, no_self: bool = False
) -> NDArray[np.int64]:
    """``count`` distinct numbers below ``size`` for each row, (rows, count).

    With ``no_self`` row r never holds r.
    """
    keys = np.empty((rows, count), dtype=np.int64)
    block = 65_536  # rows at a time: the table of random keys stays small
    for start in range(0, rows, block):
        noise = rng.random((min(block, rows - start), size))
        if no_self:
            own = np.arange(start, start + len(noise))
            noise[own - start, own] = 2.0  # sorts last
        keys[start : start + block] = np.argsort(noise, axis=1)[:, :count]
    return keys
