"""Words of the sentences that MRG writes, and sentences of words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from baselines.reviews.mrg_network import END, START, UNKNOWN
from benchmark.visible import control_character, is_blank

_WORD = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")
#: Marks that stand right behind a word, and right before one.
_BEHIND, _BEFORE = re.compile(r" ([.,;:!?%)\]}])"), re.compile(r"([(\[{$#]) ")


def spoken(text: str) -> list[str]:
    """Return the words and marks of a text in order, those that cannot be seen left out."""
    return [
        word
        for word in _WORD.findall(text)
        if not is_blank(word) and control_character(word) is None
    ]


class Words:
    """Numbers the most frequent words of some texts, behind :data:`UNKNOWN`."""

    def __init__(self, known: Sequence[str]) -> None:
        self.known = tuple(known)
        self._number = {word: n for n, word in enumerate(self.known, start=UNKNOWN + 1)}

    @classmethod
    def of(cls, texts: Iterable[str], *, most: int) -> Words:
        """Number at most ``most`` words, the most frequent first, ties in their own order."""
        counts = Counter(word for text in texts for word in spoken(text))
        order = sorted(counts, key=lambda word: (-counts[word], word))
        return cls(order[:most])

    def __len__(self) -> int:
        """Return how many numbers there are, those of no word included."""
        return UNKNOWN + 1 + len(self.known)

    def numbers(self, text: str, *, most: int) -> list[int]:
        """Return the first ``most`` words of a text between its beginning and its end."""
        said = [self._number.get(word, UNKNOWN) for word in spoken(text)[:most]]
        return [START, *said, END]

    def text(self, numbers: Iterable[int]) -> str:
        """Return the sentence of word numbers, up to the end; what is no word is left out."""
        said: list[str] = []
        for number in numbers:
            if number == END:
                break
            if number > UNKNOWN:
                said.append(self.known[number - UNKNOWN - 1])
        return _BEFORE.sub(r"\1", _BEHIND.sub(r"\1", " ".join(said)))
