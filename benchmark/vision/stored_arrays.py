"""Arrays too dear to compute twice: written block by block, gone on with after a stop.

What is not finished lies beside its place under other names; a reader sees whole arrays only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchError
from benchmark.host.files import cannot_write, is_write_failure, locked, read_json, write_json
from benchmark.host.mapped import mapped_array

#: Computes the rows from the first number up to, not including, the second: name -> (rows, ...).
Compute = Callable[[int, int], Mapping[str, NDArray[Any]]]


def stored_arrays(
    stem: Path, names: tuple[str, ...], rows: int, compute: Compute, *, block: int, doing: str
) -> dict[str, NDArray[Any]]:
    """Return arrays (rows, ...) by name, mapped from ``stem.NAME.npy``.

    What is missing is computed in blocks of ``block`` rows. A process that is stopped leaves the
    finished blocks, and the next one goes on behind them; a second one waits, and is told that
    another is ``doing`` this. ``rows`` is at least 1. Raises :class:`BenchError` where the folder
    cannot be written, or a file in it is damaged.
    """
    files = {name: stem.with_name(f"{stem.name}.{name}.npy") for name in names}
    with locked(stem.with_name(f"{stem.name}.lock"), doing):
        if not all(file.is_file() for file in files.values()):
            try:
                _compute(stem, files, rows, compute, block)
            except OSError as error:
                if is_write_failure(error):
                    raise cannot_write(stem, error) from error
                raise
    return {name: mapped_array(file, rows=rows) for name, file in files.items()}


def _compute(
    stem: Path, files: Mapping[str, Path], rows: int, compute: Compute, block: int
) -> None:
    begun = {name: file.with_name(f".{file.name}.partial") for name, file in files.items()}
    count = stem.with_name(f".{stem.name}.done.json")
    done = _done(count, begun, rows)
    while done < rows:
        end = min(done + block, rows)
        for name, values in compute(done, end).items():
            out = _opened(begun[name], values, rows, new=done == 0)
            out[done:end] = values
            out.flush()
        done = end
        write_json(count, done)
    for name, file in files.items():
        os.replace(begun[name], file)
    count.unlink()


def _done(count: Path, begun: Mapping[str, Path], rows: int) -> int:
    """Rows that an earlier process finished; 0 unless all its files are sound."""
    if not count.is_file() or not all(path.is_file() for path in begun.values()):
        return 0
    try:
        done = read_json(count)
        sound = all(len(np.load(path, mmap_mode="r")) == rows for path in begun.values())
    except (BenchError, ValueError, OSError):
        return 0
    return done if sound and isinstance(done, int) and 0 <= done <= rows else 0


def _opened(
    path: Path, values: NDArray[Any], rows: int, *, new: bool
) -> np.memmap[Any, np.dtype[Any]]:
    """The array of ``rows`` rows that ``values`` are some of."""
    if new:
        shape = (rows, *values.shape[1:])
        return np.lib.format.open_memmap(path, mode="w+", dtype=values.dtype, shape=shape)
    return cast("np.memmap[Any, np.dtype[Any]]", np.load(path, mmap_mode="r+"))
