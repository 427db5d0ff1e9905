"""Arrays kept in files and mapped into memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchError, in_one_line
from benchmark.host.files import REMAKE


def mapped_array(file: Path, *, rows: int) -> NDArray[Any]:
    """Return the array (rows, ...) of a ``.npy`` file in a dataset's cache, mapped read-only.

    Raises :class:`BenchError` that says how to have the file made again where it is damaged or
    has another number of rows.
    """
    try:
        found: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError) as error:
        raise BenchError(
            f"{str(file)!r} cannot be read: {in_one_line(error)}.", fix=REMAKE
        ) from error
    if found.shape[:1] != (rows,):
        raise BenchError(
            f"{str(file)!r} holds an array of shape {found.shape}, not of {rows} rows.", fix=REMAKE
        )
    return found
