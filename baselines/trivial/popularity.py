"""The most frequent items of the training part, for everyone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.host.files import read_json, write_json
from benchmark.model import TrainingView
from benchmark.predictions import Ranking
from benchmark.ranking import RankingInstance, rank_in_blocks

_STATE = "popularity.json"


class Popularity:
    """Items by their number of training interactions; ties by item index.

    Validation and test interactions are never counted. (Published popularity rows that count
    all interactions know the answer of every user.) Search ignores the query.
    """

    tasks = frozenset({"recommendation", "search"})

    def __init__(self) -> None:
        self.item_ids: tuple[str, ...] = ()
        self.counts: NDArray[np.int64] = np.zeros(0, dtype=np.int64)  # (items,)

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Count the training interactions of every catalogue item."""
        self.item_ids = data.catalogue.ids
        tally = data.interactions("train")["item_id"].value_counts()
        counts = dict(tally.iter_rows())
        self.counts = np.array([counts.get(item_id, 0) for item_id in self.item_ids], np.int64)

    def predict(self, instances: Sequence[RankingInstance]) -> Iterator[Ranking]:
        """Rank the catalogue by :meth:`scores`."""
        return rank_in_blocks(instances, self.scores, self.item_ids)

    def save(self, folder: Path) -> None:
        """Write item ids and counts as JSON."""
        write_json(folder / _STATE, {"items": self.item_ids, "counts": self.counts.tolist()})

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        state = read_json(folder / _STATE)
        self.item_ids = tuple(state["items"])
        self.counts = np.array(state["counts"], np.int64)

    def scores(self, instances: Sequence[RankingInstance]) -> NDArray[np.float64]:
        """Return scores (n, items): the training counts, the same for every instance."""
        return np.tile(self.counts.astype(np.float64), (len(instances), 1))
