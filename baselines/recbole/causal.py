"""Systems that read from left to right: every place of a sequence can learn at once."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from baselines.learning.catalogue_loss import catalogue_cross_entropy
from baselines.learning.negatives import NegativeSampler
from baselines.learning.padding import without_padding
from baselines.learning.ranker import Batch
from baselines.learning.windows import windows
from baselines.recbole import recbole_fixes
from baselines.recbole.sequential import SequenceModel, SequenceSettings
from benchmark.data.instances.timeline import Timeline


class CausalSettings(SequenceSettings):
    """Sets what causal systems learn from a row: which targets, by which loss."""

    loss_type: Literal["CE", "BPR"] = Field("CE", description="over all items, or one negative")
    targets: Literal["last", "every"] = Field(
        "every", description="a sequence with one at every place, or a row a prefix with one"
    )


class CausalModel(SequenceModel):
    """Learns from left to right: from every place of a training row, or from its last alone.

    With ``targets=every`` a row is up to ``window`` consecutive targets and what precedes each.
    Rows run backwards from a user's last training item without overlap, so every item with a past
    is a target once an epoch, as with prefixes. Computed is a row instead of a row for each of its
    targets; in exchange the first targets of a long user's earlier rows see less of the past than
    they would as prefixes. RecBole knows only prefixes, which ``targets=last`` are.
    """

    def training_rows(self, timeline: Timeline, *, minimum: int) -> NDArray[np.int64]:
        """Return the targets: all of them, or with ``targets=every`` the last of each window."""
        rows = super().training_rows(timeline, minimum=minimum)
        if self.config.targets == "last":
            return rows
        from_the_end = timeline.end_of(rows) - 1 - rows
        ends: NDArray[np.int64] = rows[from_the_end % self._sizes["window"] == 0]
        return ends

    def training_columns(
        self,
        timeline: Timeline,
        tokens: NDArray[np.int64],
        target: NDArray[np.int64],
        negatives: NegativeSampler,
        rng: np.random.Generator,
    ) -> dict[str, NDArray[np.int64]]:
        """Return the columns of a batch: one target a row, or every item of its window."""
        if self.config.targets == "last":
            return super().training_columns(timeline, tokens, target, negatives, rng)
        window = self._sizes["window"]
        begin = np.maximum(timeline.start_of(target), target - window)
        items, length = windows(tokens, begin, target, window)
        following, _ = windows(tokens, begin + 1, target + 1, window)
        columns = {
            recbole_fixes.ITEMS: items,
            recbole_fixes.LENGTH: length,
            recbole_fixes.ITEM: following,
        }
        if self.config.loss_type == "BPR":
            users = np.broadcast_to(timeline.user[target][:, None], following.shape)
            drawn = negatives.draw(users.ravel(), rng) + 1
            columns[recbole_fixes.NEGATIVE] = drawn.reshape(following.shape)
        return columns

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean loss of all targets of a batch."""
        network: Any = self.network
        read = [self._states(part) for part in without_padding(batch, by=recbole_fixes.ITEMS)]
        states, right, wrong = (torch.cat(column) for column in zip(*read, strict=True))
        table = network.item_embedding.weight
        if self.config.loss_type == "CE":
            return catalogue_cross_entropy(states, table, right)
        loss: Tensor = network.loss_fct((states * table[right]).sum(-1),
                                        (states * table[wrong]).sum(-1))  # fmt: skip
        return loss

    def _states(self, part: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """States (T, d), the items (T,) that follow, and negatives (T,) where the loss has some."""
        network, right = self.network, part[recbole_fixes.ITEM]
        wrong = part.get(recbole_fixes.NEGATIVE, right)
        if self.config.targets == "last":
            return (
                network.forward(part[recbole_fixes.ITEMS], part[recbole_fixes.LENGTH]),
                right,
                wrong,
            )
        real = right > 0  # (B, width), false where the row is over
        return recbole_fixes.every_state(network, part)[real], right[real], wrong[real]
