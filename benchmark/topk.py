"""Select the k best columns of each row of a score matrix, exactly, looking at few of them.

A row's columns are dealt out to blocks: block j holds the columns j, j + S, j + 2S, ... However
they are dealt, where k blocks have maxima of at least x, the k best columns have scores of at
least x. So one pass takes the maxima, x is found among them, and only blocks that reach it are
looked into.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike, NDArray

from benchmark.data.schema import DEFAULT_K
from benchmark.errors import BenchError
from benchmark.rounding import kept_bits, rounded

Ints = NDArray[np.int64]
Values = NDArray[np.floating]
Barred = Sequence[NDArray[np.integer] | Sequence[int]]

#: Columns a block: enough that maxima are few, and few enough that a look into a block is short.
_DEPTH = 16
#: Times k: maxima among which the threshold is sought. The more, the closer it lies.
_CLOSE = 10
#: Times k: a row in which more blocks reach the threshold is one of ties (see _first_ties).
_TIED = 4
#: Columns in which ties are sought at a time.
_STRETCH = 512


def top_k(
    scores: NDArray[np.floating], *, exclude: Barred | None = None, k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Select the ``k`` best columns of each row of ``scores`` (n, items), best first.

    ``exclude[row]`` lists column indices that may not appear. Scores are compared after
    :func:`benchmark.rounding.rounded`, by the precision of ``scores``' own type; equal ones are
    ordered by column index. Returns indices (n, k) and the rounded scores (n, k), which never
    increase along a row. ``scores`` is read only. Raises :class:`BenchError` when a score is NaN
    or fewer than ``k`` columns remain in a row.
    """
    given = np.asarray(scores)
    values = given if given.dtype.kind == "f" else given.astype(np.float64)
    return _Selection(values, given.dtype, exclude, k).best()


class _Selection:
    """Selects from one matrix; ``values`` (n, items) were computed in ``computed_in``."""

    def __init__(
        self, values: Values, computed_in: DTypeLike, exclude: Barred | None, k: int
    ) -> None:
        self.values, self.computed_in, self.k = values, computed_in, k
        self.rows, self.items = values.shape
        self.blocks = min(self.items, max(_CLOSE * k, self.items // _DEPTH))
        self.depth = -(-self.items // max(self.blocks, 1))
        self.barred_row, self.barred_column = _pairs(exclude, self.items)
        barred = np.bincount(self.barred_row, minlength=self.rows)
        if self.rows:
            require_enough(k, self.items - int(barred.max()))

    def best(self) -> tuple[Ints, NDArray[np.float64]]:
        """Return the best columns (rows, k) and their rounded scores (rows, k)."""
        if not self.rows or not self.k:
            return np.empty((self.rows, self.k), np.int64), np.empty((self.rows, self.k))
        maxima = self._maxima()
        threshold = self._threshold(maxima)
        least = _just_below(threshold, kept_bits(self.computed_in))
        reaching = maxima >= least[:, None]
        whole = np.flatnonzero(threshold == -np.inf)  # fewer than k blocks have anything
        reaching[whole] = False
        tied = np.flatnonzero(np.count_nonzero(reaching, axis=1) > _TIED * self.k)
        ties: list[Ints] = []
        if len(tied):
            ties = self._first_ties(tied, threshold[tied])
            above = self._rounded(maxima[tied]) > self._rounded(threshold[tied])[:, None]
            reaching[tied] = above
        codes = np.concatenate([self._candidates(reaching, least), *ties])
        if len(tied):
            codes = np.unique(codes)
        else:
            codes.sort()
        return self._ordered(codes, whole)

    def _maxima(self) -> Values:
        """The highest score of each block (rows, blocks); what is barred does not count."""
        layers = self.items // max(self.blocks, 1)
        dealt = layers * self.blocks
        stacked = self.values[:, :dealt].reshape(self.rows, layers, self.blocks)
        maxima: Values = stacked.max(axis=1, initial=-np.inf)
        rest = self.values[:, dealt:]
        np.maximum(maxima[:, : rest.shape[1]], rest, out=maxima[:, : rest.shape[1]])
        if np.isnan(maxima).any():
            raise BenchError(
                "A model scored an item with NaN.", fix="Check its training for overflow."
            )
        row, block = self.barred_row, self.barred_column % max(self.blocks, 1)
        highest = self.values[row, self.barred_column] == maxima[row, block]
        touched = np.unique(row[highest] * self.blocks + block[highest])
        if len(touched):
            row, block = np.divmod(touched, self.blocks)
            maxima[row, block] = self._inside(row, block).max(axis=1)
        return maxima

    def _threshold(self, maxima: Values) -> NDArray[np.float64]:
        """What k blocks of each row reach or surpass (rows,), close to the k-th best score."""
        width = min(self.blocks, _CLOSE * self.k)
        layers = self.blocks // width
        highest = maxima[:, : layers * width].reshape(self.rows, layers, width).max(axis=1)
        return np.partition(highest, width - self.k, axis=1)[:, width - self.k].astype(np.float64)

    def _inside(self, row: Ints, block: Ints) -> Values:
        """The scores (m, depth) of blocks ``block`` of rows ``row``, sorted by row, then block.

        -inf where a column is barred and behind the last one.
        """
        columns = block[:, None] + self.blocks * np.arange(self.depth)
        inside: Values = self.values[row[:, None], np.minimum(columns, self.items - 1)]
        inside[columns[:, -1] >= self.items, -1] = -np.inf
        if len(self.barred_row) and len(row):
            wanted = self.barred_row * self.blocks + self.barred_column % self.blocks
            codes = row * self.blocks + block
            at = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
            here = codes[at] == wanted
            inside[at[here], self.barred_column[here] // self.blocks] = -np.inf
        return inside

    def _candidates(self, reaching: NDArray[np.bool_], least: NDArray[np.float64]) -> Ints:
        """Codes of scores of at least ``least`` (rows,) in the blocks ``reaching``."""
        row, block = np.divmod(np.flatnonzero(reaching), self.blocks)
        reached = np.flatnonzero(self._inside(row, block) >= least[row, None])
        found, depth = np.divmod(reached, self.depth)
        codes: Ints = row[found] * self.items + block[found] + self.blocks * depth
        return codes

    def _first_ties(self, rows: Ints, threshold: NDArray[np.float64]) -> list[Ints]:
        """Codes of the first k columns of each of ``rows`` that tie with its ``threshold``.

        Read a stretch of columns at a time: where ties are many, one or two suffice.
        """
        found: list[Ints] = []
        tie = self._rounded(threshold)
        wanted = np.full(len(rows), self.k)
        for start in range(0, self.items, _STRETCH):
            equal = self._rounded(self.values[rows, start : start + _STRETCH]) == tie[:, None]
            place = np.minimum(np.searchsorted(rows, self.barred_row), len(rows) - 1)
            column = self.barred_column - start
            here = (rows[place] == self.barred_row) & (column >= 0) & (column < equal.shape[1])
            equal[place[here], column[here]] = False
            equal &= np.cumsum(equal, axis=1) <= wanted[:, None]
            at, column = np.nonzero(equal)
            found.append(rows[at] * self.items + start + column)
            wanted = wanted - np.count_nonzero(equal, axis=1)
            missing = wanted > 0
            rows, tie, wanted = rows[missing], tie[missing], wanted[missing]
            if not len(rows):
                break
        return found

    def _ordered(self, codes: Ints, whole: Ints) -> tuple[Ints, NDArray[np.float64]]:
        """The best k of each row's candidates; rows ``whole`` have none, and all columns count.

        A candidate's code is its row times the number of items, plus its column; ``codes`` ascend.
        """
        row, column = np.divmod(codes, self.items)
        compared = self._rounded(self.values[row, column])
        order = np.lexsort((-compared, row))  # stable: among equals by column
        indices = np.empty((self.rows, self.k), np.int64)
        best = np.empty((self.rows, self.k), np.float64)
        usual = np.ones(self.rows, bool)
        usual[whole] = False
        first = np.searchsorted(row, np.flatnonzero(usual))
        kept = order[first[:, None] + np.arange(self.k)]
        indices[usual], best[usual] = column[kept], compared[kept]
        for one in whole.tolist():
            free = np.ones(self.items, bool)
            free[self.barred_column[self.barred_row == one]] = False
            columns = np.flatnonzero(free)
            compared = self._rounded(self.values[one, columns])
            kept = np.argsort(-compared, kind="stable")[: self.k]
            indices[one], best[one] = columns[kept], compared[kept]
        return indices, best

    def _rounded(self, values: Values) -> NDArray[np.float64]:
        return rounded(values, computed_in=self.computed_in)


def require_enough(k: int, remaining: int) -> None:
    """Raise :class:`BenchError` where ``remaining`` items are too few for a ranking of ``k``."""
    if remaining < k:
        raise BenchError(
            f"A ranking of {k} items was asked where only {remaining} items may be answered.",
            fix="Use a dataset with a larger catalogue"
            + (f", or prepare it with --set k={DEFAULT_K}." if k > DEFAULT_K else "."),
        )


def _pairs(exclude: Barred | None, items: int) -> tuple[Ints, Ints]:
    """Rows and columns of what is barred: each pair once, by row, then column."""
    if exclude is None or not items:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    sizes = np.fromiter(map(len, exclude), np.int64, len(exclude))
    columns = np.concatenate([np.zeros(0, np.int64), *exclude]).astype(np.int64)
    if len(columns) and not 0 <= columns.min() <= columns.max() < items:
        raise IndexError(f"a column to exclude is none of the {items}")
    codes = np.unique(np.repeat(np.arange(len(sizes)), sizes) * items + columns)
    return codes // items, codes % items


def _just_below(values: NDArray[np.float64], bits: int) -> NDArray[np.float64]:
    """Lower than all that equals ``values`` in ``bits`` significant bits, by two steps at most."""
    margin = np.ldexp(np.abs(values), 1 - bits)
    return np.subtract(values, margin, out=values.copy(), where=np.isfinite(values))
