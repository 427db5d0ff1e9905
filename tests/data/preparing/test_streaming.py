"""A table written a frame at a time has the bytes of one written at once."""

from __future__ import annotations

import polars as pl
import pytest

from benchmark.data.frames import PARQUET, write_parquet
from benchmark.data.preparing.streaming import streamed_parquet
from benchmark.errors import BenchError

FRAME = pl.DataFrame(
    {
        "user_id": [f"A{n // 7:027d}" for n in range(3_000)],
        "review": [None if n % 5 == 0 else "word " * (n % 40) for n in range(3_000)],
        "rating": [float(n % 5) for n in range(3_000)],
    }
)


def test_frames_one_by_one_give_the_bytes_of_one_frame(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(PARQUET, "row_group_size", 1_000)
    write_parquet(FRAME, tmp_path / "at_once.parquet")
    for size in (1, 700, 1_000, 3_000):
        path = tmp_path / "new" / f"{size}.parquet"
        with streamed_parquet(path) as write:
            for low in range(0, 150 if size == 1 else 3_000, size):
                write(FRAME[low : low + size])
            if size == 1:
                write(FRAME[150:])
        assert path.read_bytes() == (tmp_path / "at_once.parquet").read_bytes()


def test_what_goes_wrong_between_frames_is_raised(tmp_path) -> None:
    def fail() -> None:
        with streamed_parquet(tmp_path / "table.parquet") as write:
            write(FRAME)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()


def test_a_file_that_cannot_be_written_is_told_of_and_nothing_waits(tmp_path) -> None:
    (tmp_path / "in the way").mkdir()

    def written() -> None:
        with streamed_parquet(tmp_path / "in the way") as write:
            for _ in range(20):
                write(FRAME)

    with pytest.raises(BenchError, match="Cannot write"):
        written()
