"""Every candidate is chosen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmark.instances import SelectionInstance
from benchmark.model import TrainingView
from benchmark.predictions import Selection


class SelectAll:
    """Selects every candidate: recall 1 at the precision of chance.

    That makes its F1 hard to beat by accident.
    """

    tasks = frozenset({"selection"})

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Do nothing: there is nothing to learn."""

    def predict(self, instances: Sequence[SelectionInstance]) -> Iterator[Selection]:
        """Select every candidate, each with score 1."""
        for instance in instances:
            chosen = tuple(item.item_id for item in instance.candidates)
            yield Selection(instance.instance_id, chosen, (1.0,) * len(chosen))

    def save(self, folder: Path) -> None:
        """Write nothing: there is no state."""

    def load(self, folder: Path) -> None:
        """Read nothing: there is no state."""
