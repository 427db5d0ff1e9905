"""Systems that read a history: trained on every prefix of every user's training items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from baselines.learning.loop import TrainingSettings, train
from baselines.learning.negatives import NegativeSampler
from baselines.learning.ranker import ROWS, Asked, RecBoleModel
from baselines.learning.windows import history_windows, windows
from baselines.recbole import recbole_fixes
from benchmark.data.instances.timeline import Timeline
from benchmark.errors import BenchError
from benchmark.instances import Instance
from benchmark.model import TrainingView
from benchmark.training.checkpoint import Checkpoints
from benchmark.training.journal import Journal
from benchmark.training.reproducible import compute_device
from benchmark.training.validation import RankingValidation

Batch = dict[str, Tensor]


class SequenceSettings(TrainingSettings):
    """Settings of all of them."""

    window: int = Field(
        50,
        ge=1,
        le=10_000,
        description="latest items read; never more than the dataset's histories hold",
    )


class SequenceModel(RecBoleModel):
    """One training row per interaction with a past: the latest ``window`` items, then the target.

    A user who was not there in training is answered from the history alone.
    """

    Config = SequenceSettings
    right_aligned: ClassVar[bool] = False
    """Whether padding stands before the items."""
    reads_users: ClassVar[bool] = False
    """Whether users have vectors of their own."""

    def __init__(self, config: SequenceSettings | None = None) -> None:
        super().__init__(config)
        self._network: nn.Module | None = None
        self._sizes: dict[str, int] = {}

    def _learn(
        self,
        data: TrainingView,
        timeline: Timeline,
        rng: np.random.Generator,
        checkpoints: Checkpoints,
    ) -> Journal:
        self._size(data, timeline)
        network = self._new_network()
        self._network = network
        self._before_training(data, timeline, rng, checkpoints)
        validation = RankingValidation(data, most=self.config.validation_users)
        rows = self._training_rows(timeline, minimum=1)
        negatives = NegativeSampler(timeline.user, timeline.item, items=len(self.item_ids))
        journal = train(
            network,
            batches=lambda: self._batches(timeline, rows, negatives, rng),
            steps=-(-len(rows) // self.config.batch_size),
            loss=self._loss,
            settings=self.config,
            label=f"training {self.network_name} on {data.name}",
            validate=(lambda: validation(self.scores)) if len(validation) else None,
            checkpoint=checkpoints.stage("training"),
        )
        self._after_training(timeline)
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
            self.network_name,
            self._network_settings(),
            recbole_fixes.Sizes(sizes["users"], sizes["items"], sizes.get("attributes", 0)),
            window=sizes["window"],
            device=compute_device(),
        )

    def _network_settings(self) -> dict[str, Any]:
        """By RecBole's names."""
        settings: dict[str, Any] = self.config.model_dump()
        return settings

    def _before_training(
        self,
        data: TrainingView,
        timeline: Timeline,
        rng: np.random.Generator,
        checkpoints: Checkpoints,
    ) -> None:
        """A stage of its own before the network learns to recommend."""

    def _after_training(self, timeline: Timeline) -> None:
        """What the best weights still need."""

    def _training_rows(self, timeline: Timeline, *, minimum: int) -> NDArray[np.int64]:
        """Interactions with at least ``minimum`` earlier ones of their user."""
        every = np.arange(len(timeline))
        rows = every[every - timeline.start_of(every) >= minimum]
        if not len(rows):
            raise BenchError(
                "No user has two training interactions, so there is no sequence to learn from.",
                fix="Use a dataset with longer histories, or mf and lightgcn.",
            )
        return rows

    def _batches(
        self,
        timeline: Timeline,
        rows: NDArray[np.int64],
        negatives: NegativeSampler,
        rng: np.random.Generator,
    ) -> Iterator[Batch]:
        """One epoch of shuffled batches."""
        tokens = timeline.item + 1
        order = rng.permutation(rows)
        for start in range(0, len(order), self.config.batch_size):
            target = order[start : start + self.config.batch_size]
            columns = self._columns(timeline, tokens, target, negatives, rng)
            yield self._batch(columns)

    def _columns(
        self,
        timeline: Timeline,
        tokens: NDArray[np.int64],
        target: NDArray[np.int64],
        negatives: NegativeSampler,
        rng: np.random.Generator,
    ) -> dict[str, NDArray[np.int64]]:
        """A batch's columns by name; ``target`` (B,) is where each training row ends."""
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

    def _batch(self, columns: Mapping[str, NDArray[np.int64]]) -> Batch:
        device = compute_device()
        return {name: torch.from_numpy(c).to(device) for name, c in columns.items()}

    def _loss(self, batch: Batch) -> Tensor:
        loss: Tensor = self._fitted().calculate_loss(batch)
        return loss

    def _read_length(self, length: NDArray[np.int64]) -> NDArray[np.int64]:
        """Places up to which RecBole reads the rows: its state is the one at the last of them."""
        if self.right_aligned:
            return np.full_like(length, self._sizes["window"])
        return np.maximum(length, 1)  # an empty row is read as one padding item

    def _question(self, block: Asked) -> dict[str, NDArray[np.int64]]:
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
        # The last instance fills the block up.
        filled = [*block, *[block[-1]] * (ROWS - len(block))]
        scores: Tensor = self._fitted().full_sort_predict(self._batch(self._question(filled)))
        return scores[:, 1 : len(self.item_ids) + 1].cpu().numpy()

    def _can_score(self, instance: Instance) -> bool:
        return self._has_known_history(instance)

    def parameter_counts(self) -> dict[str, int]:
        """Return how many weights are ``trainable`` and how many in ``total``: all are trained."""
        total = sum(p.numel() for p in self._fitted().parameters())
        return {"trainable": total, "total": total}

    def _tensors(self) -> Mapping[str, Tensor]:
        state: dict[str, Tensor] = self._fitted().state_dict()
        return state

    def _shape(self) -> dict[str, int]:
        return self._sizes

    def _restore(self, tensors: dict[str, Tensor], shape: Mapping[str, int]) -> None:
        self._sizes = dict(shape)
        with torch.random.fork_rng([]):  # initialised on the processor, then overwritten
            network = self._new_network()
        network.load_state_dict(tensors)
        self._network = network.eval()

    def _fitted(self) -> Any:
        if self._network is None:
            raise BenchError(f"{self.network_name} is not fitted.", fix="Call fit or load first.")
        return self._network
