"""Texts kept in a file come back as they were, and repeats are told as in whole frames."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmark.data.raw import repeats, temporary
from benchmark.data.raw.coded_ids import CodedReviews
from benchmark.data.raw.kept_texts import KeptTexts
from benchmark.data.raw.temporary import temporary_files_in
from benchmark.errors import BenchError

SCHEMA = {
    "user_id": pl.String,
    "item_id": pl.String,
    "timestamp": pl.Int64,
    "rating": pl.Float64,
    "review": pl.String,
    "summary": pl.String,
}


def reviews(seed: int, n: int = 60) -> pl.DataFrame:
    """Few users, items, times and texts: much is the same."""
    draw = random.Random(seed)
    rows = [
        (
            draw.choice("cab"),
            draw.choice("yx"),
            draw.randint(0, 2),
            draw.choice([None, 1.0, 5.0]),
            draw.choice([None, "good", "bad", "g\nod"]),
            draw.choice([None, "s", "t"]),
        )
        for _ in range(n)
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def kept(frame: pl.DataFrame) -> tuple[pl.DataFrame, KeptTexts]:
    coded = CodedReviews()
    frames = [coded.take(frame[low : low + 7]) for low in range(0, len(frame), 7)]
    domain = pl.lit("d").cast(pl.Enum(["d"])).alias("domain")
    return coded.together(frames).with_columns(domain), coded.texts


def plain(rows: pl.DataFrame, texts: KeptTexts) -> list[tuple[object, ...]]:
    whole = repeats.with_texts(rows, texts).select(list(SCHEMA))
    return whole.cast({"user_id": pl.String, "item_id": pl.String}).rows()


@pytest.mark.parametrize("held", [1, 1 << 20])
def test_texts_come_back_in_any_order_and_in_slices(held, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(temporary, "HELD", held)
    frame = reviews(0)
    said = frame.select("review", "summary")
    with temporary_files_in(tmp_path):
        _, texts = kept(frame)
        order = np.random.default_rng(0).permutation(60)[:41]
        assert texts.of(order).equals(said[order])
        assert texts.of(order[:0]).equals(said[:0])
        slices = list(texts.in_slices(order, np.array([1, 20, 41])))
        assert [len(each) for each in slices] == [1, 19, 21]
        assert pl.concat(slices).equals(said[order])
    assert list(tmp_path.iterdir()) == []


def test_codes_of_ids_do_not_hang_on_the_order_in_which_they_came() -> None:
    frame = reviews(0)
    both = [kept(frame)[0], kept(frame[::-1])[0]]
    assert both[0].schema == both[1].schema
    for name in ("user_id", "item_id"):
        names = both[0][name].dtype.categories  # type: ignore[attr-defined]
        assert names.to_list() == sorted(set(frame[name]))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_told_of(tmp_path, monkeypatch) -> None:
    with open("/dev/full", "r+b", buffering=0) as full:
        monkeypatch.setattr(temporary, "spooled_file", lambda held: full)
        with pytest.raises(BenchError, match=r"Cannot write.*space"):
            kept(reviews(0))


@pytest.mark.parametrize("seed", range(5))
def test_repeats_are_told_as_in_a_frame_that_holds_the_texts(seed) -> None:
    frame = reviews(seed)
    for file_order in (True, False):
        content = [] if file_order else ["user_id", "item_id", "rating", "review", "summary"]
        whole = frame.sort("timestamp", *content, maintain_order=True)
        rows, texts = kept(frame)
        rows = repeats.in_time_order(rows, texts, file_order=file_order)
        assert plain(rows, texts) == whole.rows()
        whole = whole.unique(keep="first", maintain_order=True)
        rows = repeats.without_copies(rows, texts)
        assert plain(rows, texts) == whole.rows()
        pair = ["user_id", "item_id"]
        for setting, keep, subset in (
            ("first", "first", pair),
            ("last", "last", pair),
            ("same-time", "first", [*pair, "timestamp"]),
        ):
            expected = whole.unique(subset, keep=keep, maintain_order=True)  # type: ignore[arg-type]
            found = repeats.without_repeats(rows, setting)  # type: ignore[arg-type]
            assert plain(found, texts) == expected.rows()
