"""What both systems share: one way to fit, ask, save and load a network about one item.

A system declares its settings, its network, its batches and its validation; photos, early
stopping, checkpoints and files are here.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from baselines.learning.blocks import ROWS
from baselines.learning.fitted import FittedNetwork
from baselines.learning.loop import TrainingSettings, train
from baselines.multimodal.regions import MOST_GRID, Regions, photo_regions
from benchmark.errors import BenchError, UsageError
from benchmark.host.threads import processor_threads
from benchmark.instances import Instance
from benchmark.model import TrainingView
from benchmark.predictions import Prediction
from benchmark.training.reproducible import compute_device
from benchmark.vision.encoder_names import AUTO
from benchmark.vision.encoder_names import DESCRIPTION as ENCODERS

_REGIONS = "regions.npy"

Material = TypeVar("Material")
Batch = TypeVar("Batch")


class ReviewSettings(TrainingSettings):
    """Sets what both systems share. Batches of 64 are MRG's; patience and the encoder are ours."""

    batch_size: int = Field(64, ge=1, le=1_000_000, description="training rows a step")
    validation_users: int = Field(
        1000, ge=1, description="most validation examples of a task after an epoch, evenly spaced"
    )
    image_encoder: str = Field(AUTO, description=ENCODERS)
    encoder_steps: int = Field(330, ge=0, le=100_000, description="training steps of own encoder")
    grid: int = Field(
        MOST_GRID, ge=1, le=MOST_GRID,
        description="regions of a photo a side, or as many as the encoder tells apart",
    )  # fmt: skip


class ReviewSystem(FittedNetwork, Generic[Material, Batch]):
    """Trains a network that reads photos by their regions and says something about one item."""

    record_file, record_format = "reviews.json", 1
    answers: ClassVar[Mapping[str, type[Instance]]]
    """The instances of each task that it answers."""
    learns_from: ClassVar[str]
    """What a dataset must have, for messages."""

    def __init__(self, config: ReviewSettings | None = None) -> None:
        super().__init__(config)
        self.learned: tuple[str, ...] = ()
        """The tasks that the data it was fitted on teaches."""
        self._regions: Regions | None = None

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Train; validation instances only stop training.

        Killed and called again with the same settings, data and seed, it goes on behind the last
        checkpoint and ends with the same weights. Raises :class:`UsageError` on data that teaches
        none of its tasks.
        """
        self.learned = self._learnable(data)
        if not self.learned:
            raise UsageError(
                f"{self.name} learns from {self.learns_from}, and the training part of dataset "
                f"{data.name!r} has none.",
                fix="Use another dataset: unimp-bench data list.",
            )
        config = self.config
        with self._training(data, seed=seed) as (rng, checkpoints):
            self._regions = photo_regions(
                data, config.image_encoder, grid=config.grid, steps=config.encoder_steps
            )
            material = self._read(data)
            self._network = self._new_network().to(compute_device())
            self._ready(material)
            self.journal = train(
                self._network,
                batches=lambda: self._batches(material, rng),
                steps=self._steps(material),
                loss=self._loss,
                settings=config,
                label=f"training {self.name} on {data.name}",
                validate=self._validation(data),
                measure=self._measure(),
                checkpoint=checkpoints.stage("training"),
                more=self._further_scores,
            )
            self.network.eval()

    @abstractmethod
    def _learnable(self, data: TrainingView) -> tuple[str, ...]:
        """The tasks that there are training targets for."""

    @abstractmethod
    def _read(self, data: TrainingView) -> Material:
        """Return what is learned from; keep what answering needs of the data."""

    @abstractmethod
    def _new_network(self) -> nn.Module:
        """Build the network by what :meth:`_read` kept, or what was loaded."""

    def _ready(self, material: Material) -> None:
        """Called with a new network before it is trained."""

    @abstractmethod
    def _batches(self, material: Material, rng: np.random.Generator) -> Iterator[Batch]:
        """An epoch's batches."""

    @abstractmethod
    def _steps(self, material: Material) -> int:
        """How many batches an epoch has."""

    @abstractmethod
    def _loss(self, batch: Batch) -> Tensor:
        """What a step lowers."""

    @abstractmethod
    def _validation(self, data: TrainingView) -> Callable[[], float] | None:
        """What training is stopped by, higher is better; ``None`` without validation examples."""

    @abstractmethod
    def _measure(self) -> str:
        """Task and metric of it."""

    def _further_scores(self) -> Mapping[str, float]:
        """Further values of the journal's epoch."""
        return {}

    def predict(self, instances: Sequence[Instance]) -> Iterator[Prediction]:
        """Yield one task's predictions; :class:`BenchError` for a task it was fitted without."""
        if not instances:
            return
        kind = type(instances[0])
        task = next((task for task, asked in self.answers.items() if asked is kind), None)
        if not self.learned:
            raise self.not_fitted()
        if task not in self.learned:
            raise BenchError(
                f"This {self.name} does not answer {kind.__name__}; it was fitted for "
                f"{', '.join(self.learned)}.",
                fix="Fit it on a dataset that supports the task.",
            )
        with processor_threads(self.config.threads), torch.inference_mode():
            for start in range(0, len(instances), ROWS):
                yield from self._answer(task, instances[start : start + ROWS])

    @abstractmethod
    def _answer(self, task: str, some: Sequence[Any]) -> Iterable[Prediction]:
        """Answer at most :data:`ROWS` instances."""

    def save(self, folder: Path) -> None:
        """Write the regions of photos as npy beside weights and record."""
        super().save(folder)
        self.regions.save(folder / _REGIONS)

    def _record(self) -> Mapping[str, Any]:
        return {
            "learned": self.learned,
            "photos": self.regions.names,
            "known": self._to_json(),
        }

    def _stored_tensors(self) -> Mapping[str, Tensor]:
        return {**self.tensors(), **self._further_tensors()}

    def _take(self, record: Mapping[str, Any], tensors: dict[str, Tensor], folder: Path) -> None:
        self.learned = tuple(record["learned"])
        self._regions = Regions.load(folder / _REGIONS, record["photos"])
        self._from_json(record["known"], tensors)
        network = self._new_network()
        network.load_state_dict(tensors)
        self._network = network.to(compute_device()).eval()

    @abstractmethod
    def _to_json(self) -> Mapping[str, Any]:
        """What answering needs beside weights and photos."""

    def _further_tensors(self) -> Mapping[str, Tensor]:
        """The same as tensors, under names that no weight has."""
        return {}

    @abstractmethod
    def _from_json(self, known: Mapping[str, Any], tensors: dict[str, Tensor]) -> None:
        """Take back what both gave, out of ``tensors`` too."""

    @property
    def regions(self) -> Regions:
        """Return the regions of photos; :class:`BenchError` before ``fit`` or ``load``."""
        if self._regions is None:
            raise self.not_fitted()
        return self._regions


def in_batches(order: np.ndarray[Any, np.dtype[np.int64]], size: int) -> Iterator[Any]:
    """Yield ``order`` in pieces of ``size``; the last may be shorter."""
    for start in range(0, len(order), size):
        yield order[start : start + size]
