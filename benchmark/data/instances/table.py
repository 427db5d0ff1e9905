"""Hold instances in columns: one shape for frozen files and for examples made on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from benchmark.data.catalogue import Catalogue
from benchmark.data.frames import conform
from benchmark.data.instances.ragged import Ragged
from benchmark.data.instances.tasks import DATA_TASKS, DataTask
from benchmark.data.schema import INSTANCE_COLUMNS
from benchmark.instances import History, Instance, Item, Target

#: Columns that hold lists of catalogue indices; ``item`` holds one index.
_ITEM_LISTS = ("seen", "candidates", "target_items")


@dataclass(frozen=True)
class InstanceTable:
    """Holds parallel columns over instances of one task; items are catalogue indices.

    Unused columns are ``None``. ``seen`` (the whole past) only where items may not be
    predicted again. Rankings are asked for ``k`` items.
    """

    task: DataTask
    ids: Sequence[str]
    users: Sequence[str]
    history: Ragged | Sequence[list[int]]
    ratings: Ragged | Sequence[list[float]]
    timestamps: Ragged | Sequence[list[int]]
    rating_scale: tuple[float, float] | None = None
    k: int = 10
    seen: Ragged | Sequence[list[int]] | None = None
    query: Sequence[str | None] | None = None
    item: Sequence[int] | None = None
    candidates: Ragged | Sequence[list[int]] | None = None
    target_items: Ragged | Sequence[list[int]] | None = None
    target_rating: Sequence[float] | None = None
    target_text: Sequence[str | None] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def instance(self, row: int, catalogue: Catalogue) -> Instance:
        """Return the instance of ``row``; its items look as in ``catalogue`` (perturbations)."""
        return self.task.instance(InstanceRow(self, row, catalogue))

    def instances(self, rows: range, catalogue: Catalogue) -> list[Instance]:
        """Return the instances of ``rows``, in that order; faster than one by one."""
        columns = ("ids", "users", "history", "ratings", "timestamps", *self.task.shows)
        plain = replace(self, **{name: _plain(getattr(self, name), rows) for name in columns})
        build = self.task.instance
        return [build(InstanceRow(plain, row, catalogue)) for row in range(len(rows))]

    def target(self, row: int, catalogue: Catalogue) -> Target:
        """Return the target of instance ``row``: item ids, a rating or a text."""
        value = getattr(self, self.task.target)[row]
        if self.task.target in _ITEM_LISTS:
            return tuple(catalogue.ids[index] for index in value)
        assert value is not None
        return value if isinstance(value, str) else float(value)

    def to_frame(self, catalogue: Catalogue) -> pl.DataFrame:
        """Return the frozen form, with item ids (columns of :data:`INSTANCE_COLUMNS`)."""
        ids = pl.Series(catalogue.ids, dtype=pl.String)
        columns: dict[str, Any] = {
            "instance_id": pl.Series(list(self.ids), dtype=pl.String),
            "user_id": pl.Series(list(self.users), dtype=pl.String),
            "history": _ragged(self.history).to_series("history", ids),
            "history_ratings": _ragged(self.ratings).to_series("history_ratings"),
            "history_timestamps": _ragged(self.timestamps).to_series("history_timestamps"),
        }
        for name in self.task.columns:
            values = getattr(self, name)
            if name == "seen" and values is None:
                continue
            if name in _ITEM_LISTS:
                columns[name] = _ragged(values).to_series(name, ids)
            elif name == "item":
                columns[name] = ids.gather(list(values))
            else:
                columns[name] = pl.Series(list(values), dtype=INSTANCE_COLUMNS[name])
        return conform(pl.DataFrame(columns), {k: INSTANCE_COLUMNS[k] for k in columns})

    @classmethod
    def of_frame(
        cls,
        task: str,
        frame: pl.DataFrame,
        catalogue: Catalogue,
        rating_scale: tuple[float, float] | None,
        k: int,
    ) -> InstanceTable:
        """Read back what :meth:`to_frame` wrote."""
        data_task = DATA_TASKS.get(task)
        codes = pl.Enum(catalogue.ids)
        columns: dict[str, Any] = {}
        for name in data_task.columns:
            if name not in frame.columns:
                continue
            if name in _ITEM_LISTS:
                columns[name] = Ragged.of_series(frame[name], codes)
            elif name == "item":
                columns[name] = frame[name].cast(codes).to_physical().to_list()
            else:
                columns[name] = frame[name].to_list()
        return cls(
            task=data_task,
            ids=frame["instance_id"].to_list(),
            users=frame["user_id"].to_list(),
            history=Ragged.of_series(frame["history"], codes),
            ratings=Ragged.of_series(frame["history_ratings"]),
            timestamps=Ragged.of_series(frame["history_timestamps"]),
            rating_scale=rating_scale,
            k=k,
            **columns,
        )


def _ragged(column: Ragged | Sequence[list[Any]]) -> Ragged:
    return column if isinstance(column, Ragged) else Ragged.of_lists(column)


def _plain(column: Any, rows: range) -> Any:
    """``rows`` of a column as a list: of lists where the column is ragged."""
    if column is None:
        return None
    return column.rows(rows).lists() if isinstance(column, Ragged) else [column[r] for r in rows]


@dataclass(frozen=True, slots=True)
class InstanceRow:
    """Reads from one row of a table what its task's instance shows, as the catalogue has it."""

    table: InstanceTable
    row: int
    catalogue: Catalogue

    @property
    def common(self) -> dict[str, Any]:
        """Return the fields every instance has: ids and history."""
        table, row, catalogue = self.table, self.row, self.catalogue
        return {
            "instance_id": table.ids[row],
            "user_id": table.users[row],
            "history": History(
                catalogue.at(table.history[row]),
                # Not a number is what differs from itself.
                tuple([None if r != r else r for r in table.ratings[row]]),
                tuple(table.timestamps[row]),
            ),
        }

    @property
    def exclude(self) -> frozenset[str]:
        """Return the ids that may not be predicted: the user's whole past, or none."""
        if self.table.seen is None:
            return frozenset()
        return frozenset(map(self.catalogue.ids.__getitem__, self.table.seen[self.row]))

    @property
    def query(self) -> str:
        """Return the search query."""
        assert self.table.query is not None
        query = self.table.query[self.row]
        assert query is not None
        return query

    @property
    def item(self) -> Item:
        """Return the item that the instance is about."""
        assert self.table.item is not None
        return self.catalogue[int(self.table.item[self.row])]

    @property
    def candidates(self) -> tuple[Item, ...]:
        """Return the items to select from."""
        assert self.table.candidates is not None
        return self.catalogue.at(self.table.candidates[self.row])

    @property
    def rating_scale(self) -> tuple[float, float] | None:
        """Return the (lowest, highest) rating of the dataset, or ``None``."""
        return self.table.rating_scale

    @property
    def k(self) -> int:
        """Return the number of items a ranking holds."""
        return self.table.k
