"""Keep the texts of reviews in a temporary file until they are written."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmark.data.raw import temporary
from benchmark.data.schema import INTERACTION_COLUMNS, RawDataset
from benchmark.host.files import cannot_write

Ints = NDArray[np.int64]

#: The columns kept here, and the column of the rows' numbers that a frame has in their place.
TEXTS = ("review", "summary")
NUMBER = "text"

_SCHEMA = {name: INTERACTION_COLUMNS[name] for name in TEXTS}
_AT = "_at"


@dataclass(frozen=True)
class RawReviews(RawDataset):
    """Holds a raw dataset of small rows: ids as codes, reviews and summaries in a file.

    ``interactions`` has users, items and domains as ``pl.Enum`` and has :data:`NUMBER` in place of
    the summary; its ``review`` is true or null. It is in time order where repeats go.
    """

    texts: KeptTexts | None = None
    """``None`` where nobody wrote any: there is no :data:`NUMBER` then."""


class KeptTexts:
    """Holds the columns :data:`TEXTS` of rows numbered from 0.

    Up to :data:`~benchmark.data.raw.temporary.HELD` bytes stay in memory.
    """

    def __init__(self) -> None:
        self._parts = _Parts()
        self._first = [0]  # the number of each part's first row, and of the next

    def __len__(self) -> int:
        return self._first[-1]

    def append(self, texts: pl.DataFrame) -> pl.Series:
        """Keep more rows and return their numbers.

        Raises :class:`~benchmark.errors.BenchError` when the disk is full.
        """
        if len(texts):
            self._parts.append(texts.select(TEXTS))
            self._first.append(len(self) + len(texts))
        return pl.int_range(len(self) - len(texts), len(self), dtype=pl.UInt32, eager=True)

    def without(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Keep the texts of ``rows`` and return these as :class:`RawReviews` has them."""
        there = pl.when(pl.col("review").is_not_null()).then(True).alias("review")
        return rows.with_columns(there, self.append(rows).alias(NUMBER)).drop("summary")

    def of(self, numbers: Ints) -> pl.DataFrame:
        """Return the texts of some rows, in the order of ``numbers``."""
        order = np.argsort(numbers, kind="stable")
        ends = np.searchsorted(numbers[order], self._first)
        found = [pl.DataFrame(schema=_SCHEMA)]
        for part, (low, high) in enumerate(itertools.pairwise(ends.tolist())):
            if low < high:
                found.append(self._parts[part][numbers[order[low:high]] - self._first[part]])
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return pl.concat(found)[back]

    def in_slices(self, numbers: Ints, ends: Ints) -> Iterator[pl.DataFrame]:
        """Yield the texts of ``numbers`` up to each of ``ends``, and keep none of them.

        What is read and written at a time is a part as it was appended or a slice, whatever the
        order of ``numbers``: each part is dealt out to the slices first.
        """
        place = np.full(len(self), -1, dtype=np.int64)
        place[numbers] = np.arange(len(numbers))
        dealt = _Parts()
        of_slice: list[list[int]] = [[] for _ in ends]
        for part, first in enumerate(self._first[:-1]):
            at = place[first : self._first[part + 1]]
            rows = np.flatnonzero(at >= 0)
            rows = rows[np.argsort(at[rows])]
            texts = self._parts[part][rows].with_columns(pl.Series(_AT, at[rows]))
            bounds = np.concatenate([[0], np.searchsorted(at[rows], ends)])
            for k in np.flatnonzero(np.diff(bounds)).tolist():
                of_slice[k].append(len(dealt))
                dealt.append(texts[bounds[k] : bounds[k + 1]])
        self._parts.close()
        del place
        for parts in of_slice:
            texts = pl.concat([dealt[part] for part in parts])
            yield texts.sort(_AT).drop(_AT)
        dealt.close()


class _Place(NamedTuple):
    offset: int
    size: int


class _Parts:
    """Frames in a file, one behind the other."""

    def __init__(self) -> None:
        self._file = temporary.spooled_file(temporary.HELD)
        self._places: list[_Place] = []

    def __len__(self) -> int:
        return len(self._places)

    def append(self, frame: pl.DataFrame) -> None:
        buffer = io.BytesIO()
        frame.write_ipc_stream(buffer, compression="lz4")
        content = buffer.getbuffer()
        try:
            self._places.append(_Place(self._file.seek(0, io.SEEK_END), len(content)))
            self._file.write(content)
            self._file.flush()
        except OSError as error:
            raise cannot_write(temporary.temporary_folder(), error) from error

    def __getitem__(self, part: int) -> pl.DataFrame:
        offset, size = self._places[part]
        self._file.seek(offset)
        return pl.read_ipc_stream(io.BytesIO(self._file.read(size)))

    def close(self) -> None:
        self._file.close()
