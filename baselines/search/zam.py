"""ZAM: the query decides how much of the past it wants, down to none of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from baselines.learning.ranker import Asked, Batch
from baselines.learning.windows import history_windows, windows
from baselines.search.texts import SearchTexts
from baselines.search.vectors import VectorModel, VectorNetwork, VectorSettings
from benchmark.instances import SearchInstance


class ZAMSettings(VectorSettings):
    """Sets the query's attention to the past, and what :class:`VectorSettings` does."""

    attention_units: int = Field(5, ge=1, le=64, description="columns of W_h")
    window: int = Field(
        50,
        ge=1,
        le=10_000,
        description="latest items read; never more than the dataset's histories hold",
    )


class ZAMNetwork(VectorNetwork):
    """Adds to a query q what it attends to among past items and a zero vector: M = q + u."""

    def __init__(
        self, *, items: int, words: int, width: int, units: int, l2: float, biases: bool = False
    ) -> None:
        super().__init__(items=items, words=words, width=width, l2=l2, biases=biases)
        self.units = units
        self.attend = nn.Linear(width, width * units)  # W_f and b
        self.combine = nn.Linear(units, 1, bias=False)  # W_h

    def intent(self, batch: Batch) -> Tensor:
        """Return M (B, d) from ``query`` (B, most) and ``history`` (B, T), padded with 0."""
        query: Tensor = self.encode_query(batch["query"], self.words.weight)  # (B, d)
        history = batch["history"]
        past = self.items((history - 1).clamp(min=0))  # (B, T, d)
        return query + self.user(query, past, history > 0)

    def user(self, query: Tensor, past: Tensor, real: Tensor) -> Tensor:
        """Return u = sum exp(f) i / (1 + sum exp(f)), f = W_h^T (i^T tanh(W_f q + b)): (B, d).

        ``query`` (B, d), ``past`` (B, T, d); ``real`` (B, T) is false at padding. The zero
        vector is an entry of f = 0 in the softmax.
        """
        keys = torch.tanh(self.attend(query)).view(len(query), -1, self.units)  # (B, d, units)
        f = self.combine(past @ keys).squeeze(-1)  # (B, T)
        f = f.masked_fill(~real, -torch.inf)
        zero = f.new_zeros(len(f), 1)
        weights = torch.cat([zero, f], 1).softmax(1)[:, 1:]  # (B, T)
        return (weights[:, None] @ past).squeeze(1)


class ZAM(VectorModel):
    """Ranks by the zero attention model.

    Ai et al., "A Zero Attention Model for Personalized Product Search" (CIKM 2019): the user is
    nothing but an attention of the query over their past purchases, in which a zero vector of
    score 0 competes, so that a query may ask for no personalisation. Items from intents and
    words from items are learnt as in HEM. The past at a training purchase are the user's earlier
    training purchases; a new user is answered from the history that the instance shows, an empty
    history by the query alone, a query without a known word (q = 0) by the history.
    """

    Config = ZAMSettings
    name = "zam"

    def _new_network(self) -> nn.Module:
        return ZAMNetwork(
            items=len(self.item_ids),
            words=len(self.vocabulary),
            width=self.config.embedding_size,
            units=self.config.attention_units,
            l2=self.config.l2,
            biases=self.config.biases != "none",
        )

    def training_columns(
        self, texts: SearchTexts, rows: NDArray[np.int64], rng: np.random.Generator
    ) -> dict[str, NDArray[np.integer]]:
        """Add the items each buyer took before: what attention reads."""
        timeline = texts.timeline
        begin = timeline.start_of(rows)
        history, _ = windows(timeline.item + 1, begin, rows, self._width())
        return {**super().training_columns(texts, rows, rng), "history": history}

    def _asked_columns(self, block: Asked) -> Mapping[str, NDArray[np.integer]]:
        histories = [instance.history for instance in block]
        history, _ = history_windows(histories, self._index, self._width())
        return {"history": history}

    def _width(self) -> int:
        window: int = min(self.config.window, self._window)
        return window

    def _knows_user(self, instance: SearchInstance) -> bool:
        return any(item.item_id in self._index for item in instance.history.items)
