"""A CSV file is read some lines at a time; how many changes no row, note or message."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.data.raw import csv_files
from benchmark.data.raw.csv_files import read_csv, read_csv_into
from benchmark.errors import BenchError

COLUMNS = {
    "user": (pl.col("user"), "a user"),
    "stars": (pl.col("stars").cast(pl.Float64, strict=False), "a number"),
    "word": (pl.col("word"), None),
}
HEADER = "user,other,stars,word"
GOOD = ["a,x,1,good", "b,,2.5,", "\u00e4\u00f6,y,3,\u0928\u092e", "c,z,-4,much longer than others"]
#: Each is odd in a way of its own: blank, short, long, quoted, no number, no user, the header.
ODD = ["", "d,x,1", "d", "e,x,1,w,more", '"f",x,1,w', 'g,x,1,"a\nb"', "h,x,one,w", ",x,1,w", HEADER]
#: With carriage returns that end no line, and behind a whole record.
ODD += ["i,x,1,a\rb", "j,\r,1,\r", "k,x,1,w\r", "\rl,x,1,w", "m,x\ry,1"]
#: Blocks of a few lines, of one each, and of all.
BLOCKS = [1, 40, 1 << 23]


def _read(path: Path, block: int, on_error: str) -> object:
    """What reading gives, or the message of why it does not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_files, "_BLOCK", block)
        try:
            frame, notes = read_csv(path, COLUMNS, on_error=on_error)
        except BenchError as error:
            return str(error)
    return frame.rows(), notes


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("csv")


@settings(deadline=None)
@given(
    rows=st.lists(st.sampled_from(GOOD * 4 + ODD), max_size=30),
    end=st.sampled_from(["\n", "\r\n"]),
    last=st.booleans(),
    mark=st.sampled_from(["", "\ufeff"]),
    on_error=st.sampled_from(["raise", "skip"]),
)
def test_how_many_lines_are_read_at_a_time_changes_nothing(
    folder, rows, end, last, mark, on_error
) -> None:
    text = mark + end.join([HEADER, *rows]) + end * last
    path = folder / "table.csv"
    path.write_bytes(text.encode())
    packed = folder / "table.csv.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_files, "_quickly", _never)
        expected = _read(path, 1, on_error)
    for block in BLOCKS:
        assert _read(path, block, on_error) == expected
    if isinstance(expected, tuple) and not expected[1]:
        assert _read(packed, 40, on_error) == expected


def _never(*_: object) -> Iterable[pl.DataFrame]:
    raise csv_files._Odd


@pytest.mark.parametrize("block", BLOCKS)
def test_good_files_are_not_read_line_by_line(folder, block, monkeypatch) -> None:
    path = folder / "good.csv"
    path.write_text("\n".join([HEADER, *GOOD * 50]))
    monkeypatch.setattr(csv_files, "_carefully", _never)
    rows, notes = _read(path, block, "raise")
    assert (len(rows), notes) == (200, {})


def test_frames_are_put_together_as_they_come_and_anew_where_a_later_line_is_odd(
    folder, monkeypatch
) -> None:
    path = folder / "odd.csv"
    path.write_text("\n".join([HEADER, *GOOD * 10, "d,x,1", *GOOD]))
    monkeypatch.setattr(csv_files, "_BLOCK", 100)
    calls: list[list[int]] = []

    def sizes(frames: Iterable[pl.DataFrame]) -> int:
        calls.append([])
        for frame in frames:
            calls[-1].append(len(frame))
        return sum(calls[-1])

    total, notes = read_csv_into(sizes, path, COLUMNS, on_error="skip")
    assert (total, list(notes.values())) == (44, [1])
    first, second = calls
    assert len(first) > 1, "the quick reading gave several frames, then met the odd line"
    assert sum(first) < total == sum(second)


def test_what_puts_frames_together_may_fail_and_is_not_called_again(folder) -> None:
    path = folder / "fails.csv"
    path.write_text("\n".join([HEADER, *GOOD]))
    calls = []

    def full(frames: Iterable[pl.DataFrame]) -> None:
        calls.append(next(iter(frames)))
        raise BenchError("The disk is full.", fix="Free some space.")

    with pytest.raises(BenchError, match="disk is full"):
        read_csv_into(full, path, COLUMNS, on_error="skip")
    assert len(calls) == 1


def _rows_of(folder: Path, lines: bytes, on_error: str = "skip") -> tuple[list[object], object]:
    """The rows behind the header, and the number of lines left out."""
    path = folder / "some.csv"
    path.write_bytes(HEADER.encode() + b"\n" + lines)
    frame, notes = read_csv(path, COLUMNS, on_error=on_error)
    return frame.rows(), notes.get("lines of some.csv left out")


@pytest.mark.parametrize("quoted", ["w", '"w"'])
def test_a_carriage_return_within_a_field_is_part_of_it_whether_quotes_stand_elsewhere_or_not(
    folder, quoted
) -> None:
    lines = f"a,x,1,{quoted}\r\nb,x\ry,2,good\rthing\r\nc,x,3,{quoted}\r\r\n".encode()
    rows = [("a", 1.0, "w"), ("b", 2.0, "good\rthing"), ("c", 3.0, "w")]
    assert _rows_of(folder, lines, "raise") == (rows, None)


def test_a_field_beyond_all_measure_is_one_broken_record(folder, monkeypatch) -> None:
    monkeypatch.setattr(csv_files, "LONGEST_LINE", 40)
    before = csv.field_size_limit()
    lines = b'a,x,1,w\nb,x,2,"' + b"long\n" * 20 + b"c,x,3,w\nd,x,4,w\n"
    try:
        rows, left_out = _rows_of(folder, lines)
        with pytest.raises(BenchError, match=r"some\.csv, line 3: field larger than"):
            _rows_of(folder, lines, "raise")
    finally:
        csv.field_size_limit(before)
    assert rows == [("a", 1.0, "w"), ("c", 3.0, "w"), ("d", 4.0, "w")]
    assert left_out == 20


@pytest.mark.parametrize("line", [b"\xffNOT good", b"\0", b'NOT g\xffod"\n', b'a ""\xff"" word'])
def test_a_record_with_a_line_that_is_no_text_goes_whole(folder, line) -> None:
    ends = b"" if b'"\n' in line else b'\nend"'
    lines = b'a,x,1,"w"\nb,x,2,"good\n' + line + ends + b'\nc,x,3,"two\nlines"\n'
    rows, left_out = _rows_of(folder, lines)
    assert rows == [("a", 1.0, "w"), ("c", 3.0, "two\nlines")]
    assert left_out == 2 + bool(ends)
    with pytest.raises(BenchError, match=r"some\.csv, line 4: not UTF-8 text"):
        _rows_of(folder, lines, "raise")


@pytest.mark.parametrize("last", ['b,x,2,"cut', 'b,x,2,"cut ""', 'b,x"y,2,"cut', 'b,x,2,"cu\nt'])
@pytest.mark.parametrize("end", ["", "\n"])
def test_a_file_that_ends_within_quotes_ends_in_a_broken_record(folder, last, end) -> None:
    lines = f'a,x,1,"w"\n{last}{end}'.encode()
    assert _rows_of(folder, lines) == ([("a", 1.0, "w")], 1 + last.count("\n"))
    with pytest.raises(BenchError, match="line 3: a quote is left open"):
        _rows_of(folder, lines, "raise")


def test_text_behind_a_closing_quote_is_none_of_the_field_and_quotes_within_a_word_are(
    folder,
) -> None:
    lines = b'a,x,1,x"y\nb,x,2,"good"bad"\nc,x,3,"5"" pipe"\nd,x"y,4,"w"\n'
    rows = [("a", 1.0, 'x"y'), ("c", 3.0, '5" pipe'), ("d", 4.0, "w")]
    assert _rows_of(folder, lines) == (rows, 1)
