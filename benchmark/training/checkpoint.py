"""Training that goes on where it was killed: a file a stage, replaced after finished epochs.

A killed stage loses what it did since its last file and does it again, with the same random
numbers: the weights it ends with are those of a training that nobody disturbed, bit by bit.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmark.host.files import atomic_path, sha256_json
from benchmark.host.provenance import package_versions
from benchmark.model import TrainingView
from benchmark.models.code import code_digest

#: An epoch that ends sooner after the last file writes none: doing it again is cheap.
SECONDS_BETWEEN = 20.0

_RECORD = "record"
_CHANCE = "chance"

Weights = Mapping[str, Tensor]


@dataclass
class Checkpoint:
    """One stage's file. ``rng`` is what its batches are drawn from, beside torch's generator."""

    file: Path
    rng: np.random.Generator
    _written: float = field(default_factory=time.monotonic)

    def write_if_due(
        self,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        best: Weights,
        journal: Mapping[str, Any],
    ) -> None:
        """Replace the file; killed at any moment, the old or the new one is whole."""
        if time.monotonic() - self._written < SECONDS_BETWEEN:
            return
        groups = {
            "now": network.state_dict(),
            "best": best,
            "optimiser": _optimiser_tensors(optimiser),
            _CHANCE: _torch_chance(),
        }
        tensors = {
            f"{group} {name}": value.detach().cpu().contiguous().clone()
            for group, members in groups.items()
            for name, value in members.items()
        }
        record = {"journal": journal, "rng": self.rng.bit_generator.state}
        with atomic_path(self.file) as temporary:
            save_file(tensors, temporary, metadata={_RECORD: json.dumps(record)})
        self._written = time.monotonic()

    def resume(
        self, network: nn.Module, optimiser: torch.optim.Optimizer
    ) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Put everything back as it was written; the best weights and the journal.

        ``None``, and nothing is changed, where there is no file or not a whole one.
        """
        found = self._read()
        if found is None:
            return None
        groups, record = found
        device = next(network.parameters()).device
        network.load_state_dict(groups["now"])
        _restore_optimiser(optimiser, groups.get("optimiser", {}))
        torch.set_rng_state(groups[_CHANCE]["cpu"])
        if "cuda" in groups[_CHANCE] and device.type == "cuda":
            torch.cuda.set_rng_state(groups[_CHANCE]["cuda"], device)
        self.rng.bit_generator.state = record["rng"]
        best = {name: value.to(device) for name, value in groups.get("best", {}).items()}
        return best, record["journal"]

    def remove(self) -> None:
        """The fit is saved, or will be at once."""
        self.file.unlink(missing_ok=True)

    def _read(self) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]] | None:
        groups: dict[str, dict[str, Tensor]] = {}
        try:
            with safe_open(self.file, "pt") as stored:
                record = json.loads(stored.metadata()[_RECORD])
                for key in stored.keys():  # noqa: SIM118 - no mapping
                    group, _, name = key.partition(" ")
                    groups.setdefault(group, {})[name] = stored.get_tensor(key)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError):
            return None
        return groups, record


class Checkpoints:
    """The files of one fit, one a stage.

    They lie beside the dataset's cached features, under a name that everything decides which the
    fitted state depends on: another setting, seed, dataset or line of code finds no file.
    """

    def __init__(
        self, model: object, data: TrainingView, *, seed: int, rng: np.random.Generator
    ) -> None:
        key = sha256_json(
            {
                "model": type(model).__qualname__,
                "code": code_digest(type(model)),
                "config": model.config.model_dump(mode="json"),  # type: ignore[attr-defined]
                "data": data.sha256,
                "packages": package_versions(),
                "device": "cuda" if torch.cuda.is_available() else "cpu",
                "seed": seed,
            }
        )
        self._start = data.features_folder / "training" / key[:32]
        self._rng = rng
        self._given: list[Checkpoint] = []

    def stage(self, name: str) -> Checkpoint:
        """The file of the stage called ``name``."""
        given = Checkpoint(self._start.with_name(f"{self._start.name}-{name}.safetensors"),
                           self._rng)  # fmt: skip
        self._given.append(given)
        return given

    def remove(self) -> None:
        """Training is over."""
        for checkpoint in self._given:
            checkpoint.remove()


def _torch_chance() -> dict[str, Tensor]:
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def _optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state of every parameter, by its number and name."""
    state = optimiser.state_dict()["state"]
    return {f"{i} {name}": value for i, part in state.items() for name, value in part.items()}


def _restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Weights) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(" ")
        state.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
