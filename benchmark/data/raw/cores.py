"""Keep dense cores: users and items with at least five interactions, by a named rule."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

#: ``none`` keeps everything. ``5core``: items and users with fewer than five interactions are
#: dropped until none is left, which is what published 5-core files hold. ``table5``: items
#: once, then users once, and stop; of the rules tried, the closest to the statistics in the
#: paper's Table 5. It leaves items with fewer than five.
CoreRule = Literal["none", "5core", "table5"]

_LEAST = 5


def keep_core(rows: pl.DataFrame, rule: CoreRule) -> pl.DataFrame:
    """Return the rows of ``rows`` (``user_id``, ``item_id``, ...) in the core, in their order."""
    if rule == "none":
        return rows
    users, items = _codes(rows["user_id"]), _codes(rows["item_id"])
    kept = np.arange(len(rows), dtype=np.int64)
    while True:
        before = len(kept)
        kept = kept[_frequent(items[kept])]
        kept = kept[_frequent(users[kept])]
        if rule == "table5" or len(kept) == before:
            return rows[kept]


def _frequent(codes: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.asarray(np.bincount(codes)[codes] >= _LEAST)


def _codes(names: pl.Series) -> NDArray[np.int64]:
    kind = pl.Enum(names.unique(maintain_order=True))
    return names.cast(kind).to_physical().cast(pl.Int64).to_numpy()
