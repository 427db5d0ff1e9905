"""BERT4Rec (Sun et al., CIKM 2019)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from baselines.learning.catalogue_loss import catalogue_cross_entropy
from baselines.learning.negatives import NegativeSampler
from baselines.learning.padding import without_padding
from baselines.learning.ranker import Asked, Batch
from baselines.learning.windows import windows
from baselines.recbole import recbole_fixes
from baselines.recbole.encoder import EncoderSettings
from baselines.recbole.sequential import SequenceModel
from benchmark.data.instances.timeline import Timeline
from benchmark.model import TrainingView


class BERT4RecSettings(EncoderSettings):
    """Sets the paper's section 4.4: two layers of two heads of width 32, batches of 256.

    Dropout 0.2 and the share of rows that hide just the last item are RecBole's, and so is
    Adam's 1e-3: the paper's 1e-4 takes several times the steps. The paper tunes the share of
    hidden items by data set, from 0.2 (long histories) to 0.6 (short ones).
    """

    window: int = Field(50, ge=2, le=10_000, description="latest items read, the mask included")
    batch_size: int = Field(256, ge=1, le=1_000_000, description="training rows a step")
    hidden_dropout_prob: float = Field(0.2, ge=0, lt=1, description="dropout of states")
    attn_dropout_prob: float = Field(0.2, ge=0, lt=1, description="dropout of attention")
    mask_ratio: float = Field(0.2, gt=0, lt=1, description="share of items that are hidden")
    ft_ratio: float = Field(0.5, ge=0, le=1, description="share of rows hiding just the last item")


class BERT4Rec(SequenceModel):
    """Predicts masked items from both sides; ranks by a mask behind the history (Sun et al., 2019).

    A training row holds the latest items up to and including one of them. (RecBole's rows end
    before it, so that a user's last training item is never hidden.)
    """

    Config = BERT4RecSettings
    name = "BERT4Rec"

    def _size(self, data: TrainingView, timeline: Timeline) -> None:
        super()._size(data, timeline)
        # The mask takes a place of its own: a whole history shall fit in beside it.
        self._sizes["window"] = min(self.config.window, data.history_window + 1)

    def _network_settings(self) -> dict[str, Any]:
        return {**super()._network_settings(), "loss_type": "CE"}

    def training_columns(
        self,
        timeline: Timeline,
        tokens: NDArray[np.int64],
        target: NDArray[np.int64],
        negatives: NegativeSampler,
        rng: np.random.Generator,
    ) -> dict[str, NDArray[np.int64]]:
        """Return the columns of a batch: windows with hidden places, and what was there."""
        items, length = windows(
            tokens, timeline.start_of(target), target + 1, self._sizes["window"]
        )
        hidden = self.hidden_places(items, length, rng)
        places = _places(hidden)
        row = np.arange(len(items))[:, None]
        return {
            recbole_fixes.MASKED: np.where(hidden, self._mask, items),
            recbole_fixes.MASKED_PLACES: places,
            recbole_fixes.MASKED_ITEMS: np.where(places > 0, items[row, places], 0),
            recbole_fixes.MASKED_NEGATIVES: np.zeros_like(places),  # the loss is cross-entropy
        }

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean loss of the hidden items.

        RecBole scores as many places of each row as the row with the most has hidden.
        """
        network = self.network
        states, hidden = [], []
        for part in without_padding(batch, by=recbole_fixes.MASKED):
            row, number = torch.nonzero(
                part[recbole_fixes.MASKED_PLACES], as_tuple=True
            )  # (T,), (T,)
            place = part[recbole_fixes.MASKED_PLACES][row, number]
            states.append(network.forward(part[recbole_fixes.MASKED])[row, place])  # (T, d)
            hidden.append(part[recbole_fixes.MASKED_ITEMS][row, number])
        return catalogue_cross_entropy(
            torch.cat(states),
            network.item_embedding.weight[: self._mask],  # without the mask itself
            torch.cat(hidden),
            network.output_bias,
        )

    @property
    def _mask(self) -> int:
        return self._sizes["items"] + 1

    def hidden_places(
        self, items: NDArray[np.int64], length: NDArray[np.int64], rng: np.random.Generator
    ) -> NDArray[np.bool_]:
        """Draw which places (B, window) are hidden: at least one of each row.

        Never the first one, whose number 0 RecBole's loss takes for "no place".
        """
        last = np.arange(items.shape[1]) == length[:, None] - 1
        drawn = (rng.random(items.shape) < self.config.mask_ratio) & (items > 0)
        drawn[:, 0] = False
        just_last = (rng.random(len(items)) < self.config.ft_ratio) | ~drawn.any(1)
        hidden: NDArray[np.bool_] = np.where(just_last[:, None], last, drawn)
        return hidden

    def _asked_columns(self, block: Asked) -> dict[str, NDArray[np.int64]]:
        """RecBole puts the mask behind the row and drops the row's first place.

        The first place is therefore padding here: else a history of one item would lose it.
        """
        columns = super()._asked_columns(block)
        items = columns[recbole_fixes.ITEMS]
        length = (items > 0).sum(1)
        full = length == items.shape[1]
        shifted = np.pad(items, ((0, 0), (1, 0)))[:, :-1]
        # A full row loses its oldest item to the mask either way.
        columns[recbole_fixes.ITEMS] = np.where(full[:, None], items, shifted)
        columns[recbole_fixes.LENGTH] = np.where(full, length, length + 1)
        return columns


def _places(hidden: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Column numbers of each row's true entries (B, most), in order, padded with 0."""
    count = hidden.sum(1)
    order = np.argsort(~hidden, axis=1, kind="stable")[:, : count.max(initial=1)]
    return np.where(np.arange(order.shape[1]) < count[:, None], order, 0)
