"""What every system with a network is beside it: settings, a journal, a training, files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn

from baselines.learning.loop import TrainingSettings
from benchmark.errors import BenchError
from benchmark.host.files import read_json, write_json
from benchmark.model import TrainingView
from benchmark.models.code import code_digest
from benchmark.training.checkpoint import Checkpoints
from benchmark.training.journal import Journal
from benchmark.training.reproducible import reproducible
from benchmark.training.stored import REFIT, load_tensors, reading, save_tensors

_WEIGHTS = "model.safetensors"


class FittedNetwork(ABC):
    """Trains a network, and saves and loads it, in one way for all systems.

    A system says what its answers need beside weights and settings: in the record, as tensors, and
    in files of its own.
    """

    Config: ClassVar[type[TrainingSettings]]
    name: ClassVar[str]
    record_file: ClassVar[str]
    """Name of the JSON file beside the weights."""
    record_format: ClassVar[int]
    """Version of a system's files; others are refused."""

    def __init__(self, config: TrainingSettings | None = None) -> None:
        self.config: Any = config or self.Config()
        self.journal = Journal()
        self.threshold: float | None = None
        """Of selection, chosen on validation: the share from which on a candidate is taken."""
        self._network: Any = None

    @contextmanager
    def _training(
        self, data: TrainingView, *, seed: int
    ) -> Iterator[tuple[np.random.Generator, Checkpoints]]:
        """What is done inside draws from ``seed`` and goes on from checkpoints, removed behind."""
        rng = np.random.default_rng(seed)
        checkpoints = Checkpoints(self, data, code=code_digest(type(self)), seed=seed, rng=rng)
        with reproducible(seed, self.config.threads):
            yield rng, checkpoints
        checkpoints.remove()

    def save(self, folder: Path) -> None:
        """Write weights as safetensors; settings, what is known of the data and the journal as
        JSON."""
        record = {
            "format": self.record_format,
            "model": self.name,
            "config": self.config.model_dump(mode="json"),
            **self._record(),
        }
        save_tensors(self._stored_tensors(), folder / _WEIGHTS)
        write_json(folder / self.record_file, record)
        self.journal.save(folder)

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote; :class:`BenchError` when it is something else or broken."""
        record = read_json(folder / self.record_file, fix=REFIT)
        with reading(folder, self.name):
            if (record["format"], record["model"]) != (self.record_format, self.name):
                raise ValueError(f"it holds {record['model']} in format {record['format']}")
            self.config = self.Config(**record["config"])
            self.journal = Journal.load(folder)
            self._take(record, load_tensors(folder / _WEIGHTS), folder)

    @abstractmethod
    def _record(self) -> Mapping[str, Any]:
        """What :meth:`_take` must know beside tensors and settings, for JSON."""

    @abstractmethod
    def _take(self, record: Mapping[str, Any], tensors: dict[str, Tensor], folder: Path) -> None:
        """Take back what was saved."""

    def _stored_tensors(self) -> Mapping[str, Tensor]:
        """What :meth:`_take` gets as tensors."""
        return self.tensors()

    def tensors(self) -> Mapping[str, Tensor]:
        """Return what was learnt by name."""
        state: dict[str, Tensor] = self.network.state_dict()
        return state

    def parameter_counts(self) -> dict[str, int]:
        """Return how many weights are ``trainable`` and how many in ``total``: all are trained."""
        total = sum(p.numel() for p in self.network.parameters())
        return {"trainable": total, "total": total}

    @property
    def network(self) -> Any:
        """Return the fitted network; :class:`BenchError` before ``fit`` or ``load``."""
        if self._network is None:
            raise self.not_fitted()
        network: nn.Module = self._network
        return network

    def not_fitted(self) -> BenchError:
        """Return the error of a model that was neither fitted nor loaded."""
        return BenchError(f"{self.name} is not fitted.", fix="Call fit or load first.")
