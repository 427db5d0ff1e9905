"""Read frozen instances lazily, with (for the harness alone) their targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from benchmark.data.catalogue import Catalogue
from benchmark.data.instances.table import InstanceTable
from benchmark.instances import Example, Instance, Target


class FrozenInstances(Sequence[Instance]):
    """Reads the instances of one task, part and cohort, in file order.

    Indexing builds one instance; slicing gives :class:`FrozenInstances` again. ``sha256`` is that
    of the instance file, the same for every slice of it.
    """

    def __init__(
        self, table: InstanceTable, catalogue: Catalogue, *, sha256: str, rows: range | None = None
    ) -> None:
        self.sha256 = sha256
        self._table = table
        self._catalogue = catalogue
        self._rows = range(len(table)) if rows is None else rows

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"{len(self):,} instances of {self._table.task.name}"

    @overload
    def __getitem__(self, index: int) -> Instance: ...
    @overload
    def __getitem__(self, index: slice) -> FrozenInstances: ...
    def __getitem__(self, index: int | slice) -> Instance | FrozenInstances:
        if isinstance(index, slice):
            rows = self._rows[index]
            return FrozenInstances(self._table, self._catalogue, sha256=self.sha256, rows=rows)
        return self._table.instance(self._rows[index], self._catalogue)

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
        return [self._table.target(row, self._catalogue) for row in self._rows]

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
            return [self._build(row) for row in range(*index.indices(len(self)))]
        return self._build(range(len(self))[index])

    def _build(self, row: int) -> Example:
        return Example(
            self._table.instance(row, self._catalogue), self._table.target(row, self._catalogue)
        )
