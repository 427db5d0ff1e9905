"""Read files of one JSON object a line in columns, a block of lines at a time.

A block goes to Arrow's parser, which is as strict as Python's, and what little the two take for
JSON differently is looked for before. Where a block holds anything else than the fields wanted, of
the types wanted, its parts are tried, and at last the lines about it are read one by one as if
there were no other way: what is reported of a line, skipped and counted is the same.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.json as arrow_json
from numpy.typing import NDArray

from benchmark.data.raw.json_lines import collect, objects_of
from benchmark.data.raw.text_files import LONGEST_LINE, BadLines, blocks, lines_of
from benchmark.host.dividing import divided
from benchmark.host.progress import bar

#: Bytes of a file that are in memory as text and as columns at a time.
BLOCK = 1 << 23
#: A block with something else is tried again in so many parts, and read line by line where it has
#: at most so many lines.
_PARTS, FEW = 16, 64
_LF, _CR, _OPEN, _CLOSE = b"\n\r{}"
#: Python refuses a number of more digits, and nests no deeper than its own calls.
_DIGITS = re.compile(rb"\d{4300}")
#: Each begins with letters that are looked for at once; both in one would take ten times as long.
_OTHER_NUMBERS = (re.compile(rb"Inf(?=[ \t\r\n,\]}]|\Z)"), re.compile(rb"-NaN"))
_ESCAPED = re.compile(rb"\\.")
_NESTED = 500


Objects = Callable[[Iterable[tuple[int, str]], BadLines], Iterator[tuple[int, dict[str, Any]]]]


@dataclass(frozen=True)
class JsonColumns:
    """Says what is read of each object, in columns and one by one."""

    fields: Mapping[str, pa.DataType]
    """The fields wanted, and the type of each; null where an object has none."""
    columns: Callable[[pl.DataFrame], pl.DataFrame | None]
    """Turns fields into columns of ``schema``; ``None`` where ``rows`` would report a line."""
    rows: Callable[[Iterable[tuple[int, dict[str, Any]]], BadLines], Iterator[tuple[Any, ...]]]
    """Turns (line number, object) into rows of ``schema``; reports those it cannot."""
    schema: Mapping[str, pl.DataType]
    rewritten: Callable[[bytes], bytes | None] = lambda block: block
    """Turns a block into as many lines of JSON that have the types of ``fields`` more often;
    ``None`` where it cannot."""
    objects: Objects | None = None
    """Reads lines one by one where they are no JSON (:func:`objects_of`)."""
    in_order: bool = False
    """Whether ``columns`` must be asked of lines in their order, as what it says depends on it."""

    def of_blocks(self) -> BlockColumns:
        """Return what a block needs by itself."""
        return BlockColumns(self.fields, None if self.in_order else self.columns, self.rewritten)


@dataclass(frozen=True)
class BlockColumns:
    """Says what is read of a block, wherever it is parsed: see :class:`JsonColumns`."""

    fields: Mapping[str, pa.DataType]
    columns: Callable[[pl.DataFrame], pl.DataFrame | None] | None
    """``None`` where it is asked later."""
    rewritten: Callable[[bytes], bytes | None]


def read_columns(
    path: Path,
    bad: BadLines,
    wanted: JsonColumns,
    *,
    label: str,
    block_size: int = BLOCK,
    take: Callable[[pl.DataFrame], pl.DataFrame] = lambda frame: frame,
) -> pl.DataFrame:
    """Return a file's lines as a frame with the columns ``wanted.schema``, in their order.

    ``take`` makes of each piece of this frame what is kept of it.
    ``bad`` decides about lines that cannot be used. Blocks are parsed on all cores, at most five
    at a time, each with about five times ``block_size`` bytes beside the frame; or on the workers
    of a cluster (:mod:`benchmark.host.dividing`). ``label`` names
    the work while it goes on.
    """
    frames = [take(pl.DataFrame(schema=dict(wanted.schema)))]
    with bar(label) as progress:
        read = divided(
            columns_of,
            blocks(path, bad, size=block_size),
            shared=wanted.of_blocks(),
            sent=lambda numbered: numbered[1],
        )
        for (first, block), columns in read:
            frames += map(take, _frames(first, block, bad, wanted, columns))
            progress.advance(block.count(b"\n"))
    return pl.concat(frames)


def columns_of(wanted: BlockColumns, block: bytes) -> pl.DataFrame | None:
    """Return what of a block's columns does not depend on the blocks before.

    ``None`` where its lines must be read one by one.
    """
    parsed = _parsed(block, _line_ends(block), wanted)
    return parsed if parsed is None or wanted.columns is None else wanted.columns(parsed)


def _frames(
    first: int, block: bytes, bad: BadLines, wanted: JsonColumns, frame: pl.DataFrame | None
) -> Iterator[pl.DataFrame]:
    """The frames of a block that begins with line ``first``; ``frame`` is its :func:`_columns`."""
    ends = _line_ends(block)
    if frame is not None and wanted.in_order:
        frame = wanted.columns(frame)
    if frame is not None:
        bad.read = first + len(ends) - 1
        yield frame.select(pl.col(name).cast(kind) for name, kind in wanted.schema.items())
    elif len(ends) <= FEW:
        objects = (wanted.objects or objects_of)(lines_of(first, block, bad), bad)
        yield collect(wanted.rows(objects, bad), wanted.schema)
    else:
        step = -(-len(ends) // _PARTS)
        begin = 0
        for line in range(0, len(ends), step):
            end = int(ends[min(line + step, len(ends)) - 1]) + 1
            part = block[begin:end]
            columns = columns_of(wanted.of_blocks(), part)
            yield from _frames(first + line, part, bad, wanted, columns)
            begin = end


def _line_ends(block: bytes) -> NDArray[np.int64]:
    """Where each line's end stands; behind the block where its last line has none."""
    ends = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == _LF)
    return ends if block.endswith(b"\n") else np.append(ends, len(block))


def _parsed(block: bytes, ends: NDArray[np.int64], wanted: BlockColumns) -> pl.DataFrame | None:
    """The fields of each line, or ``None`` where Python may see something else there."""
    if b"\0" in block or np.diff(ends, prepend=-1).max() > LONGEST_LINE:
        return None
    rewritten = wanted.rewritten(block)
    if rewritten is None:
        return None
    if rewritten is not block:
        block, ends = rewritten, _line_ends(rewritten)
    longest = _longest(block, ends)
    if longest is None or _has_other_numbers(block):
        return None
    try:
        pa.array([block], pa.binary()).cast(pa.string())  # refuses what is no UTF-8
        table = arrow_json.read_json(
            io.BytesIO(block),
            read_options=arrow_json.ReadOptions(
                use_threads=False, block_size=max(1 << 20, 2 * longest)
            ),
            parse_options=arrow_json.ParseOptions(
                explicit_schema=pa.schema(list(wanted.fields.items())),
                unexpected_field_behavior="ignore",
            ),
        )
    except pa.ArrowException:
        return None
    if len(table) != len(ends):
        return None
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _longest(block: bytes, ends: NDArray[np.int64]) -> int | None:
    """Bytes of the longest line; ``None`` unless every line begins and ends like an object.

    Then none is blank, and as many objects as lines are one a line: an object that went on after
    a brace at a line's end would go on with a comma or a bracket. ``None`` also for lines with
    what Python refuses for its length.
    """
    codes = np.frombuffer(block, dtype=np.uint8)
    starts = np.concatenate([[0], ends[:-1] + 1])
    sizes = ends - starts
    if sizes.min() < 2 or sizes.max() >= LONGEST_LINE:
        return None
    last = ends - 1
    last = last - (codes[last] == _CR)
    if not ((codes[starts] == _OPEN) & (codes[last] == _CLOSE)).all():
        return None
    for line in np.flatnonzero(sizes > 2 * _NESTED).tolist():
        text = block[starts[line] : ends[line]]
        if text.count(b"[") + text.count(b"{") > _NESTED or _has_digits(text):
            return None
    return int(sizes.max())


def _has_digits(text: bytes) -> bool:
    return len(text) > 4300 and _DIGITS.search(text) is not None


def _has_other_numbers(block: bytes) -> bool:
    """Whether there may be a number that Arrow takes and Python does not: ``-NaN`` or ``Inf``."""
    return any(
        not _in_text(block, at.start())
        for number in _OTHER_NUMBERS
        for at in number.finditer(block)
    )


def _in_text(block: bytes, at: int) -> bool:
    """Whether the place ``at`` lies between the quotes of a text of its line."""
    before = block[block.rfind(b"\n", 0, at) + 1 : at]
    return _ESCAPED.sub(b"", before).count(b'"') % 2 == 1
