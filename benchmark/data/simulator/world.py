"""Draw a shop and its users: who likes what, and what there is to like."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmark.data.simulator.parameters import Scale, Weights
from benchmark.data.simulator.truth import ItemFactors, Truth, UserFactors
from benchmark.data.simulator.vocabulary import BRANDS, COLOURS, MATERIALS, PATTERNS, SHAPES

F = TypeVar("F", ItemFactors, UserFactors)

#: Spread of the indifferent tastes, as a share of the taste's weight.
_INDIFFERENT = 0.12
#: Utility of a disliked entry, as a share of the taste's weight.
_DISLIKED = -0.6


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
        items=_joined(ItemFactors, items),
        users=_joined(UserFactors, users),
        complements=np.concatenate(complements).astype(np.int16),
        shops=np.repeat(np.arange(len(scale.shops)), [shop.leaves for shop in scale.shops]).astype(
            np.int16
        ),
        weights=weights,
        # One pair of gains for all users: those of the main shop.
        need_gain=_gain(weights.leaf_odds, weights.liked_leaves, scale.leaves),
        complement_gain=_gain(weights.complement_odds, weights.complements, scale.leaves),
    )


def _joined(kind: type[F], parts: Sequence[F]) -> F:
    """The tables of several shops as one, in the shops' order."""
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

    def taste(size: int, weight: float, liked: int, disliked: int = 1) -> NDArray[np.float32]:
        chosen = _distinct(rng, n, size, liked + disliked)
        table = rng.normal(scale=_INDIFFERENT, size=(n, size))
        np.put_along_axis(table, chosen[:, :liked], 1.0, axis=1)
        np.put_along_axis(table, chosen[:, liked:], _DISLIKED, axis=1)
        return (weight * table).astype(np.float32)

    return UserFactors(
        colour=taste(len(COLOURS), weights.colour, liked=2),
        shape=taste(len(SHAPES), weights.shape, liked=2),
        pattern=taste(len(PATTERNS), weights.pattern, liked=1),
        brand=taste(len(BRANDS), weights.brand, liked=2),
        material=taste(len(MATERIALS), weights.material, liked=2),
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
