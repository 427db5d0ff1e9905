"""Exact draws from the choice model, many users at once, in bounded memory.

A step's weights are the user's standing weights times ``exp(habit)`` over the items not had.
Proposals come from the standing weights, one cumulative sum per user; a proposal is taken with
probability ``exp((habit - largest habit) / temperature)`` unless the user already had it. That
is rejection sampling from the stated softmax, without approximation, at the cost of one pass
over the catalogue per user instead of one per step.
"""

from __future__ import annotations

import numpy as np

from benchmark.data.simulator.parameters import HABIT_SPAN
from benchmark.data.simulator.truth import Floats, Ints, Truth

#: Users drawn together; part of what fixes the random stream, so never tuned per machine.
BLOCK_USERS = 2_000
#: Users times items weighed at once.
_CELLS = 1_000_000


def draw_sequences(truth: Truth, users: Ints, lengths: Ints, rng: np.random.Generator) -> Ints:
    """Item indices in time order, (users, longest length), -1 behind a sequence's end."""
    chosen = np.full((len(users), int(lengths.max())), -1, dtype=np.int64)
    taken = np.zeros(len(users), dtype=np.int64)
    unfinished = np.arange(len(users))
    while len(unfinished):
        proposals = _propose(truth, users[unfinished], rng)  # (unfinished, proposals)
        log_luck = truth.weights.temperature * np.log1p(-rng.random(proposals.shape))
        for item, luck in zip(proposals.T, log_luck.T, strict=True):
            past = chosen[unfinished]  # (unfinished, longest)
            habit, largest = _habit_of(truth, _recent(past, taken[unfinished]), item)
            accepted = luck < habit - largest
            accepted &= (past != item[:, None]).all(axis=1)
            accepted &= taken[unfinished] < lengths[unfinished]
            takers = unfinished[accepted]
            chosen[takers, taken[takers]] = item[accepted]
            taken[takers] += 1
        unfinished = unfinished[taken[unfinished] < lengths[unfinished]]
    return chosen


def _propose(truth: Truth, users: Ints, rng: np.random.Generator) -> Ints:
    """Independent draws from each user's standing weights, (users, proposals)."""
    # About as many as a whole sequence needs, since one in exp(complement_gain) is taken.
    count = int(min(4_096, 24 * np.exp(truth.complement_gain / truth.weights.temperature)))
    points = rng.random((len(users), count))
    proposals = np.empty(points.shape, dtype=np.int64)
    rows = max(1, _CELLS // truth.n_items)
    for start in range(0, len(users), rows):
        for row, sums in enumerate(_cumulative(truth, users[start : start + rows]), start):
            proposals[row] = np.searchsorted(sums, points[row] * sums[-1], side="right")
    return np.minimum(proposals, truth.n_items - 1, out=proposals)


def _cumulative(truth: Truth, users: Ints) -> Floats:
    """Running sums of the standing weights, (users, items)."""
    table = truth.standing(users)
    table -= table.max(axis=1, keepdims=True)
    table /= truth.weights.temperature
    np.exp(table, out=table)
    return np.cumsum(table, axis=1, out=table)


def _recent(past: Ints, taken: Ints) -> Ints:
    """The latest items of ``past``, latest first, -1 where there is none, (users, span)."""
    back = taken[:, None] - 1 - np.arange(HABIT_SPAN)[None, :]
    latest = np.take_along_axis(past, np.maximum(back, 0), axis=1)
    return np.where(back >= 0, latest, -1)


def _habit_of(truth: Truth, recent: Ints, item: Ints) -> tuple[Floats, Floats]:
    """``Truth.habit`` of one item per user, and an upper bound over all items; each (users,)."""
    items = truth.items
    has = recent >= 0  # (users, span)
    following = truth.complements[items.leaf[recent[:, 0]]]  # (users, complements)
    complements = (following == items.leaf[item][:, None]).any(axis=1) & has[:, 0]
    brands = np.where(has, items.brand[recent], -1)  # (users, span)
    bonus = np.array(truth.weights.loyalty)
    loyalty = ((brands == items.brand[item][:, None]) * bonus).sum(axis=1)
    same = brands[:, :, None] == brands[:, None, :]  # (users, span, span)
    most = ((same & has[:, None, :]) * bonus).sum(axis=2).max(axis=1)
    habit = truth.complement_gain * complements + loyalty
    return habit, truth.complement_gain * has[:, 0] + most
