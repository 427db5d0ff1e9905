"""Store rows of unequal length as slices of one flat array, or compute rows on access."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmark.data.frames import list_series

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ragged:
    """Holds rows of unequal length: row ``i`` is ``values[low[i]:high[i]]``.

    Rows may overlap, as histories do.
    """

    values: NDArray[Any]
    low: NDArray[np.int64]
    high: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.low)

    def __getitem__(self, row: int) -> list[Any]:
        values: list[Any] = self.values[self.low[row] : self.high[row]].tolist()
        return values

    def rows(self, rows: range) -> Ragged:
        """Return some of the rows; the values are shared."""
        at = np.arange(rows.start, rows.stop, rows.step)
        return Ragged(self.values, self.low[at], self.high[at])

    def lists(self) -> list[list[Any]]:
        """Return every row as a list."""
        values, offsets = self.flat()
        plain, ends = values.tolist(), offsets.tolist()
        return [plain[low:high] for low, high in itertools.pairwise(ends)]

    def flat(self) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Return all rows behind each other, and the offsets (rows + 1,) between them."""
        lengths = self.high - self.low
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        positions = np.arange(offsets[-1]) + np.repeat(self.low - offsets[:-1], lengths)
        return self.values[positions], offsets

    def to_series(self, name: str, codes: pl.Series | None = None) -> pl.Series:
        """Return a list column; through ``codes`` (index -> string) where values are indices."""
        values, offsets = self.flat()
        if codes is not None:
            column = codes.gather(values)
        else:
            column = pl.Series(values, nan_to_null=values.dtype.kind == "f")
        return list_series(name, column, offsets)

    @classmethod
    def of_series(cls, column: pl.Series, codes: pl.Enum | None = None) -> Ragged:
        """Invert :meth:`to_series`; missing numbers become NaN."""
        lengths = column.list.len().cast(pl.Int64).fill_null(0).to_numpy()
        ends = np.cumsum(lengths, dtype=np.int64)
        flat = column.filter(column.list.len() > 0).explode()
        coded = flat if codes is None else flat.cast(codes).to_physical()
        return cls(coded.to_numpy(), ends - lengths, ends)

    @classmethod
    def of_lists(cls, rows: Sequence[Sequence[int]]) -> Ragged:
        """Build from lists of item indices."""
        ends = np.cumsum([len(row) for row in rows], dtype=np.int64)
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        values = np.array([value for row in rows for value in row], dtype=np.int64)
        return cls(values, ends - lengths, ends)


class Computed(Sequence[T], Generic[T]):
    """Computes the entries of a sequence on access and keeps none."""

    def __init__(self, length: int, entry: Callable[[int], T]) -> None:
        self._length = length
        self._entry = entry

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[T]:
        return map(self._entry, range(self._length))

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return [self._entry(i) for i in range(*index.indices(self._length))]
        if index < 0:
            index += self._length
        if not 0 <= index < self._length:
            raise IndexError(f"index {index} of {self._length} entries")
        return self._entry(index)
