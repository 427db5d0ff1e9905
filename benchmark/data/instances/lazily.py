"""Read frozen instances lazily, with (for the harness alone) their targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import overload

import numpy as np
from numpy.typing import NDArray

from benchmark.data.catalogue import Catalogue
from benchmark.data.instances.ragged import Ragged
from benchmark.data.instances.table import InstanceTable
from benchmark.instances import Example, Instance, Target

#: Instances built together; so many or fewer are kept when they have been built.
_TOGETHER = 1_024


class FrozenInstances(Sequence[Instance]):
    """Reads the instances of one task, part and cohort, in file order.

    They are columns; indexing and iterating build the objects, slicing gives
    :class:`FrozenInstances` again. ``sha256`` is that of the instance file, the same for every
    slice of it.
    """

    def __init__(
        self, table: InstanceTable, catalogue: Catalogue, *, sha256: str, rows: range | None = None
    ) -> None:
        self.sha256 = sha256
        self.catalogue = catalogue
        """As the instances show it (perturbations)."""
        self._table = table
        self._rows = range(len(table)) if rows is None else rows
        self._built: list[Instance] | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"{len(self):,} instances of {self._table.task.name}"

    def __iter__(self) -> Iterator[Instance]:
        if len(self) <= _TOGETHER:
            yield from self._objects()
            return
        for start in range(0, len(self), _TOGETHER):
            yield from self[start : start + _TOGETHER]._objects()

    @overload
    def __getitem__(self, index: int) -> Instance: ...
    @overload
    def __getitem__(self, index: slice) -> FrozenInstances: ...
    def __getitem__(self, index: int | slice) -> Instance | FrozenInstances:
        if isinstance(index, slice):
            rows = self._rows[index]
            return FrozenInstances(self._table, self.catalogue, sha256=self.sha256, rows=rows)
        if len(self) <= _TOGETHER:
            return self._objects()[index]
        return self._table.instance(self._rows[index], self.catalogue)

    def _objects(self) -> list[Instance]:
        if self._built is None:
            self._built = self._table.instances(self._rows, self.catalogue)
        return self._built

    @property
    def ids(self) -> list[str]:
        """Return the instance ids, in order."""
        return [self._table.ids[row] for row in self._rows]

    @property
    def users(self) -> list[str]:
        """Return the user ids, in order."""
        return [self._table.users[row] for row in self._rows]

    @property
    def targets(self) -> list[Target]:
        """Return the targets, in order."""
        return [self._table.target(row, self.catalogue) for row in self._rows]

    @property
    def queries(self) -> list[str | None]:
        """Return what is searched for, in order: ``None`` where the task has no query."""
        query = self._table.query
        return [None if query is None else query[row] for row in self._rows]

    @property
    def k(self) -> int:
        """Return the number of items a ranking holds."""
        return self._table.k

    @cached_property
    def excluded(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return what may not be predicted: catalogue indices, row after row, each once.

        Those of row i are ``indices[starts[i]:starts[i + 1]]`` of the pair (indices, starts).
        """
        seen = self._table.seen
        if seen is None:
            return np.zeros(0, np.int64), np.zeros(len(self) + 1, np.int64)
        assert isinstance(seen, Ragged)
        indices, starts = seen.rows(self._rows).flat()
        row = np.repeat(np.arange(len(self)), np.diff(starts))
        codes = np.unique(row * len(self.catalogue) + indices)
        row, indices = np.divmod(codes, len(self.catalogue))
        return indices, np.searchsorted(row, np.arange(len(self) + 1))

    @property
    def positives(self) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """Return the items that are the targets, ``None`` where a target is something else.

        Catalogue indices, row after row: those of row i are ``indices[starts[i]:starts[i + 1]]``
        of the pair (indices, starts).
        """
        items = self._table.target_items
        if items is None:
            return None
        assert isinstance(items, Ragged)
        indices, starts = items.rows(self._rows).flat()
        return indices.astype(np.int64), starts

    @property
    def rating_scale(self) -> tuple[float, float] | None:
        """Return the (lowest, highest) rating of the dataset, or ``None``."""
        return self._table.rating_scale


class Examples(Sequence[Example]):
    """Builds each instance with its target when it is indexed."""

    def __init__(self, table: InstanceTable, catalogue: Catalogue) -> None:
        self._table = table
        self._catalogue = catalogue

    def __len__(self) -> int:
        return len(self._table)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> list[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | list[Example]:
        if isinstance(index, slice):
            rows = range(*index.indices(len(self)))
            return [
                Example(instance, self._table.target(row, self._catalogue))
                for start in range(0, len(rows), _TOGETHER)
                for row, instance in zip(
                    rows[start : start + _TOGETHER],
                    self._table.instances(rows[start : start + _TOGETHER], self._catalogue),
                    strict=True,
                )
            ]
        row = range(len(self))[index]
        return Example(
            self._table.instance(row, self._catalogue), self._table.target(row, self._catalogue)
        )
