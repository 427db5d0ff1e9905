"""Systems trained on pairs; and those of them that score by products of two vectors."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from baselines.learning.blocks import ROWS
from baselines.learning.loop import TrainingSettings
from baselines.learning.negatives import NegativeSampler
from baselines.learning.ranker import Asked, CatalogueRanker
from baselines.learning.windows import known_items
from benchmark.data.instances.timeline import Timeline
from benchmark.instances import Instance
from benchmark.model import TrainingView
from benchmark.training.checkpoint import Checkpoints
from benchmark.training.journal import Journal
from benchmark.training.reproducible import compute_device

Vectors = tuple[Tensor, Tensor]


class Batch(NamedTuple):
    """Holds B training pairs, each with drawn items; numbers from 0."""

    user: Tensor
    """(B,)"""
    taken: Tensor
    """(B,)"""
    other: Tensor
    """(B,) or (B, n): drawn for the pair (:meth:`PairModel.negatives`)."""


class PairModel(CatalogueRanker[Timeline]):
    """Learns from (user, item, items not taken): one uniform negative a training pair, or more."""

    def __init__(self, config: TrainingSettings | None = None) -> None:
        super().__init__(config)
        self._trainable = 0

    def _read(self, data: TrainingView, timeline: Timeline) -> Timeline:
        return timeline

    def _learn(
        self,
        data: TrainingView,
        material: Timeline,
        rng: np.random.Generator,
        checkpoints: Checkpoints,
    ) -> Journal:
        timeline, device = material, compute_device()
        network = self._network = self._new_network(timeline)
        self._trainable = sum(p.numel() for p in network.parameters())
        sampler = self._sampler(timeline)
        journal = self._train(
            network,
            data,
            batches=lambda: (
                Batch(*(torch.from_numpy(column).to(device) for column in columns))
                for columns in self.draws(timeline, sampler, rng)
            ),
            steps=self.steps(timeline),
            loss=lambda batch: self.loss(network, batch),
            checkpoints=checkpoints,
        )
        self._network = None  # what _weights_changed took from it is all that scoring needs
        return journal

    def draws(
        self, timeline: Timeline, sampler: NegativeSampler, rng: np.random.Generator
    ) -> Iterator[tuple[NDArray[np.int64], ...]]:
        """Yield the columns of :class:`Batch` for an epoch: here every pair once, shuffled."""
        order, size = rng.permutation(len(timeline)), self.config.batch_size
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            user = timeline.user[rows]
            yield user, timeline.item[rows], self.negatives(user, sampler, rng)

    def steps(self, timeline: Timeline) -> int:
        """Return how many batches an epoch has."""
        return int(-(-len(timeline) // self.config.batch_size))

    def _sampler(self, timeline: Timeline) -> NegativeSampler:
        return NegativeSampler(timeline.user, timeline.item, items=len(self.item_ids))

    def negatives(
        self, user: NDArray[np.int64], sampler: NegativeSampler, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Draw what :class:`Batch` calls ``other`` for the pairs of ``user`` (B,)."""
        return sampler.draw(user, rng)

    @abstractmethod
    def _new_network(self, timeline: Timeline) -> nn.Module:
        """Initialise a network for the users of ``timeline`` and the catalogue's items."""

    @abstractmethod
    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Return the scalar loss of a batch of pairs."""

    def _can_score(self, instance: Instance) -> bool:
        return instance.user_id in self._users or self._has_known_history(instance)

    def parameter_counts(self) -> dict[str, int]:
        """Return how many weights are ``trainable`` and how many in ``total``: all are trained."""
        return {"trainable": self._trainable, "total": self._trainable}


class FactorSettings(TrainingSettings):
    """Sets the width of user and item vectors, beside how training goes."""

    embedding_size: int = Field(64, ge=1, le=8192, description="width of user and item vectors")


class FactorModel(PairModel):
    """Ranks by the products of a user's vector (d,) with those of the items (items, d).

    A user who was not there in training is the mean of the vectors of the items in the history
    that the instance shows.
    """

    Config = FactorSettings

    def __init__(self, config: FactorSettings | None = None) -> None:
        super().__init__(config)
        self._vectors: Vectors | None = None

    def _weights_changed(self) -> None:
        assert self._network is not None
        self._vectors = self._final_vectors(self._network)

    @abstractmethod
    def _final_vectors(self, network: nn.Module) -> Vectors:
        """Return user vectors (users, d) and item vectors (items, d), without padding."""

    def _block_scores(self, block: Asked) -> NDArray[np.float32]:
        users, items = self.vectors
        states = torch.zeros(ROWS, items.shape[1], device=items.device)
        for row, instance in enumerate(block):
            if instance.user_id in self._users:
                states[row] = users[self._users[instance.user_id]]
            elif self._has_known_history(instance):
                states[row] = items[known_items(instance.history, self._index)].mean(0)
        return self._products(states, items).cpu().numpy()

    def _products(self, states: Tensor, items: Tensor) -> Tensor:
        """Scores (n, items) of item vectors (items, d) for user vectors ``states`` (n, d)."""
        return states @ items.T

    def tensors(self) -> Mapping[str, Tensor]:
        """Return the vectors of ``users`` (users, d) and ``items`` (items, d)."""
        users, items = self.vectors
        return {"users": users, "items": items}

    def _shape(self) -> dict[str, int]:
        return {"trainable": self._trainable}

    def _restore(self, tensors: dict[str, Tensor], shape: Mapping[str, int]) -> None:
        users, items = tensors["users"], tensors["items"]
        self._check(users, len(self._users))
        self._check(items, len(self.item_ids))
        device = compute_device()
        self._vectors = users.to(device), items.to(device)
        self._trainable = shape["trainable"]

    def _check(self, table: Tensor, rows: int) -> None:
        if table.shape != (rows, self.config.embedding_size):
            raise ValueError(f"a table of shape {tuple(table.shape)} for {rows} rows")

    @property
    def vectors(self) -> Vectors:
        """Return user vectors (users, d) and item vectors (items, d); raises before a fit."""
        if self._vectors is None:
            raise self.not_fitted()
        return self._vectors
