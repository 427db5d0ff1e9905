"""How much each alternative is like the items of a history, in numbers that a utility weighs.

Of every kind of match m(h, a) in [0, 1] between an item h of the history and an alternative a
there are five statistics; a kind is a key of :mod:`benchmark.data.item_values`, photos, or being
the same item:

    m of the latest, the second latest and the third latest item;
    log(1 + M), M the sum of m over the history;
    sum of d m over the history / (1 + M), d being a rating less what such ratings are on average.

The last two saturate, as a belief about a taste does: three matches say less than three times one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from baselines.learning.blocks import ROWS

Floats = NDArray[np.float32]

#: Statistics of a kind of match.
STATISTICS = ("latest", "second", "third", "matches", "ratings")
_LATEST = 3


class Shown(NamedTuple):
    """Describes items as they are shown; any leading shape, which is (n, W) of histories.

    ``codes`` (..., columns), ``photos`` (..., e) unit vectors or zero where there is none,
    ``leaves`` (...) numbers of category paths and ``numbers`` (...) of catalogue items, from 1.
    All is zero where there is no item.
    """

    codes: NDArray[np.int32]
    photos: Floats
    leaves: NDArray[np.int64]
    numbers: NDArray[np.int64]

    def at(self, index: Any) -> Shown:
        """Return the items at ``index`` of the leading shape."""
        return Shown(*(field[index] for field in self))


class Histories(NamedTuple):
    """Holds the histories of n users, the latest item in the last of W columns."""

    items: Shown
    """(n, W)"""
    deviations: Floats
    """(n, W): ratings less their expectation, zero where there is none."""


class Kinds(NamedTuple):
    """Names the kinds of matches that are counted; its length is how many there are."""

    columns: Sequence[slice]
    """Of each key in the codes."""
    photos: bool
    identity: bool
    """Whether the same item may be taken again, so that being the same is a kind of match."""

    def __len__(self) -> int:
        return len(self.columns) + self.photos + self.identity


def statistics(histories: Histories, alternatives: Shown, kinds: Kinds) -> Iterator[Floats]:
    """Yield for each kind of match its statistics (n, A, 5).

    ``alternatives`` are (n, A), or (1, A) where all users have the same.
    """
    for match in _matches(histories.items, alternatives, kinds):  # (n, W, A)
        latest = np.zeros((len(match), match.shape[2], _LATEST), np.float32)
        for age in range(min(_LATEST, match.shape[1])):
            latest[:, :, age] = match[:, -1 - age]
        total = match.sum(1)  # (n, A)
        rated = (match * histories.deviations[:, :, None]).sum(1) / (1 + total)
        yield np.concatenate([latest, np.log1p(total)[..., None], rated[..., None]], axis=2)


def _matches(history: Shown, others: Shown, kinds: Kinds) -> Iterator[Floats]:
    for columns in kinds.columns:
        yield shared_values(history.codes[..., columns], others.codes[..., columns])
    if kinds.photos:
        products = history.photos @ others.photos.swapaxes(1, 2)
        yield np.maximum(products, np.float32(0))
    if kinds.identity:
        same = history.numbers[:, :, None] == others.numbers[:, None, :]
        yield (same & (history.numbers > 0)[:, :, None]).astype(np.float32)


def shared_values(one: NDArray[np.int32], other: NDArray[np.int32]) -> Floats:
    """Return for codes (n, W, m) and (n or 1, A, m) the shared among all values, (n, W, A).

    0 where neither has a known value; for keys of one value 1 or 0.
    """
    shape = (max(len(one), len(other)), one.shape[1], other.shape[1])
    shared = np.zeros(shape, np.float32)
    for column in range(one.shape[2]):
        mine = one[:, :, column, None]  # (n, W, 1)
        found = (mine == other[:, None, :, 0]) & (mine > 0)
        for more in range(1, other.shape[2]):
            found |= (mine == other[:, None, :, more]) & (mine > 0)
        shared += found
    if one.shape[2] == 1:
        return shared
    union = (one > 0).sum(2)[:, :, None] + (other > 0).sum(2)[:, None, :] - shared
    return np.asarray(shared / np.maximum(union, 1), np.float32)


def in_blocks(
    n: int, compute: Callable[[NDArray[np.int64]], NDArray[np.floating]]
) -> NDArray[np.floating]:
    """Return ``compute`` of the row numbers 0 to n - 1, 64 at once; the last block is filled up."""
    parts = []
    for start in range(0, n, ROWS):
        rows = np.minimum(np.arange(start, start + ROWS), n - 1)
        parts.append(compute(rows)[: n - start])
    return np.concatenate(parts)
