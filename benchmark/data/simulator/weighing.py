"""Weigh what a shop sells for many users, by leaf category and then within one.

A user's standing utility is a sum of a term of the item's look, one of its brand and material,
one of its price and one that all users share. A factor that all of a user's weights have in
common is left out: it changes no probability.
"""

from __future__ import annotations

import numpy as np

from benchmark.data.simulator.truth import Floats, Ints, Truth

#: Users, and items, weighed in one go: so many weights stay in a processor's cache.
CACHED = (128, 512)
#: Logarithm of the weight of a place without an item: nothing beside any item's, and no zero,
#: whose logarithm slows the exponential.
_NO_ITEM = -600.0


class Catalogue:
    """Holds the items by leaf category, as many places for each: the last ones may be empty."""

    def __init__(self, truth: Truth) -> None:
        leaf, items = truth.items.leaf, truth.items
        self.truth = truth
        self.leaves = len(truth.complements)
        self.counts = np.bincount(leaf, minlength=self.leaves)
        """Items of each leaf category, (leaves,)."""
        self.width = int(self.counts.max())
        order = np.argsort(leaf, kind="stable")
        place = np.arange(len(order)) - np.repeat(np.cumsum(self.counts) - self.counts, self.counts)
        self.items = np.zeros((self.leaves, self.width), dtype=np.int64)
        """The items of each leaf category in the order of their numbers, (leaves, width)."""
        self.items[leaf[order], place] = order
        self.looks = np.ravel_multi_index(
            (items.colour, items.shape, items.pattern), _sizes(truth)[:3]
        )[self.items]
        """Which row of a user's looks each item has, (leaves, width)."""
        self.words = np.ravel_multi_index((items.brand, items.material), _sizes(truth)[3:])[
            self.items
        ]
        temperature = truth.weights.temperature
        price = items.price.astype(np.float64)
        pull = price * (truth.weights.price / temperature)
        shared = (
            items.quality.astype(np.float64) + items.exposure
        ) / temperature - pull * price / 2
        self.linear = np.stack([pull, shared], axis=-1)[self.items]
        """What a user's price level is multiplied by and what is added, (leaves, width, 2)."""
        self.linear[np.arange(self.width) >= self.counts[:, None]] = 0.0, _NO_ITEM

    def of_shop(self, shop: int) -> slice:
        """Return the leaf categories of a shop, which are numbered behind each other."""
        its = np.flatnonzero(self.truth.shops == shop)
        assert its[-1] - its[0] + 1 == len(its), "leaves are numbered shop by shop"
        return slice(int(its[0]), int(its[-1]) + 1)


def _sizes(truth: Truth) -> tuple[int, ...]:
    """The number of colours, shapes, patterns, brands and materials."""
    u = truth.users
    return tuple(table.shape[1] for table in (u.colour, u.shape, u.pattern, u.brand, u.material))


class Standing:
    """Holds the standing weights of some users: sums by leaf category, items on demand."""

    def __init__(self, catalogue: Catalogue, users: Ints) -> None:
        truth = catalogue.truth
        u, temperature = truth.users, truth.weights.temperature
        looks = (
            u.colour[users].astype(np.float64)[:, :, None, None]
            + u.shape[users][:, None, :, None]
            + u.pattern[users][:, None, None, :]
        )
        words = u.brand[users].astype(np.float64)[:, :, None] + u.material[users][:, None, :]
        self._catalogue = catalogue
        self._looks = looks.reshape(len(users), -1) / temperature
        self._words = words.reshape(len(users), -1) / temperature
        self._price = np.stack([u.price[users].astype(np.float64), np.ones(len(users))], axis=1)
        self.leaves = np.zeros((len(users), catalogue.leaves))
        """Each user's weights added up by leaf category, (users, leaves)."""
        self._last = np.zeros(len(users), dtype=np.int64)
        for shop in np.unique(u.shop[users]).tolist():
            here = catalogue.of_shop(shop)
            rows = np.flatnonzero(u.shop[users] == shop)
            self._last[rows] = here.stop - 1
            for some in np.split(rows, range(CACHED[0], len(rows), CACHED[0])):
                self.leaves[some, here] = self._added_up(some, here)
        liked = u.leaves[users].astype(np.int64)
        raised = np.take_along_axis(self.leaves, liked, axis=1)
        raised *= np.exp(truth.need_gain / temperature)
        np.put_along_axis(self.leaves, liked, raised, axis=1)
        # Cumulative, in as many columns as halve evenly, so that all rows are searched at once.
        columns = 1 << catalogue.leaves.bit_length()
        self._sums = np.full((len(users), columns), np.inf)
        self._sums[:, 0] = 0.0
        np.cumsum(self.leaves, axis=1, out=self._sums[:, 1 : catalogue.leaves + 1])
        self.totals = self._sums[:, catalogue.leaves].copy()
        """Each user's weights added up, (users,)."""

    def _added_up(self, rows: Ints, here: slice) -> Floats:
        """The sums of the leaf categories ``here``, without need, (rows, leaves)."""
        catalogue = self._catalogue
        # Users in the last axis: what is dealt out to an item is a row, copied as a whole.
        looks, words, price = (
            np.ascontiguousarray(table[rows].T) for table in (self._looks, self._words, self._price)
        )
        sums = np.empty((here.stop - here.start, len(rows)))
        one_by_width = np.ones((1, catalogue.width))
        step = max(1, CACHED[1] // catalogue.width)
        for low in range(here.start, here.stop, step):
            leaves = slice(low, min(low + step, here.stop))
            weights = catalogue.linear[leaves] @ price  # (leaves, width, rows)
            weights += np.take(looks, catalogue.looks[leaves], axis=0)
            weights += np.take(words, catalogue.words[leaves], axis=0)
            np.exp(weights, out=weights)
            sums[low - here.start :][: len(weights)] = (one_by_width @ weights)[:, 0]
        return sums.T

    def find(self, rows: Ints, point: Floats) -> tuple[Ints, Floats]:
        """Return the leaf categories whose weights cover the points, and how far into them.

        Users ``rows`` (n,); each ``point`` (n,) of [0, total), the rest (n,) counts from the
        beginning of the leaf category.
        """
        columns = self._sums.shape[1]
        flat, start = self._sums.ravel(), rows * columns
        at, half = start.copy(), columns // 2
        while half:
            at += half * (flat[at + half] <= point)
            half //= 2
        leaf = np.minimum(at - start, self._last[rows])
        return leaf, point - flat[start + leaf]

    def item(self, rows: Ints, leaf: Ints, point: Floats) -> Ints:
        """Return the items at ``point`` (n,), of [0, sum), of a leaf category of each user."""
        catalogue = self._catalogue
        weights = (catalogue.linear.take(leaf, axis=0) @ self._price[rows, :, None])[:, :, 0]
        for table, codes in ((self._looks, catalogue.looks), (self._words, catalogue.words)):
            at = codes.take(leaf, axis=0)
            at += (rows * table.shape[1])[:, None]
            weights += table.take(at)  # of the flattened table
        np.exp(weights, out=weights)
        np.cumsum(weights, axis=1, out=weights)
        point = point / self.leaves[rows, leaf] * weights[:, -1]
        place = (weights <= point[:, None]).sum(axis=1)
        items: Ints = catalogue.items[leaf, np.minimum(place, catalogue.counts[leaf] - 1)]
        return items
