"""Draw exactly from the choice model, many users at once, in bounded memory.

A step's weights are ``exp(U / temperature)`` over the items not had. With the catalogue sorted
by leaf category, one cumulative sum of a user's standing weights serves all of the user's steps:
complements are ranges of it whose weight is scaled up. An item drawn so is kept with probability
``exp((loyalty - largest loyalty) / temperature)`` unless the user already had it. That is
rejection sampling from the stated softmax, without approximation, at the cost of one pass over
the catalogue per user instead of one per step.
"""

from __future__ import annotations

import numpy as np

from benchmark.data.simulator.parameters import HABIT_SPAN
from benchmark.data.simulator.truth import Floats, Ints, Truth

#: Users times items weighed at once. It decides which users share a stretch of the random
#: stream, so it is never tuned per machine.
_CELLS = 1_000_000


def draw_sequences(truth: Truth, users: Ints, lengths: Ints, rng: np.random.Generator) -> Ints:
    """Draw item indices in time order, (users, longest length), -1 behind a sequence's end."""
    chosen = np.full((len(users), int(lengths.max())), -1, dtype=np.int64)
    rows = max(1, _CELLS // truth.n_items)
    for start in range(0, len(users), rows):
        part = slice(start, start + rows)
        _draw_block(truth, users[part], lengths[part], chosen[part], rng)
    return chosen


def _draw_block(
    truth: Truth, users: Ints, lengths: Ints, chosen: Ints, rng: np.random.Generator
) -> None:
    """Fill the rows of ``chosen`` (users, longest)."""
    sums = _StandingSums(truth, users)
    taken = np.zeros(len(users), dtype=np.int64)
    unfinished = np.arange(len(users))
    while len(unfinished):
        past = chosen[unfinished]  # (unfinished, longest)
        recent = _recent(past, taken[unfinished])
        item = sums.draw(unfinished, recent[:, 0], rng)
        loyalty, largest = _loyalty(truth, recent, item)
        luck = rng.random(len(unfinished))
        accepted = luck < np.exp((loyalty - largest) / truth.weights.temperature)
        accepted &= (past != item[:, None]).all(axis=1)
        takers = unfinished[accepted]
        chosen[takers, taken[takers]] = item[accepted]
        taken[takers] += 1
        unfinished = unfinished[taken[unfinished] < lengths[unfinished]]


class _StandingSums:
    """Cumulative standing weights of some users, and draws from them with complements raised."""

    def __init__(self, truth: Truth, users: Ints) -> None:
        leaf = truth.items.leaf
        self._leaf = leaf
        self._complements = truth.complements
        self._order = np.argsort(leaf, kind="stable")  # the catalogue by leaf category
        self._ends = np.cumsum(np.bincount(leaf, minlength=len(truth.complements)))
        self._starts = np.concatenate([[0], self._ends[:-1]])
        self._boost = np.expm1(truth.complement_gain / truth.weights.temperature)
        weights = truth.standing(users)[:, self._order]
        weights -= weights.max(axis=1, keepdims=True)
        weights /= truth.weights.temperature
        np.exp(weights, out=weights)
        self._sums = np.zeros((len(users), truth.n_items + 1))
        np.cumsum(weights, axis=1, out=self._sums[:, 1:])

    def draw(self, rows: Ints, last: Ints, rng: np.random.Generator) -> Ints:
        """One item for each of ``rows``, complements of ``last`` (-1: none) raised; (rows,)."""
        following = self._complements[self._leaf[last]]  # (rows, complements)
        starts = self._sums[rows[:, None], self._starts[following]]
        ranges = self._sums[rows[:, None], self._ends[following]] - starts
        extra = self._boost * ranges * (last >= 0)[:, None]
        # The whole catalogue once, then each complement's range again, stretched by the boost.
        strips = np.concatenate([self._sums[rows, -1:], extra], axis=1)
        edges = np.cumsum(strips, axis=1)
        point = rng.random(len(rows)) * edges[:, -1]
        strip = (point[:, None] >= edges[:, :-1]).sum(axis=1)
        every = np.arange(len(rows))
        again = strip > 0
        point -= (edges - strips)[every, strip]
        point[again] /= self._boost
        point[again] += starts[every[again], strip[again] - 1]
        return self._order[self._find(rows, point)]

    def _find(self, rows: Ints, point: Floats) -> Ints:
        """Positions whose weight covers ``point``: bisection in all rows at once, (rows,)."""
        low = np.zeros(len(rows), dtype=np.int64)
        high = np.full(len(rows), self._sums.shape[1] - 1)
        while (high - low).max() > 1:
            middle = (low + high) // 2
            right = self._sums[rows, middle] <= point
            low = np.where(right, middle, low)
            high = np.where(right, high, middle)
        return low


def _recent(past: Ints, taken: Ints) -> Ints:
    """The latest items of ``past``, latest first, -1 where there is none, (users, span)."""
    back = taken[:, None] - 1 - np.arange(HABIT_SPAN)[None, :]
    latest = np.take_along_axis(past, np.maximum(back, 0), axis=1)
    return np.where(back >= 0, latest, -1)


def _loyalty(truth: Truth, recent: Ints, item: Ints) -> tuple[Floats, Floats]:
    """The brand part of ``Truth.habit`` for one item per user, and its largest value over all
    items; each (users,)."""
    brand = truth.items.brand
    has = recent >= 0  # (users, span)
    brands = np.where(has, brand[recent], -1)  # (users, span)
    bonus = np.array(truth.weights.loyalty)
    loyalty = ((brands == brand[item][:, None]) * bonus).sum(axis=1)
    same = brands[:, :, None] == brands[:, None, :]  # (users, span, span)
    largest = ((same & has[:, None, :]) * bonus).sum(axis=2).max(axis=1)
    return loyalty, largest
