"""Write ids so that no reader takes one for two, or for nothing.

Spaces, control characters, ``%``, ``"`` and ``\\`` are written as in web addresses (``%20``), and
so is the first character of an id that a reader of tables takes for a missing value (``NA``).
Every other character, of any script, stays. :func:`urllib.parse.unquote` gives the id back.
"""

from __future__ import annotations

import unicodedata

import numpy as np
import polars as pl

from benchmark.data.frames import list_series

#: What stands in a run for the prediction that is not there; no id is written like this.
NOTHING = "%none"

#: Letters, marks, digits, punctuation and symbols: all but separators and what is not printed.
_PLAIN = r'^[\p{L}\p{M}\p{N}\p{P}\p{S}&&[^%"\\]]+$'
#: What pandas, and so RecBole, reads as a missing value, and RecBole as the empty place.
_MISSING = frozenset(
    (
        "#N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
        "NA", "NULL", "NaN", "None", "n/a", "nan", "null", "[PAD]",
    )
)  # fmt: skip


def written(ids: pl.Series) -> pl.Series:
    """Return ``ids`` (strings) as they stand in a file."""
    odd = ids.filter(~ids.str.contains(_PLAIN) | ids.is_in(list(_MISSING))).unique()
    if odd.is_empty():
        return ids
    return ids.replace(odd, pl.Series([written_id(name) for name in odd], dtype=pl.String))


def written_id(name: str) -> str:
    """Return one id as it stands in a file."""
    if name in _MISSING:
        return _escaped(name[0]) + name[1:]
    return "".join(_escaped(c) if _is_odd(c) else c for c in name)


def written_lists(lists: pl.Series) -> pl.Series:
    """Return lists of ids as one text each, a space between two ids; empty for none."""
    lengths = lists.list.len().fill_null(0).to_numpy()
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    flat = lists.explode(empty_as_null=False, keep_nulls=False)
    return list_series(lists.name, written(flat), offsets).list.join(" ")


def _is_odd(character: str) -> bool:
    return character in '%"\\' or unicodedata.category(character)[0] in "ZC"


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())
