"""Training that goes on where it was killed: a file that is replaced after finished epochs.

A killed training loses what it did since its last file and does it again, with the same random
numbers: the weights it ends with are those of a training that nobody disturbed, bit by bit.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmark.errors import BenchError
from benchmark.host.files import sha256_json
from benchmark.host.provenance import package_versions
from benchmark.model import TrainingView
from benchmark.training.journal import Journal
from benchmark.training.reproducible import (
    compute_device,
    random_states,
    restore_random_states,
)
from benchmark.training.stored import load_with_record, save_tensors

#: An epoch that ends sooner after the last file writes none: doing it again is cheap.
SECONDS_BETWEEN = 20.0

_OPTIMISER, _CHANCE = "optimiser", "chance"

Weights = Mapping[str, Tensor]


def training_key(code: str, device: torch.device, **what: Any) -> str:
    """Return the SHA-256 of all that decides a training.

    ``code`` is the digest of what the model reaches (:func:`benchmark.models.code.code_digest`),
    ``what`` its settings, data and seed; package versions and the kind of ``device`` are added.
    """
    return sha256_json(
        {**what, "code": code, "packages": package_versions(), "device": device.type}
    )


@dataclass(frozen=True, slots=True)
class Saved:
    """Holds the content of a checkpoint; tensors lie on the processor."""

    weights: dict[str, dict[str, Tensor]]
    """By group: ``now``, ``best`` and whatever else the training writes."""
    optimiser: dict[str, Tensor]
    journal: Journal
    position: dict[str, Any]
    chance: dict[str, Tensor]
    """States of torch's generators (:func:`~benchmark.training.reproducible.random_states`)."""
    generator: dict[str, Any]
    """State of the numpy generator that batches are drawn from."""


@dataclass
class Checkpoint:
    """Stores a training in one file; ``generator`` draws its batches, beside torch's."""

    file: Path
    generator: np.random.Generator
    seconds_between: float = 0.0
    """A file younger than this is not due to be replaced (:meth:`is_due`)."""
    _written: float = field(default_factory=time.monotonic)

    def is_due(self) -> bool:
        """Return whether the last file (or the start) is long enough ago."""
        return time.monotonic() - self._written >= self.seconds_between

    def write(
        self,
        weights: Mapping[str, Weights],
        optimiser: Weights,
        journal: Journal,
        position: Mapping[str, Any],
    ) -> None:
        """Replace the file by this state and that of all random numbers.

        ``optimiser`` is what :func:`optimiser_tensors` returned, ``position`` is anything in
        JSON. Killed at any moment, the old or the new file is whole.
        """
        groups = {**weights, _OPTIMISER: optimiser, _CHANCE: random_states()}
        tensors = {
            f"{group}\n{name}": value
            for group, members in groups.items()
            for name, value in members.items()
        }
        record = {
            "journal": journal.to_json(),
            "position": dict(position),
            "generator": self.generator.bit_generator.state,
        }
        save_tensors(tensors, self.file, record=record)
        self._written = time.monotonic()

    def read(self) -> Saved | None:
        """Return what was written last, or ``None`` where there is no file or not a whole one."""
        groups: dict[str, dict[str, Tensor]] = {}
        try:
            tensors, record = load_with_record(self.file)
            for key, tensor in tensors.items():
                group, _, name = key.partition("\n")
                groups.setdefault(group, {})[name] = tensor
            return Saved(
                optimiser=groups.pop(_OPTIMISER, {}),
                chance=groups.pop(_CHANCE),
                weights=groups,
                journal=Journal(**record["journal"]),
                position=record["position"],
                generator=record["generator"],
            )
        except (BenchError, KeyError, TypeError):
            return None

    def restore_chance(self, saved: Saved) -> None:
        """Put back the states of torch's generators, on every device, and of numpy's."""
        restore_random_states(saved.chance)
        self.generator.bit_generator.state = saved.generator

    def remove(self) -> None:
        """Delete the file: the fit is saved, or will be at once."""
        self.file.unlink(missing_ok=True)


class Checkpoints:
    """Locates the files of one fit, one a stage.

    They lie beside the dataset's cached features, under a name that everything decides which the
    fitted state depends on: another setting, seed, dataset or line of code finds no file. ``code``
    is as for :func:`training_key`; batches are drawn from ``rng``.
    """

    def __init__(
        self,
        model: object,
        data: TrainingView,
        *,
        code: str,
        seed: int,
        rng: np.random.Generator,
    ) -> None:
        key = training_key(
            code,
            compute_device(),
            model=type(model).__qualname__,
            config=model.config.model_dump(mode="json"),  # type: ignore[attr-defined]
            data=data.sha256,
            seed=seed,
        )
        self._start = data.features_folder / "training" / key[:32]
        self._rng = rng
        self._given: list[Checkpoint] = []

    def stage(self, name: str) -> Checkpoint:
        """Return the checkpoint of the stage called ``name``."""
        file = self._start.with_name(f"{self._start.name}-{name}.safetensors")
        self._given.append(Checkpoint(file, self._rng, SECONDS_BETWEEN))
        return self._given[-1]

    def remove(self) -> None:
        """Delete the files of all stages: training is over."""
        for checkpoint in self._given:
            checkpoint.remove()


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimiser's state of every parameter, by its number and name."""
    state = optimiser.state_dict()["state"]
    return {f"{i} {name}": value for i, part in state.items() for name, value in part.items()}


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Weights) -> None:
    """Put back what :func:`optimiser_tensors` returned; rates are the schedule's to set."""
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(" ")
        state.setdefault(int(number), {})[name] = cut_like(parameters[int(number)], value)
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})


def whole(tensor: Tensor) -> Tensor:
    """Return a tensor that may be cut up among processes (FSDP) in one piece."""
    gather: Any = getattr(tensor, "full_tensor", None)
    return tensor if gather is None else gather()


def cut_like(parameter: Tensor, tensor: Tensor) -> Tensor:
    """Cut ``tensor`` up among processes as ``parameter`` is, where it has its shape."""
    if not hasattr(parameter, "full_tensor") or tensor.shape != parameter.shape:
        return tensor
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(parameter, DTensor)
    return distribute_tensor(tensor, parameter.device_mesh, parameter.placements)
