"""Frames kept in a file come back as they were, whatever order they are asked for in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmark.data.raw import kept_frames, temporary
from benchmark.data.raw.kept_frames import KeptFrames, on_disk
from benchmark.data.raw.temporary import temporary_files_in
from benchmark.errors import BenchError

SCHEMA = {
    "item_id": pl.String(),
    "price": pl.Float64(),
    "category": pl.List(pl.String()),
    "attributes": pl.List(pl.Struct({"key": pl.String(), "value": pl.String()})),
    "description": pl.String(),
}


def frame(n: int) -> pl.DataFrame:
    """Texts of all lengths, nulls, and lists that are empty."""
    rows = [
        (
            f"item {k:04d}",
            None if k % 5 == 0 else k / 4,
            None if k % 7 == 0 else [f"of {k % 3}"] * (k % 4),
            [{"key": "colour", "value": f"no. {k}" if k % 2 else None}] * (k % 3),
            None if k % 6 == 0 else "a text of more than twelve bytes" * (k % 4),
        )
        for k in range(n)
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


@pytest.fixture(params=[1, 2_000, 1 << 24], ids=["all in a file", "some", "none"])
def held(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(temporary, "HELD", request.param)
    monkeypatch.setattr(kept_frames, "ROWS", 16)
    return int(request.param)


def test_frames_come_back_as_one(held, tmp_path) -> None:
    whole = frame(90)
    with temporary_files_in(tmp_path):
        kept = KeptFrames()
        for low, high in [(0, 0), (0, 1), (1, 40), (40, 40), (40, 90)]:
            kept.append(whole[low:high])
        assert list(tmp_path.iterdir()) == []  # no file has a name
        found = kept.together()
    assert found.equals(whole)
    assert found.schema == whole.schema


@pytest.mark.parametrize("n", [0, 1, 16, 90])
def test_rows_in_another_order(held, tmp_path, n) -> None:
    whole = frame(n)
    order = pl.Series(np.random.default_rng(0).permutation(n), dtype=pl.UInt32)
    with temporary_files_in(tmp_path):
        assert on_disk(whole).equals(whole)
        assert on_disk(whole, order).equals(whole[order])
        assert on_disk(whole, order).schema == whole.schema


def test_a_part_does_not_bring_the_whole_along(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(temporary, "HELD", 1)
    whole = pl.DataFrame({"text": ["x" * 1_000 + str(k) for k in range(1_000)]})
    files = []
    own = temporary.temporary_file
    monkeypatch.setattr(temporary, "temporary_file", lambda: files.append(own()) or files[-1])
    with temporary_files_in(tmp_path):
        kept = KeptFrames()
        for _ in range(10):
            kept.append(whole[5:7])
        size = files[0].tell()
        kept.together()
    assert 20_000 < size < 40_000


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_told_of(monkeypatch) -> None:
    monkeypatch.setattr(temporary, "HELD", 1)
    with open("/dev/full", "r+b", buffering=0) as full:
        monkeypatch.setattr(temporary, "temporary_file", lambda: full)
        with pytest.raises(BenchError, match=r"Cannot write.*space"):
            on_disk(frame(90))
