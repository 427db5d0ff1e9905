"""VIP5: Geng et al., "VIP5: Towards Multimodal Foundation Models for Recommendation" (Findings of
EMNLP 2023)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from baselines.generative.network import P5Network
from baselines.generative.p5 import P5
from baselines.generative.settings import P5Settings
from baselines.generative.visual import VIP5Network
from baselines.learning.loop import TrainingSettings
from baselines.multimodal.features import Features, Scaling, image_features, photo_row
from benchmark.instances import Item
from benchmark.model import TrainingView
from benchmark.training.checkpoint import Checkpoints
from benchmark.training.journal import Journal
from benchmark.vision.encoder_names import AUTO
from benchmark.vision.encoder_names import DESCRIPTION as ENCODERS

_PHOTOS = "photos"


class VIP5Settings(P5Settings):
    """Sets VIP5's own values (jeykigung/VIP5 35b8a05) where they differ from P5's.

    Those are ``epochs`` (the script's; 10 in the paper), ``warmup``, ``clip``, ``source_pieces``,
    ``whole_words``, ``slots`` and ``reduction``. ``scaling`` and the encoder are ours.
    """

    text_epochs: int = Field(
        10, ge=0, le=100_000, description="passes that train it as a P5 first, without photos"
    )
    epochs: int = Field(20, ge=1, le=100_000, description="passes that train photos and adapters")
    warmup: float = Field(
        0.1, ge=0, le=1, description="share of the steps over which the rate rises, then it falls"
    )
    clip: float = Field(5.0, gt=0, le=1e6, description="largest norm of a step's gradient")
    source_pieces: int = Field(
        1024, ge=32, le=65_536, description="most pieces of a source; the history is cut to it"
    )
    whole_words: int = Field(1024, ge=2, le=65_536, description="rows of the whole-word table")
    slots: int = Field(2, ge=1, le=64, description="vectors that stand for a photo")
    reduction: int = Field(8, ge=1, le=4096, description="width of T5 over that of an adapter")
    train_all: bool = Field(
        False, description="train the whole network with photos, in place of adapters alone"
    )
    scaling: Scaling = Field(
        "centred", description="features relative to the mean photo, or as encoded"
    )
    image_encoder: str = Field(AUTO, description=ENCODERS)
    encoder_steps: int = Field(330, ge=0, le=100_000, description="training steps of own encoder")


class VIP5(P5):
    """Trains P5 with a photo's vectors behind every item's name, by adapters (Geng et al., 2023).

    First all of it is trained as a P5, on the same tasks without photos: the authors start from
    such a checkpoint. Then only what maps photos, the adapters and all norms are trained; the
    rest is frozen. Held to the authors' code (``tests/golden/data/vip5.json``). An item without a
    photo has the vectors of a zero vector. Preference is adapted: VIP5 has no family of rating
    prompts; it is asked as P5 asks it, with the photo.
    """

    Config: ClassVar[type[TrainingSettings]] = VIP5Settings
    name = "VIP5"

    def __init__(self, config: VIP5Settings | None = None) -> None:
        super().__init__(config)
        self._features: Features | None = None

    def _prepare(self, data: TrainingView, tasks: tuple[str, ...], *, seed: int) -> None:
        settings = self.config
        self._features = image_features(data, settings.image_encoder, steps=settings.encoder_steps)
        super()._prepare(data, tasks, seed=seed)

    def _slots(self) -> int:
        return int(self.config.slots)

    def _new_network(self, t5: Any) -> P5Network:
        settings = self.config
        return VIP5Network(
            t5,
            words=settings.whole_words,
            slot=self.known.pieces.slot,
            features=self.features.width,
            count=settings.slots,
            reduction=settings.reduction,
        )

    def _learn(
        self, data: TrainingView, rng: np.random.Generator, checkpoints: Checkpoints
    ) -> Journal:
        settings, known = self.config, self.known
        journal = Journal()
        if settings.text_epochs:
            cast(VIP5Network, self.network).train_text()
            self._known = replace(known, slots=0)
            epochs = settings.text_epochs
            journal = self._train(data, rng, checkpoints, stage="text", epochs=epochs)
            self._known = known
        self._freeze()
        epochs = settings.epochs
        journal.extend(self._train(data, rng, checkpoints, stage="photos", epochs=epochs))
        return journal

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote, and freeze what training froze."""
        super().load(folder)
        self._freeze()

    def _freeze(self) -> None:
        """Leave trainable what photos are learned with."""
        network = cast(VIP5Network, self.network)
        if self.config.train_all:
            network.requires_grad_(True)
        else:
            network.train_adapters()

    def _photos(self, items: Sequence[Item]) -> Tensor | None:
        if not items:
            return None
        known = self.features.rows
        rows = np.array([photo_row(item, known, self.name) for item in items], np.int64)
        scaling: Scaling = self.config.scaling
        return self.features.vectors(rows, scaling)

    def _further_record(self) -> dict[str, Any]:
        return {_PHOTOS: list(self.features.rows)}

    def _further_tensors(self) -> dict[str, Tensor]:
        return {_PHOTOS: torch.from_numpy(np.array(self.features.table))}

    def _restore_further(self, record: Mapping[str, Any], tensors: dict[str, Tensor]) -> None:
        table, names = tensors.pop(_PHOTOS).numpy(), record[_PHOTOS]
        if len(table) != len(names) + 1:
            raise ValueError(f"{len(table)} rows for {len(names)} photos")
        rows = {name: row for row, name in enumerate(names, start=1)}
        self._features = Features(table, rows, np.zeros(0, np.int64))

    @property
    def features(self) -> Features:
        """Return the features of photos; :class:`BenchError` before ``fit`` or ``load``."""
        if self._features is None:
            raise self.not_fitted()
        return self._features
