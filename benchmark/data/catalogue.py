"""The items of a dataset, in one fixed order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import overload

import polars as pl

from benchmark.errors import BenchError, shown
from benchmark.instances import Item


class Catalogue(Sequence[Item]):
    """Holds every item, in index order: ``catalogue[i]`` is an :class:`Item`.

    Items are built on first use and shared afterwards. ``frame`` is the table behind them
    (:data:`benchmark.data.schema.ITEM_COLUMNS`), for vectorised work.
    """

    def __init__(self, frame: pl.DataFrame, *, images: Path | None) -> None:
        self.frame = frame
        self.images = images
        self.ids: tuple[str, ...] = tuple(frame["item_id"].to_list())
        #: Item id -> index; takes the place of the method that sequences have.
        self.index: dict[str, int] = {  # type: ignore[assignment]
            item_id: i for i, item_id in enumerate(self.ids)
        }
        self.queries: tuple[str | None, ...] = tuple(frame["query"].to_list())
        self._items: list[Item | None] = [None] * len(self.ids)
        self._in_order: Sequence[str] = self.ids

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Item]:
        return (self[i] for i in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Item, ...]: ...
    def __getitem__(self, index: int | slice) -> Item | tuple[Item, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        item = self._items[index]
        if item is None:
            item = self._build(index)
            self._items[index] = item
        return item

    def at(self, indices: Sequence[int]) -> tuple[Item, ...]:
        """Return the items with these (non-negative) indices."""
        items = tuple(map(self._items.__getitem__, indices))
        if not all(items):  # some are not built yet
            return tuple([self[index] for index in indices])
        return items  # type: ignore[return-value]

    def is_in_order(self, item_ids: Sequence[str]) -> bool:
        """Return whether ``item_ids`` are the catalogue's, in index order."""
        if item_ids is not self._in_order:
            if tuple(item_ids) != self.ids:
                return False
            if isinstance(item_ids, tuple):
                self._in_order = item_ids  # compared once, not for every block of instances
        return True

    def by_id(self, item_id: str) -> Item:
        """Return the item called ``item_id``; raises :class:`BenchError` when there is none."""
        try:
            return self[self.index[item_id]]
        except KeyError:
            raise BenchError(
                f"Item {shown(item_id)} is not in the catalogue of {len(self)} items.",
                fix="Answer with ids from data.catalogue.ids.",
            ) from None

    def _build(self, index: int) -> Item:
        row = self.frame.row(index, named=True)
        image = row["image"]
        pairs = {pair["key"]: pair["value"] for pair in row["attributes"] or ()}
        return Item(
            item_id=row["item_id"],
            domain=row["domain"] or "",
            title=row["title"],
            category=tuple(row["category"] or ()),
            brand=row["brand"],
            price=row["price"],
            description=row["description"],
            image=None if image is None or self.images is None else str(self.images / image),
            attributes=MappingProxyType(pairs),
        )


def own_words(item: Item) -> str:
    """Return title, category, brand and attribute values of an item in one line."""
    parts = [item.title or "", *item.category, item.brand or "", *item.attributes.values()]
    return " ".join(part for part in parts if part)
