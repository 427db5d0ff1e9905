"""Networks that score the catalogue: one way to fit, ask, save and load all of them.

A system is a subclass that declares its settings, its network and its batches; early stopping,
checkpoints, ranking and files are here, so that every system is trained and asked by the same
protocol.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from baselines.learning.blocks import ROWS
from baselines.learning.fitted import FittedNetwork
from baselines.learning.loop import TrainingSettings, adam, train
from baselines.learning.selecting import choose_threshold, selections
from baselines.learning.windows import known_items
from benchmark.data.instances.timeline import Timeline
from benchmark.errors import BenchError
from benchmark.host.threads import processor_threads
from benchmark.instances import (
    Instance,
    RecommendationInstance,
    SearchInstance,
    SelectionInstance,
)
from benchmark.model import TrainingView
from benchmark.predictions import Prediction
from benchmark.ranking import RankingInstance, rank_in_blocks
from benchmark.tasks import recommendation
from benchmark.tasks.base import Task
from benchmark.training.checkpoint import Checkpoints
from benchmark.training.journal import Journal
from benchmark.training.reproducible import compute_device
from benchmark.training.validation import RankingValidation

#: Of the tasks that ask for rankings.
_INSTANCES: Mapping[str, type[Instance]] = {
    "recommendation": RecommendationInstance,
    "search": SearchInstance,
}

Asked = Sequence[Any]
Columns = Mapping[str, NDArray[np.integer]]
Batch = dict[str, Tensor]
#: What a system learns from: the training interactions in order, or more.
Material = TypeVar("Material")
Each = TypeVar("Each")


class CatalogueRanker(FittedNetwork, Generic[Material]):
    """Ranks the catalogue by a network that gives every item of it a score for an instance."""

    tasks: ClassVar[frozenset[str]] = frozenset({"recommendation"})
    validated_on: ClassVar[Task] = recommendation.TASK
    """The task of rankings that it answers, and whose validation instances stop training."""
    record_file, record_format = "ranker.json", 3
    scored_in: ClassVar[type[np.floating]] = np.float32

    def __init__(self, config: TrainingSettings | None = None) -> None:
        super().__init__(config)
        self.item_ids: tuple[str, ...] = ()
        self._index: dict[str, int] = {}
        self._users: dict[str, int] = {}
        self._popularity = np.zeros(0)  # (items,) training interactions

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Train; validation instances only stop training, and choose what :meth:`_choose` does.

        Killed and called again with the same settings, data and seed, it goes on behind the last
        checkpoint and ends with the same weights. Raises :class:`BenchError` on data without
        training interactions.
        """
        timeline = Timeline.of_frame(data.interactions("train"), data.catalogue)
        if not len(timeline):
            raise BenchError(
                f"Dataset {data.name!r} has no training interactions.",
                fix="Use another dataset: unimp-bench data list.",
            )
        self._know(data.catalogue.ids, timeline.users)
        self._popularity = np.bincount(timeline.item, minlength=len(self.item_ids)).astype(float)
        material = self._read(data, timeline)
        with self._training(data, seed=seed) as (rng, checkpoints):
            self.journal = self._learn(data, material, rng, checkpoints)
            self._choose(data)

    def predict(self, instances: Sequence[Instance]) -> Iterator[Prediction]:
        """Yield whole-catalogue rankings; :class:`BenchError` for another task's instances.

        A system that declares selection answers its instances by its threshold.
        """
        if not instances:
            return
        if "selection" in self.tasks and isinstance(instances[0], SelectionInstance):
            candidates = cast(Sequence[SelectionInstance], instances)
            with processor_threads(self.config.threads):
                yield from selections(candidates, self.scores, self._index, self.threshold)
            return
        if not isinstance(instances[0], _INSTANCES[self.validated_on.name]):
            raise BenchError(
                f"{self.name} does not answer {type(instances[0]).__name__}.",
                fix=f"It answers: {', '.join(sorted(self.tasks))}.",
            )
        asked = cast(Sequence[RankingInstance], instances)
        with processor_threads(self.config.threads):
            yield from rank_in_blocks(asked, self.scores, self.item_ids)

    def scores(self, instances: Asked) -> NDArray[np.floating]:
        """Return scores (n, items) in catalogue order, higher is better.

        An instance about whose user and query nothing was learnt gets the items' training counts.
        """
        out = np.empty((len(instances), len(self.item_ids)), self.scored_in)
        with torch.inference_mode():
            for start in range(0, len(instances), ROWS):
                block = instances[start : start + ROWS]
                out[start : start + ROWS] = self._block_scores(block)[: len(block)]
        for row, instance in enumerate(instances):
            if not self._can_score(instance):
                out[row] = self._popularity
        return out

    def _record(self) -> Mapping[str, Any]:
        return {
            "items": self.item_ids,
            "users": tuple(self._users),
            "shape": self._shape(),
            "threshold": self.threshold,
        }

    def _stored_tensors(self) -> Mapping[str, Tensor]:
        return {"popularity": torch.from_numpy(self._popularity), **self.tensors()}

    def _take(self, record: Mapping[str, Any], tensors: dict[str, Tensor], folder: Path) -> None:
        self._know(record["items"], record["users"])
        self._popularity = tensors.pop("popularity").numpy()
        self._restore(tensors, record["shape"])
        self.threshold = record["threshold"]

    @abstractmethod
    def _read(self, data: TrainingView, timeline: Timeline) -> Material:
        """Return what :meth:`_learn` learns from; keep what scoring needs of the data."""

    @abstractmethod
    def _learn(
        self,
        data: TrainingView,
        material: Material,
        rng: np.random.Generator,
        checkpoints: Checkpoints,
    ) -> Journal:
        """Train on ``material``, random numbers from torch and ``rng``, one checkpoint a stage."""

    @abstractmethod
    def _block_scores(self, block: Asked) -> NDArray[np.floating]:
        """Scores (n, items) of up to ``ROWS`` instances, then perhaps rows without meaning."""

    @abstractmethod
    def _can_score(self, instance: Any) -> bool:
        """Whether the scores of ``instance`` come from anything learnt about it."""

    @abstractmethod
    def _shape(self) -> Mapping[str, Any]:
        """What :meth:`_restore` must know beside tensors and settings, for JSON."""

    @abstractmethod
    def _restore(self, tensors: dict[str, Tensor], shape: Mapping[str, Any]) -> None:
        """Take back what :meth:`tensors` and :meth:`_shape` gave."""

    def _choose(self, data: TrainingView) -> None:
        """Choose on validation data what only a trained network can be asked for."""
        if "selection" in self.tasks:
            most = self.config.validation_users
            self.threshold = choose_threshold(data, self.scores, self._index, most=most)

    def _weights_changed(self) -> None:
        """Called before weights are asked for scores that have changed since the last time."""

    def before_epoch(self, done: int) -> None:
        """Prepare an epoch of training, after ``done`` others."""

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        """Return what trains ``network``."""
        return adam(network, self.config)

    def _train(
        self,
        network: nn.Module,
        data: TrainingView,
        *,
        batches: Callable[[], Iterable[Each]],
        steps: int,
        loss: Callable[[Each], Tensor],
        checkpoints: Checkpoints,
    ) -> Journal:
        """Train ``network``, stopped by validation on :attr:`validated_on`."""
        most = self.config.validation_users
        validation = RankingValidation(data, most=most, task=self.validated_on)

        def validate() -> float:
            self._weights_changed()
            return validation(self.scores)

        journal = train(
            network,
            batches=batches,
            steps=steps,
            loss=loss,
            settings=self.config,
            label=f"training {self.name} on {data.name}",
            validate=validate if len(validation) else None,
            measure=validation.measure,
            checkpoint=checkpoints.stage("training"),
            optimiser=self.optimiser(network),
            before_epoch=self.before_epoch,
        )
        self._weights_changed()
        return journal

    def _know(self, item_ids: Sequence[str], user_ids: Sequence[str]) -> None:
        self.item_ids = tuple(item_ids)
        self._index = {item_id: i for i, item_id in enumerate(self.item_ids)}
        self._users = {user_id: i for i, user_id in enumerate(user_ids)}

    def _has_known_history(self, instance: Instance) -> bool:
        return bool(known_items(instance.history, self._index))


def on_device(columns: Columns) -> Batch:
    """Return a batch's columns as tensors on the device that computes."""
    device = compute_device()
    return {name: torch.from_numpy(column).to(device) for name, column in columns.items()}
