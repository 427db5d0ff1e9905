"""HEM: a user and a query, half each, are a place among the items."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from baselines.learning.ranker import Asked, Batch
from baselines.search.texts import SearchTexts, WordLists
from baselines.search.vectors import VectorModel, VectorNetwork, VectorSettings, vector_table
from benchmark.instances import SearchInstance


class HEMSettings(VectorSettings):
    """Sets the weight of the query, and what :class:`VectorSettings` does."""

    query_weight: float = Field(0.5, ge=0, le=1, description="of the query against the user")


class HEMNetwork(VectorNetwork):
    """Mixes M = (1 - lambda) u + lambda q; users, items and words share one space."""

    def __init__(
        self, *, users: int, items: int, words: int, width: int, query_weight: float, l2: float,
        biases: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(items=items, words=words, width=width, l2=l2, biases=biases)
        self.users = vector_table(users, width)
        self.query_weight = query_weight

    def intent(self, batch: Batch) -> Tensor:
        """Return M (B, d) from ``query`` (B, most) and ``user`` (B,), where -1 is the mean user."""
        query = self.encode_query(batch["query"], self.words.weight)  # (B, d)
        user, known = self.users(batch["user"].clamp(min=0)), batch["user"] >= 0
        if not known.all():  # in training all are: no mean over everybody each step
            user = user.where(known[:, None], self.users.weight.mean(0))
        mixed: Tensor = (1 - self.query_weight) * user + self.query_weight * query
        return mixed

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of vector networks, plus that of the users' words."""
        user = self.users(batch["user"])
        loss = self.word_loss(user, batch["user_words"], batch["wrong_user_words"])
        if self.l2:
            loss = loss + self.l2 * user.square().sum(-1)
        return super().loss(batch) + loss.mean()


class HEM(VectorModel):
    """Ranks by the hierarchical embedding model.

    Ai et al., "Learning a Hierarchical Embedding Model for Personalized Product Search" (SIGIR
    2017): maximises log P(words of u | u) + log P(words of i | i) + log P(i | u, q) over
    purchases, each softmax by negative sampling with 5 negatives; lambda 0.5, L2 0.005, one space
    of 100 to 400 dimensions. Words are drawn from the unigram distribution to the power 0.75; that
    items are too is ours, the authors' code draws all items alike (``hem:uniform``) and learns
    biases of words and items (``biases``). Its three losses and its scores are held to that
    code (``tests/golden/data/hem.json``). The words of a user are
    the documents of their purchases (reviews, or item texts where nobody reviewed), those of an
    item its text and all training reviews of it. Trained with Adam and batches of
    ``words_per_purchase`` words instead of SGD over single words.

    A user who was not there in training is the mean user: the query decides, and what most like.
    """

    Config = HEMSettings
    name = "hem"

    def __init__(self, config: HEMSettings | None = None) -> None:
        super().__init__(config)
        self._of_users: WordLists | None = None

    def _new_network(self) -> nn.Module:
        return HEMNetwork(
            users=len(self._users),
            items=len(self.item_ids),
            words=len(self.vocabulary),
            width=self.config.embedding_size,
            query_weight=self.config.query_weight,
            l2=self.config.l2,
            biases=self.config.biases != "none",
        )

    def training_columns(
        self, texts: SearchTexts, rows: NDArray[np.int64], rng: np.random.Generator
    ) -> dict[str, NDArray[np.integer]]:
        """Add each buyer, with words of their reviews and words drawn against them."""
        columns = super().training_columns(texts, rows, rng)
        user = texts.timeline.user[rows]
        by_user = texts.of_purchase.joined(texts.timeline.starts)
        words, wrong = self._drawn_words(by_user, user, rng)
        return {**columns, "user": user, "user_words": words, "wrong_user_words": wrong}

    def _asked_columns(self, block: Asked) -> Mapping[str, NDArray[np.integer]]:
        return {"user": np.array([self._users.get(i.user_id, -1) for i in block], np.int64)}

    def _knows_user(self, instance: SearchInstance) -> bool:
        return instance.user_id in self._users
