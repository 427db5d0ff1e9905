"""Read lines of a fixed form, which a regular expression states, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import polars as pl

from benchmark.data.raw.text_files import BadLines, Unreadable, every_line
from benchmark.errors import shown

#: Columns beside the groups of the pattern: the line's number, and its text for messages (null of
#: a line that cannot be read).
LINE, TEXT = "_line", "_text"
#: Lines held as Python objects before they become a frame: files have a hundred million.
_BATCH = 500_000


def matched_lines(
    path: Path, pattern: str, bad: BadLines, *, encoding: str = "utf-8"
) -> Iterator[pl.DataFrame]:
    """Yield frames of the file's lines: :data:`LINE`, :data:`TEXT` and a column a named group.

    All groups of a line that does not match are null. So is also the text of one that is no text
    or too long: ``bad`` has decided about it, but it keeps its place, as it may have said something
    of the lines behind it. Blank lines are left out; spaces and carriage returns at a line's end do
    not count.
    """
    stream = every_line(path, bad, encoding=encoding)
    while batch := list(islice(stream, _BATCH)):
        numbers = [number for number, _ in batch]
        texts = [None if isinstance(text, Unreadable) else text for _, text in batch]
        frame = pl.DataFrame(
            {LINE: numbers, TEXT: texts}, schema={LINE: pl.Int64, TEXT: pl.String}
        ).with_columns(pl.col(TEXT).str.strip_chars_end())
        frame = frame.filter(pl.col(TEXT).ne_missing(""))
        yield frame.with_columns(pl.col(TEXT).str.extract_groups(pattern).alias("_groups")).unnest(
            "_groups"
        )


def without_unmatched(
    frame: pl.DataFrame, good: pl.Expr, shape: str, bad: BadLines
) -> pl.DataFrame:
    """Return the rows where ``good`` holds; ``bad`` decides about the others that have a text.

    ``shape`` is what a line must look like, in words.
    """
    frame = frame.filter(pl.col(TEXT).is_not_null())
    good = good.fill_null(False)
    for number, text in frame.filter(~good).select(LINE, TEXT).iter_rows():
        bad.report(number, f"{shown(text)} is not {shape}{_hint(text)}")
    return frame.filter(good)


def _hint(text: str) -> str:
    return " (lines end in carriage returns alone: convert them)" if "\r" in text else ""
