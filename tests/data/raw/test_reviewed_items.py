"""The items of a review collection: those that were reviewed, each in one domain."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from benchmark.data.raw.reviews import _first_domains


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("domains", [["b"], ["b", "a", "c"]])
def test_an_item_of_several_domains_belongs_to_the_first_by_name(seed, domains) -> None:
    draw = np.random.default_rng(seed)
    items = pl.Enum([f"item {k}" for k in draw.permutation(30)])  # of some there is no row
    rows = pl.DataFrame(
        {
            "item_id": pl.Series([f"item {k}" for k in draw.integers(0, 30, 40)], dtype=items),
            "domain": pl.Series(draw.choice(domains, 40).tolist(), dtype=pl.Enum(domains)),
        }
    )
    named = rows.cast(pl.String).group_by("item_id").agg(pl.col("domain").min())
    found = _first_domains(rows)
    assert found.sort("item_id").equals(named.sort("item_id"))
    assert found.schema == named.schema


def test_without_rows_there_is_none() -> None:
    kinds = {"item_id": pl.Enum([]), "domain": pl.Enum(["a"])}
    assert _first_domains(pl.DataFrame(schema=kinds)).is_empty()
