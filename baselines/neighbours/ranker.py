"""Score a catalogue by what a user's items add up to: what item-to-item systems share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy import sparse

from baselines.learning.arrays import load_arrays, save_arrays
from baselines.learning.past import Pasts, Reach, training_counts
from benchmark.errors import BenchError
from benchmark.host.files import read_json, write_json
from benchmark.model import TrainingView
from benchmark.predictions import Ranking
from benchmark.ranking import RankingInstance, rank_in_blocks

_RECORD, _ARRAYS = "items.json", "learnt.safetensors"

Recency = Annotated[
    float,
    Field(
        gt=0,
        le=1,
        description="weight of an item of the past beside the next later one; 1: all weigh alike",
    ),
]


class NeighbourSettings(BaseModel):
    """Sets how the user's past counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recency: Recency = 1.0
    past: Reach = Field(
        "whole",
        description="the user's items: those of the history shown, or of the whole past, training "
        "interactions included",
    )


Settings = TypeVar("Settings", bound=NeighbourSettings)


class NeighbourRanker(ABC, Generic[Settings]):
    """Ranks the catalogue for a profile: the user's distinct items, weighted by recency.

    The weight of an item is ``recency ** a`` with ``a`` later distinct items behind it. A user
    without a known item gets the items' training counts, as ``popularity``.
    """

    tasks: ClassVar[frozenset[str]] = frozenset({"recommendation"})
    Config: ClassVar[type[NeighbourSettings]]

    def __init__(self, config: Settings | None = None) -> None:
        self.config: Any = config or self.Config()
        self.item_ids: tuple[str, ...] = ()
        self.counts: NDArray[np.int64] = np.zeros(0, np.int64)  # (items,)
        self._index: dict[str, int] = {}
        self._pasts = Pasts()

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Learn from who took what in training; :class:`BenchError` where nobody took anything."""
        train = data.interactions("train")
        if train.is_empty():
            raise BenchError(
                f"Dataset {data.name!r} has no training interactions.",
                fix="Use another dataset: unimp-bench data list.",
            )
        self._know(data.catalogue.ids, training_counts(data))
        pasts = Pasts.of(train, data.catalogue)
        self._learn(data, taken(pasts, len(self.item_ids)))
        if self.config.past == "whole":
            self._pasts = pasts

    def predict(self, instances: Sequence[RankingInstance]) -> Iterable[Ranking]:
        """Rank the catalogue by :meth:`scores`."""
        return rank_in_blocks(instances, self.scores, self.item_ids)

    def scores(self, instances: Sequence[RankingInstance]) -> NDArray[np.floating]:
        """Return scores (n, items) in catalogue order, higher is better."""
        profiles = self.profiles(instances)
        scores = self._scores(profiles)
        scores[np.diff(profiles.indptr) == 0] = self.counts
        return scores

    def profiles(self, instances: Sequence[RankingInstance]) -> sparse.csr_array:
        """Return the weights (n, items) of what each instance's user took."""
        pasts = [self._pasts.before(instance, self._index) for instance in instances]
        items = [item for past in pasts for item in past]
        weights = [self.config.recency**age for past in pasts for age in range(len(past))]
        starts = np.cumsum([0, *map(len, pasts)])
        shape = (len(pasts), len(self.item_ids))
        return sparse.csr_array((np.array(weights, float), np.array(items, int), starts), shape)

    def save(self, folder: Path) -> None:
        """Write ids as JSON, what was learnt as safetensors, and users' pasts if they count."""
        write_json(folder / _RECORD, {"items": self.item_ids})
        save_arrays({"counts": self.counts, **self._arrays()}, folder / _ARRAYS)
        if self.config.past == "whole":
            self._pasts.save(folder)

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        arrays = load_arrays(folder / _ARRAYS)
        self._know(read_json(folder / _RECORD)["items"], arrays.pop("counts"))
        self._restore(arrays)
        if self.config.past == "whole":
            self._pasts = Pasts.load(folder)

    @abstractmethod
    def _learn(self, data: TrainingView, taken: sparse.csr_array) -> None:
        """Learn from ``taken`` (users, items), 1 where the user took the item in training."""

    @abstractmethod
    def _scores(self, profiles: sparse.csr_array) -> NDArray[np.floating]:
        """Return scores (n, items) of profiles (n, items)."""

    @abstractmethod
    def _arrays(self) -> Mapping[str, NDArray[Any]]:
        """Return what was learnt by name."""

    @abstractmethod
    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back what :meth:`_arrays` gave."""

    def _know(self, item_ids: Sequence[str], counts: NDArray[np.int64]) -> None:
        self.item_ids, self.counts = tuple(item_ids), counts
        self._index = {item_id: i for i, item_id in enumerate(self.item_ids)}


def taken(pasts: Pasts, items: int) -> sparse.csr_array:
    """Return (users, items) with 1 where the user took the item, columns in ascending order."""
    ones = np.ones(len(pasts.items))
    # Sorted in place below: a copy, for the past has its own order.
    parts = (ones, pasts.items.copy(), pasts.starts)
    matrix = sparse.csr_array(parts, (len(pasts.users), items))
    matrix.sort_indices()
    return matrix


def then_popular(scores: NDArray[np.floating], counts: NDArray[np.int64]) -> NDArray[np.floating]:
    """Return ``scores`` (n, items) with training counts below zero where there is no similarity."""
    return np.where(scores > 0, scores, counts - (counts.max(initial=0) + 1.0))
