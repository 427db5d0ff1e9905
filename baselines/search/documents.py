"""Reviews as numbered documents: which a user wrote before, which are about an item.

Document 0 is padding; then comes one document a training purchase, then one an item: its own text.
Rows of document numbers are newest first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from baselines.learning.windows import known_items, windows
from baselines.search.texts import SearchTexts, WordLists
from benchmark.instances import History


@dataclass(frozen=True)
class Documents:
    """Keeps what a model that reads reviews needs of the training part."""

    words: WordLists
    """Of every document, 1 + purchases + items, the word numbers."""
    of_item: NDArray[np.int64]
    """(items, most + 1): latest reviews of each item, one more than is read."""
    user: NDArray[np.int64]
    """(purchases,): who wrote it."""
    item: NDArray[np.int64]
    """(purchases,): what it is about."""

    @classmethod
    def of_texts(cls, texts: SearchTexts, *, most_words: int, most_reviews: int) -> Documents:
        """Keep the first ``most_words`` of a document, the latest ``most_reviews`` of an item."""
        words = WordLists.of_lists([[]]).followed_by(texts.of_purchase.cut(most_words))
        words = words.followed_by(texts.of_item.cut(most_words))
        timeline = texts.timeline
        reviews = np.flatnonzero(texts.reviewed)
        # By item, then by time; of equal times the order of the data decides.
        order = reviews[np.lexsort((timeline.timestamp[reviews], timeline.item[reviews]))]
        ends = np.cumsum(np.bincount(timeline.item[order], minlength=len(texts.of_item)))
        begins = np.concatenate([[0], ends[:-1]]).astype(np.int64)
        latest, length = windows(order + 1, begins, ends.astype(np.int64), most_reviews + 1)
        return cls(words, _turned(latest, length), timeline.user.copy(), timeline.item.copy())

    @cached_property
    def _width(self) -> int:
        return int(np.diff(self.words.offsets).max(initial=1))

    def words_of(self, documents: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return (n, longest of all): the word numbers of ``documents`` (n,), padded with 0."""
        return self.words.padded(documents, self._width)

    @cached_property
    def _of_pair(self) -> dict[tuple[int, int], int]:
        """The latest document that a user wrote about an item."""
        pairs = zip(self.user.tolist(), self.item.tolist(), strict=True)
        return {pair: i for i, pair in enumerate(pairs, start=1)}

    def own_text(self, item: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers of the documents that hold the items' own texts."""
        return 1 + len(self.user) + item

    def before(
        self, begin: NDArray[np.int64], rows: NDArray[np.int64], most: int
    ) -> NDArray[np.int64]:
        """Return (n, most): documents of the user's purchases ``begin[i]:rows[i]``."""
        latest, length = windows(np.arange(1, len(self.user) + 1), begin, rows, most)
        return _turned(latest, length)

    def of_history(
        self, user: int, history: History, index: dict[str, int], most: int
    ) -> list[int]:
        """Return the documents of the latest ``most`` known items, newest first.

        ``user`` -1 is somebody who was not there in training. Where the user's review of an
        item is not at hand, the item's own text takes its place.
        """
        own_text = 1 + len(self.user)
        latest = known_items(history, index)[: -most - 1 : -1]
        return [self._of_pair.get((user, item), own_text + item) for item in latest]

    def about(
        self, item: NDArray[np.int64], most: int, *, without: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        """Return (n, 1 + most): the item's own text, then its latest reviews.

        ``without`` (n,) are documents that are left out, as if they had never been written.
        """
        reviews = self.of_item[item]  # (n, most + 1)
        if without is not None:
            reviews = np.where(reviews == without[:, None], 0, reviews)
            to_the_left = np.argsort(reviews == 0, axis=1, kind="stable")
            reviews = np.take_along_axis(reviews, to_the_left, axis=1)
        return np.concatenate([self.own_text(item)[:, None], reviews[:, :most]], axis=1)


def _turned(rows: NDArray[np.int64], length: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows whose first ``length`` entries are read backwards."""
    column = np.arange(rows.shape[1])
    place = np.where(column < length[:, None], length[:, None] - 1 - column, column)
    return np.take_along_axis(rows, place, axis=1)


def narrow(rows: NDArray[np.int64], at_least: int = 0) -> NDArray[np.int64]:
    """Cut columns of padding off the right end of ``rows``."""
    used = np.flatnonzero((rows > 0).any(0))
    return rows[:, : max(used[-1] + 1 if len(used) else 0, at_least)]
