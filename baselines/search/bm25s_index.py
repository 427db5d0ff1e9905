"""BM25 by the library bm25s, through numpy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import bm25s
import numpy as np
from numpy.typing import NDArray

from baselines.search.corpus import Corpus

_FOLDER = "index"


class Bm25sIndex:
    """Scores by bm25s's method ``lucene``: Lucene's idf, exact lengths, no factor k1 + 1."""

    def __init__(self, corpus: Corpus, *, k1: float, b: float) -> None:
        self._index = bm25s.BM25(k1=k1, b=b, method="lucene", backend="numpy")
        self._index.index(
            (corpus.documents, corpus.vocabulary), create_empty_token=False, show_progress=False
        )

    def scores(self, words: Sequence[str], *, most: int) -> NDArray[np.floating]:
        """Return exact scores (documents,) of all documents, whatever ``most``."""
        known = self._index.get_tokens_ids(list(words))
        scores: NDArray[np.floating] = self._index.get_scores_from_ids(known)
        return scores

    def save(self, folder: Path) -> None:
        """Write the index in the library's own format, without pickle."""
        self._index.save(folder / _FOLDER, show_progress=False, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path, *, k1: float, b: float) -> Self:
        """Read what :meth:`save` wrote."""
        # The constants are in the index itself.
        loaded = cls.__new__(cls)
        loaded._index = bm25s.BM25.load(folder / _FOLDER, show_progress=False, allow_pickle=False)
        return loaded
