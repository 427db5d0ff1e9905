"""Count what is taken, what follows what and how items are rated, for others and for what is new.

An example that is learnt from is described by the counts of other users alone (:class:`Counts`).
Its own choice is in the counts of all: an item taken once would never be seen taken by nobody, and
its popularity would look like a reason.

A category that training never met has no counts of its own. Left at zero its items would be ranked
behind everything that was met, whatever the user's history says; here it counts as categories that
were met do. An item that nobody took although its category was met is another thing: it could have
been taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmark.data.instances.timeline import Timeline

Floats = NDArray[np.float64]

#: Choices that a category is taken to have been followed by, as its like are.
_SHRINKAGE = 20.0
#: Ratings at the mean that an item is taken to have had.
_DAMPING = 10.0


class Counts(NamedTuple):
    """Holds tables for F = 3 folds: 0 is everyone, 1 and 2 are all but the users of that half."""

    popularity: NDArray[np.float32]
    """(F, items): log(1 + c), of an item that nobody took by its category."""
    follows: NDArray[np.float32]
    """(F, L + 1, L + 1): log of how much likelier category b is behind a than anywhere; 0 for
    an unknown one."""
    rating: NDArray[np.float32]
    """(F, items): an item's mean rating, drawn towards the mean of all."""


def half_of(users: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the fold (1 or 2) whose counts are without these users (n,), numbered from 0."""
    return 1 + users % 2


def count(
    timeline: Timeline, leaves: NDArray[np.int64], categories: Sequence[tuple[str, ...]]
) -> Counts:
    """Count training interactions, whose users are numbered as in ``timeline``.

    ``leaves`` (items,) are numbers of ``categories``, the category paths (L,), from 1, 0 for none.
    """
    half = half_of(timeline.user)
    kept = [np.ones(len(timeline), bool), half != 1, half != 2]
    scales = [len(timeline) / max(int(rows.sum()), 1) for rows in kept]
    everyone = np.bincount(timeline.item, minlength=len(leaves))
    paths = [(), *categories]
    popularity, follows, rating = [], [], []
    first = timeline.starts[timeline.user] == np.arange(len(timeline))
    for rows, scale in zip(kept, scales, strict=True):
        taken = np.bincount(timeline.item[rows], minlength=len(leaves)) * scale
        popularity.append(log_counts(taken, leaves, everyone))
        behind = np.flatnonzero(rows & ~first)
        before, after = (leaves[timeline.item[rows]] for rows in (behind - 1, behind))
        follows.append(transition_lifts(before, after, paths))
        rating.append(_ratings(timeline, rows, len(leaves)))
    return Counts(*(np.stack(t).astype(np.float32) for t in (popularity, follows, rating)))


def log_counts(
    taken: NDArray[np.number], leaves: NDArray[np.int64], everyone: NDArray[np.int64]
) -> Floats:
    """Return log(1 + c) (n,) of how often n items of categories ``leaves`` (n,) were ``taken``.

    ``everyone`` (n,) counts all users, where ``taken`` leaves some out and makes up for them. c is
    at least what the item has that ``everyone`` took least, and where nobody took anything of a
    category its items have the mean logarithm of those that were taken.
    """
    met = everyone > 0
    logs: Floats = np.log1p(np.maximum(taken, everyone[met].min(initial=everyone.sum())))
    is_new = np.bincount(leaves, weights=met)[leaves] == 0
    logs[is_new] = logs[met].mean() if met.any() else 0.0
    return logs


def transition_lifts(
    before: NDArray[np.int64], after: NDArray[np.int64], paths: Sequence[tuple[str, ...]]
) -> Floats:
    """Return log of how much likelier category path b is behind path a than anywhere: (L, L).

    ``before`` and ``after`` (m,) are places in ``paths`` (L,), such as ``("home", "mugs")``, of
    choices that follow each other. Of each path 20 further choices are imagined, in proportion to
    popularity and to how often paths that share as much of their beginning follow each other: a
    path that was never met is followed as its like are. Where a path is empty nothing is known: 0.
    """
    pairs = np.zeros((len(paths), len(paths)))
    np.add.at(pairs, (before, after), 1.0)
    anywhere = (pairs.sum(0) + 1) / (pairs.sum() + len(paths))
    shared = shared_beginnings(paths)
    met = np.bincount(shared.ravel(), weights=pairs.ravel())
    by_chance = np.bincount(shared.ravel(), weights=np.outer(pairs.sum(1), anywhere).ravel())
    like = anywhere * ((met + 1) / (by_chance + 1))[shared]
    like /= like.sum(1, keepdims=True)
    shares = (pairs + _SHRINKAGE * like) / (pairs.sum(1, keepdims=True) + _SHRINKAGE)
    lifts: Floats = np.log(shares / anywhere)
    unknown = np.array([not path for path in paths], bool)
    lifts[unknown], lifts[:, unknown] = 0.0, 0.0
    return lifts


def shared_beginnings(paths: Sequence[tuple[str, ...]]) -> NDArray[np.int64]:
    """Return how many levels every two of ``paths`` begin with alike, and one more where they are
    the same path: (L, L)."""
    found = np.eye(len(paths), dtype=np.int64)
    for depth in range(1, max(map(len, paths), default=0) + 1):
        numbers: dict[tuple[str, ...], int] = {}
        begins = np.array(
            [numbers.setdefault(p[:depth], len(numbers)) if len(p) >= depth else -1 for p in paths]
        )
        found += np.equal.outer(begins, begins) & (begins >= 0)
    return found


def _ratings(timeline: Timeline, rows: NDArray[np.bool_], items: int) -> Floats:
    rated = rows & ~np.isnan(timeline.rating)
    values, which = timeline.rating[rated], timeline.item[rated]
    mean = values.mean() if len(values) else 0.0
    sums = np.bincount(which, weights=values - mean, minlength=items)
    return np.asarray(mean + sums / (_DAMPING + np.bincount(which, minlength=items)))
