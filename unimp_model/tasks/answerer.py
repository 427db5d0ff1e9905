"""The fitted network as the tasks use it: under the shared weights, or under a task's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmark.instances import Item
from benchmark.training.staircase import Staircase
from unimp_model.config import UniMPConfig
from unimp_model.network.decoding import Reader
from unimp_model.parts import Parts
from unimp_model.tasks.calibration import Calibration


@dataclass(frozen=True, slots=True)
class Chosen:
    """Records what tasks choose once the weights are final, on validation or on training text."""

    taken: float = 1.0
    """How many candidates of a selection are taken on average."""
    selection_power: float = 0.0
    """How much their probabilities under recommendation count beside those of the answer."""
    selection_temperature: float = 1.0
    """Of the product of both."""
    rating: Calibration = field(default_factory=Calibration)
    """Makes ratings of what the model knows."""
    casing: Mapping[str, str] = field(default_factory=dict)
    """Lower-case word -> its usual form, for a model that writes lower case."""

    @classmethod
    def of_record(cls, record: Mapping[str, Any], *, casing: Mapping[str, str]) -> Chosen:
        """Restore what ``dataclasses.asdict`` made of a choice, without its casing."""
        rating = record["rating"]
        staircase = rating["staircase"]
        calibration = Calibration(
            rating["temperature"], tuple(rating["weights"]), tuple(rating["centres"]),
            rating["offset"], Staircase(**{**staircase, "levels": tuple(staircase["levels"])}),
        )  # fmt: skip
        return cls(**{**record, "rating": calibration}, casing=casing)


class Answerer:
    """Holds a fitted network and turns it to the weights a task is predicted with.

    ``own`` holds, by task, weights by parameter name that replace the network's.
    """

    def __init__(
        self,
        parts: Parts,
        own: Mapping[str, Mapping[str, Tensor]],
        config: UniMPConfig,
        *,
        chosen: Chosen,
    ) -> None:
        self.parts = parts
        self.config = config
        self.chosen = chosen
        self._own = own
        replaced = {name for part in own.values() for name in part}
        self._parameters = {
            name: p for name, p in parts.network.named_parameters() if name in replaced
        }
        self._shared = {name: p.detach().clone() for name, p in self._parameters.items()}
        self._task: str | None = None
        self._reader: Reader | None = None

    @property
    def reader(self) -> Reader:
        """Return the reader of rows under the weights in use, made on first use."""
        if self._reader is None:
            self._reader = Reader(
                self.parts.network,
                self.parts.photos,
                slots=self.config.history_items,
                at_once=self.config.answer_rows,
                variants=self.parts.template.variants,
            )
        return self._reader

    def turn_to(self, task: str | None) -> None:
        """Load a task's own weights into the network; ``None``: the shared ones."""
        if task == self._task:
            return
        weights = {**self._shared, **self._own.get(task or "", {})}
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(weights[name])
        self._task = task
        self._reader = None

    def encode_new_photos(self, items: Iterable[Item]) -> None:
        """Encode the photos of ``items`` that are not in the catalogue the model was trained on."""
        parts = self.parts
        if parts.photos is None or parts.encoder is None:
            return
        known = parts.photos.index
        # Texts first: a photo occurs in many histories, and a path takes longer than the set.
        files = {item.image for item in items if item.image is not None}
        images = {Path(file).name: Path(file) for file in sorted(files)}
        new = sorted(name for name in images if name not in known)
        if new:
            table = parts.encoder.features([images[n] for n in new], self.config.image_grid)
            parts.photos = parts.photos.extended(new, table)
            self._reader = None
