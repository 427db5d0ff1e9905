"""Uniformly random answers: the floor of every table."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.host.files import read_json, write_json
from benchmark.instances import Instance, SelectionInstance
from benchmark.model import TrainingView
from benchmark.predictions import Prediction, Selection
from benchmark.ranking import RankingInstance, rank_in_blocks

_STATE = "random.json"


class Random:
    """Draws uniformly from the orders of the catalogue, and from the subsets of the candidates.

    Each instance has its own generator, seeded by the run's seed and the instance's id, so
    that neither batching nor order matters. Search ignores the query: the ranking is over the
    whole catalogue. Selection takes each candidate with probability one half.
    """

    tasks = frozenset({"recommendation", "search", "selection"})

    def __init__(self) -> None:
        self.seed = 0
        self.item_ids: tuple[str, ...] = ()

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Keep ``seed`` and the catalogue's item ids."""
        self.seed = seed
        self.item_ids = data.catalogue.ids

    def predict(self, instances: Sequence[Instance]) -> Iterable[Prediction]:
        """Shuffle the catalogue, or draw a subset of the candidates, for each instance."""
        choices = [each for each in instances if isinstance(each, SelectionInstance)]
        if choices:  # all instances of a call belong to one task
            return (self._select(instance) for instance in choices)
        ranked = [each for each in instances if isinstance(each, RankingInstance)]
        return rank_in_blocks(ranked, self._scores, self.item_ids)

    def save(self, folder: Path) -> None:
        """Write seed and item ids as JSON."""
        write_json(folder / _STATE, {"seed": self.seed, "items": self.item_ids})

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        state = read_json(folder / _STATE)
        self.seed = state["seed"]
        self.item_ids = tuple(state["items"])

    def _generator(self, instance_id: str) -> np.random.Generator:
        digest = hashlib.sha256(f"{self.seed}:{instance_id}".encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:16]))

    def _scores(self, instances: Sequence[RankingInstance]) -> NDArray[np.float64]:
        return np.stack(
            [self._generator(each.instance_id).random(len(self.item_ids)) for each in instances]
        )  # (n, items)

    def _select(self, instance: SelectionInstance) -> Selection:
        scores = self._generator(instance.instance_id).random(len(instance.candidates))
        chosen = tuple(
            item.item_id
            for item, score in zip(instance.candidates, scores, strict=True)
            if score >= 0.5
        )
        return Selection(instance.instance_id, chosen, tuple(scores.tolist()))
