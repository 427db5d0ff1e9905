"""What search is learnt from: training purchases, the queries of their items, and words.

A purchase's *document* is the review the user wrote, or the item's own text where there is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.data.instances.timeline import Timeline
from benchmark.data.queries import STOP_WORDS, words
from benchmark.errors import BenchError
from benchmark.instances import Item
from benchmark.model import TrainingView


class Vocabulary:
    """Numbers known words from 1; 0 is padding."""

    def __init__(self, known: Sequence[str]) -> None:
        self.words = tuple(known)
        self._number = {word: i for i, word in enumerate(self.words, start=1)}

    def __len__(self) -> int:
        return len(self.words)

    def numbers(self, tokens: Iterable[str]) -> list[int]:
        """Number the known words among ``tokens``, in order."""
        return [self._number[token] for token in tokens if token in self._number]

    def padded(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Number the words of each text: (texts, most), zeros behind; at least one column."""
        return pad([self.numbers(tokens(text)) for text in texts])


@dataclass(frozen=True)
class WordLists:
    """Stores lists of word numbers: list ``i`` is ``numbers[offsets[i]:offsets[i + 1]]``."""

    numbers: NDArray[np.int64]
    offsets: NDArray[np.int64]

    @classmethod
    def of_lists(cls, lists: Sequence[Sequence[int]]) -> WordLists:
        """Concatenate ``lists`` of word numbers into one array with offsets."""
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in lists])]).astype(np.int64)
        return cls(np.array([n for row in lists for n in row], np.int64), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> NDArray[np.int64]:
        return self.numbers[self.offsets[row] : self.offsets[row + 1]]

    def joined(self, starts: NDArray[np.int64]) -> WordLists:
        """Join lists ``starts[i]:starts[i + 1]`` into list ``i``."""
        return WordLists(self.numbers, self.offsets[starts])

    def cut(self, most: int) -> WordLists:
        """Return the first ``most`` words of each list."""
        size = np.minimum(np.diff(self.offsets), most)
        offsets = np.concatenate([[0], np.cumsum(size)])
        place = np.arange(offsets[-1]) + np.repeat(self.offsets[:-1] - offsets[:-1], size)
        return WordLists(self.numbers[place], offsets)

    def followed_by(self, other: WordLists) -> WordLists:
        """Return these lists and then the ``other`` ones."""
        offsets = np.concatenate([self.offsets, self.offsets[-1] + other.offsets[1:]])
        return WordLists(np.concatenate([self.numbers, other.numbers]), offsets)

    def padded(self, rows: NDArray[np.int64], width: int) -> NDArray[np.int64]:
        """Return the lists ``rows`` (n,), none longer than ``width``, zeros behind: (n, width)."""
        place = self.offsets[rows][:, None] + np.arange(width)
        real = place < self.offsets[rows + 1][:, None]
        return np.where(real, np.append(self.numbers, 0)[np.where(real, place, -1)], 0)

    def draw(
        self, rows: NDArray[np.int64], count: int, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Draw ``count`` words of each of the lists ``rows`` (n,), with replacement: (n, count).

        Zeros where a list is empty.
        """
        low = self.offsets[rows][:, None]
        size = self.offsets[rows + 1][:, None] - low
        place = low + (rng.random((len(rows), count)) * size).astype(np.int64)
        drawn = np.append(self.numbers, 0)[np.minimum(place, len(self.numbers))]
        return np.where(size > 0, drawn, 0)


@dataclass(frozen=True)
class SearchTexts:
    """Collects training purchases, rows of ``timeline``, and words, numbered by ``vocabulary``."""

    vocabulary: Vocabulary
    counts: NDArray[np.int64]
    """(words + 1,): how often each occurs in item texts and reviews; 0 for padding."""
    timeline: Timeline
    reviewed: NDArray[np.bool_]
    """(rows,): whether the purchase has a review with a known word."""
    of_purchase: WordLists
    """Of every row its document."""
    of_item: WordLists
    """Of every item its title, category, brand and description."""
    distinct_queries: tuple[str, ...]
    """Of the catalogue, in its order."""
    queries: NDArray[np.int64]
    """Word numbers (queries, most) of the distinct queries, padded."""
    query_of_item: NDArray[np.int64]
    """(items,): row of ``queries``, or -1 for an item without query."""

    @classmethod
    def of_view(cls, data: TrainingView, *, min_count: int) -> SearchTexts:
        """Collect the texts of the training part, and of nothing else.

        Words that occur less than ``min_count`` times are unknown, save those of queries.
        Raises :class:`BenchError` where no purchased item has a query.
        """
        rows = data.interactions("train")
        timeline = Timeline.of_frame(rows, data.catalogue)
        queries = data.catalogue.queries
        if not any(queries[item] for item in np.unique(timeline.item)):
            raise BenchError(
                f"Dataset {data.name!r} has no training purchase of an item with a query.",
                fix="Use a dataset that supports search: unimp-bench data list.",
            )
        texts = [tokens(_text_of(item)) for item in data.catalogue]
        reviews = [tokens(review or "") for review in rows["review"].to_list()]
        distinct = list(dict.fromkeys(query for query in queries if query))
        vocabulary, counts = _vocabulary([*texts, *reviews], distinct, min_count)
        numbered_texts = [vocabulary.numbers(text) for text in texts]
        numbered_reviews = [vocabulary.numbers(review) for review in reviews]
        documents = [
            review or numbered_texts[item]
            for review, item in zip(numbered_reviews, timeline.item.tolist(), strict=True)
        ]
        row_of = {query: i for i, query in enumerate(distinct)}
        return cls(
            vocabulary=vocabulary,
            counts=counts,
            timeline=timeline,
            reviewed=np.array([bool(review) for review in numbered_reviews], bool),
            of_purchase=WordLists.of_lists(documents),
            of_item=WordLists.of_lists(numbered_texts),
            distinct_queries=tuple(distinct),
            queries=vocabulary.padded(distinct),
            query_of_item=np.array([row_of[q] if q else -1 for q in queries], np.int64),
        )

    def purchases(self) -> NDArray[np.int64]:
        """Return the rows that are learnt from: their item has a query."""
        return np.flatnonzero(self.query_of_item[self.timeline.item] >= 0)

    def about_items(self) -> WordLists:
        """Return of every item its own text and all reviews of it."""
        lists = [self.of_item[item].tolist() for item in range(len(self.of_item))]
        for row in np.flatnonzero(self.reviewed).tolist():
            lists[self.timeline.item[row]].extend(self.of_purchase[row].tolist())
        return WordLists.of_lists(lists)


def tokens(text: str) -> list[str]:
    """Split a text into words as queries are: lower-cased, without stop words."""
    return [word for word in words(text) if word not in STOP_WORDS]


def _text_of(item: Item) -> str:
    """Title, category, brand and description of an item, the fields that BM25 reads too."""
    parts = [item.title, *item.category, item.brand, item.description]
    return " ".join(part for part in parts if part)


def pad(lists: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Pad lists to rows (n, longest), zeros behind; at least one column."""
    out = np.zeros((len(lists), max(map(len, lists), default=0) or 1), np.int64)
    for row, numbers in zip(out, lists, strict=True):
        row[: len(numbers)] = numbers
    return out


def _vocabulary(
    texts: Sequence[Sequence[str]], queries: Sequence[str], min_count: int
) -> tuple[Vocabulary, NDArray[np.int64]]:
    counts = Counter(word for text in texts for word in text)
    asked = {word for query in queries for word in tokens(query)}
    known = {word for word, n in counts.items() if n >= min_count} | asked
    order = sorted(known, key=lambda word: (-counts[word], word))
    return Vocabulary(order), np.array([0, *(counts[word] for word in order)], np.int64)
