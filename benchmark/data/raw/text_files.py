"""Read raw text files, plain or gzipped, so that a broken line is named."""

from __future__ import annotations

import csv
import gzip
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from io import BufferedReader, BytesIO
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl

from benchmark.data.raw.source import OnError
from benchmark.errors import BenchError, listed, shown
from benchmark.host.console import note

_CORRECT = "Correct it: no line of this file can be left out."
_PUBLISHED = "Use the file as it was published."
_SKIP = "Correct it, or leave such lines out with --on-error skip."
#: Most bytes of a line: a longer one is no record but a damaged file, and would fill the memory.
LONGEST_LINE = 1 << 24
#: Records held as Python objects before they become a frame.
_RECORDS = 100_000
#: Bytes decompressed at a time.
_PIECE = 1 << 13
#: How files begin that are no text of ours: what such a file is, and what to do with it.
_FOREIGN = (
    (b"\x1f\x8b", "compressed by gzip", "Let its name end in '.gz'."),
    (b"PK\x03\x04", "a zip archive or a spreadsheet", "Unpack it, or save its table as CSV."),
    (b"PAR1", "a Parquet file", "Let its name end in '.parquet', where a source reads those."),
    (b"\xff\xfe", "UTF-16 text", "Save it as UTF-8."),
    (b"\xfe\xff", "UTF-16 text", "Save it as UTF-8."),
)


def find_file(folder: Path, name: str, *, expected: str) -> Path:
    """Return ``folder/name`` or ``folder/name.gz``; raises :class:`BenchError` for neither."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise BenchError(f"{str(folder)!r} has no file {name!r}.", fix=f"Give --raw {expected}.")


def is_file(path: Path) -> bool:
    """Return whether ``path`` is a file; one that cannot be looked up (a name too long) is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def lines(
    path: Path, bad: BadLines | None = None, *, encoding: str = "utf-8"
) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end) of a text file, gzipped if named ``.gz``.

    A byte order mark at its beginning is no part of the first line. ``bad`` decides about lines
    that are no text or longer than :data:`LONGEST_LINE`; without it they raise. Where the
    compressed stream breaks off, :class:`BenchError` with the line number is raised, or what came
    before is all there is, as ``bad`` decides.
    """
    bad = BadLines(path, "raise", fix=_CORRECT) if bad is None else bad
    for first, block in blocks(path, bad):
        yield from lines_of(first, block, bad, encoding=encoding)


def blocks(path: Path, bad: BadLines, *, size: int = 1 << 16) -> Iterator[tuple[int, bytes]]:
    """Yield (number of its first line, whole lines) for about ``size`` bytes of a file at a time.

    Of a line longer than :data:`LONGEST_LINE` there is a piece longer than that. ``bad`` decides
    about a file that cannot be read on; the whole lines before come first.
    """
    first = 1
    try:
        with _open(path) as stream:
            for block in _whole_lines(stream, size):
                if first == 1:
                    _refuse_foreign(path, block)
                yield first, block
                first += block.count(b"\n")
    except (OSError, EOFError, zlib.error) as error:
        what = getattr(error, "strerror", None) or str(error)
        bad.break_off(first - 1, what, error)


def _refuse_foreign(path: Path, beginning: bytes) -> None:
    for begins, what, fix in _FOREIGN:
        if beginning.startswith(begins):
            raise BenchError(f"{path} holds no lines of text: it is {what}.", fix=fix)


def _whole_lines(stream: gzip.GzipFile | BufferedReader, size: int) -> Iterator[bytes]:
    # Decompressed in small pieces: of a damaged file all that stands before the damage is read.
    most = _PIECE if isinstance(stream, gzip.GzipFile) else size
    held = bytearray()
    endless = False  # whether the line is too long: until its end, what comes is let go
    try:
        while piece := stream.read1(most):
            if endless:
                if b"\n" not in piece:
                    continue
                piece, endless = piece[piece.index(b"\n") :], False
            held += piece
            if len(held) >= size:
                whole = held.rfind(b"\n") + 1
                if whole:
                    yield bytes(held[:whole])
                    del held[:whole]
                elif len(held) > LONGEST_LINE + 1:
                    endless = True
                    del held[LONGEST_LINE + 2 :]
    except (OSError, EOFError, zlib.error):
        if whole := held.rfind(b"\n") + 1:
            yield bytes(held[:whole])
        raise
    if held:
        yield bytes(held)


def lines_of(
    first: int, block: bytes, bad: BadLines, *, encoding: str = "utf-8"
) -> Iterator[tuple[int, str]]:
    """Yield the lines of a block of :func:`blocks` as :func:`lines` does."""
    for number, line in enumerate(BytesIO(block), start=first):
        bad.read = number
        if len(line) > LONGEST_LINE:
            bad.report(number, f"longer than {LONGEST_LINE:,} bytes")
            continue
        if number == 1:
            line = line.removeprefix(BOM_UTF8)
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError as error:
            byte = line[error.start]
            bad.report(number, f"not UTF-8 text (byte 0x{byte:02x})")
            continue
        if "\0" in text:
            bad.report(number, "not UTF-8 text (a zero byte, as UTF-16 has)")
            continue
        yield number, text.rstrip("\r\n")


class LeftOut(int):
    """Counts lines or rows left out of a file or table; ``of`` is how many it has."""

    of: int

    def __new__(cls, count: int, of: int) -> LeftOut:
        """Return ``count`` as a number that remembers ``of``."""
        made = super().__new__(cls, count)
        made.of = of
        return made


def encoding_of(path: Path, *, otherwise: str) -> str:
    """Return ``"utf-8"`` where the whole file is UTF-8 text, else ``otherwise``.

    For old files of a known encoding that also circulate converted. A file that cannot be read
    to its end is judged by what can be read.
    """
    try:
        with _open(path) as stream:
            for line in stream:
                line.decode("utf-8")
    except UnicodeDecodeError:
        return otherwise
    except (OSError, EOFError, zlib.error):
        pass
    return "utf-8"


class BadLines:
    """Raises on broken lines, or counts them and lets the reader go on.

    ``fix`` is what an error tells the user to do about such a line; ``unit`` is "row" where a
    file has no lines.
    """

    def __init__(
        self, path: Path, on_error: OnError, *, fix: str = _SKIP, unit: str = "line"
    ) -> None:
        self.path = path
        self.unit = unit
        self.fix = fix
        self.on_error = on_error
        self.skipped = 0
        self.read = 0
        """Lines of the file so far, set by :func:`lines`."""
        self.broken_off: int | None = None
        """Whole lines before the place where a damaged file cannot be read on."""

    def report(self, number: int, reason: str, *, lines: int = 1) -> None:
        """Raise :class:`BenchError` for line ``number``, or count it (a record of ``lines``)."""
        if self.on_error == "raise":
            raise BenchError(f"{self.path}, {self.unit} {number}: {reason}.", fix=self.fix)
        self.skipped += lines

    def break_off(self, number: int, reason: str, error: Exception) -> None:
        """Raise :class:`BenchError` for a file unreadable after line ``number``, or note it."""
        if self.on_error == "raise" or not number:
            raise BenchError(
                f"{self.path}, after line {number}: cannot be read on ({reason}).",
                fix="The file is damaged or incomplete: download it again"
                + (", or use what came before with --on-error skip." if number else "."),
            ) from error
        self.broken_off = number
        note(f"{self.path} is damaged after line {number} ({reason}): what came before is used.")

    def notes(self) -> dict[str, object]:
        """Return what ``RawDataset.notes`` says of the file; empty when all of it was used."""
        found: dict[str, object] = {}
        if self.skipped:
            found[f"{self.unit}s of {self.path.name} left out"] = LeftOut(self.skipped, self.read)
        if self.broken_off is not None:
            found[f"{self.path.name} is damaged: lines before it breaks off"] = self.broken_off
        return found


def read_csv(
    path: Path,
    columns: Mapping[str, tuple[pl.Expr, str | None]],
    *,
    on_error: OnError,
    separator: str = ",",
    fix: str = _PUBLISHED,
) -> tuple[pl.DataFrame, dict[str, object]]:
    """Read columns of a headed CSV file; returned with notes on skipped lines.

    ``columns`` maps a name to an expression that turns its text into the wanted type (null
    where it cannot) and to what a value must be, in words for the message; ``None``: any
    text, also none. A file without quotes is parsed at once by polars. With quotes (parsers agree
    about them only where each is in its place), or when something is wrong, it is read line by
    line, to name or to skip the broken ones. ``fix`` is what an error about the header tells the
    user to do.
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
        if _has_no_quotes(path):
            # All columns, also those not wanted: with a choice of columns polars does not notice
            # lines that are too long.
            text = pl.read_csv(
                path,
                infer_schema=False,
                separator=separator,
                quote_char=None,
                truncate_ragged_lines=False,
            )
            # polars fills up lines that break off: where the last column has gaps, one may have.
            short = text[:, -1].null_count() > 0 and _breaks_off(path, len(header), separator)
            text = text.select(list(columns))
            again = text.select(_is_header(columns).any()).item()
            frame = _typed(text, columns)
            del text
            needed = [name for name, (_, rule) in columns.items() if rule is not None]
            if not sum(frame[name].null_count() for name in needed) and not (again or short):
                return frame, {}
    except (pl.exceptions.PolarsError, OSError):
        pass  # the careful reading below finds the line, or the damage
    return _read_carefully(path, header, columns, on_error=on_error, separator=separator, fix=fix)


def _has_no_quotes(path: Path) -> bool:
    """Whether a file has neither quotes nor zero bytes and can be read to its end."""
    try:
        with _open(path) as stream:
            while piece := stream.read(1 << 20):
                if b'"' in piece or b"\0" in piece:
                    return False
    except (OSError, EOFError, zlib.error):
        return False
    return True


def _read_carefully(
    path: Path,
    header: Sequence[str],
    columns: Mapping[str, tuple[pl.Expr, str | None]],
    *,
    on_error: OnError,
    separator: str,
    fix: str,
) -> tuple[pl.DataFrame, dict[str, object]]:
    bad = BadLines(path, on_error)
    # A generator of lines leaves broken ones out: the reader's own count would miss them.
    at = _Position()
    records = _rows(csv.reader(at.follow(lines(path, bad)), delimiter=separator), path, at)
    next(records)
    if at.record_lines > 1:
        raise BenchError(
            f"{path}, line 1: the header cannot be read (a quote is left open).", fix=fix
        )
    positions = [header.index(name) for name in columns]
    inside = 0

    def fitting() -> Iterator[tuple[int, list[str]]]:
        nonlocal inside
        for first, fields in records:
            # A quote left open swallows the lines behind it: they count as left out.
            if fields and len(fields) != len(header):
                reason = f"{len(fields)} fields, the header has {len(header)}"
                bad.report(first, reason, lines=at.record_lines)
            elif fields and at.is_ended_by_chance(separator):
                reason = "a quote is left open, or text stands behind the closing one"
                bad.report(first, reason, lines=at.record_lines)
            elif fields:
                inside += at.record_lines - 1
                yield first, [fields[position] for position in positions]

    csv.field_size_limit(LONGEST_LINE)  # a text may be longer than the 128 KiB of its default
    rows = fitting()
    frames: list[pl.DataFrame] = []
    while (chunk := list(islice(rows, _RECORDS))) or not frames:
        values = [fields for _, fields in chunk]
        text = pl.DataFrame(values, schema=dict.fromkeys(columns, pl.String), orient="row")
        numbers = [first for first, _ in chunk]
        frames.append(without_broken(_typed(text, columns), text, columns, numbers, bad))
    # Lines that are no records of their own: a quote left open may have taken them.
    within = {f"line breaks within fields of {path.name}": inside} if inside else {}
    return pl.concat(frames), {**bad.notes(), **within}


def without_broken(
    frame: pl.DataFrame,
    text: pl.DataFrame,
    columns: Mapping[str, tuple[pl.Expr, str | None]],
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


def _typed(text: pl.DataFrame, columns: Mapping[str, tuple[pl.Expr, str | None]]) -> pl.DataFrame:
    filled = pl.when(pl.all() != "").then(pl.all())
    return text.with_columns(filled).select(how.alias(key) for key, (how, _) in columns.items())


def _breaks_off(path: Path, width: int, separator: str) -> bool:
    """Whether a record has fewer than ``width`` fields."""
    reader = csv.reader((line + "\n" for _, line in lines(path)), delimiter=separator)
    try:
        return any(0 < len(fields) < width for fields in reader)
    except (csv.Error, BenchError):
        return True  # the careful reading says where


def _is_header(columns: Mapping[str, object]) -> pl.Expr:
    """Whether a row holds the names of its columns: files put together keep theirs."""
    return pl.all_horizontal((pl.col(name) == name).fill_null(False) for name in columns)


class _Position:
    """Where in the file the record being read began, and the lines it has taken."""

    def __init__(self) -> None:
        self.first = 0
        self._lines: list[str] = []

    @property
    def record_lines(self) -> int:
        """Return how many lines the record has taken."""
        return len(self._lines)

    def begin(self) -> None:
        """Begin a record with the next line."""
        self._lines = []

    def follow(self, numbered: Iterator[tuple[int, str]]) -> Iterator[str]:
        """Yield the lines for ``csv.reader``, which takes as many as a record needs."""
        for number, line in numbered:
            if not self._lines:
                self.first = number
            self._lines.append(line + "\n")
            yield self._lines[-1]

    def is_ended_by_chance(self, separator: str) -> bool:
        """Return whether a quote on a later line, which opened a field there, closed the record's.

        Behind it stands text, where a closing quote has the separator or the end of the line.
        """
        if len(self._lines) == 1:
            return False
        try:
            list(csv.reader(self._lines, delimiter=separator, strict=True))
        except csv.Error:
            return True
        return False


def _rows(
    reader: Iterator[list[str]], path: Path, at: _Position
) -> Iterator[tuple[int, list[str]]]:
    """(number of the record's first line, its fields)."""
    while True:
        at.begin()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BenchError(
                f"{path}, line {at.first}: {error}.", fix="Correct the quotes of this line."
            ) from error
        yield at.first, fields


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


def _open(path: Path) -> gzip.GzipFile | BufferedReader:
    return gzip.open(path) if path.suffix.lower() == ".gz" else open(path, "rb")
