"""Ratings in no order of time, as texts or as codes: the latest of a pair, by plain Python."""

from __future__ import annotations

import random

import polars as pl
import pytest

from benchmark.data.raw.coded_ids import CodedIds
from benchmark.data.sources.unordered import in_time_order, latest_of_pairs

Row = tuple[str, str, int, float]


def drawn(seed: int, n: int) -> list[Row]:
    draw = random.Random(seed)
    return [
        (draw.choice("cab"), draw.choice("zyx"), draw.randint(0, 3), float(draw.randint(1, 5)))
        for _ in range(n)
    ]


def frame_of(rows: list[Row], *, coded: bool) -> pl.DataFrame:
    schema = ["user_id", "item_id", "timestamp", "rating"]
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    if not coded:
        return frame
    codes = CodedIds()
    return codes.together([codes.take(frame[low : low + 5]) for low in range(0, len(frame), 5)])


def plain(frame: pl.DataFrame) -> list[Row]:
    return frame.cast({"user_id": pl.String, "item_id": pl.String}).rows()


@pytest.mark.parametrize("coded", [False, True])
@pytest.mark.parametrize("file_order", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_the_latest_row_of_a_pair_stays_in_its_place(seed, file_order, coded) -> None:
    rows = drawn(seed, 40)
    best: dict[tuple[str, str], tuple[object, ...]] = {}
    for place, (user, item, time, rating) in enumerate(rows):
        late = (time, place) if file_order else (time, rating, place)
        best[user, item] = max(best.get((user, item), late), late)
    kept = sorted(int(late[-1]) for late in best.values())  # type: ignore[call-overload]
    notes: dict[str, object] = {}
    found = latest_of_pairs(
        frame_of(rows, coded=coded), notes, what="ratings", file_order=file_order
    )
    assert plain(found) == [rows[place] for place in kept]
    assert list(notes.values()) == [len(rows) - len(kept)]


@pytest.mark.parametrize("coded", [False, True])
def test_where_no_pair_comes_twice_nothing_is_left_out(coded) -> None:
    rows = [("a", "x", 2, 1.0), ("b", "x", 1, 2.0), ("a", "y", 1, 3.0)]
    notes: dict[str, object] = {}
    assert plain(latest_of_pairs(frame_of(rows, coded=coded), notes, what="ratings")) == rows
    assert notes == {}


@pytest.mark.parametrize("seed", range(4))
def test_ties_are_ordered_alike_whether_ids_are_texts_or_codes(seed) -> None:
    rows = list({row[:2]: row for row in drawn(seed, 40)}.values())
    shuffled = random.Random(seed).sample(rows, len(rows))
    orders = []
    for some, coded in ((rows, False), (rows, True), (shuffled, True)):
        notes: dict[str, object] = {}
        orders.append((plain(in_time_order(frame_of(some, coded=coded), 7, notes)), notes))
    assert orders[0] == orders[1] == orders[2]
    times = [row[2] for row in orders[0][0]]
    assert times == sorted(times)
