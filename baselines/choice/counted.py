"""What training counts say without a user: popularity, what follows what, how items are rated.

An example that is learnt from is described by the counts of other users alone. Its own choice is
in the counts of all: an item taken once would never be seen taken by nobody, and its popularity
would look like a reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmark.data.instances.timeline import Timeline
from benchmark.training.counting import log_counts, transition_lifts

Floats = NDArray[np.float32]

#: Ratings at the mean that an item is taken to have had.
_DAMPING = 10.0


class Counts(NamedTuple):
    """Holds tables for F = 3 folds: 0 is everyone, 1 and 2 are all but the users of that half."""

    popularity: Floats
    """(F, items): log(1 + c), of an item that nobody took by its category
    (:mod:`benchmark.training.counting`)."""
    follows: Floats
    """(F, L + 1, L + 1): log of how much likelier category b is behind a than anywhere; 0 for
    an unknown one."""
    rating: Floats
    """(F, items): an item's mean rating, drawn towards the mean of all."""


def half_of(users: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the fold (1 or 2) whose counts are without these users (n,), numbered from 0."""
    return 1 + users % 2


def count(
    timeline: Timeline, leaves: NDArray[np.int64], categories: Sequence[tuple[str, ...]]
) -> Counts:
    """Count training interactions.

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


def _ratings(timeline: Timeline, rows: NDArray[np.bool_], items: int) -> NDArray[np.float64]:
    rated = rows & ~np.isnan(timeline.rating)
    values, which = timeline.rating[rated], timeline.item[rated]
    mean = values.mean() if len(values) else 0.0
    sums = np.bincount(which, weights=values - mean, minlength=items)
    return np.asarray(mean + sums / (_DAMPING + np.bincount(which, minlength=items)))
