"""Bring ratings into time order where the order of the file says nothing of time.

Files grouped by user or by item have no order of events: what lies side by side in them was
sorted by an id. Ties in time (whole days, often) are therefore broken by a seeded hash of user
and item, never by id or line, and no order of the lines changes the dataset.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmark.data.instances.seeded import splitmix, stable_hash
from benchmark.data.raw.repeats import rows_alike

_PLACE = "_place"
#: What rows of one user, item and time are ordered by.
_CONTENT = ("rating", "review", "summary", "domain")


def latest_of_pairs(
    rows: pl.DataFrame, notes: dict[str, object], *, what: str, file_order: bool = False
) -> pl.DataFrame:
    """Return one row a pair of user and item, the latest; counted in ``notes`` as ``what``.

    Of equally late ones the last in order of all their values stays (the best rated, then by
    the texts), or with ``file_order`` the last of the file. Rows stay in their order.
    """
    again = _of_one_pair(rows)
    if not len(again):
        return rows
    keys = ["timestamp"]
    if not file_order:
        keys += [key for key in _CONTENT if key in rows.columns]
    some = rows[again].with_row_index(_PLACE).sort(*keys, maintain_order=True)
    last = some.unique(["user_id", "item_id"], keep="last")[_PLACE].to_numpy()
    keep = np.ones(len(rows), dtype=bool)
    keep[again] = False
    keep[again[last]] = True
    notes[f"{what} left out: a later one of the same user and item"] = int((~keep).sum())
    return rows.filter(pl.Series(keep))


def by_content(rows: pl.DataFrame) -> pl.DataFrame:
    """Return ``rows`` with those of a user, item and time in order of all their other values.

    Where :func:`in_time_order` follows: it keeps the order of these, and of no others.
    """
    again = _of_one_pair(rows)
    keys = [key for key in _CONTENT if key in rows.columns]
    if not len(again) or not keys:
        return rows
    some = rows[again].with_row_index(_PLACE).sort(*keys, maintain_order=True)
    order = np.arange(len(rows))
    order[again] = again[some[_PLACE].to_numpy()]
    return rows[order]


def _of_one_pair(rows: pl.DataFrame) -> NDArray[np.int64]:
    """The places of rows that share user and item with another one."""
    ids = (_coded(rows[name]) for name in ("user_id", "item_id"))
    return rows_alike(rows.select("timestamp").with_columns(ids), of_one_time=False)


def in_time_order(rows: pl.DataFrame, seed: int, notes: dict[str, object]) -> pl.DataFrame:
    """Return ``rows`` by time, ties by a hash of ``seed``, user and item.

    ``notes`` counts the users of ``rows`` of whom the hash says which row is the last: also those
    whom the split drops later, as they have too few rows.
    """
    if tied := _tied_last(rows):
        notes["users whose last two interactions are of one time, ordered by a seeded hash"] = tied
    tie = splitmix(_hashes(rows["user_id"], seed, "user"), _hashes(rows["item_id"], seed, "item"))
    return rows[np.lexsort((tie, rows["timestamp"].to_numpy()))]


def _tied_last(rows: pl.DataFrame) -> int:
    """How many users have two rows or more of their latest time."""
    late = pl.col("timestamp") == pl.col("timestamp").max()
    of_user = rows.group_by("user_id").agg(late.sum().alias("rows"))
    return len(of_user.filter(pl.col("rows") > 1))


def _hashes(names: pl.Series, seed: int, kind: str) -> NDArray[np.uint64]:
    """A 64-bit hash of every name; each is hashed once."""
    coded = _coded(names)
    assert isinstance(coded.dtype, pl.Enum)
    known = coded.dtype.categories
    hashes = np.array([stable_hash("tie", seed, kind, n) for n in known], dtype=np.uint64)
    hashed: NDArray[np.uint64] = hashes[coded.to_physical().to_numpy()]
    return hashed


def _coded(names: pl.Series) -> pl.Series:
    """``names`` as an Enum, where they are none yet."""
    if isinstance(names.dtype, pl.Enum):
        return names
    return names.cast(pl.Enum(names.unique(maintain_order=True)))


def rated_only(
    items: pl.DataFrame, rows: pl.DataFrame, notes: dict[str, object], *, domain: str | None
) -> pl.DataFrame:
    """Return the catalogue of ``rows``: ``items`` that occur there, and bare ids not in ``items``.

    Both kinds left over are counted in ``notes``. Ordered by number where all ids are whole
    numbers, else as text: an order of first appearance would follow the interactions.
    """
    seen = rows["item_id"].unique().cast(pl.String).to_frame()
    described = items.join(seen, on="item_id", how="semi")
    bare = seen.join(items, on="item_id", how="anti")
    if len(described) < len(items):
        notes["items left out: no interactions"] = len(items) - len(described)
    if len(bare):
        notes["items without a description"] = len(bare)
        bare = bare.with_columns(pl.lit(domain, pl.String).alias("domain"))
    every = pl.concat([described, bare], how="diagonal")
    if every["item_id"].str.contains(r"^[0-9]{1,18}$").all():
        return every.sort(pl.col("item_id").cast(pl.Int64), "item_id")
    return every.sort("item_id")
