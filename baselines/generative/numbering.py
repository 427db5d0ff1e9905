"""Numbers for items and users, whose digits P5 reads and writes."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

#: ``shuffled``: drawn. ``in-order``: by place in the catalogue. Where a dataset's own ids were
#: given user by user in the order of appearance, as in P5's files, the next item is often the
#: last one plus one, and its digits tell it: that numbering is here to show how much it leaks.
Numbering = Literal["shuffled", "in-order"]


def numbers(count: int, how: Numbering, *, seed: int) -> NDArray[np.int64]:
    """Return ``count`` distinct numbers from 1, by place; ``seed`` decides a shuffle."""
    in_order = np.arange(1, count + 1)
    if how == "in-order":
        return in_order
    return np.random.default_rng([seed, count]).permutation(in_order)
