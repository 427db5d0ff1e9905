"""What a branch sees, as numbers that matches are counted in: the extension's side of a row.

The paper's model reads a history as tokens. :mod:`unimp_model.network.matching`, our extension,
compares its items with those that may be answered, and takes the same items, as shown, from here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.data.item_values import Codebook, codebook, price_edges, shown_values
from benchmark.instances import Item

#: Key of an item's whole category path, and of its title's words.
PATH, TITLE = "category", "title"
#: Words of a title that count, at most; keys, and values of each: they bound a table with the
#: items.
_TITLE_WORDS, _KEYS, _VALUES = 8, 24, 400
#: Words of an instruction that are kept.
_WORDS = 32

#: Which keys a part of the matching compares.
_KEYS_OF: dict[str, Callable[[str], bool]] = {
    "category": lambda key: key.startswith("category"),
    "brand": lambda key: key == "brand",
    "attributes": lambda key: key.startswith("attribute "),
    "price": lambda key: key == "price",
    "title": lambda key: key == TITLE,
}


class Seen(NamedTuple):
    """Encodes what n branches see: arrays of a row, tensors of a batch.

    W is the window, C the number of code columns; 0 stands for none. Histories stand to the
    right: the latest item in the last of the W columns.
    """

    codes: Any
    """(n, W, C) values by key, as :class:`Codebook` numbers them."""
    items: Any
    """(n, W) catalogue numbers from 1."""
    photos: Any
    """(n, W) numbers of photos from 1."""
    ratings: Any
    """(n, W), NaN where there is none."""
    asked_codes: Any
    """(n, C) of the one item that an instruction is about; zero for others."""
    asked_items: Any
    """(n,)"""
    asked_photos: Any
    """(n,)"""
    words: Any
    """(n, Q) text tokens of an instruction that shows no item, -1 behind them."""
    fold: Any
    """(n,) whose counts describe them (:class:`benchmark.training.counting.Counts`)."""


class SeenBatch(NamedTuple):
    """Encodes what the branches of a batch see, and which of them each read belongs to, (R,)."""

    branches: Seen
    of_read: Tensor

    def to(self, device: torch.device) -> SeenBatch:
        """Return the same on ``device``."""
        return SeenBatch(Seen(*(t.to(device) for t in self.branches)), self.of_read.to(device))


class Coder:
    """Codes items as they are shown. ``photo_index`` are numbers of photos by file name, from 0."""

    def __init__(
        self,
        book: Codebook,
        item_index: Mapping[str, int],
        photo_index: Mapping[str, int],
        *,
        window: int,
        text_size: int,
    ) -> None:
        self.book = book
        self.columns = sum(book.widths)
        self._items, self._photos = item_index, photo_index
        self._window, self._text_size = window, text_size
        self._known: dict[Item, tuple[NDArray[np.int32], int, int]] = {}

    def item(self, item: Item) -> tuple[NDArray[np.int32], int, int]:
        """Return codes (C,), catalogue number and number of the photo of an item, from 1."""
        known = self._known.get(item)
        if known is None:
            known = self._known[item] = (
                self.book.read(values_of(item, self.book.edges)),
                self._items.get(item.item_id, -1) + 1,
                self._photos.get(item.photo_name or "", -1) + 1,
            )
        return known

    def seen(
        self,
        trunk: Sequence[tuple[Item, float | None]],
        branches: Sequence[tuple[int, Sequence[tuple[Item, float | None]], Sequence[int]]],
        *,
        fold: int,
    ) -> Seen:
        """Return what branches see of a trunk's items and ratings.

        A branch is given by how many items it stands behind, the items of its instruction, and
        the tokens of that. ``fold`` says whose counts describe them.
        """
        n, width = len(branches), self._window
        found = Seen(
            np.zeros((n, width, self.columns), np.int32),
            np.zeros((n, width), np.int32),
            np.zeros((n, width), np.int32),
            np.full((n, width), np.nan, np.float32),
            np.zeros((n, self.columns), np.int32),
            np.zeros(n, np.int32),
            np.zeros(n, np.int32),
            np.full((n, _WORDS), -1, np.int32),
            np.full(n, fold, np.int32),
        )
        for row, (after, about, tokens) in enumerate(branches):
            past = trunk[max(0, after - width) : after]
            for column, (item, rating) in enumerate(past, start=width - len(past)):
                codes, number, photo = self.item(item)
                found.codes[row, column] = codes
                found.items[row, column], found.photos[row, column] = number, photo
                if rating is not None:
                    found.ratings[row, column] = rating
            if len(about) == 1:
                codes, number, photo = self.item(about[0][0])
                found.asked_codes[row] = codes
                found.asked_items[row], found.asked_photos[row] = number, photo
            elif not about:
                words = [token for token in tokens if 0 <= token < self._text_size][:_WORDS]
                found.words[row, : len(words)] = words
        return found


def stacked(rows: Sequence[Seen], read_branches: Sequence[NDArray[np.int64]]) -> SeenBatch:
    """Join what the rows of a batch see.

    ``read_branches`` are the branches, from 1, that a row's reads belong to; reads of a trunk
    (0) see nothing, and point anywhere.
    """
    starts = np.cumsum([0, *(len(row.items) for row in rows)])
    most = max(int(starts[-1]) - 1, 0)
    of_read = [(b - 1 + s).clip(0, most) for b, s in zip(read_branches, starts, strict=False)]
    fields = [torch.from_numpy(np.concatenate(field)) for field in zip(*rows, strict=True)]
    whole = [f if f.is_floating_point() else f.long() for f in fields]
    return SeenBatch(Seen(*whole), torch.from_numpy(np.concatenate(of_read)).long())


def book_of(items: Sequence[Item], parts: Sequence[str]) -> Codebook:
    """Number the values that ``items`` share, of the keys that ``parts`` compare.

    The category's keys are always there: what follows what is told by them.
    """
    edges = price_edges(items)
    wanted = [_KEYS_OF[part] for part in {*parts, "category"} if part in _KEYS_OF]
    described = [
        {key: some for key, some in values_of(item, edges).items() if any(w(key) for w in wanted)}
        for item in items
    ]
    return codebook(described, edges, most=_KEYS, most_values=_VALUES)


def compared_keys(book: Codebook, parts: Sequence[str]) -> list[bool]:
    """Return of each key of ``book`` whether ``parts`` compare it."""
    wanted = [_KEYS_OF[part] for part in parts if part in _KEYS_OF]
    return [any(w(key) for w in wanted) for key in book.keys]


def values_of(item: Item, edges: Sequence[float]) -> dict[str, list[str]]:
    """Return an item's values by key: what it shows, its category path and its title's words."""
    values = shown_values(item, edges)
    if item.category:
        values[PATH] = [" > ".join(item.category)]
    if item.title:
        values[TITLE] = list(dict.fromkeys(item.title.lower().split()))[:_TITLE_WORDS]
    return values
