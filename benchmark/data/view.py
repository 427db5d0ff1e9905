"""Show what a model may see of a dataset (:class:`benchmark.model.TrainingView`).

Rows and validation instances are read when they are asked for, through functions that give
nothing else. The view keeps no dataset and no test instance, so no call on it can lead to a test
interaction.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import polars as pl

from benchmark.data.catalogue import Catalogue
from benchmark.data.frames import content_sha256
from benchmark.data.instances.building import InstanceBuilder, Rules
from benchmark.data.instances.lazily import Examples
from benchmark.data.instances.table import InstanceTable
from benchmark.data.instances.tasks import DATA_TASKS
from benchmark.data.instances.timeline import Timeline
from benchmark.data.listing import supported
from benchmark.errors import BenchError, UsageError, listed, shown, unknown_name
from benchmark.instances import Example

_VISIBLE = (
    "user_id",
    "item_id",
    "timestamp",
    "rating",
    "review",
    "summary",
    "explanation",
    "domain",
)


class Rows(Protocol):
    """Reads the interactions that a model may see."""

    def __call__(
        self, columns: Sequence[str] | None = None, *, part: str | None = None
    ) -> pl.DataFrame:
        """Return all columns or some, of both parts or one."""


class DatasetView:
    """Shows training and validation data of the ``seen`` cohort, and the catalogue.

    ``rows`` reads the train and valid rows of interactions.parquet; ``valid`` reads the frozen
    validation instances by task; ``hashes`` of the catalogue and its photos stand for them in
    ``sha256``. ``opened`` lists the attachments a model asked for.
    """

    def __init__(
        self,
        *,
        name: str,
        catalogue: Catalogue,
        rows: Rows,
        valid: Mapping[str, Callable[[], InstanceTable]],
        rules: Rules,
        features_folder: Path,
        attachments: Mapping[str, Path],
        hashes: Mapping[str, str],
        simulated: bool,
    ) -> None:
        self.name = name
        self.simulated = simulated
        self.catalogue = catalogue
        self.tasks = tuple(valid)
        self.history_window = rules.history_window
        self.allow_repeats = rules.allow_repeats
        self.rating_scale = rules.rating_scale
        self.features_folder = features_folder
        self.opened: list[str] = []
        self._rows = rows
        self._valid = valid
        self._tables: dict[tuple[str, str], InstanceTable] = {}
        self._rules = rules
        self._attachments = dict(attachments)
        self._hashes = dict(hashes)

    @cached_property
    def sha256(self) -> str:
        """Return the hash of all that this view shows, computed from the content itself."""
        parts = {
            "rows": content_sha256(self._rows()),
            "rules": asdict(self._rules),
            "simulated": self.simulated,
        }
        text = json.dumps([parts, sorted(self._hashes.items()), self.tasks], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def interactions(
        self,
        part: Literal["train", "valid"] = "train",
        *,
        columns: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Return the rows of one part; users contiguous, each user's rows in time order.

        ``columns``: those alone, which spares reading the others.
        """
        _check_part(part)
        for name in columns or ():
            if name not in _VISIBLE:
                raise unknown_name("column of the interactions", name, _VISIBLE)
        return self._rows(_VISIBLE if columns is None else columns, part=part)

    def examples(self, task: str, part: Literal["train", "valid"] = "train") -> Sequence[Example]:
        """Return instances with targets; raises :class:`UsageError` for a task the data lacks."""
        _check_part(part)
        if task not in self._valid:
            raise UsageError(
                f"Dataset {self.name!r} does not support task {shown(task)}.",
                fix=supported(self.name, self.tasks),
            )
        if (task, part) not in self._tables:
            made = self._valid[task]() if part == "valid" else self._training(task)
            self._tables[task, part] = made
        return Examples(self._tables[task, part], self.catalogue)

    def _training(self, task: str) -> InstanceTable:
        builder = self._builder
        targets = builder.training(self._train_end, several=DATA_TASKS.get(task).several)
        targets, _ = builder.answerable(task, targets)
        return builder.table(task, targets)

    def attachment(self, name: str) -> Path:
        """Return a file the source left; raises :class:`BenchError` for a name it has not."""
        if name not in self._attachments:
            known = listed(self._attachments) or "none"
            raise BenchError(
                f"Dataset {self.name!r} has no attachment {shown(name)} (it has: {known}).",
                fix="Use a dataset whose source provides it.",
            )
        if name not in self.opened:
            self.opened.append(name)
        return self._attachments[name]

    @cached_property
    def _builder(self) -> InstanceBuilder:
        timeline = Timeline.of_frame(self._rows(), self.catalogue)
        return InstanceBuilder(timeline, self.catalogue, self._rules)

    @property
    def _train_end(self) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        # Of every user the last visible row is the validation part.
        return self._builder.timeline.starts[1:] - 1


def _check_part(part: str) -> None:
    if part not in ("train", "valid"):
        raise unknown_name("part of the training view", part, ("train", "valid"))
