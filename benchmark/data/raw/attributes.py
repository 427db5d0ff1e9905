"""Make the column ``attributes`` of a catalogue."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

_PAIR = pl.Struct({"key": pl.String(), "value": pl.String()})


def attribute_pairs(values: Mapping[str, pl.Expr]) -> pl.Expr:
    """Return the column: of each item, key and value of those of ``values`` (texts) it has."""
    pairs = [
        pl.struct(pl.lit(key).alias("key"), value.alias("value")) for key, value in values.items()
    ]
    every = pl.concat_list(pairs) if pairs else pl.lit([], pl.List(_PAIR))
    present = pl.element().struct.field("value").is_not_null()
    return every.list.filter(present).alias("attributes")
