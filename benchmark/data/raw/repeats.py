"""Bring reviews whose texts lie apart into time order, and tell repeats among them.

Texts are looked at only where user, item and time are the same.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmark.data.raw.kept_texts import NUMBER, TEXTS, KeptTexts

Ints = NDArray[np.int64]
Repeats = Literal["same-time", "first", "last"]

_PLACE = "_place"
_CONTENT = ("user_id", "item_id", "timestamp", "rating")


def in_time_order(rows: pl.DataFrame, texts: KeptTexts, *, file_order: bool) -> pl.DataFrame:
    """Return ``rows`` by time; of one time as they are, or by their whole content."""
    time = rows["timestamp"].to_numpy()
    if file_order:
        return rows[np.argsort(time, kind="stable")]
    ranks = [_ranks(rows[name]) for name in ("item_id", "user_id")]
    rows = rows[np.lexsort((*ranks, time))]
    again = rows_alike(rows, of_one_time=True)
    if not len(again):
        return rows
    some = with_texts(rows[again], texts)
    by = [pl.Series(f"_{k}", _ranks(some[name])) for k, name in enumerate(("user_id", "item_id"))]
    some = some.with_columns(by).with_row_index(_PLACE)
    some = some.sort("timestamp", "_0", "_1", "rating", *TEXTS, maintain_order=True)
    order = np.arange(len(rows))
    order[again] = again[some[_PLACE].to_numpy()]
    return rows[order]


def without_copies(
    rows: pl.DataFrame, texts: KeptTexts | None, *, domains: bool = False
) -> pl.DataFrame:
    """Return ``rows``, which are in time order, without those that say all an earlier one says.

    ``texts`` is ``None`` where nobody wrote any. With ``domains`` rows must be of one domain to
    be the same.
    """
    again = rows_alike(rows, of_one_time=True)
    if not len(again):
        return rows
    some = rows[again] if texts is None else with_texts(rows[again], texts)
    same = [*_CONTENT, *(() if texts is None else TEXTS), *(("domain",) if domains else ())]
    some = some.with_row_index(_PLACE)
    first = some.unique(subset=same, keep="first", maintain_order=True)[_PLACE].to_numpy()
    keep = np.ones(len(rows), dtype=bool)
    keep[again] = False
    keep[again[first]] = True
    return rows.filter(pl.Series(keep))


def without_repeats(rows: pl.DataFrame, repeats: Repeats) -> pl.DataFrame:
    """Return one of the rows of a user and item: the first or last, or one of each time.

    ``rows`` are in time order.
    """
    order, pair, time = _by_pair(rows)
    other = pair[1:] != pair[:-1]
    if repeats == "same-time":
        other |= time[1:] != time[:-1]
    edge = np.ones(1, dtype=bool)
    chosen = np.concatenate([other, edge] if repeats == "last" else [edge, other])
    keep = np.zeros(len(rows), dtype=bool)
    keep[order[chosen[: len(order)]]] = True
    return rows.filter(pl.Series(keep, dtype=pl.Boolean))


def with_texts(rows: pl.DataFrame, texts: KeptTexts) -> pl.DataFrame:
    """Return ``rows`` with the columns of their texts."""
    return rows.with_columns(texts.of(rows[NUMBER].cast(pl.Int64).to_numpy()))


def _by_pair(rows: pl.DataFrame) -> tuple[Ints, Ints, Ints]:
    """Rows of a user and item behind each other, in their order, and their pairs and times."""
    item = rows["item_id"].to_physical().to_numpy()
    pair = rows["user_id"].to_physical().to_numpy().astype(np.int64)
    pair *= int(item.max(initial=0)) + 1
    pair += item
    order = np.argsort(pair, kind="stable")
    pair = pair[order]
    return order, pair, rows["timestamp"].to_numpy()[order]


def rows_alike(rows: pl.DataFrame, *, of_one_time: bool) -> Ints:
    """Return the places of ``rows`` that share user and item with another one, in order.

    Ids are ``pl.Enum``. With ``of_one_time`` rows are in time order, and alike must share it.
    """
    order, pair, time = _by_pair(rows)
    same = pair[1:] == pair[:-1]
    if of_one_time:
        same &= time[1:] == time[:-1]
    alike = np.zeros(len(rows), dtype=bool)
    alike[order[1:][same]] = True
    alike[order[:-1][same]] = True
    return np.flatnonzero(alike)


def _ranks(names: pl.Series) -> NDArray[np.uint32]:
    """The place of each of an Enum's values in the order of names."""
    assert isinstance(names.dtype, pl.Enum)
    categories = names.dtype.categories
    ranks = np.empty(len(categories), dtype=np.uint32)
    ranks[categories.arg_sort().to_numpy()] = np.arange(len(categories), dtype=np.uint32)
    return np.asarray(ranks[names.to_physical().to_numpy()])
