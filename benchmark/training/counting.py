"""Count what is taken, and what follows what, so that the counts say something of what is new.

A category that training never met has no counts of its own. Left at zero its items would be ranked
behind everything that was met, whatever the user's history says; here it counts as categories that
were met do. An item that nobody took although its category was met is another thing: it could have
been taken.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Choices that a category is taken to have been followed by, as its like are.
_SHRINKAGE = 20.0


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
