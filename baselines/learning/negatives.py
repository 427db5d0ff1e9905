"""Items a user did not take in training, drawn uniformly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Up to so many (user, item) cells, what was taken is a table of bits (64 MiB) instead of a sorted
#: list: one look instead of some seventeen, each a miss of the cache.
MOST_CELLS = 2**29

#: Draws after which a user who took nearly everything gets an item taken before.
_ROUNDS = 50


class NegativeSampler:
    """Draws uniformly from the catalogue without the user's own training items.

    A user who took nearly everything gets an item taken before, after 50 draws. ``user`` and
    ``item`` (interactions,) are the training interactions as numbers from 0.
    """

    def __init__(self, user: NDArray[np.int64], item: NDArray[np.int64], *, items: int) -> None:
        self._items = items
        self._taken = np.unique(user.astype(np.int64) * items + item)
        self._bits: NDArray[np.uint8] | None = None
        cells = int(self._taken[-1]) + 1 if len(self._taken) else 0
        self._cells = cells
        if cells <= MOST_CELLS:
            self._bits = np.zeros(-(-cells // 8), np.uint8)
            np.bitwise_or.at(self._bits, self._taken >> 3, _bit(self._taken))

    def draw(
        self,
        user: NDArray[np.int64],
        rng: np.random.Generator,
        *,
        among: NDArray[np.int64] | None = None,
    ) -> NDArray[np.int64]:
        """Draw one item number for each entry of ``user`` (n,).

        With ``among`` (n, m) it is one of the entry's own row instead of the whole catalogue.
        """

        def propose(rows: NDArray[np.int64]) -> NDArray[np.int64]:
            if among is None:
                return rng.integers(self._items, size=len(rows))
            return among[rows, rng.integers(among.shape[1], size=len(rows))]

        drawn = propose(np.arange(len(user)))
        again = np.flatnonzero(self._is_taken(user, drawn))
        for _ in range(_ROUNDS):
            if not len(again):
                break
            drawn[again] = propose(again)
            again = again[self._is_taken(user[again], drawn[again])]
        return drawn

    def _is_taken(self, user: NDArray[np.int64], item: NDArray[np.int64]) -> NDArray[np.bool_]:
        keys = user * self._items + item
        if self._bits is not None:
            inside = np.minimum(keys, self._cells - 1)
            taken = self._bits[inside >> 3] & _bit(inside) != 0
            return np.asarray(taken & (keys == inside))
        place = np.searchsorted(self._taken, keys).clip(max=len(self._taken) - 1)
        return np.asarray(self._taken[place] == keys)


def _bit(keys: NDArray[np.int64]) -> NDArray[np.uint8]:
    return np.left_shift(np.uint8(1), (keys & 7).astype(np.uint8))
