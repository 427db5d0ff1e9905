"""Raw rows that cannot be used: named, or left out and counted."""

from __future__ import annotations

import polars as pl
import pytest

from benchmark.errors import BenchError


def with_row(frame: pl.DataFrame, **changes: object) -> pl.DataFrame:
    """``frame`` with its first row repeated at the end, changed."""
    row = {**frame.row(0, named=True), **changes}
    return pl.concat([frame, pl.DataFrame([row], schema=frame.schema)])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rating": float("nan"), "timestamp": 9}, r"row 161 has a rating outside.*nan"),
        ({"rating": 7.0, "timestamp": 9}, r"row 161 has a rating outside the scale 1 to 5.*7\.0"),
        ({"item_id": "nope"}, r"row 161 is about an item the catalogue lacks.*'nope'"),
        ({"user_id": None}, r"row 161 has no user_id"),
        ({"timestamp": None}, r"row 161 has no timestamp"),
    ],
)
def test_a_bad_row_is_named_or_skipped_and_counted(shop, build, changes, message) -> None:
    shop.interactions = with_row(shop.interactions, **changes)
    with pytest.raises(BenchError, match=message + r"[\s\S]*--on-error skip"):
        build()
    dataset = build(on_error="skip")
    assert dataset.info["statistics"]["interactions"] == 160
    assert [n for key, n in dataset.info["notes"].items() if key.startswith("rows left")] == [1]


def test_a_rating_not_given_is_no_error(shop, build) -> None:
    shop.interactions = with_row(shop.interactions, rating=None, timestamp=9, item_id="i01")
    assert build().info["statistics"]["ratings"]["given"] == 160


def test_exact_duplicates_are_left_out_and_counted(shop, build) -> None:
    clean = build("a")
    shop.interactions = pl.concat([shop.interactions, shop.interactions.head(3)])
    dataset = build("b")
    assert dataset.info["notes"]["duplicate rows left out"] == 3
    assert dataset.interactions().equals(clean.interactions())


def test_repeated_purchases_stay(shop, build) -> None:
    shop.allow_repeats, shop.rating_scale = True, None
    shop.interactions = pl.concat([shop.interactions, shop.interactions.head(3)])
    assert build().info["statistics"]["interactions"] == 163


def test_a_repeated_item_id_is_named_or_skipped(shop, build) -> None:
    shop.items = pl.concat([shop.items, shop.items.head(1)])
    with pytest.raises(BenchError, match=r"An item repeats an item_id: 'i00' \(1 such rows\)"):
        build()
    assert len(build(on_error="skip").catalogue()) == 24


def test_no_usable_row_is_an_error(shop, build) -> None:
    shop.interactions = shop.interactions.head(0)
    with pytest.raises(BenchError, match="no usable interaction"):
        build()
