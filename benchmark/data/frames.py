"""Data frames to deterministic bytes: fixed Parquet settings, content hashes, list columns."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from benchmark.errors import BenchError
from benchmark.host.files import cannot_write

#: How tables are written.
PARQUET: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 3,
    "statistics": True,
    "row_group_size": 1 << 18,
}


def write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Write ``frame``; the same content gives the same bytes.

    Raises :class:`BenchError` when the disk is full or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.rechunk().write_parquet(path, **PARQUET)
    except OSError as error:
        raise cannot_write(path, error) from error
    except pl.exceptions.PolarsError as error:
        raise failed_write(path, error) from error


def failed_write(path: Path, error: pl.exceptions.PolarsError) -> BenchError:
    """Return the error for a failed write of ``path``; polars has an error type of its own."""
    return cannot_write(path, OSError(errno.EIO, str(error)))


def read_parquet(
    path: Path, columns: Sequence[str] | None = None, *, where: pl.Expr | None = None
) -> pl.DataFrame:
    """Read a file of a prepared dataset: all of it, or some ``columns`` of the rows ``where``.

    Rows that are left out take no memory. Raises :class:`BenchError` when it cannot be read.
    """
    try:
        if where is None:
            names = None if columns is None else list(columns)
            return pl.read_parquet(path, columns=names, glob=False, memory_map=False)
        rows = pl.scan_parquet(path, glob=False).filter(where)
        return (rows if columns is None else rows.select(columns)).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BenchError(
            f"Cannot read {str(path)!r}: {str(error).splitlines()[0]}.",
            fix="Prepare the dataset again with --force.",
        ) from error


def conform(frame: pl.DataFrame, columns: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return ``frame`` with exactly ``columns``, cast; absent ones become null.

    Raises :class:`polars.exceptions.PolarsError` where a value cannot be cast.
    """
    return frame.select(
        (pl.col(name).cast(kind) if name in frame.columns else pl.lit(None, kind).alias(name))
        for name, kind in columns.items()
    )


def content_sha256(frame: pl.DataFrame) -> str:
    """Return the hash of a flat frame's numbers and strings, whatever its layout in memory."""
    digest = hashlib.sha256()
    for name, kind in frame.schema.items():
        column = frame[name].rechunk()
        digest.update(f"{name}:{kind}:{len(column)};".encode())
        digest.update(np.packbits(column.is_null().to_numpy()).tobytes())
        if kind == pl.String:
            text = column.fill_null("")
            digest.update(text.str.len_bytes().cast(pl.UInt32).to_numpy().tobytes())
            array = text.to_arrow()
            array = array.cast(pa.large_string())
            offsets, data = array.buffers()[1:]
            ends = np.frombuffer(offsets, dtype=np.int64)
            first, last = ends[array.offset], ends[array.offset + len(array)]
            if last > first:
                digest.update(memoryview(data)[first:last])
        else:
            digest.update(np.ascontiguousarray(column.fill_null(0).to_numpy()).tobytes())
    return digest.hexdigest()


def list_series(name: str, values: pl.Series, offsets: NDArray[np.int64]) -> pl.Series:
    """Build a list column: row ``i`` holds ``values[offsets[i]:offsets[i + 1]]``."""
    # Offsets go through polars: from an array, Arrow would first import pandas where it is there.
    ends = pl.Series(offsets).to_arrow()
    array = pa.LargeListArray.from_arrays(ends, values.rechunk().to_arrow())
    series = pl.from_arrow(array)
    assert isinstance(series, pl.Series)
    return series.rename(name)


def text_lists(name: str, rows: Sequence[Sequence[str]]) -> pl.Series:
    """Build a list column of texts; polars would make a column of every row first."""
    offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    texts = pl.Series([text for row in rows for text in row], dtype=pl.String)
    return list_series(name, texts, offsets)
