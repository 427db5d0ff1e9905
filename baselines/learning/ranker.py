"""One adapter for all of RecBole: our training data in, our rankings out.

A system is a subclass of :class:`FactorModel` or :class:`SequenceModel` that names RecBole's
network and declares its settings. The networks, their losses and scores are RecBole's
(:mod:`.recbole_fixes`); batches, early stopping and ranking are this project's own, so that every
system is trained and asked by the same protocol.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baselines.learning.loop import TrainingSettings
from baselines.learning.selecting import choose_threshold, selections
from benchmark.data.instances.timeline import Timeline
from benchmark.errors import BenchError
from benchmark.host.threads import processor_threads
from benchmark.instances import Instance, RecommendationInstance, SelectionInstance
from benchmark.model import TrainingView
from benchmark.predictions import Prediction
from benchmark.ranking import RankingInstance, rank_in_blocks
from benchmark.training.checkpoint import Checkpoints
from benchmark.training.journal import Journal
from benchmark.training.reproducible import reproducible
from benchmark.training.stored import restoring, store, stored_record, stored_tensors

_FORMAT = 1
_RECORD = "recbole.json"

#: Instances per forward pass. Always exactly so many, padded: then no row's arithmetic depends
#: on its company, and the same question gets the same bits.
ROWS = 64

Asked = Sequence[RankingInstance] | Sequence[SelectionInstance]


class RecBoleModel(ABC):
    """What the two families share: fitting in order, prediction, files."""

    tasks: ClassVar[frozenset[str]] = frozenset({"recommendation"})
    Config: ClassVar[type[TrainingSettings]]
    network_name: ClassVar[str]
    """RecBole's class."""

    def __init__(self, config: TrainingSettings | None = None) -> None:
        self.config: Any = config or self.Config()
        self.item_ids: tuple[str, ...] = ()
        self.journal = Journal()
        self.threshold: float | None = None
        self._index: dict[str, int] = {}
        self._users: dict[str, int] = {}
        self._popularity = np.zeros(0)  # (items,) training interactions

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Train; validation questions only stop training and choose the threshold.

        Killed and called again with the same settings, data and seed, it goes on behind the last
        checkpoint and ends with the same weights.
        """
        timeline = Timeline.of_frame(data.interactions("train"), data.catalogue)
        if not len(timeline):
            raise BenchError(
                f"Dataset {data.name!r} has no training interactions.",
                fix="Use another dataset: unimp-bench data list.",
            )
        self._know(data.catalogue.ids, timeline.users)
        self._popularity = np.bincount(timeline.item, minlength=len(self.item_ids)).astype(float)
        rng = np.random.default_rng(seed)
        checkpoints = Checkpoints(self, data, seed=seed, rng=rng)
        with reproducible(seed, self.config.threads):
            self.journal = self._learn(data, timeline, rng, checkpoints)
            if "selection" in self.tasks:
                most = self.config.validation_users
                self.threshold = choose_threshold(data, self.scores, self._index, most=most)
        checkpoints.remove()

    def predict(self, instances: Sequence[Instance]) -> Iterator[Prediction]:
        """Rankings, or selections for those that answer them."""
        if not instances:
            return
        with processor_threads(self.config.threads):
            if isinstance(instances[0], RecommendationInstance):
                asked = cast(Sequence[RankingInstance], instances)
                yield from rank_in_blocks(asked, self.scores, self.item_ids)
            elif isinstance(instances[0], SelectionInstance) and "selection" in self.tasks:
                candidates = cast(Sequence[SelectionInstance], instances)
                yield from selections(candidates, self.scores, self._index, self.threshold)
            else:
                raise BenchError(
                    f"{self.network_name} does not answer {type(instances[0]).__name__}.",
                    fix=f"It answers: {', '.join(sorted(self.tasks))}.",
                )

    def scores(self, instances: Asked) -> NDArray[np.float32]:
        """Scores (n, items) in catalogue order, higher is better.

        Who has neither a history of known items nor a vector of their own gets the items'
        training counts.
        """
        out = np.empty((len(instances), len(self.item_ids)), np.float32)
        with torch.inference_mode():
            for start in range(0, len(instances), ROWS):
                block = instances[start : start + ROWS]
                out[start : start + ROWS] = self._block_scores(block)[: len(block)]
        for row, instance in enumerate(instances):
            if not self._can_score(instance):
                out[row] = self._popularity
        return out

    def save(self, folder: Path) -> None:
        """Weights as safetensors; configuration, ids and what was chosen as JSON."""
        counts = torch.from_numpy(self._popularity)
        tensors = {"popularity": counts, **self._tensors()}
        record = {
            "format": _FORMAT,
            "network": self.network_name,
            "config": self.config.model_dump(mode="json"),
            "items": self.item_ids,
            "users": tuple(self._users),
            "threshold": self.threshold,
            "journal": asdict(self.journal),
            "shape": self._shape(),
        }
        store(folder, record, tensors, name=_RECORD)

    def load(self, folder: Path) -> None:
        """What :meth:`save` wrote; :class:`BenchError` when it is something else or broken."""
        record = stored_record(folder, name=_RECORD)
        with restoring(folder, self.network_name):
            if (record["format"], record["network"]) != (_FORMAT, self.network_name):
                raise ValueError(f"it holds {record['network']} in format {record['format']}")
            self.config = self.Config(**record["config"])
            self._know(record["items"], record["users"])
            self.threshold = record["threshold"]
            self.journal = Journal(**record["journal"])
            tensors = stored_tensors(folder)
            self._popularity = tensors.pop("popularity").numpy()
            self._restore(tensors, record["shape"])

    @abstractmethod
    def parameter_counts(self) -> dict[str, int]:
        """``trainable`` and ``total`` numbers."""

    @abstractmethod
    def _learn(
        self,
        data: TrainingView,
        timeline: Timeline,
        rng: np.random.Generator,
        checkpoints: Checkpoints,
    ) -> Journal:
        """Train on ``timeline``, random numbers from torch and ``rng``, one checkpoint a stage."""

    @abstractmethod
    def _block_scores(self, block: Asked) -> NDArray[np.float32]:
        """Scores (ROWS, items) of up to ``ROWS`` instances, then rows without meaning."""

    @abstractmethod
    def _can_score(self, instance: Instance) -> bool:
        """Whether the scores of ``instance`` come from anything learnt about its user."""

    @abstractmethod
    def _tensors(self) -> Mapping[str, Tensor]:
        """What :meth:`_restore` needs, by name."""

    @abstractmethod
    def _shape(self) -> dict[str, int]:
        """What :meth:`_restore` must know of the data."""

    @abstractmethod
    def _restore(self, tensors: dict[str, Tensor], shape: Mapping[str, int]) -> None:
        """Take back what :meth:`_tensors` gave."""

    def _know(self, item_ids: Sequence[str], user_ids: Sequence[str]) -> None:
        self.item_ids = tuple(item_ids)
        self._index = {item_id: i for i, item_id in enumerate(self.item_ids)}
        self._users = {user_id: i for i, user_id in enumerate(user_ids)}

    def _has_known_history(self, instance: Instance) -> bool:
        return any(item.item_id in self._index for item in instance.history.items)
