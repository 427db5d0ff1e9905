"""Write a Parquet file a frame at a time: the bytes are those of all frames written as one."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

from benchmark.data.frames import PARQUET, failed_write
from benchmark.host.files import cannot_write

_WAIT = 0.05


@contextmanager
def streamed_parquet(path: Path) -> Iterator[Callable[[pl.DataFrame], None]]:
    """Give a function that writes a frame behind those before; one or more must be written.

    They are written by another thread, two of them held at a time. Raises
    :class:`~benchmark.errors.BenchError` when the disk is full or the folder cannot be written.
    """
    frames: queue.Queue[pl.DataFrame | None] = queue.Queue(maxsize=1)
    with ThreadPoolExecutor(1) as pool:
        writing: list[Future[None]] = []

        def put(frame: pl.DataFrame | None) -> None:
            while not writing[0].done():  # a writer that failed takes nothing more
                try:
                    return frames.put(frame, timeout=_WAIT)
                except queue.Full:
                    pass

        def write(frame: pl.DataFrame) -> None:
            if not writing:
                writing.append(pool.submit(_write, frame.schema, frames, path))
            put(frame)
            if writing[0].done():
                writing[0].result()

        try:
            yield write
        finally:
            if writing:
                put(None)
        writing[0].result()


def _write(schema: pl.Schema, frames: queue.Queue[pl.DataFrame | None], path: Path) -> None:
    def source(
        columns: list[str] | None, predicate: object, rows: object, size: object
    ) -> Iterator[pl.DataFrame]:
        while (frame := frames.get()) is not None:
            yield frame if columns is None else frame.select(columns)

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        register_io_source(source, schema=schema).sink_parquet(path, **PARQUET)
    except OSError as error:
        raise cannot_write(path, error) from error
    except pl.exceptions.PolarsError as error:
        raise failed_write(path, error) from error
