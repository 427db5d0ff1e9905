"""Read raw text files, plain or gzipped, so that a broken line is named."""

from __future__ import annotations

import gzip
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator
from io import BufferedReader, BytesIO
from pathlib import Path

from benchmark.data.raw.source import OnError
from benchmark.errors import BenchError
from benchmark.host.console import note
from benchmark.host.files import cannot_read, is_path_refusal

_CORRECT = "Correct it: no line of this file can be left out."
_SKIP = "Correct it, or leave such lines out with --on-error skip."
#: Most bytes of a line: a longer one is no record but a damaged file, and would fill the memory.
LONGEST_LINE = 1 << 24
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


def plain_or_packed(folder: Path, name: str) -> Path | None:
    """Return ``folder/name``, else ``folder/name.gz``, else ``None``.

    Where there are both, the packed one is not read: the other was made of it.
    """
    paths = (folder / name, folder / f"{name}.gz")
    return next((path for path in paths if is_file(path)), None)


def find_file(folder: Path, name: str, *, expected: str) -> Path:
    """Return ``folder/name`` or ``folder/name.gz``; raises :class:`BenchError` for neither."""
    path = plain_or_packed(folder, name)
    if path is not None:
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
    return _readable(every_line(path, bad, encoding=encoding))


class Unreadable(str):
    """Holds what can be read of a line that has been reported as no text or too long."""


def every_line(path: Path, bad: BadLines, *, encoding: str = "utf-8") -> Iterator[tuple[int, str]]:
    """Yield what :func:`lines` does, and :class:`Unreadable` in the place of each line it lacks.

    For formats in which a line says something of those around it.
    """
    for first, block in blocks(path, bad):
        yield from _every_line_of(first, block, bad, encoding)


def _readable(numbered: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    return ((number, line) for number, line in numbered if not isinstance(line, Unreadable))


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
    return _readable(_every_line_of(first, block, bad, encoding))


def _every_line_of(
    first: int, block: bytes, bad: BadLines, encoding: str
) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(BytesIO(block), start=first):
        bad.read = number
        if len(line) > LONGEST_LINE:
            bad.report(number, f"longer than {LONGEST_LINE:,} bytes")
            yield number, Unreadable()
            continue
        if number == 1:
            line = line.removeprefix(BOM_UTF8)
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError as error:
            byte = line[error.start]
            bad.report(number, f"not UTF-8 text (byte 0x{byte:02x})")
            yield number, _what_is_read(line.decode(encoding, "replace"))
            continue
        if "\0" in text:
            bad.report(number, "not UTF-8 text (a zero byte, as UTF-16 has)")
            yield number, _what_is_read(text)
            continue
        yield number, text.rstrip("\r\n")


def _what_is_read(text: str) -> Unreadable:
    return Unreadable(text.replace("\0", "\ufffd").rstrip("\r\n"))


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
        """Raise :class:`BenchError` for a file unreadable after line ``number``, or note it.

        One that may not be read is not damaged, whatever stands in it.
        """
        if isinstance(error, OSError) and is_path_refusal(error):
            raise cannot_read(self.path, error) from error
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


def _open(path: Path) -> gzip.GzipFile | BufferedReader:
    return gzip.open(path) if path.suffix.lower() == ".gz" else open(path, "rb")
