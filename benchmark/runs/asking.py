"""The instances that a run asks, read some at a time: there may be millions."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Literal, overload

import polars as pl

from benchmark.data.catalogue import Catalogue
from benchmark.data.dataset import Dataset
from benchmark.data.instances.lazily import FrozenInstances
from benchmark.data.instances.table import InstanceTable
from benchmark.data.unchanged import require_unchanged_file
from benchmark.errors import BenchError
from benchmark.instances import Instance

#: Instances read together: a multiple of a shard's. So many or fewer are read at once.
BLOCK = 1 << 16

_TARGETS = "target_items"


def asked_instances(
    dataset: Dataset, task: str, *, cohort: str, perturb: str | None
) -> FrozenInstances:
    """Return the test instances of ``task``.

    They are those of :meth:`~benchmark.data.dataset.Dataset.instances`, which says what is raised.
    """
    part = f"test-{cohort}"
    total: int = dataset.info["tasks"].get(task, {}).get(part, 0)
    if total <= BLOCK:
        return dataset.instances(task, cohort=cohort, perturb=perturb)
    name = f"tasks/{task}/{part}.parquet"
    require_unchanged_file(dataset, name)
    return StreamedInstances(dataset, task, name, total, shown=dataset.catalogue(perturb))


class StreamedInstances(FrozenInstances):
    """Reads the ``total`` instances of a file when a slice asks for them.

    The last :data:`BLOCK` is kept. What is asked of all at once (ids, targets as objects) reads
    them all.
    """

    def __init__(
        self, dataset: Dataset, task: str, name: str, total: int, *, shown: Catalogue
    ) -> None:
        self.sha256 = dataset.info["files"][name]
        self.catalogue = shown
        self._path = dataset.folder / name
        self._task = task
        self._own = dataset.catalogue()
        self._rules = dataset.rules
        self._rows = range(total)
        self._built = None
        self._held: tuple[int, FrozenInstances] | None = None

    def __repr__(self) -> str:
        return f"{len(self):,} instances of {self._task}"

    @overload
    def __getitem__(self, index: int) -> Instance: ...
    @overload
    def __getitem__(self, index: slice) -> FrozenInstances: ...
    def __getitem__(self, index: int | slice) -> Instance | FrozenInstances:
        if not isinstance(index, slice):
            at = self._rows[index]
            return self[at : at + 1][0]
        rows = self._rows[index]
        if rows.step != 1 or not rows:
            return super().__getitem__(index)
        start = rows.start - rows.start % BLOCK
        if rows.stop > start + BLOCK:
            return self._some(rows.start, rows.stop)
        if self._held is None or self._held[0] != start:
            self._held = None  # before others are read
            self._held = (start, self._some(start, min(start + BLOCK, len(self))))
        return self._held[1][rows.start - start : rows.stop - start]

    @property
    def k(self) -> int:
        """Return the number of items a ranking holds."""
        return self._rules.k

    @property
    def have_several(self) -> bool:
        """Return whether a target is several items; no other column is read."""
        rows = pl.scan_parquet(self._path, glob=False)
        if _TARGETS not in rows.collect_schema():
            return False
        several = rows.select((pl.col(_TARGETS).list.len() > 1).any())
        return bool(_collected(several, self._path, engine="streaming").item())

    @property
    def rating_scale(self) -> tuple[float, float] | None:
        """Return the (lowest, highest) rating of the dataset, or ``None``."""
        return self._rules.rating_scale

    @cached_property
    def _table(self) -> InstanceTable:  # type: ignore[override]
        return self._read(0, len(self))

    def _some(self, start: int, stop: int) -> FrozenInstances:
        return FrozenInstances(self._read(start, stop), self.catalogue, sha256=self.sha256)

    def _read(self, start: int, stop: int) -> InstanceTable:
        rows = pl.scan_parquet(self._path, glob=False).slice(start, stop - start)
        frame, rules = _collected(rows, self._path), self._rules
        return InstanceTable.of_frame(self._task, frame, self._own, rules.rating_scale, rules.k)


def _collected(
    rows: pl.LazyFrame, path: Path, *, engine: Literal["auto", "streaming"] = "auto"
) -> pl.DataFrame:
    try:
        return rows.collect(engine=engine)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BenchError(
            f"Cannot read {str(path)!r}: {str(error).splitlines()[0]}.",
            fix="Prepare the dataset again with --force.",
        ) from error
