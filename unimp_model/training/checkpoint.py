"""Training that goes on where it was killed: one file, replaced after every epoch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from benchmark.host.files import atomic_path, sha256_json
from benchmark.host.provenance import package_versions
from unimp_model.training.processes import cut_like

_RECORD = "record"


def training_key(code: str, device: torch.device, **what: Any) -> str:
    """Hash of all that decides a training: settings, data, seed; code, packages and device.

    ``code`` is the digest of what the model reaches (:func:`benchmark.models.code.code_digest`).
    """
    return sha256_json(
        {**what, "code": code, "packages": package_versions(), "device": device.type}
    )


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Named groups of tensors, and a record in JSON, in one safetensors file."""

    file: Path

    def write(self, groups: Mapping[str, Mapping[str, Tensor]], record: Mapping[str, Any]) -> None:
        """Replace what was there; killed at any moment, the old or the new file is whole."""
        tensors = {
            f"{group}\n{name}": value.detach().cpu().contiguous().clone()
            for group, members in groups.items()
            for name, value in members.items()
        }
        with atomic_path(self.file) as temporary:
            save_file(tensors, temporary, metadata={_RECORD: json.dumps(dict(record))})

    def read(self) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]] | None:
        """What was written last; ``None`` where nothing (readable) is."""
        groups: dict[str, dict[str, Tensor]] = {}
        try:
            with safe_open(self.file, "pt") as stored:
                record = json.loads(stored.metadata()[_RECORD])
                for key in stored.keys():  # noqa: SIM118 - no mapping
                    group, _, name = key.partition("\n")
                    groups.setdefault(group, {})[name] = stored.get_tensor(key)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError):
            return None
        return groups, record

    def remove(self) -> None:
        """Training is over."""
        self.file.unlink(missing_ok=True)


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state of every parameter, by its number and name."""
    state = optimiser.state_dict()["state"]
    return {f"{i} {name}": value for i, part in state.items() for name, value in part.items()}


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put back what :func:`optimiser_tensors` took; rates are the schedule's to set."""
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(" ")
        state.setdefault(int(number), {})[name] = cut_like(parameters[int(number)], value)
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})


def generator_record(generator: np.random.Generator) -> dict[str, Any]:
    """The state of a numpy generator, for JSON."""
    state: dict[str, Any] = dict(generator.bit_generator.state)
    return state
