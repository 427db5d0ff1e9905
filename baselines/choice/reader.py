"""Items and instances as the numbers that matches are counted in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baselines.choice.matches import Floats, Histories, Shown
from baselines.multimodal.features import Features, photo_row
from benchmark.data.catalogue import Catalogue
from benchmark.data.item_values import Codebook, codebook, price_edges, shown_values
from benchmark.instances import History, Item

#: Values by key of each item, by id.
Told = Mapping[str, Mapping[str, Sequence[str]]]


class Reader:
    """Reads items as they are shown. ``catalogue`` are all items in index order, as (items,).

    ``by_id``: values come from what was told of each item, not from what an instance shows.
    """

    def __init__(
        self,
        *,
        book: Codebook,
        leaves: Sequence[Sequence[str]],
        item_ids: Sequence[str],
        photo_names: Sequence[str],
        vectors: Floats,
        by_id: bool,
    ) -> None:
        self.book = book
        self.leaves = tuple(map(tuple, leaves))
        self.item_ids = tuple(item_ids)
        self.index = {item_id: i for i, item_id in enumerate(self.item_ids)}
        self.photo_names = tuple(photo_names)
        self.vectors = vectors
        self.by_id = by_id
        self.photo_of = np.zeros(len(self.item_ids), np.int64)
        self.catalogue = self._blank(len(self.item_ids))
        self._leaf = {path: i for i, path in enumerate(self.leaves, start=1)}
        self._photo = {name: i for i, name in enumerate(self.photo_names, start=1)}
        self._known: dict[str, tuple[Item, Shown]] = {}

    @classmethod
    def of(
        cls, catalogue: Catalogue, features: Features | None, told: Told | None, *, most_keys: int
    ) -> Reader:
        """Number the values of a catalogue, those ``told`` of its items or those it shows."""
        items = list(catalogue)
        edges = () if told is not None else price_edges(items)
        described = [
            shown_values(item, edges) if told is None else told.get(item.item_id, {})
            for item in items
        ]
        vectors = np.zeros((1, 1), np.float32)
        if features is not None:
            centred = features.vectors(np.arange(len(features.table)), "centred").numpy()
            lengths = np.linalg.norm(centred, axis=1, keepdims=True)
            vectors = np.asarray(centred / np.maximum(lengths, 1e-12), np.float32)
        reader = cls(
            book=codebook(described, edges, most=most_keys),
            leaves=sorted({item.category for item in items if item.category}),
            item_ids=catalogue.ids,
            photo_names=() if features is None else tuple(features.rows),
            vectors=vectors,
            by_id=told is not None,
        )
        codes = np.stack([reader.book.read(values) for values in described])
        reader.photo_of = np.array([reader._photo_row(item) for item in items], np.int64)
        reader.catalogue = reader._with_codes(items, codes)
        return reader

    @property
    def has_photos(self) -> bool:
        """Return whether any item has a photo that is compared."""
        return bool(self.vectors.any())

    def shown(self, items: Sequence[Item]) -> Shown:
        """Return ``items`` as they are shown, (n,)."""
        rows = [self._row(item) for item in items]
        return Shown(*(np.stack(field) for field in zip(*rows, strict=True)))

    def histories(
        self, histories: Sequence[History], expected: NDArray[np.floating], *, width: int
    ) -> Histories:
        """Return the latest ``width`` items of ``histories``, ratings less ``expected`` (n, items).

        Of an item outside the catalogue the mean of what is expected counts.
        """
        items = self._blank(len(histories), width)
        deviations = np.zeros((len(histories), width), np.float32)
        usual = expected.mean(1)
        for row, history in enumerate(histories):
            latest = list(zip(history.items, history.ratings, strict=True))[-width:]
            for column, (item, rating) in enumerate(latest, start=width - len(latest)):
                shown = self._row(item)
                items.codes[row, column], items.photos[row, column] = shown.codes, shown.photos
                items.leaves[row, column], items.numbers[row, column] = shown.leaves, shown.numbers
                if rating is not None:
                    number = int(shown.numbers)
                    level = expected[row, number - 1] if number else usual[row]
                    deviations[row, column] = rating - level
        return Histories(items, deviations)

    def record(self) -> dict[str, Any]:
        """Return what :meth:`restore` needs beside :meth:`arrays`, for JSON."""
        return {
            "keys": self.book.keys,
            "numbers": self.book.numbers,
            "widths": self.book.widths,
            "edges": self.book.edges,
            "leaves": self.leaves,
            "items": self.item_ids,
            "photos": self.photo_names,
            "by_id": self.by_id,
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return photo vectors, and the catalogue's codes, leaves and rows of photos."""
        return {
            "vectors": self.vectors,
            "codes": self.catalogue.codes,
            "leaves": self.catalogue.leaves,
            "photo_of": self.photo_of,
        }

    @classmethod
    def restore(cls, record: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Reader:
        """Return the reader that gave ``record`` and ``arrays``."""
        book = Codebook(
            tuple(record["keys"]),
            tuple(record["numbers"]),
            tuple(record["widths"]),
            tuple(record["edges"]),
        )
        reader = cls(
            book=book,
            leaves=record["leaves"],
            item_ids=record["items"],
            photo_names=record["photos"],
            vectors=arrays["vectors"],
            by_id=record["by_id"],
        )
        reader.photo_of = arrays["photo_of"]
        reader.catalogue = Shown(
            arrays["codes"],
            reader.vectors[reader.photo_of],
            arrays["leaves"],
            np.arange(1, len(reader.item_ids) + 1),
        )
        return reader

    def _row(self, item: Item) -> Shown:
        """One item (); the same object is read once."""
        known = self._known.get(item.item_id)
        if known is not None and known[0] is item:
            return known[1]
        number = self.index.get(item.item_id, -1) + 1
        if self.by_id and number:
            row = self.catalogue.at(number - 1)
        else:
            values = {} if self.by_id else shown_values(item, self.book.edges)
            row = self._with_codes([item], self.book.read(values)[None]).at(0)
        self._known[item.item_id] = (item, row)
        return row

    def _with_codes(self, items: Sequence[Item], codes: NDArray[np.int32]) -> Shown:
        return Shown(
            codes,
            self.vectors[[self._photo_row(item) for item in items]],
            np.array([self._leaf.get(item.category, 0) for item in items], np.int64),
            np.array([self.index.get(item.item_id, -1) + 1 for item in items], np.int64),
        )

    def _photo_row(self, item: Item) -> int:
        return photo_row(item, self._photo, "attribute-counts") if self.photo_names else 0

    def _blank(self, *shape: int) -> Shown:
        return Shown(
            np.zeros((*shape, sum(self.book.widths)), np.int32),
            np.zeros((*shape, self.vectors.shape[1]), np.float32),
            np.zeros(shape, np.int64),
            np.zeros(shape, np.int64),
        )
