"""Choose the explanations of many reviews at a time, in columns.

The sentences are those of :func:`~benchmark.data.preparing.explanations.best_sentence`. No word
holds a space, so the words of a sentence are those of its pieces between spaces; the same pieces
come again and again, and each is looked at once.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from threading import Lock

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmark.data.preparing.explanations import LONGEST, SHORTEST, best_sentence, mentioned
from benchmark.data.queries import words

Ints = NDArray[np.int64]

#: Reviews, and different pieces, held at a time.
REVIEWS, PIECES = 1 << 14, 1 << 20
#: Of items and words, looked at together.
_PAIRS = 1 << 20
#: Stands for the end of a line, as a piece of its own.
_MARK = "\0"
#: Unicode has no space for four that Python has.
_SPACE = r"[\s\x1c-\x1f]"
#: What space there is that is neither one space nor one line's end.
_UNTIDY = r"[^\S \n]|[\x1c-\x1f]|[ \n]{2}"
_LINE_END = rf"{_SPACE}*[\r\n]{_SPACE}*"
#: A piece that ends a sentence, as in ``best_sentence``; behind its full stop what is left out.
_FULL_STOP = r"([.!?؟।॥।])[\"'”’)]*$"
#: Reviews that go one by one: with a boundary that needs no space, or with the mark itself.
_ODD = rf"[。！？｡{_MARK}]"


class Explanations:
    """Chooses the explanations of reviews about items known by the words ``mentions``.

    Several threads may ask one object.
    """

    def __init__(self, mentions: Iterable[frozenset[str]]) -> None:
        self._known = _Mentions(mentions)
        self._pieces = _Pieces(self._known)

    def __getstate__(self) -> _Mentions:
        """Return what another process needs; what was learnt of pieces stays here."""
        return self._known

    def __setstate__(self, known: _Mentions) -> None:
        """Take up what :meth:`__getstate__` returned."""
        self._known = known
        self._pieces = _Pieces(known)

    def of(self, reviews: pl.Series, items: Ints) -> pl.Series:
        """Return each review's explanation, null where it has none or there is no review.

        ``reviews`` has n texts, ``items`` the place in ``mentions`` of the item that each is about.
        """
        found = [pl.Series("explanation", [], dtype=pl.String)]
        for low in range(0, len(reviews), REVIEWS):
            pieces = self._pieces
            if len(pieces) > PIECES:
                pieces = self._pieces = _Pieces(self._known)
            high = low + REVIEWS
            found.append(self._some(reviews[low:high], items[low:high], pieces))
        return pl.concat(found)

    def _some(self, reviews: pl.Series, items: Ints, pieces: _Pieces) -> pl.Series:
        chosen: list[str | None] = [None] * len(reviews)
        odd = reviews.str.contains(_ODD).fill_null(False)
        for row in odd.arg_true().to_list():
            chosen[row] = best_sentence(reviews[row], self._known.words_of(items[row]))
        plain = pl.DataFrame({"row": np.arange(len(reviews)), "text": reviews})
        plain = plain.filter(~odd & reviews.is_not_null())
        rows, sentences = _chosen(plain, items, pieces)
        for row, sentence in zip(rows, sentences, strict=True):
            chosen[row] = sentence
        return pl.Series("explanation", chosen, dtype=pl.String)


def _chosen(texts: pl.DataFrame, about: Ints, pieces: _Pieces) -> tuple[list[int], list[str]]:
    """The row and the explanation of each text that has one."""
    if texts.is_empty():
        return [], []
    split = _tidy(texts["text"]).str.replace_all("\n", f" {_MARK} ", literal=True).str.split(" ")
    text_ends = np.cumsum(split.list.len().to_numpy().astype(np.int64)) - 1
    codes = pieces.codes(split.explode())
    ends = pieces.ends[codes]
    ends[text_ends] = True
    sentence_of = np.cumsum(ends) - ends  # of each piece
    last = np.flatnonzero(ends)  # piece of each sentence
    first = np.append(0, last[:-1] + 1)
    said = np.add.reduceat(pieces.words[codes], first)
    fit = (said >= SHORTEST) & (said <= LONGEST)
    speaking = np.flatnonzero(fit[sentence_of] & (pieces.mentions[codes] > 0))
    mention, of_piece = pieces.mentions_of(codes[speaking])
    sentence = sentence_of[speaking][of_piece]
    text_of = np.searchsorted(text_ends, last)
    item_of = about[texts["row"].to_numpy()][text_of]
    of_item = pieces.known.has(item_of[sentence], mention)
    # Sorted, which takes less than np.unique's table of what was seen.
    pairs = np.sort(sentence[of_item] * pieces.known.size + mention[of_item])
    pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)]]
    best, count = np.unique(pairs // pieces.known.size, return_counts=True)
    # The first sentence of each text is its best: most mentions, then the earlier one.
    order = np.lexsort((best, -count, text_of[best]))
    chosen = best[order][np.unique(text_of[best][order], return_index=True)[1]]
    places = text_of[chosen]
    begins = np.append(0, text_ends + 1)[places]
    taken = pl.DataFrame(
        {
            "pieces": split.gather(places),
            "at": first[chosen] - begins,
            "size": last[chosen] - first[chosen] + 1,
            "goes on": last[chosen] < text_ends[places],
        }
    )
    joined = pl.col("pieces").list.slice("at", "size").list.join(" ").str.strip_chars(f" {_MARK}")
    whole = pl.when("goes on").then(joined.str.replace(_FULL_STOP, "${1}")).otherwise(joined)
    return texts["row"].gather(places).to_list(), taken.select(whole).to_series().to_list()


def _tidy(texts: pl.Series) -> pl.Series:
    """``texts`` with a line's end or one space wherever there is some; ends stay as they are."""
    untidy = texts.str.contains(_UNTIDY).arg_true()
    if not len(untidy):
        return texts
    lines = texts.gather(untidy).str.replace_all(_LINE_END, "\n")
    spaced = lines.str.replace_all(r"(?:[^\S\n]|[\x1c-\x1f])+", " ")
    return texts.scatter(untidy, spaced)


class _Mentions:
    """Numbers the words by which items are known, and says which item is known by which."""

    def __init__(self, mentions: Iterable[frozenset[str]]) -> None:
        self.code: dict[str, int] = {}
        flat, counts = array("q"), array("q")
        for some in mentions:
            flat.extend([self.code.setdefault(word, len(self.code)) for word in some])
            counts.append(len(some))
        self.size = max(len(self.code), 1)
        pairs = np.repeat(np.arange(len(counts)), np.asarray(counts))
        pairs *= self.size
        pairs += np.asarray(flat)
        del flat
        pairs.sort()
        self._pairs = pairs
        self._words = list(self.code)
        # Most pairs that are asked for are none: a table of bits says so without a search.
        self._shift = np.uint64(64 - max(int(len(pairs) * 16).bit_length(), 10))
        self._table = np.zeros(1 << int(61 - self._shift), dtype=np.uint8)
        for low in range(0, len(pairs), _PAIRS):
            byte, bit = self._place(pairs[low : low + _PAIRS])
            np.bitwise_or.at(self._table, byte, bit)

    def _place(self, pairs: Ints) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
        """The byte of the table that a pair belongs to, and its bit there."""
        place = (pairs.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> self._shift
        return place >> np.uint64(3), np.uint8(1) << (place & np.uint64(7)).astype(np.uint8)

    def words_of(self, item: int) -> frozenset[str]:
        """Return the words by which an item is known."""
        low, high = np.searchsorted(self._pairs, [item * self.size, (item + 1) * self.size])
        return frozenset(self._words[pair % self.size] for pair in self._pairs[low:high].tolist())

    def has(self, item: Ints, word: Ints) -> NDArray[np.bool_]:
        """Return whether each item is known by the word beside it, bool (n,)."""
        wanted = item * self.size + word
        byte, bit = self._place(wanted)
        held = (self._table[byte] & bit) != 0
        maybe = wanted[held]
        at = np.minimum(np.searchsorted(self._pairs, maybe), len(self._pairs) - 1)
        held[held] = self._pairs[at] == maybe
        return np.asarray(held)


class _Pieces:
    """Knows of every different piece its words, its mentions, and whether it ends a sentence."""

    def __init__(self, known: _Mentions) -> None:
        self.known = known
        self.words = np.zeros(0, dtype=np.int64)
        """How many words each piece has, by its code; -1 where no piece has the code yet."""
        self.mentions = np.zeros(0, dtype=np.int64)
        """How many words of items."""
        self.ends = np.zeros(0, dtype=bool)
        self._starts = np.zeros(0, dtype=np.int64)
        self._flat = np.zeros(0, dtype=np.int64)
        self._learning = Lock()
        self._coded = pl.Categorical(pl.Categories.random())
        self._held = pl.Series([], dtype=self._coded)  # codes last as long as a column of them

    def __len__(self) -> int:
        return len(self.words)

    def codes(self, pieces: pl.Series) -> Ints:
        """Return a code for each of ``pieces``, n texts; new ones become known."""
        codes = pieces.cast(self._coded).to_physical().to_numpy().astype(np.int64)
        with self._learning:
            more = max(int(codes.max(initial=-1)) + 1 - len(self), 0)
            self.words = np.concatenate([self.words, np.full(more, -1)])
            self.ends = np.concatenate([self.ends, np.zeros(more, dtype=bool)])
            self.mentions, self._starts = (
                np.concatenate([column, np.zeros(more, dtype=np.int64)])
                for column in (self.mentions, self._starts)
            )
            new = np.flatnonzero(self.words[codes] < 0)
            if len(new):
                known, first = np.unique(codes[new], return_index=True)
                self._learn(known, pieces.gather(new[first]))
        return codes

    def _learn(self, codes: Ints, pieces: pl.Series) -> None:
        """Look at different ``pieces``, whose codes are ``codes``."""
        self.ends[codes] = (pieces.str.contains(_FULL_STOP) | (pieces == _MARK)).to_numpy()
        flat: list[int] = []
        code = self.known.code
        for place, piece in zip(codes.tolist(), pieces.to_list(), strict=True):
            found = words(piece)
            mentions = [code[word] for word in mentioned(found) if word in code]
            self.words[place], self.mentions[place] = len(found), len(mentions)
            self._starts[place] = len(self._flat) + len(flat)
            flat += mentions
        self._flat = np.concatenate([self._flat, np.array(flat, dtype=np.int64)])

    def mentions_of(self, codes: Ints) -> tuple[Ints, Ints]:
        """Return the words of items in the pieces ``codes``, and the place in ``codes`` of each."""
        counts = self.mentions[codes]
        place = np.repeat(np.arange(len(codes)), counts)
        within = np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts, counts)
        return self._flat[self._starts[codes][place] + within], place
