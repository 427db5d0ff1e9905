"""Read columns of a headed CSV file, some of its lines at a time, so that a broken one is named.

A file without quotes is parsed by polars, a block of lines after another. With quotes (parsers
agree about them only where each is in its place), or when something is wrong, it is read line by
line, to name or to skip the broken ones.
"""

from __future__ import annotations

import csv
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl

from benchmark.data.raw.source import OnError
from benchmark.data.raw.text_files import (
    LONGEST_LINE,
    BadLines,
    Unreadable,
    blocks,
    every_line,
    lines,
)
from benchmark.errors import BenchError, listed, shown

#: Name of a column -> what turns its text into the wanted type (null where it cannot), and what a
#: value must be, in words for the message; ``None``: any text, also none.
Columns = Mapping[str, tuple[pl.Expr, str | None]]
T = TypeVar("T")

_PUBLISHED = "Use the file as it was published."
#: Bytes that polars parses at a time.
_BLOCK = 1 << 23
#: Records held as Python objects before they become a frame.
_RECORDS = 100_000
#: Stands for a carriage return within a line, which ``csv.reader`` takes within quotes only; no
#: line that can be read has it.
_RETURN = "\0"


class _Odd(Exception):
    """A file is not as the quick reading needs it."""


def read_csv(
    path: Path, columns: Columns, *, on_error: OnError, separator: str = ",", fix: str = _PUBLISHED
) -> tuple[pl.DataFrame, dict[str, object]]:
    """Read ``columns`` of a file into one frame; returned with notes on skipped lines.

    ``fix`` is what an error about the header tells the user to do. Raises :class:`BenchError`
    for a file that cannot be read, a column that it lacks or has twice, and broken lines.
    """
    return read_csv_into(
        lambda frames: pl.concat(list(frames)),
        path,
        columns,
        on_error=on_error,
        separator=separator,
        fix=fix,
    )


def read_csv_into(
    together: Callable[[Iterable[pl.DataFrame]], T],
    path: Path,
    columns: Columns,
    *,
    on_error: OnError,
    separator: str = ",",
    fix: str = _PUBLISHED,
) -> tuple[T, dict[str, object]]:
    """Read as :func:`read_csv` does; return what ``together`` makes of the frames in turn.

    There is at least one frame. ``together`` may be called again from the first frame on: what it
    made before is then let go.
    """
    header = _header(path, separator, fix)
    missing = [name for name in columns if name not in header]
    if missing:
        raise BenchError(
            f"{path} has no column {missing[0]!r} (it has: {listed(header)}).", fix=fix
        )
    repeated = [name for name in columns if header.count(name) > 1]
    if repeated:
        raise BenchError(f"{path} has several columns {repeated[0]!r}.", fix=fix)
    try:
        return together(_quickly(path, header, columns, separator)), {}
    except _Odd:
        pass  # the careful reading finds the line, or the damage
    notes: dict[str, object] = {}
    frames = _carefully(path, header, columns, notes, on_error, separator, fix)
    return together(frames), notes


def _quickly(
    path: Path, header: Sequence[str], columns: Columns, separator: str
) -> Iterator[pl.DataFrame]:
    """Yield the file's columns, a block of lines at a time; raise :class:`_Odd` where one is odd.

    What it has yielded until then counts for nothing.
    """
    needed = [name for name, (_, rule) in columns.items() if rule is not None]
    # All columns, also those not wanted: with a choice of columns polars does not notice lines
    # that are too long.
    schema = {f"{place} {name}": pl.String() for place, name in enumerate(header)}
    wanted = [f"{header.index(name)} {name}" for name in columns]
    try:
        for first, block in blocks(path, BadLines(path, "raise"), size=_BLOCK):
            if len(block) > LONGEST_LINE or b'"' in block or b"\0" in block:
                raise _Odd
            # polars takes one carriage return for a part of the line's end.
            if b"\r\r\n" in block or block.endswith(b"\r\r"):
                raise _Odd
            if first == 1:
                block = block.removeprefix(BOM_UTF8).partition(b"\n")[2]
            text = pl.DataFrame(schema=schema)
            if block.strip(b"\r\n"):
                text = pl.read_csv(
                    BytesIO(block),
                    has_header=False,
                    schema=schema,
                    separator=separator,
                    quote_char=None,
                    truncate_ragged_lines=False,
                )
            # polars fills up lines that break off: where the last column has gaps, one may have.
            if text[:, -1].null_count() and _breaks_off(block, len(header), separator):
                raise _Odd
            text = text.select(pl.col(wanted)).rename(dict(zip(wanted, columns, strict=True)))
            frame = _typed(text, columns)
            odd = text.select(_is_header(columns).any()).item()
            if odd or any(frame[name].null_count() for name in needed):
                raise _Odd
            yield frame
    except (pl.exceptions.PolarsError, OSError, BenchError) as error:
        raise _Odd from error


def _carefully(
    path: Path,
    header: Sequence[str],
    columns: Columns,
    notes: dict[str, object],
    on_error: OnError,
    separator: str,
    fix: str,
) -> Iterator[pl.DataFrame]:
    """Yield the file's columns, some records at a time; then say in ``notes`` what was skipped."""
    bad = BadLines(path, on_error)
    at = _Position()
    records = _rows(csv.reader(at.follow(every_line(path, bad)), delimiter=separator), at)
    next(records)
    if at.record_lines > 1:
        raise BenchError(
            f"{path}, line 1: the header cannot be read (a quote is left open).", fix=fix
        )
    positions = [header.index(name) for name in columns]
    inside = 0

    def fitting() -> Iterator[tuple[int, list[str]]]:
        nonlocal inside
        for first, fields, error in records:
            reason = error or at.why_broken(fields, len(header), separator)
            if reason is not None:
                # A quote left open swallows the lines behind it: they count as left out.
                bad.report(first, reason, lines=at.record_lines - at.unreadable)
            elif fields:
                inside += at.record_lines - 1
                yield first, [fields[position] for position in positions]

    csv.field_size_limit(LONGEST_LINE)  # a text may be longer than the 128 KiB of its default
    rows = fitting()
    some = False
    while (chunk := list(islice(rows, _RECORDS))) or not some:
        some = True
        values = [fields for _, fields in chunk]
        text = pl.DataFrame(values, schema=dict.fromkeys(columns, pl.String), orient="row")
        text = text.select(pl.all().str.replace_all(_RETURN, "\r", literal=True))
        numbers = [first for first, _ in chunk]
        yield without_broken(_typed(text, columns), text, columns, numbers, bad)
    notes |= bad.notes()
    if inside:
        # Lines that are no records of their own: a quote left open may have taken them.
        notes[f"line breaks within fields of {path.name}"] = inside


def without_broken(
    frame: pl.DataFrame,
    text: pl.DataFrame,
    columns: Columns,
    numbers: Sequence[int],
    bad: BadLines,
) -> pl.DataFrame:
    """Return the rows of ``frame`` with a value wherever ``columns`` has a rule.

    ``text`` holds the values before they were typed, ``numbers`` the line of each row; ``bad``
    decides about the other rows, first line first.
    """
    headers = text.select(_is_header(columns)).to_series().arg_true()
    first = dict.fromkeys(headers.to_list(), "the header line again")
    for name, (_, rule) in columns.items():
        if rule is not None:
            for row in frame[name].is_null().arg_true().to_list():
                first.setdefault(row, f"{name} is {shown(text[name][row])}, not {rule}")
    for row in sorted(first):
        bad.report(numbers[row], first[row])
    keep = np.ones(len(frame), dtype=bool)
    keep[list(first)] = False
    return frame.filter(pl.Series(keep, dtype=pl.Boolean))


def _typed(text: pl.DataFrame, columns: Columns) -> pl.DataFrame:
    filled = pl.when(pl.all() != "").then(pl.all())
    return text.with_columns(filled).select(how.alias(key) for key, (how, _) in columns.items())


def _breaks_off(block: bytes, width: int, separator: str) -> bool:
    """Whether a line of ``block``, which has no quotes, has fewer than ``width`` fields."""
    between = separator.encode()
    kept = (line.rstrip(b"\r\n") for line in BytesIO(block))
    return any(line and line.count(between) + 1 < width for line in kept)


def _is_header(columns: Mapping[str, object]) -> pl.Expr:
    """Whether a row holds the names of its columns: files put together keep theirs."""
    return pl.all_horizontal((pl.col(name) == name).fill_null(False) for name in columns)


class _Position:
    """Where in the file the record being read began, and the lines it has taken."""

    def __init__(self) -> None:
        self.first = 0
        self.unreadable = 0
        """Lines of the record that are reported already."""
        self._lines: list[str] = []
        self._file_ended = False

    @property
    def record_lines(self) -> int:
        """Return how many lines the record has taken."""
        return len(self._lines)

    def begin(self) -> None:
        """Begin a record with the next line."""
        self._lines = []
        self.unreadable = 0

    def follow(self, numbered: Iterator[tuple[int, str]]) -> Iterator[str]:
        """Yield the lines for ``csv.reader``, which takes as many as a record needs.

        Of a line that cannot be read what can be, so that its quotes count.
        """
        for number, line in numbered:
            if not self._lines:
                self.first = number
            self.unreadable += isinstance(line, Unreadable)
            self._lines.append(line.replace("\r", _RETURN) + "\n")
            yield self._lines[-1]
        self._file_ended = True

    def why_broken(self, fields: list[str], width: int, separator: str) -> str | None:
        """Return what is wrong with the record read as ``fields``; ``None`` where nothing is."""
        if self.unreadable:
            return "a line of the record cannot be read"
        if fields and len(fields) != width:
            return f"{len(fields)} fields, the header has {width}"
        if fields and self._is_ended_by_chance(separator):
            return "a quote is left open, or text stands behind the closing one"
        return None

    def _is_ended_by_chance(self, separator: str) -> bool:
        """Whether the record ended with the file, or by a quote that was to open another field.

        Behind such a quote stands text, where a closing one has the separator or the line's end.
        """
        if self._file_ended:
            return True  # the reader asked for more
        if len(self._lines) == 1 and self._lines[0].count('"') % 2 == 0:
            return False
        try:
            list(csv.reader(self._lines, delimiter=separator, strict=True))
        except csv.Error:
            return True
        return False


def _rows(
    reader: Iterator[list[str]], at: _Position
) -> Iterator[tuple[int, list[str], str | None]]:
    """(number of the record's first line, its fields, or why the reader gave them up)."""
    while True:
        at.begin()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield at.first, [], str(error)
        else:
            yield at.first, fields, None


def _header(path: Path, separator: str, fix: str) -> list[str]:
    for _, line in lines(path):
        if "\r" in line:
            raise BenchError(
                f"{path}, line 1: the header cannot be read (a carriage return within it).",
                fix="Where lines end in carriage returns alone, convert them.",
            )
        try:
            return next(csv.reader([line], delimiter=separator))
        except csv.Error as error:
            raise BenchError(
                f"{path}, line 1: the header cannot be read ({error}).", fix=fix
            ) from error
    raise BenchError(f"{path} is empty.", fix=fix)
