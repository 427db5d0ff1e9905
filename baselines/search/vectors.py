"""Search in one space of words and items: who asks for what is a vector among the items'.

What HEM and ZAM share; they differ in how the user enters it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

from baselines.learning.blocks import filled
from baselines.learning.ranker import Asked, Batch, on_device
from baselines.search.adapter import SearchModel, SearchSettings
from baselines.search.noise import Noise, negative_sampling_loss
from baselines.search.texts import SearchTexts, WordLists, tokens
from benchmark.data.instances.timeline import Timeline
from benchmark.model import TrainingView


class VectorSettings(SearchSettings):
    """Sets what HEM and ZAM share."""

    batch_size: int = Field(128, ge=1, le=1_000_000, description="training purchases a step")
    learning_rate: float = Field(5e-3, gt=0, le=10, description="of Adam")
    embedding_size: int = Field(128, ge=1, le=8192, description="width of every vector")
    words_per_purchase: int = Field(
        5, ge=1, le=1000, description="words of an item (and user) drawn at each purchase"
    )
    item_noise: float = Field(
        0.75,
        ge=0,
        le=2,
        description="power of training counts that items are drawn against; 0, the authors': all "
        "alike",
    )
    biases: Literal["none", "learned", "ranked"] = Field(
        "none", description="of words and items: none; learned, as the authors'; or ranked by too"
    )
    l2: float = Field(0.005, ge=0, le=10, description="squared length of the vectors of a batch")


class QueryEncoder(nn.Module):
    """Encodes a query as q = tanh(W mean(words) + b); zero where no word is known.

    The projection of Van Gysel et al., "Learning Latent Vector Spaces for Product Search"
    (CIKM 2016), as HEM's equation 6 uses it.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, width)

    def forward(self, words: Tensor, table: Tensor) -> Tensor:
        """Encode word numbers (B, most), padded with 0, by vectors (words + 1, d): (B, d)."""
        mean = embedding_bag(words, table, mode="mean", padding_idx=0)  # (B, d)
        known = (words > 0).any(1, keepdim=True)
        encoded: Tensor = torch.tanh(self.project(mean)) * known
        return encoded


class VectorNetwork(nn.Module, ABC):
    """Learns word and item vectors and the query encoder, by the losses that both models have.

    A word is as likely for an item, and an item as likely for a user with a query, as the product
    of their vectors is large.
    """

    def __init__(
        self, *, items: int, words: int, width: int, l2: float, biases: bool = False
    ) -> None:
        super().__init__()
        self.words = vector_table(words + 1, width, padding_idx=0)
        self.items = vector_table(items, width)
        self.encode_query = QueryEncoder(width)
        self.word_biases = _zeros(words + 1) if biases else None
        self.item_biases = _zeros(items) if biases else None
        self.l2 = l2

    @abstractmethod
    def intent(self, batch: Batch) -> Tensor:
        """Return M (B, d): the intents of users with queries, which items are compared with."""

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean over purchases of the losses of item, words and vector lengths."""
        intent = self.intent(batch)  # (B, d)
        item = self.items(batch["item"])  # (B, d)
        wrong = self.items(batch["wrong_items"])  # (B, N, d)
        right_score = (intent * item).sum(-1)
        wrong_score = (wrong @ intent[:, :, None]).squeeze(-1)  # (B, N)
        right_score = _with_bias(right_score, self.item_biases, batch["item"])
        wrong_score = _with_bias(wrong_score, self.item_biases, batch["wrong_items"])
        loss = negative_sampling_loss(right_score, wrong_score)
        loss = loss + self.word_loss(item, batch["item_words"], batch["wrong_item_words"])
        if self.l2:
            loss = loss + self.l2 * self._lengths(item, batch["item_words"])
        return loss.mean()

    def word_loss(self, centre: Tensor, right: Tensor, wrong: Tensor) -> Tensor:
        """Return (B,): the mean loss of ``right`` (B, W) from ``centre`` (B, d) against ``wrong``.

        ``wrong`` is (B, W, N); padding counts as nothing.
        """
        column = centre[:, :, None]  # (B, d, 1)
        right_score = (self.words(right) @ column).squeeze(-1)  # (B, W)
        wrong_score = (self.words(wrong.flatten(1)) @ column).view_as(wrong)  # (B, W, N)
        right_score = _with_bias(right_score, self.word_biases, right)
        wrong_score = _with_bias(wrong_score, self.word_biases, wrong)
        real = (right > 0).to(centre.dtype)
        loss = (negative_sampling_loss(right_score, wrong_score) * real).sum(1)
        return loss / real.sum(1).clamp(min=1)

    def _lengths(self, centre: Tensor, words: Tensor) -> Tensor:
        """Squared length of ``centre`` (B, d) plus the mean one of ``words`` (B, W): (B,)."""
        named: Tensor = self.words(words)  # (B, W, d)
        return centre.square().sum(-1) + named.square().sum(-1).mean(-1)


def _zeros(rows: int) -> nn.Embedding:
    table = nn.Embedding(rows, 1)
    nn.init.zeros_(table.weight)
    return table


def _with_bias(scores: Tensor, biases: nn.Embedding | None, numbers: Tensor) -> Tensor:
    """``scores`` (...) of the words or items ``numbers`` (...), with their biases if any."""
    return scores if biases is None else scores + biases(numbers)[..., 0]


def vector_table(rows: int, width: int, padding_idx: int | None = None) -> nn.Embedding:
    """Initialise a table as word2vec does: uniform within half a d-th of zero."""
    table = nn.Embedding(rows, width, padding_idx=padding_idx)
    nn.init.uniform_(table.weight, -0.5 / width, 0.5 / width)
    if padding_idx is not None:
        with torch.no_grad():
            table.weight[padding_idx].zero_()
    return table


class VectorModel(SearchModel):
    """Ranks by the products of an intent with item vectors.

    An instance that nothing is known of, neither a word nor the user, gets training counts.
    """

    Config = VectorSettings

    def __init__(self, config: VectorSettings | None = None) -> None:
        super().__init__(config)
        self._about_items: WordLists | None = None
        self._word_noise: Noise | None = None
        self._item_noise: Noise | None = None

    def _read(self, data: TrainingView, timeline: Timeline) -> SearchTexts:
        texts = super()._read(data, timeline)
        self._about_items = texts.about_items()
        self._word_noise = Noise(texts.counts)
        # One more than the counts: an item that is never drawn would never learn that it was not
        # taken, and so come before those that were.
        self._item_noise = Noise(self._popularity + 1, power=self.config.item_noise)
        return texts

    def training_columns(
        self, texts: SearchTexts, rows: NDArray[np.int64], rng: np.random.Generator
    ) -> dict[str, NDArray[np.integer]]:
        """Return each purchase's query, item and words, with items and words drawn against them."""
        assert self._about_items
        assert self._item_noise
        item = texts.timeline.item[rows]
        words, wrong_words = self._drawn_words(self._about_items, item, rng)
        return {
            "query": texts.queries[texts.query_of_item[item]],
            "item": item,
            "wrong_items": self._item_noise.draw((len(rows), self.config.negatives), rng),
            "item_words": words,
            "wrong_item_words": wrong_words,
        }

    def _drawn_words(
        self, lists: WordLists, rows: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Words (B, W) of ``lists[rows]`` and noise (B, W, N)."""
        assert self._word_noise
        words = lists.draw(rows, self.config.words_per_purchase, rng)
        return words, self._word_noise.draw((*words.shape, self.config.negatives), rng)

    @abstractmethod
    def _asked_columns(self, block: Asked) -> Mapping[str, NDArray[np.integer]]:
        """The columns, beside ``query``, that the network makes the vectors of ``block`` from."""

    @abstractmethod
    def _knows_user(self, instance: Any) -> bool:
        """Whether anything was learnt about the instance's user."""

    def _block_scores(self, block: Asked) -> NDArray[np.float32]:
        network, asked = self.network, filled(block)
        query = self.vocabulary.padded([instance.query for instance in asked])
        batch = on_device({"query": query, **self._asked_columns(asked)})
        scores: Tensor = network.intent(batch) @ network.items.weight.T  # (ROWS, items)
        if self.config.biases == "ranked":
            scores = scores + network.item_biases.weight[:, 0]
        return scores.cpu().numpy()

    def _can_score(self, instance: Any) -> bool:
        words = self.vocabulary.numbers(tokens(instance.query))
        return bool(words) or self._knows_user(instance)
