"""BM25 by the library rank-bm25."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from rank_bm25 import BM25Okapi

from baselines.search.corpus import Corpus


class RankBM25Index:
    """Scores by ``BM25Okapi``: Robertson's idf, where negative a quarter of the mean idf instead.

    Where most words are in most documents that mean is negative as well, and a document with a
    word of the query then scores below one without: the library's formula, left as it is.
    Trotman, Puurula and Burgess, "Improvements to BM25 and Language Models Examined" (2014).
    """

    def __init__(self, corpus: Corpus, *, k1: float, b: float) -> None:
        self._corpus = corpus
        self._index = BM25Okapi(corpus.documents, k1=k1, b=b)

    def scores(self, words: Sequence[str], *, most: int) -> NDArray[np.floating]:
        """Return exact scores (documents,) of all documents, whatever ``most``."""
        total = np.zeros(len(self._corpus.documents))
        # Word by word: with k1 = 0, and with b = 1 in an empty document, the library divides 0
        # by 0 where the word is absent, and an absent word adds nothing.
        with np.errstate(invalid="ignore"):
            for number in self._corpus.known(words):
                total += np.nan_to_num(self._index.get_scores([number]))
        return total

    def save(self, folder: Path) -> None:
        """Write the documents."""
        # The library offers no file format but pickle; it indexes again in the time of reading.
        self._corpus.save(folder)

    @classmethod
    def load(cls, folder: Path, *, k1: float, b: float) -> Self:
        """Read what :meth:`save` wrote and index it again."""
        return cls(Corpus.load(folder), k1=k1, b=b)
