"""What was written of items: the reviews of the training part, and items' own texts, in numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from baselines.multimodal.features import item_text
from baselines.search.texts import Vocabulary, WordLists
from benchmark.data.instances.timeline import Timeline
from benchmark.data.queries import STOP_WORDS, words
from benchmark.instances import Item
from benchmark.model import TrainingView

#: Between two sentences of a text in numbers.
BREAK = 0
#: Words said less often are unknown.
_LEAST_SAID = 2
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n")
#: How much a word counts, in a sentence that names the product and elsewhere.
_NAMED, _ELSEWHERE = 1.0, 0.5


@dataclass(frozen=True)
class Told:
    """Numbers the words of training reviews: ``reviews[r]`` is of training row r, perhaps empty."""

    vocabulary: Vocabulary
    reviews: WordLists
    user: NDArray[np.int64]
    """(rows,), who wrote it: places in the training part's users."""
    item: NDArray[np.int64]
    """(rows,), what it is about: catalogue numbers."""

    @classmethod
    def of_view(cls, data: TrainingView, timeline: Timeline, *, most: int) -> Told:
        """Number the words of items and training reviews, of each review the first ``most``."""
        reviews = data.interactions("train")["review"].to_list()
        counts = Counter(word for text in reviews if text for word in words(text))
        for item in data.catalogue:
            counts.update(words(item_text(item) or ""))
        known = sorted(
            (word for word, n in counts.items() if n >= _LEAST_SAID), key=lambda w: (-counts[w], w)
        )
        vocabulary = Vocabulary(known)
        lists = [in_sentences(vocabulary, text or "", most=most) for text in reviews]
        return cls(vocabulary, WordLists.of_lists(lists), timeline.user, timeline.item)

    @cached_property
    def _latest(self) -> dict[tuple[int, int], int]:
        """The last row that a user wrote about an item."""
        pairs = zip(self.user.tolist(), self.item.tolist(), strict=True)
        return {pair: row for row, pair in enumerate(pairs)}

    def of_history(
        self, user: int, items: Iterable[tuple[int, Item]], *, most: int
    ) -> list[list[int]]:
        """Return what ``user`` (-1: nobody known) wrote about ``items``, by number and as shown.

        Where a review is not at hand, the item's own text takes its place.
        """
        found = []
        for number, item in items:
            row = self._latest.get((user, number))
            review = [] if row is None else self.reviews[row].tolist()
            found.append(review or self.of_item(item, most=most))
        return found

    def of_item(self, item: Item, *, most: int) -> list[int]:
        """Return the text of an item as it is shown, in numbers with breaks."""
        return in_sentences(self.vocabulary, item_text(item) or "", most=most)

    def names(self, item: Item) -> frozenset[int]:
        """Return the words that name a product: its title's or else its last category's."""
        text = item.title or " ".join(item.category[-1:])
        said = [word for word in words(text) if word not in STOP_WORDS]
        return frozenset(self.vocabulary.numbers(said))


def in_sentences(vocabulary: Vocabulary, text: str, *, most: int) -> list[int]:
    """Return the first ``most`` known words of a text, a :data:`BREAK` behind each sentence."""
    numbers: list[int] = []
    for sentence in _SENTENCE_END.split(text):
        said = vocabulary.numbers(words(sentence))[:most]
        most -= len(said)
        if said:
            numbers += [*said, BREAK]
    return numbers


def probed(texts: Sequence[Sequence[int]], names: frozenset[int]) -> tuple[list[int], list[float]]:
    """Return the words of texts without breaks, and how much each counts.

    1 in a sentence that has one of ``names``, 0.5 in any other.
    """
    numbers: list[int] = []
    probe: list[float] = []
    for text in texts:
        sentence: list[int] = []
        for number in (*text, BREAK):
            if number != BREAK:
                sentence.append(number)
                continue
            weight = _ELSEWHERE if names.isdisjoint(sentence) else _NAMED
            numbers += sentence
            probe += [weight] * len(sentence)
            sentence = []
    return numbers, probe
