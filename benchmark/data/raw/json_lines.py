"""Read files of one JSON object a line, plain or gzipped, as a stream into a data frame."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from benchmark.data.frames import text_lists
from benchmark.data.raw.text_files import BadLines, lines

#: Rows held as Python objects before they become a frame: files have tens of millions.
_CHUNK = 100_000
_SURROGATE = re.compile(r"\\(?:u|U0000)[dD][89a-fA-F]")


def json_objects(path: Path, bad: BadLines) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, object) of every line that is not blank.

    ``bad`` decides about lines that are no text, no JSON or no object.
    """
    return objects_of(lines(path, bad), bad)


def objects_of(
    numbered: Iterable[tuple[int, str]], bad: BadLines
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) of every one of ``numbered`` lines as :func:`json_objects`."""
    for number, line in numbered:
        if not line or line.isspace():
            continue
        try:
            value = json.loads(line)
            check_encodable(line, value)
        except json.JSONDecodeError as error:
            bad.report(number, f"not JSON ({error.msg}, column {error.colno})")
            continue
        except (ValueError, RecursionError) as error:
            bad.report(number, f"not usable as JSON ({str(error).splitlines()[0]})")
            continue
        if not isinstance(value, dict):
            bad.report(number, f"a JSON {type(value).__name__}, not an object")
            continue
        yield number, value


def check_encodable(line: str, value: object) -> None:
    """Raise ``ValueError`` if a text in ``value``, read from ``line``, is none that a table holds.

    Python reads half a surrogate pair; no table can hold one.
    """
    if _SURROGATE.search(line):
        json.dumps(value, ensure_ascii=False).encode()


def collect(rows: Iterable[tuple[Any, ...]], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return ``rows`` as a frame with the columns ``schema``, built a chunk at a time."""
    stream = iter(rows)
    frames = [pl.DataFrame(schema=dict(schema))]
    while chunk := list(islice(stream, _CHUNK)):
        columns = [
            _column(name, kind, values)
            for (name, kind), values in zip(schema.items(), zip(*chunk, strict=True), strict=True)
        ]
        frames.append(pl.DataFrame(columns))
    return pl.concat(frames)


def _column(name: str, kind: pl.DataType, values: Sequence[Any]) -> pl.Series:
    if kind == pl.List(pl.String) and None not in values:
        return text_lists(name, values)
    return pl.Series(name, values, dtype=kind)
