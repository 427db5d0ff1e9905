"""What an answer may repeat of what its instruction shows: the extension's pointer.

An explanation repeats words of the asked item, a drawing (Eq. 9) the image codes of the photos that
were retrieved. Which tokens those are is known before anything is learned; the match head, our
extension (:mod:`unimp_model.network.matching`), learns how much each way of pointing counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

#: Ways of pointing: any word of the item; the word behind the one just written; the code at the
#: same place of the first, and of the second retrieved photo.
WORD, NEXT_WORD, FIRST_CODE, SECOND_CODE = range(4)


@dataclass(frozen=True, slots=True)
class Pointer:
    """Holds what one answer may repeat."""

    words: tuple[tuple[int, ...], ...] = ()
    """Text tokens of each of an item's values."""
    codes: tuple[tuple[int, ...], ...] = ()
    """Image tokens (L,) of up to two photos; empty for one without."""

    def at(self, place: int, previous: int | None) -> Iterator[tuple[int, int]]:
        """Yield (token, way of pointing) for token number ``place`` of the answer.

        ``previous`` is the answer's token before it, ``None`` at the start.
        """
        for token in sorted({token for value in self.words for token in value}):
            yield token, WORD
        pairs = {pair for value in self.words for pair in pairwise(value)}
        for token in sorted(behind for before, behind in pairs if before == previous):
            yield token, NEXT_WORD
        for way, codes in zip((FIRST_CODE, SECOND_CODE), self.codes, strict=False):
            if place < len(codes):
                yield codes[place], way
