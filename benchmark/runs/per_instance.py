"""Reading ``per_instance.parquet``: every instance's statistics of every metric of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmark.errors import BenchError, in_one_line
from benchmark.metrics.base import Statistics
from benchmark.runs.store import PER_INSTANCE

_IDS = ("instance_id", "user_id")


@dataclass(frozen=True)
class PerInstance:
    """Rows in order of instance id; ``statistics[name]`` is (n, width of the statistic)."""

    ids: tuple[str, ...]
    users: tuple[str, ...]
    statistics: Statistics


def read_per_instance(folder: Path) -> PerInstance:
    """The per-instance table of the run in ``folder``.

    Raises :class:`BenchError` when it is missing, unreadable, lacks an id column, holds an
    instance twice, or a statistic is no number or list of numbers of one length.
    """
    path = folder / PER_INSTANCE
    fix = f"Delete the folder {str(folder)!r} and run again."
    if not path.is_file():
        raise BenchError(f"Run {folder.name!r} has no {PER_INSTANCE}.", fix=fix)
    try:
        frame = pl.read_parquet(path, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BenchError(f"Cannot read {str(path)!r}: {in_one_line(error)}.", fix=fix) from error
    for name in _IDS:
        if name not in frame.columns:
            raise BenchError(f"{str(path)!r} lacks the column {name!r}.", fix=fix)
        if frame[name].dtype != pl.String or frame[name].null_count():
            raise BenchError(f"Column {name!r} of {str(path)!r} does not hold ids.", fix=fix)
    frame = frame.sort("instance_id")
    repeated = frame.filter(pl.col("instance_id").is_duplicated())["instance_id"]
    if len(repeated):
        raise BenchError(f"{str(path)!r} holds instance {repeated[0]!r} twice.", fix=fix)
    statistics: Statistics = {}
    for name in frame.columns:
        if name not in _IDS:
            values = _matrix(frame[name])
            if values is None:
                raise BenchError(f"Column {name!r} of {str(path)!r} holds no numbers.", fix=fix)
            statistics[name] = values
    return PerInstance(
        tuple(frame["instance_id"].to_list()), tuple(frame["user_id"].to_list()), statistics
    )


def _matrix(column: pl.Series) -> NDArray[np.float64] | None:
    """(n, width) of a column of numbers, or of lists of one length; ``None`` for others."""
    if column.null_count():
        return None
    values = column.to_numpy()
    try:
        if values.dtype == object:  # a list column rather than a fixed-size one
            values = np.array(values.tolist())
        values = values.astype(np.float64)
    except (TypeError, ValueError):
        return None
    if values.ndim not in (1, 2):
        return None
    return values if values.ndim == 2 else values[:, None]
