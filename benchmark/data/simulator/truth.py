"""Define the true process behind simulated choices and ratings, and its file form.

A user ``u`` with recent items ``h`` takes item ``i``, out of those not had yet, with
probability proportional to ``exp(U / temperature)``,

    U(u, i | h) = looks(u, i) + words(u, i) + need(u, i) + quality(i) + exposure(i) + habit(i | h)

among the items of the user's own shop, where looks are tastes over colour, shape and pattern,
words over brand, material and price, need over the leaf category, and habit rewards complements
of the latest item and brands had recently. The star rating is ``clip(round(z + noise), 1, 5)``
with ``z`` affine in ``looks + words + quality``: need and habit decide whether one buys, not how
one rates. This is the multinomial logit of random utility theory (McFadden, 1974).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from benchmark.data.simulator.parameters import Weights
from benchmark.errors import BenchError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ATTACHMENT = "truth.safetensors"
_METADATA_KEY = "simulator"
_FORMAT = 2

#: Utility of what another shop sells: its exponential is zero in any sum of utilities.
_NOT_ON_SALE = -1e4


def user_name(index: int) -> str:
    """Return the name of user 12, ``u0000012``: names sort as numbers do."""
    return f"u{index:07d}"


def item_name(index: int) -> str:
    """Return the name of item 42, ``i00042``."""
    return f"i{index:05d}"


def index_of(name: str) -> int:
    """Return the number behind a simulated user's or item's name."""
    return int(name[1:])


@dataclass(frozen=True)
class ItemFactors:
    """Holds an entry per item: vocabulary indices, and utilities all users share."""

    colour: NDArray[np.int16]
    shape: NDArray[np.int16]
    pattern: NDArray[np.int16]
    leaf: NDArray[np.int16]
    brand: NDArray[np.int16]
    material: NDArray[np.int16]
    price: NDArray[np.float32]
    """Price level within the leaf category, standardised."""
    quality: NDArray[np.float32]
    exposure: NDArray[np.float32]


@dataclass(frozen=True)
class UserFactors:
    """Holds a row per user; tastes are utilities per vocabulary entry."""

    colour: NDArray[np.float32]
    shape: NDArray[np.float32]
    pattern: NDArray[np.float32]
    brand: NDArray[np.float32]
    material: NDArray[np.float32]
    price: NDArray[np.float32]
    """Preferred price level, standardised."""
    leaves: NDArray[np.int16]
    """Liked leaf categories, (users, liked)."""
    leniency: NDArray[np.float32]
    """Added to every rating, in stars."""
    shop: NDArray[np.int16]
    """Where the user buys: 0 the main shop, 1 the annex."""


@dataclass(frozen=True)
class Truth:
    """Holds everything that decides choices and ratings, except chance."""

    items: ItemFactors
    users: UserFactors
    complements: NDArray[np.int16]
    """Leaf categories that follow a leaf category, (leaves, complements)."""
    shops: NDArray[np.int16]
    """Which shop sells a leaf category, (leaves,): 0 the main shop, 1 the annex."""
    weights: Weights
    need_gain: float
    """Utility of a liked leaf category."""
    complement_gain: float
    """Utility of a complement of the latest item."""
    opinion_mean: float = 0.0
    opinion_spread: float = 1.0
    """Mean and standard deviation of opinions on chosen items: they calibrate the stars."""

    @property
    def n_items(self) -> int:
        """Return the number of simulated items."""
        return len(self.items.leaf)

    @property
    def n_users(self) -> int:
        """Return the number of simulated users."""
        return len(self.users.price)

    def looks(self, users: Ints) -> Floats:
        """Return the utility of what the photos show, (users, items)."""
        # Few looks differ: their sums are taken once a user, then dealt out to the items.
        sums, code = self._look_sums(users)
        return np.take(sums, code, axis=1)

    def _look_sums(self, users: Ints) -> tuple[Floats, Ints]:
        """Utilities of every look, (users, looks), and the look of every item."""
        u = self.users
        sums = u.colour[users].astype(np.float64)[:, :, None, None]
        sums = sums + u.shape[users][:, None, :, None] + u.pattern[users][:, None, None, :]
        return sums.reshape(len(users), -1), self._codes[0]

    def words(self, users: Ints) -> Floats:
        """Return the utility of brand, material and price, which texts tell, (users, items)."""
        sums, code = self._word_sums(users)
        total: Floats = np.take(sums, code, axis=1)
        gap = self.users.price[users][:, None].astype(np.float64) - self.items.price[None, :]
        gap *= gap
        gap *= self.weights.price
        gap /= 2
        total -= gap
        return total

    def _word_sums(self, users: Ints) -> tuple[Floats, Ints]:
        """Utilities of every brand and material together, (users, pairs), and every item's."""
        u = self.users
        sums = u.brand[users].astype(np.float64)[:, :, None] + u.material[users][:, None, :]
        return sums.reshape(len(users), -1), self._codes[1]

    @cached_property
    def _codes(self) -> tuple[Ints, Ints]:
        """The look, and the brand and material, of every item as one number."""
        u, i = self.users, self.items
        looks = (u.colour.shape[1], u.shape.shape[1], u.pattern.shape[1])
        return (
            np.ravel_multi_index((i.colour, i.shape, i.pattern), looks),
            np.ravel_multi_index((i.brand, i.material), (u.brand.shape[1], u.material.shape[1])),
        )

    def need(self, users: Ints) -> Floats:
        """Return the utility of the leaf category, (users, items)."""
        return np.take(self._leaf_gains(users), self.items.leaf, axis=1)

    def _leaf_gains(self, users: Ints) -> Floats:
        """Utilities of the leaf categories, (users, leaves)."""
        liked = np.zeros((len(users), len(self.complements)))
        np.put_along_axis(liked, self.users.leaves[users].astype(np.int64), self.need_gain, axis=1)
        return liked

    def on_sale(self, users: Ints) -> NDArray[np.bool_]:
        """Return which items the users' shops sell, (users, items)."""
        sold: NDArray[np.bool_] = (
            self.users.shop[users][:, None] == self.shops[self.items.leaf][None, :]
        )
        return sold

    def standing(self, users: Ints) -> Floats:
        """Return the utility that does not change from step to step (no habits), (users, items).

        Far below all others for items of another shop.
        """
        total = self.appeal(users)
        total[~self.on_sale(users)] = _NOT_ON_SALE
        return total

    def appeal(self, users: Ints) -> Floats:
        """Return :meth:`standing` as if every shop sold everything, (users, items)."""
        total = self.looks(users)
        total += self.words(users)
        total += self.need(users)
        total += self.items.quality
        total += self.items.exposure
        return total

    def with_items(self, indices: Ints) -> Truth:
        """Return the truth about some of the items, in the order of ``indices``."""
        kept = {
            field.name: getattr(self.items, field.name)[indices] for field in fields(self.items)
        }
        return replace(self, items=ItemFactors(**kept))

    def habit(self, recent: Ints) -> Floats:
        """Return the utility of following ``recent``, (users, items).

        ``recent`` (users, span) holds the latest items, latest first, -1 = none.
        """
        n = len(recent)
        rows = np.arange(n)
        leaf = np.zeros((n, len(self.complements)))  # (users, leaves)
        has_last = recent[:, 0] >= 0
        following = self.complements[self.items.leaf[recent[has_last, 0]]].astype(np.int64)
        leaf[rows[has_last, None], following] = self.complement_gain
        brand = np.zeros((n, self.users.brand.shape[1]))  # (users, brands)
        for back, bonus in enumerate(self.weights.loyalty):
            has = recent[:, back] >= 0
            np.add.at(brand, (rows[has], self.items.brand[recent[has, back]]), bonus)
        return leaf[:, self.items.leaf] + brand[:, self.items.brand]

    def opinion(self, users: Ints, items: Ints) -> Floats:
        """Return ``looks + words + quality`` of user-item pairs, (pairs,)."""
        u, i = self.users, self.items
        gap = u.price[users].astype(np.float64) - i.price[items]
        return (
            u.colour[users, i.colour[items]].astype(np.float64)
            + u.shape[users, i.shape[items]]
            + u.pattern[users, i.pattern[items]]
            + u.brand[users, i.brand[items]]
            + u.material[users, i.material[items]]
            - self.weights.price * gap**2 / 2
            + i.quality[items]
        )

    def stars(self, users: Ints, items: Ints) -> Floats:
        """Return the rating before noise, rounding and clipping, (pairs,)."""
        w = self.weights
        standard = (self.opinion(users, items) - self.opinion_mean) / self.opinion_spread
        return w.rating_mean + w.rating_taste * standard + self.users.leniency[users]

    def to_bytes(self) -> bytes:
        """Return the safetensors file; equal truths give equal bytes."""
        tensors = {"complements": self.complements, "shops": self.shops}
        for group in ("items", "users"):
            for field in fields(part := getattr(self, group)):
                tensors[f"{group}.{field.name}"] = getattr(part, field.name)
        # One metadata entry only: the format does not fix the order of several.
        return save(tensors, metadata={_METADATA_KEY: json.dumps(self._header(), sort_keys=True)})

    def _header(self) -> dict[str, object]:
        return {
            "format": _FORMAT,
            "weights": asdict(self.weights),
            "need_gain": self.need_gain,
            "complement_gain": self.complement_gain,
            "opinion_mean": self.opinion_mean,
            "opinion_spread": self.opinion_spread,
        }


def read_truth(path: Path) -> Truth:
    """Read what :meth:`Truth.to_bytes` wrote; :class:`BenchError` when it is something else."""
    try:
        with safe_open(path, framework="numpy") as stream:
            header = json.loads((stream.metadata() or {})[_METADATA_KEY])
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
        if header["format"] != _FORMAT:
            raise BenchError(
                f"{str(path)!r} has format {header['format']}, this version reads {_FORMAT}.",
                fix="Prepare its dataset again, with the same settings and --force.",
            )
        weights = header.pop("weights")
        weights["loyalty"] = tuple(weights["loyalty"])
        return Truth(
            items=ItemFactors(**_group(tensors, "items")),
            users=UserFactors(**_group(tensors, "users")),
            complements=tensors["complements"],
            shops=tensors["shops"],
            weights=Weights(**weights),
            **{key: value for key, value in header.items() if key != "format"},
        )
    except (SafetensorError, OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise BenchError(
            f"{str(path)!r} is not a simulator's truth file: {type(error).__name__}: {error}.",
            fix="Prepare its dataset again, with the same settings and --force.",
        ) from error


def _group(tensors: Mapping[str, NDArray[Any]], group: str) -> dict[str, NDArray[Any]]:
    prefix = f"{group}."
    return {
        key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)
    }
