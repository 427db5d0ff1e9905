"""What happened in training, epoch by epoch: one record and one file for every model.

A model leaves it as ``journal.json`` among the files that ``save`` writes::

    {"epochs": [{"stage": "joint", "loss": 1.3, "valid search NDCG@5": 0.21}, ...],
     "kept": {"joint": 3}}

``stage`` names the part of the training that an epoch belongs to; ``loss`` (or ``loss NAME``) is
a mean training loss, lower being better; ``valid TASK METRIC`` is a score on validation, higher
being better. ``kept`` says for each stage which of its epochs was kept, counted from 0; -1 where
none was better than what the stage began with.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmark.errors import BenchError
from benchmark.host.files import read_json, write_json

NAME = "journal.json"

#: An epoch's speed: shown and logged, but saved nowhere, since it differs from fit to fit.
SPEED = "tokens_per_second"


@dataclass
class Journal:
    """Records the epochs of a training in order, and the one each stage kept."""

    epochs: list[dict[str, Any]] = field(default_factory=list)
    kept: dict[str, int] = field(default_factory=dict)

    def of_stage(self, stage: str) -> list[dict[str, Any]]:
        """Return the epochs of one stage, in order."""
        return [epoch for epoch in self.epochs if epoch["stage"] == stage]

    def values(self, name: str, *, stage: str | None = None) -> list[float]:
        """Return the numbers called ``name`` of all epochs, or of one stage's, that have one."""
        epochs = self.epochs if stage is None else self.of_stage(stage)
        return [epoch[name] for epoch in epochs if name in epoch]

    def extend(self, later: Journal) -> None:
        """Append the stages of a training that followed."""
        self.epochs += later.epochs
        self.kept |= later.kept

    def timeless(self) -> dict[str, Any]:
        """Return the journal for JSON without speeds: the same seed saves the same bytes."""
        epochs = [{k: v for k, v in epoch.items() if k != SPEED} for epoch in self.epochs]
        return {"epochs": epochs, "kept": self.kept}

    def to_json(self) -> dict[str, Any]:
        """Return the whole journal for JSON."""
        return asdict(self)

    def save(self, folder: Path) -> None:
        """Write ``journal.json`` into ``folder``."""
        write_json(folder / NAME, self.timeless())

    @classmethod
    def load(cls, folder: Path) -> Journal:
        """Read what :meth:`save` wrote; :class:`BenchError` where it is missing or no journal."""
        fix = "Restore the file from where it was saved, or fit the model again."
        found = read_json(folder / NAME, fix=fix)
        if not isinstance(found, dict) or found.keys() != {"epochs", "kept"}:
            raise BenchError(f"{str(folder / NAME)!r} is no journal of a training.", fix=fix)
        return cls(**found)
