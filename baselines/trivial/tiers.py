"""Rank by plain rules one after the other: the asked category, the user's own items, counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from baselines.learning.past import Pasts, Reach, training_counts
from baselines.learning.queries import answering
from benchmark.host.files import read_json, write_json
from benchmark.model import TrainingView
from benchmark.predictions import Ranking
from benchmark.ranking import KeyedRanker, RankingInstance, queries, rank_in_blocks

_STATE = "counts.json"


class Tiers:
    """Ranks items of the asked category first (``within_query``); among equals the user's own
    items first, the latest highest (``own``); then all by training interactions.

    Validation and test interactions are never counted. (Published popularity rows that count
    all interactions know the answer of every user.) Ties by item index.
    """

    def __init__(self, *, own: Reach | None = None, within_query: bool = False) -> None:
        self.own = own
        self.within_query = within_query
        self.item_ids: tuple[str, ...] = ()
        self.counts: NDArray[np.int64] = np.zeros(0, dtype=np.int64)  # (items,)
        self._queries: tuple[str | None, ...] = ()
        self._pasts = Pasts()
        self._index: dict[str, int] = {}
        self._ranker = KeyedRanker[str | None]((), self._scores_of)

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Count the training interactions of every catalogue item; keep users' pasts if asked."""
        self._know(data.catalogue.ids, training_counts(data))
        if self.within_query:
            self._queries = data.catalogue.queries
        if self.own == "whole":
            self._pasts = Pasts.of(data.interactions("train"), data.catalogue)

    def predict(self, instances: Sequence[RankingInstance]) -> Iterable[Ranking]:
        """Rank the catalogue by :meth:`scores`, once for users of whom nothing is looked at."""
        if self.own is not None:
            return rank_in_blocks(instances, self.scores, self.item_ids)
        nothing: list[str | None] = [None] * len(instances)
        return self._ranker.rank(instances, queries(instances) if self.within_query else nothing)

    def save(self, folder: Path) -> None:
        """Write item ids, counts and queries as JSON, and users' pasts if they are asked for."""
        state = {"items": self.item_ids, "counts": self.counts.tolist()}
        write_json(folder / _STATE, {**state, "queries": self._queries})
        if self.own == "whole":
            self._pasts.save(folder)

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        state = read_json(folder / _STATE)
        self._know(state["items"], np.array(state["counts"], np.int64))
        self._queries = tuple(state["queries"])
        if self.own == "whole":
            self._pasts = Pasts.load(folder)

    def scores(self, instances: Sequence[RankingInstance]) -> NDArray[np.float64]:
        """Return scores (n, items): counts, and above them each tier that is asked for."""
        scores = np.tile(self.counts.astype(np.float64), (len(instances), 1))
        most = float(self.counts.max(initial=0))
        asked = queries(instances)
        of_query = {query: self._asked(query) for query in dict.fromkeys(asked)}
        for row, instance in enumerate(instances):
            if self.own is not None:
                own = self._pasts.before(instance, self._index)
                scores[row, own] = most + np.arange(len(own), 0, -1)
            scores[row] += of_query[asked[row]]
        return scores

    def _scores_of(self, query: str | None, most: int) -> NDArray[np.float64]:
        """The scores (items,) of everyone who asks for ``query``."""
        return self.counts.astype(np.float64) + self._asked(query)

    def _asked(self, query: str | None) -> NDArray[np.float64]:
        """What is added (items,) to items of the asked category."""
        if not self.within_query or query is None:
            return np.zeros(len(self.item_ids))
        # More than any count or own item has.
        above = float(self.counts.max(initial=0)) + len(self.item_ids) + 1
        return answering(query, self._queries).astype(np.float64) * above

    def _know(self, item_ids: Sequence[str], counts: NDArray[np.int64]) -> None:
        self.item_ids, self.counts = tuple(item_ids), counts
        self._index = {item_id: i for i, item_id in enumerate(self.item_ids)}
        self._ranker = KeyedRanker(self.item_ids, self._scores_of)
