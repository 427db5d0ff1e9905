"""The order in which BM25 would answer: where a re-ranking model takes its candidates from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from baselines.search.bm25 import BM25
from benchmark.instances import History, SearchInstance
from benchmark.model import TrainingView

#: Item numbers held in the orders of queries (128 MB); beyond that all orders are forgotten.
NUMBERS_KEPT = 2**24


class BM25Order:
    """Orders all items by BM25 score; equal ones by training purchases, then as in the catalogue.

    Purchases decide among equals because whole categories tie, and all items do where a query
    has no known word.
    """

    def __init__(self) -> None:
        self._model = BM25()
        self._ids: tuple[str, ...] = ()
        self._index: dict[str, int] = {}
        self._popularity: NDArray[np.floating] = np.zeros(0)
        self._orders: dict[str, NDArray[np.int64]] = {}

    def fit(self, data: TrainingView, popularity: NDArray[np.floating], *, seed: int) -> None:
        """Index the catalogue; ``popularity`` (items,) are training purchases."""
        self._model.fit(data, seed=seed)
        self._know(data.catalogue.ids, popularity)

    def of(self, query: str) -> NDArray[np.int64]:
        """Return the item numbers (items,) in BM25's order, best first."""
        if query not in self._orders:
            if (len(self._orders) + 1) * len(self._ids) > NUMBERS_KEPT:
                self._orders.clear()
            asked = SearchInstance("", "", History(), query, k=len(self._ids))
            (ranking,) = self._model.predict([asked])
            score = np.empty(len(self._ids))
            score[[self._index[item_id] for item_id in ranking.items]] = ranking.scores
            self._orders[query] = np.lexsort((-self._popularity, -score))
        return self._orders[query]

    def save(self, folder: Path) -> None:
        """Write the index into ``folder``, which is made."""
        folder.mkdir()
        self._model.save(folder)

    def load(self, folder: Path, item_ids: Sequence[str], popularity: NDArray[np.floating]) -> None:
        """Read what :meth:`save` wrote."""
        self._model.load(folder)
        self._know(item_ids, popularity)

    def _know(self, item_ids: Sequence[str], popularity: NDArray[np.floating]) -> None:
        self._ids = tuple(item_ids)
        self._index = {item_id: i for i, item_id in enumerate(self._ids)}
        self._popularity = popularity
        self._orders = {}
