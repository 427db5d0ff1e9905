"""Systems that read a history: trained on every prefix of every user's training items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from baselines.learning.blocks import filled
from baselines.learning.loop import TrainingSettings
from baselines.learning.negatives import NegativeSampler
from baselines.learning.ranker import Asked, Batch, CatalogueRanker, on_device
from baselines.learning.windows import history_windows, windows
from baselines.recbole import recbole_fixes
from benchmark.data.instances.timeline import Timeline
from benchmark.errors import BenchError
from benchmark.instances import Instance
from benchmark.model import TrainingView
from benchmark.training.checkpoint import Checkpoints
from benchmark.training.journal import Journal
from benchmark.training.reproducible import compute_device


class SequenceSettings(TrainingSettings):
    """Sets how many of a history's items are read."""

    window: int = Field(
        50,
        ge=1,
        le=10_000,
        description="latest items read; never more than the dataset's histories hold",
    )


class SequenceModel(CatalogueRanker[Timeline]):
    """Trains on one row per interaction with a past: the latest ``window`` items, then the target.

    A user who was not there in training is answered from the history alone.
    """

    Config = SequenceSettings
    right_aligned: ClassVar[bool] = False
    """Whether padding stands before the items."""
    reads_users: ClassVar[bool] = False
    """Whether users have vectors of their own."""

    def __init__(self, config: SequenceSettings | None = None) -> None:
        super().__init__(config)
        self._sizes: dict[str, int] = {}

    def _read(self, data: TrainingView, timeline: Timeline) -> Timeline:
        self._size(data, timeline)
        return timeline

    def _learn(
        self,
        data: TrainingView,
        material: Timeline,
        rng: np.random.Generator,
        checkpoints: Checkpoints,
    ) -> Journal:
        network = self._network = self._new_network()
        journal = self.before_training(data, material, rng, checkpoints)
        rows = self.training_rows(material, minimum=1)
        negatives = NegativeSampler(material.user, material.item, items=len(self.item_ids))
        journal.extend(
            self._train(
                network,
                data,
                batches=lambda: self.batches(material, rows, negatives, rng),
                steps=-(-len(rows) // self.config.batch_size),
                loss=self.loss,
                checkpoints=checkpoints,
            )
        )
        self._after_training(material)
        network.eval()
        return journal

    def _size(self, data: TrainingView, timeline: Timeline) -> None:
        window = min(self.config.window, data.history_window)
        users = len(timeline.users) if self.reads_users else 0
        self._sizes = {"users": users, "items": len(self.item_ids), "window": window}
        if not self.reads_users:
            self._users = {}

    def _new_network(self) -> nn.Module:
        sizes = self._sizes
        return recbole_fixes.new_network(
            self.name,
            self._network_settings(),
            recbole_fixes.Sizes(sizes["users"], sizes["items"], sizes.get("attributes", 0)),
            window=sizes["window"],
            device=compute_device(),
        )

    def _network_settings(self) -> dict[str, Any]:
        """By RecBole's names."""
        settings: dict[str, Any] = self.config.model_dump()
        return settings

    def before_training(
        self,
        data: TrainingView,
        timeline: Timeline,
        rng: np.random.Generator,
        checkpoints: Checkpoints,
    ) -> Journal:
        """Train in a stage of its own before the network learns to recommend; its journal."""
        return Journal()

    def _after_training(self, timeline: Timeline) -> None:
        """What the best weights still need."""

    def training_rows(self, timeline: Timeline, *, minimum: int) -> NDArray[np.int64]:
        """Return the interactions with at least ``minimum`` earlier ones of their user."""
        every = np.arange(len(timeline))
        rows = every[every - timeline.start_of(every) >= minimum]
        if not len(rows):
            raise BenchError(
                "No user has two training interactions, so there is no sequence to learn from.",
                fix="Use a dataset with longer histories, or mf and lightgcn.",
            )
        return rows

    def batches(
        self,
        timeline: Timeline,
        rows: NDArray[np.int64],
        negatives: NegativeSampler,
        rng: np.random.Generator,
    ) -> Iterator[Batch]:
        """Yield the shuffled batches of one epoch."""
        tokens = timeline.item + 1
        order = rng.permutation(rows)
        for start in range(0, len(order), self.config.batch_size):
            target = order[start : start + self.config.batch_size]
            columns = self.training_columns(timeline, tokens, target, negatives, rng)
            yield on_device(columns)

    def training_columns(
        self,
        timeline: Timeline,
        tokens: NDArray[np.int64],
        target: NDArray[np.int64],
        negatives: NegativeSampler,
        rng: np.random.Generator,
    ) -> dict[str, NDArray[np.int64]]:
        """Return a batch's columns by name; ``target`` (B,) is where each training row ends."""
        begin, user = timeline.start_of(target), timeline.user[target]
        items, length = windows(
            tokens, begin, target, self._sizes["window"], right=self.right_aligned
        )
        columns = {
            recbole_fixes.USER: user + 1,
            recbole_fixes.ITEMS: items,
            recbole_fixes.LENGTH: self._read_length(length),
            recbole_fixes.ITEM: tokens[target],
        }
        if getattr(self.config, "loss_type", "CE") == "BPR":
            columns[recbole_fixes.NEGATIVE] = negatives.draw(user, rng) + 1
        return columns

    def loss(self, batch: Batch) -> Tensor:
        """Return the scalar training loss of a batch."""
        loss: Tensor = self.network.calculate_loss(batch)
        return loss

    def _read_length(self, length: NDArray[np.int64]) -> NDArray[np.int64]:
        """Places up to which RecBole reads the rows: its state is the one at the last of them."""
        if self.right_aligned:
            return np.full_like(length, self._sizes["window"])
        return np.maximum(length, 1)  # an empty row is read as one padding item

    def _asked_columns(self, block: Asked) -> dict[str, NDArray[np.int64]]:
        """The columns that RecBole scores from, (len(block),) or (len(block), window)."""
        items, length = history_windows(
            [instance.history for instance in block],
            self._index,
            self._sizes["window"],
            right=self.right_aligned,
        )
        users = [self._users.get(instance.user_id, -1) + 1 for instance in block]
        return {
            recbole_fixes.USER: np.array(users, np.int64),
            recbole_fixes.ITEMS: items,
            recbole_fixes.LENGTH: self._read_length(length),
        }

    def _block_scores(self, block: Asked) -> NDArray[np.float32]:
        batch = on_device(self._asked_columns(filled(block)))
        scores: Tensor = self.network.full_sort_predict(batch)
        return scores[:, 1 : len(self.item_ids) + 1].cpu().numpy()

    def _can_score(self, instance: Instance) -> bool:
        return self._has_known_history(instance)

    def _shape(self) -> dict[str, Any]:
        return self._sizes

    def _restore(self, tensors: dict[str, Tensor], shape: Mapping[str, Any]) -> None:
        self._sizes = dict(shape)
        with torch.random.fork_rng([]):  # initialised on the processor, then overwritten
            network = self._new_network()
        network.load_state_dict(tensors)
        self._network = network.eval()
