"""Keep frames in a temporary file that is mapped into memory: what is not looked at takes none."""

from __future__ import annotations

import mmap
from typing import IO, Any

import polars as pl
import pyarrow as pa

from benchmark.data.raw import temporary
from benchmark.host.files import cannot_write

#: Rows that are written together.
ROWS = 1 << 16


class KeptFrames:
    """Holds frames of one schema, one behind the other; together they are one frame.

    Up to :data:`~benchmark.data.raw.temporary.HELD` bytes stay in memory. Raises
    :class:`~benchmark.errors.BenchError` when the disk is full.
    """

    def __init__(self) -> None:
        self._held: list[pl.DataFrame] = []
        self._bytes = 0.0
        self._file: IO[bytes] | None = None
        self._writer: Any = None

    def append(self, frame: pl.DataFrame) -> None:
        """Keep one more."""
        self._held.append(frame)
        self._bytes += frame.estimated_size()
        if self._bytes > temporary.HELD:
            self._write()

    def together(self) -> pl.DataFrame:
        """Return all frames as one; nothing can be appended afterwards."""
        if self._file is None:
            return pl.concat(self._held)
        self._write()
        try:
            self._writer.close()
            self._file.flush()
        except OSError as error:
            raise cannot_write(temporary.temporary_folder(), error) from error
        with self._file as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        table = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(mapped))).read_all()
        frame = pl.from_arrow(table)
        assert isinstance(frame, pl.DataFrame)
        return frame

    def _write(self) -> None:
        """Move what is held to the file."""
        try:
            for frame in self._held:
                table = _compact(frame)
                if self._writer is None:
                    self._file = temporary.temporary_file()
                    self._writer = pa.ipc.new_file(self._file, table.schema)
                self._writer.write_table(table)
        except OSError as error:
            raise cannot_write(temporary.temporary_folder(), error) from error
        self._held.clear()


def on_disk(frame: pl.DataFrame, order: pl.Series | None = None) -> pl.DataFrame:
    """Return ``frame`` as :class:`KeptFrames` keeps it; its rows ``order`` where that is given."""
    frames = KeptFrames()
    for low in range(0, max(len(frame), 1), ROWS):
        part = slice(low, low + ROWS)
        frames.append(frame[part] if order is None else frame[order[part]])
    return frames.together()


def _compact(frame: pl.DataFrame) -> pa.Table:
    """``frame`` without texts that it does not show: a part shares those of the whole."""
    own = pl.from_arrow(frame.to_arrow(compat_level=pl.CompatLevel.oldest()))
    assert isinstance(own, pl.DataFrame)
    return own.to_arrow(compat_level=pl.CompatLevel.newest())
