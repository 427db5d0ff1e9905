"""Draw exactly from the choice model, many users at once, in bounded memory.

A step's weights are ``exp(U / temperature)`` over the items not had. A user's standing weights
are added up by leaf category once; each of the user's steps draws a leaf category by these sums,
then one of its items. Complements are drawn with their sums raised. An item drawn so is kept with
probability ``exp((loyalty - largest loyalty) / temperature)`` unless the user already had it. That
is rejection sampling from the stated softmax, without approximation, at the cost of one pass over
the catalogue per user instead of one per step. What a shop does not sell has no weight, and is
not weighed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmark.data.simulator.parameters import HABIT_SPAN, Weights
from benchmark.data.simulator.truth import Floats, Ints, Truth, UserFactors
from benchmark.data.simulator.weighing import Catalogue, Standing
from benchmark.host.ahead import mapped_ahead
from benchmark.host.dividing import divided, ways

#: Users of a group times items that draw their steps in turn. It decides which users share a
#: stretch of the random stream, so it is never tuned per machine.
_CELLS = 1_000_000
#: Groups that take their steps together; changes no draw.
TOGETHER = 64


@dataclass(frozen=True)
class Group:
    """Holds users whose choices come from one random stream, and how many each makes."""

    users: Ints
    lengths: Ints
    rng: np.random.Generator


def draw_sequences(truth: Truth, users: Ints, lengths: Ints, rng: np.random.Generator) -> Ints:
    """Draw item indices in time order, (users, longest length), -1 behind a sequence's end."""
    (chosen,) = draw_groups(truth, [Group(users, lengths, rng)])
    return chosen


def draw_groups(truth: Truth, groups: Sequence[Group]) -> Iterator[Ints]:
    """Yield of each group what :func:`draw_sequences` draws: no group changes another's draws."""
    workers = ways()
    if workers is None:
        catalogue = Catalogue(truth)
        for start in range(0, len(groups), TOGETHER):
            yield from _draw_together(catalogue, groups[start : start + TOGETHER])
        return
    together = min(TOGETHER, -(-len(groups) // workers))
    shards = (groups[start : start + together] for start in range(0, len(groups), together))
    for _, drawn in divided(_draw_elsewhere, shards, shared=None, sent=partial(_alone, truth)):
        yield from drawn


def _alone(truth: Truth, groups: Sequence[Group]) -> tuple[Truth, list[Group]]:
    """Groups with a truth that has their users alone, numbered from 0."""
    users = np.concatenate([group.users for group in groups])
    ends = np.cumsum([len(group.users) for group in groups])
    numbers = np.split(np.arange(len(users)), ends[:-1])
    of_users = {f.name: getattr(truth.users, f.name)[users] for f in fields(truth.users)}
    renumbered = [replace(group, users=their) for group, their in zip(groups, numbers, strict=True)]
    return replace(truth, users=UserFactors(**of_users)), renumbered


def _draw_elsewhere(_: None, asked: tuple[Truth, list[Group]]) -> list[Ints]:
    truth, groups = asked
    return _draw_together(Catalogue(truth), groups)


def _draw_together(catalogue: Catalogue, groups: Sequence[Group]) -> list[Ints]:
    truth = catalogue.truth
    chosen = [
        np.full((len(group.users), int(group.lengths.max())), -1, dtype=np.int64)
        for group in groups
    ]
    rows = max(1, _CELLS // truth.n_items)
    most = max(len(group.users) for group in groups)
    parts = [slice(start, start + rows) for start in range(0, most, rows)]

    def weighed(part: slice) -> Standing:
        return Standing(catalogue, np.concatenate([group.users[part] for group in groups]))

    # What is weighed hangs on no draw, so it is weighed while the users before it draw.
    for part, standing in mapped_ahead(weighed, parts):
        drawn = _draw_part(
            truth,
            standing,
            [group.lengths[part] for group in groups],
            [group.rng for group in groups],
        )
        for all_rows, some in zip(chosen, drawn, strict=True):
            all_rows[part] = some[:, : all_rows.shape[1]]
    return chosen


def _draw_part(
    truth: Truth, standing: Standing, lengths: list[Ints], streams: list[np.random.Generator]
) -> list[Ints]:
    """Draw all steps of the next users of every stream; of each its (users, longest of all)."""
    stream = np.repeat(np.arange(len(streams)), [len(some) for some in lengths])
    length = np.concatenate(lengths)
    carts = _Carts(truth, length)
    waiting = np.arange(len(length))
    while len(waiting):
        counts = np.bincount(stream[waiting], minlength=len(streams)).tolist()
        luck = np.concatenate(
            [rng.random((2, n)) for rng, n in zip(streams, counts, strict=True) if n], axis=1
        )
        item = _drawn(truth, standing, waiting, carts.last[waiting], luck[0])
        kept = luck[1] < carts.kept(waiting, item)
        if kept.any():
            carts.add(waiting[kept], item[kept])
            waiting = waiting[carts.taken[waiting] < length[waiting]]
    return np.split(carts.chosen, np.cumsum([len(some) for some in lengths])[:-1])


def _drawn(truth: Truth, standing: Standing, rows: Ints, last: Ints, point: Floats) -> Ints:
    """One item for each of ``rows``, complements of ``last`` (-1: none) raised, (rows,).

    ``point`` (rows,) of [0, 1) decides which.
    """
    following = truth.complements[truth.items.leaf[last]]  # (rows, complements)
    boost = np.expm1(truth.complement_gain / truth.weights.temperature)
    extra = boost * standing.leaves[rows[:, None], following] * (last >= 0)[:, None]
    # The whole catalogue once, then each complement again, stretched by the boost.
    strips = np.concatenate([standing.totals[rows, None], extra], axis=1)
    edges = np.cumsum(strips, axis=1)
    point = point * edges[:, -1]
    strip = (point[:, None] >= edges[:, :-1]).sum(axis=1)
    every = np.arange(len(rows))
    point -= (edges - strips)[every, strip]
    leaf, within = standing.find(rows, point)
    again = strip > 0
    leaf[again] = following[every[again], strip[again] - 1]
    within[again] = point[again] / boost
    return standing.item(rows, leaf, within)


class _Carts:
    """Holds what each user has taken so far, and what decides about the next item."""

    def __init__(self, truth: Truth, lengths: Ints) -> None:
        self._weights, self._brand = truth.weights, truth.items.brand.astype(np.int64)
        self.chosen = np.full((len(lengths), int(lengths.max(initial=0))), -1, dtype=np.int64)
        """Items in time order, -1 behind the last, (users, longest)."""
        self.taken = np.zeros(len(lengths), dtype=np.int64)
        """How many, (users,)."""
        self.last = np.full(len(lengths), -1, dtype=np.int64)
        """The latest item, -1 where there is none, (users,)."""
        self._brands = np.full((len(lengths), HABIT_SPAN), -1, dtype=np.int64)  # latest first
        self._largest = np.zeros(len(lengths))

    def add(self, rows: Ints, item: Ints) -> None:
        """Put an item into the cart of each of ``rows``."""
        self.chosen[rows, self.taken[rows]] = item
        self.taken[rows] += 1
        self.last[rows] = item
        brands = np.concatenate([self._brand[item, None], self._brands[rows, :-1]], axis=1)
        self._brands[rows] = brands
        self._largest[rows] = _largest_loyalty(self._weights, brands)

    def kept(self, rows: Ints, item: Ints) -> Floats:
        """Return the probability that an item drawn for each of ``rows`` is kept, (rows,)."""
        bonus = np.array(self._weights.loyalty)
        same = self._brands[rows] == self._brand[item, None]
        gap = (same * bonus).sum(axis=1) - self._largest[rows]
        kept: Floats = np.exp(gap / self._weights.temperature)
        kept *= (self.chosen[rows] != item[:, None]).all(axis=1)
        return kept


def _largest_loyalty(weights: Weights, brands: NDArray[np.integer]) -> Floats:
    """The brand part of ``Truth.habit`` of the brand that has most of it, (users,).

    ``brands`` (users, span) are those of the latest items, -1 where there is none.
    """
    same = brands[:, :, None] == brands[:, None, :]  # (users, span, span)
    bonus = np.array(weights.loyalty)
    largest: Floats = ((same & (brands >= 0)[:, None, :]) * bonus).sum(axis=2).max(axis=1)
    return largest
