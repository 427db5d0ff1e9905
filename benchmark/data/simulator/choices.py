"""Draw exactly from the choice model, many users at once, in bounded memory.

A step's weights are ``exp(U / temperature)`` over the items not had. With the catalogue sorted
by leaf category, one cumulative sum of a user's standing weights serves all of the user's steps:
complements are ranges of it whose weight is scaled up. An item drawn so is kept with probability
``exp((loyalty - largest loyalty) / temperature)`` unless the user already had it. That is
rejection sampling from the stated softmax, without approximation, at the cost of one pass over
the catalogue per user instead of one per step. What a shop does not sell has no weight, and is
not weighed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmark.data.simulator.parameters import HABIT_SPAN, Weights
from benchmark.data.simulator.truth import Floats, Ints, Truth
from benchmark.host.ahead import mapped_ahead

#: Users times items weighed at once. It decides which users share a stretch of the random
#: stream, so it is never tuned per machine.
_CELLS = 1_000_000
#: Users times items weighed in one go: so many weights stay in a processor's cache.
CACHED = 65_536
#: So many users or fewer are faster one by one than as arrays.
FEW_USERS = 16


def draw_sequences(truth: Truth, users: Ints, lengths: Ints, rng: np.random.Generator) -> Ints:
    """Draw item indices in time order, (users, longest length), -1 behind a sequence's end."""
    chosen = np.full((len(users), int(lengths.max())), -1, dtype=np.int64)
    rows = max(1, _CELLS // truth.n_items)
    shelves = _Shelves(truth)
    parts = [slice(start, start + rows) for start in range(0, len(users), rows)]
    # What is weighed hangs on no draw, so it is weighed while the users before it draw.
    for part, sums in mapped_ahead(lambda part: _StandingSums(shelves, users[part]), parts):
        _draw_block(shelves, sums, lengths[part], chosen[part], rng)
    return chosen


def _draw_block(
    shelves: _Shelves,
    sums: _StandingSums,
    lengths: Ints,
    chosen: Ints,
    rng: np.random.Generator,
) -> None:
    """Fill the rows of ``chosen`` (users, longest)."""
    truth = shelves.truth
    taken = np.zeros(len(lengths), dtype=np.int64)
    unfinished = np.arange(len(lengths))
    while len(unfinished) > FEW_USERS:
        past = chosen[unfinished]  # (unfinished, longest)
        recent = _recent(past, taken[unfinished])
        item = sums.draw(unfinished, recent[:, 0], rng)
        brands = np.where(recent >= 0, truth.items.brand[recent], -1)  # (unfinished, span)
        kept = _kept(truth.weights, brands, truth.items.brand[item])
        luck = rng.random(len(unfinished))
        accepted = luck < kept
        accepted &= (past != item[:, None]).all(axis=1)
        takers = unfinished[accepted]
        chosen[takers, taken[takers]] = item[accepted]
        taken[takers] += 1
        unfinished = unfinished[taken[unfinished] < lengths[unfinished]]
    shoppers = [_Shopper(shelves, chosen[row, : taken[row]].tolist()) for row in unfinished]
    _finish(shelves, sums.of(unfinished), lengths[unfinished].tolist(), shoppers, rng)
    for row, shopper in zip(unfinished, shoppers, strict=True):
        chosen[row, : lengths[row]] = shopper.had


def _finish(
    shelves: _Shelves,
    sums: list[Floats],
    lengths: list[int],
    shoppers: list[_Shopper],
    rng: np.random.Generator,
) -> None:
    """Let every shopper buy on, as :func:`_draw_block` does: the same draws, the same items.

    For few users at a time plain numbers are faster than arrays.
    """
    waiting = list(zip(shoppers, sums, lengths, strict=True))
    waiting = [each for each in waiting if len(each[0].had) < each[2]]
    while waiting:
        points, lucks = rng.random(len(waiting)).tolist(), rng.random(len(waiting)).tolist()
        finished = False
        for (shopper, standing, length), point, luck in zip(waiting, points, lucks, strict=True):
            item = shopper.drawn(standing, point)
            if luck < shopper.kept(item) and item not in shopper.had:
                shopper.take(item)
                finished |= len(shopper.had) == length
        if finished:
            waiting = [each for each in waiting if len(each[0].had) < each[2]]


class _Shopper:
    """Draws for one user: :class:`_StandingSums` and :func:`_kept` in plain numbers."""

    def __init__(self, shelves: _Shelves, had: list[int]) -> None:
        self._shelves = shelves
        self.had = had
        self._remember()

    def take(self, item: int) -> None:
        """Add an item to what the user has."""
        self.had.append(item)
        self._remember()

    def _remember(self) -> None:
        brand = self._shelves.brand
        self._brands = [brand[item] for item in self.had[: -HABIT_SPAN - 1 : -1]]
        # Brands by where each occurs first: what is kept depends on which are the same only.
        self._pattern = tuple(map(self._brands.index, self._brands))

    def drawn(self, standing: Floats, point: float) -> int:
        """The item at ``point``, of [0, 1), of the user's weights with complements raised."""
        shelves = self._shelves
        total = float(standing[-1])
        edges, strips, starts = [total], [total], [0.0]
        if self.had:
            for leaf in shelves.following[shelves.leaf[self.had[-1]]]:
                start = float(standing[shelves.first[leaf]])
                strips.append(shelves.boost * (float(standing[shelves.end[leaf]]) - start))
                edges.append(edges[-1] + strips[-1])
                starts.append(start)
        point *= edges[-1]
        strip = sum([point >= edge for edge in edges[:-1]])
        point -= edges[strip] - strips[strip]
        if strip:
            point = point / shelves.boost + starts[strip]
        at = int(standing.searchsorted(point, side="right")) - 1
        return int(shelves.ordered[min(max(at, 0), len(standing) - 2)])

    def kept(self, item: int) -> float:
        """The probability that an item drawn so is kept."""
        brand = self._shelves.brand[item]
        same = self._brands.index(brand) if brand in self._brands else HABIT_SPAN
        return self._shelves.kept(self._pattern, same)


class _Shelves:
    """Holds the catalogue by leaf category, hence by shop, and what each shop sells."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        leaf = truth.items.leaf
        self.order = np.argsort(leaf, kind="stable")
        self.ends = np.cumsum(np.bincount(leaf, minlength=len(truth.complements)))
        self.starts = np.concatenate([[0], self.ends[:-1]])
        self.boost = np.expm1(truth.complement_gain / truth.weights.temperature)
        # The same as lists, for work on few users.
        self.leaf, self.brand = leaf.tolist(), truth.items.brand.tolist()
        self.ordered, self.following = self.order.tolist(), truth.complements.tolist()
        self.first, self.end = self.starts.tolist(), self.ends.tolist()
        self._kept: dict[tuple[tuple[int, ...], int], float] = {}
        shop = truth.shops[leaf[self.order]]
        self.shops: dict[int, tuple[slice, Truth]] = {}
        """Of each shop where its items lie in ``order``, and the truth about these alone."""
        for number in np.unique(shop).tolist():
            places = np.flatnonzero(shop == number)
            assert places[-1] - places[0] + 1 == len(places), "leaves are numbered shop by shop"
            here = slice(int(places[0]), int(places[-1]) + 1)
            self.shops[number] = here, truth.with_items(self.order[here])

    def kept(self, pattern: tuple[int, ...], same: int) -> float:
        """:func:`_kept` of brands numbered ``pattern``, latest first, and one numbered ``same``."""
        if (pattern, same) not in self._kept:
            brands = np.full((1, HABIT_SPAN), -1)
            brands[0, : len(pattern)] = pattern
            kept = _kept(self.truth.weights, brands, np.array([same]))
            self._kept[pattern, same] = float(kept[0])
        return self._kept[pattern, same]


class _StandingSums:
    """Cumulative standing weights of some users, and draws from them with complements raised."""

    def __init__(self, shelves: _Shelves, users: Ints) -> None:
        self._shelves = shelves
        self._leaf = shelves.truth.items.leaf
        self._complements = shelves.truth.complements
        self._sums = np.zeros((len(users), shelves.truth.n_items + 1))
        shop = shelves.truth.users.shop[users]
        for number, (here, truth) in shelves.shops.items():
            rows = np.flatnonzero(shop == number)
            step = max(1, CACHED // truth.n_items)
            for start in range(0, len(rows), step):
                some = rows[start : start + step]
                sums = np.cumsum(truth.odds(users[some]), axis=1)
                self._sums[some, here.start + 1 : here.stop + 1] = sums
                self._sums[some, here.stop + 1 :] = sums[:, -1:]

    def of(self, rows: Ints) -> list[Floats]:
        """The cumulative weights of each of ``rows``, (items + 1,)."""
        return list(self._sums[rows])

    def draw(self, rows: Ints, last: Ints, rng: np.random.Generator) -> Ints:
        """One item for each of ``rows``, complements of ``last`` (-1: none) raised; (rows,)."""
        following = self._complements[self._leaf[last]]  # (rows, complements)
        shelves = self._shelves
        starts = self._sums[rows[:, None], shelves.starts[following]]
        ranges = self._sums[rows[:, None], shelves.ends[following]] - starts
        extra = shelves.boost * ranges * (last >= 0)[:, None]
        # The whole catalogue once, then each complement's range again, stretched by the boost.
        strips = np.concatenate([self._sums[rows, -1:], extra], axis=1)
        edges = np.cumsum(strips, axis=1)
        point = rng.random(len(rows)) * edges[:, -1]
        strip = (point[:, None] >= edges[:, :-1]).sum(axis=1)
        every = np.arange(len(rows))
        again = strip > 0
        point -= (edges - strips)[every, strip]
        point[again] /= shelves.boost
        point[again] += starts[every[again], strip[again] - 1]
        return shelves.order[self._find(rows, point)]

    def _find(self, rows: Ints, point: Floats) -> Ints:
        """Positions whose weight covers ``point``, (rows,)."""
        found = [
            self._sums[row].searchsorted(value, side="right")
            for row, value in zip(rows.tolist(), point, strict=True)
        ]
        return np.clip(np.array(found, np.int64) - 1, 0, self._sums.shape[1] - 2)


def _recent(past: Ints, taken: Ints) -> Ints:
    """The latest items of ``past``, latest first, -1 where there is none, (users, span)."""
    back = taken[:, None] - 1 - np.arange(HABIT_SPAN)[None, :]
    latest = np.take_along_axis(past, np.maximum(back, 0), axis=1)
    return np.where(back >= 0, latest, -1)


def _kept(weights: Weights, brands: NDArray[np.integer], brand: NDArray[np.integer]) -> Floats:
    """The probability that a draw of an item of ``brand`` (users,) is kept, (users,).

    It is ``exp((loyalty - largest loyalty) / temperature)``, by the brand part of ``Truth.habit``;
    ``brands`` (users, span) are those of the latest items, -1 where there is none.
    """
    bonus = np.array(weights.loyalty)
    loyalty = ((brands == brand[:, None]) * bonus).sum(axis=1)
    same = brands[:, :, None] == brands[:, None, :]  # (users, span, span)
    largest = ((same & (brands >= 0)[:, None, :]) * bonus).sum(axis=2).max(axis=1)
    kept: Floats = np.exp((loyalty - largest) / weights.temperature)
    return kept
