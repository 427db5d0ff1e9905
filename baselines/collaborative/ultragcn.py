"""UltraGCN (Mao et al., CIKM 2021): what infinitely many graph convolutions converge to."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import softplus

from baselines.collaborative.item_graph import item_graph
from baselines.learning.factors import Batch, FactorModel, FactorSettings, Vectors
from baselines.learning.negatives import NegativeSampler
from benchmark.data.instances.timeline import Timeline
from benchmark.training.reproducible import compute_device

#: So many items per item asked for, and on a processor scoring all of them is the faster way:
#: a product of matrices instead of vectors collected from everywhere.
_FEW = 32


class UltraGCNSettings(FactorSettings):
    """Sets the authors' configuration for Amazon-Electronics, up to the two settings of stopping.

    On that dataset training stands on a plateau, where it ranks by popularity, for 200 epochs
    and then gains two thirds: ``min_epochs`` and ``patience`` (ours; the authors stop on test
    data) let it pass.
    """

    epochs: int = Field(2000, ge=1, le=100_000, description="most passes over the training data")
    min_epochs: int = Field(
        300, ge=0, le=100_000, description="passes before patience may stop training"
    )
    patience: int = Field(
        150, ge=1, le=100_000, description="epochs without a better validation value, then stop"
    )
    init_std: float = Field(1e-3, gt=0, le=10, description="of all vectors before training")
    w1: float = Field(1e-7, ge=0, le=1e6, description="weight of every positive")
    w2: float = Field(1.0, ge=0, le=1e6, description="of a positive's beta_u beta_i")
    w3: float = Field(1e-7, ge=0, le=1e6, description="weight of every negative")
    w4: float = Field(1.0, ge=0, le=1e6, description="of a negative's beta_u beta_j")
    negatives: int = Field(75, ge=1, le=100_000, description="drawn items per training pair")
    negative_weight: float = Field(75.0, ge=0, le=1e6, description="W of a pair's mean negative")
    sifted: bool = Field(True, description="draw no item that the user took in training")
    norm_weight: float = Field(5e-5, ge=0, le=10, description="gamma of the squared norm")
    graph_weight: float = Field(1e-7, ge=0, le=1e6, description="lambda of the item graph's loss")
    neighbours: int = Field(10, ge=1, le=10_000, description="edges an item keeps, K")


class UltraGCNNetwork(nn.Module):
    """Learns user and item vectors, and weighs the losses of the training pairs.

    ``user`` and ``item`` (pairs,) are the distinct training pairs as numbers from 0; every one of
    ``users`` is among them, an item need not be.
    """

    beta_user: Tensor
    beta_item: Tensor
    neighbours: Tensor
    weights: Tensor

    def __init__(
        self,
        user: NDArray[np.int64],
        item: NDArray[np.int64],
        *,
        users: int,
        items: int,
        settings: UltraGCNSettings,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.users = nn.Embedding(users, settings.embedding_size)
        self.items = nn.Embedding(items, settings.embedding_size)
        for table in (self.users, self.items):
            nn.init.normal_(table.weight, std=settings.init_std)
        of_user, of_item = np.bincount(user, minlength=users), np.bincount(item, minlength=items)
        neighbours, weights = item_graph(user, item, items=items, most=settings.neighbours)
        for name, values in {
            "beta_user": (np.sqrt(of_user + 1) / of_user).astype(np.float32),
            "beta_item": (1 / np.sqrt(of_item + 1)).astype(np.float32),
            "neighbours": neighbours,
            "weights": weights,
        }.items():  # follow from the data: no part of what is learnt and saved
            self.register_buffer(name, torch.from_numpy(values), persistent=False)

    def losses(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return the main loss, that of the item graph and half the squared norm, unweighted.

        The first two are sums over the batch's pairs, the last is over all vectors, not
        the batch's.
        """
        settings, vectors = self.settings, self.users(batch.user)
        right: Tensor = (vectors * self.items(batch.taken)).sum(-1)  # (B,)
        drawn = torch.cat([batch.other, self.neighbours[batch.taken]], 1)  # (B, n + K)
        products = self._products(vectors, drawn)
        wrong, near = products[:, : settings.negatives], products[:, settings.negatives :]
        for_right, for_wrong = self.pair_weights(batch)
        by_pair = for_right * softplus(-right)
        by_pair = by_pair + settings.negative_weight * (for_wrong * softplus(wrong)).mean(1)
        graph = self.weights[batch.taken] * softplus(-near)
        norm = (self.users.weight.square().sum() + self.items.weight.square().sum()) / 2
        return by_pair.sum(), graph.sum(), norm

    def pair_weights(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the weights of the positives (B,) and of their negatives (B, n)."""
        settings, beta = self.settings, self.beta_user[batch.user]
        right = settings.w1 + settings.w2 * beta * self.beta_item[batch.taken]
        wrong = settings.w3 + settings.w4 * beta[:, None] * self.beta_item[batch.other]
        return right, wrong

    def _products(self, vectors: Tensor, item: Tensor) -> Tensor:
        """Scores (B, m) of the items ``item`` (B, m) for user vectors (B, d)."""
        table = self.items.weight
        if table.device.type == "cpu" and len(table) <= _FEW * item.shape[1]:
            return (vectors @ table.T).gather(1, item)
        products: Tensor = torch.bmm(self.items(item), vectors[:, :, None])
        return products[:, :, 0]


class UltraGCN(FactorModel):
    """Learns user and item vectors by weighted pairs and an item graph; no convolution at all.

    Mao et al., "UltraGCN: Ultra Simplification of Graph Convolutional Networks for
    Recommendation" (CIKM 2021). Held to the authors' code; where the two part, the code counts:
    the norm is that of all vectors at every step, and an item is its own neighbour.

    A user's repeated purchases are as many training pairs, but one edge. The losses are sums, so
    the learning rate that suits depends on the batch size.
    """

    Config = UltraGCNSettings
    name = "UltraGCN"

    def _new_network(self, timeline: Timeline) -> nn.Module:
        once = timeline.first_time
        return UltraGCNNetwork(
            timeline.user[once],
            timeline.item[once],
            users=len(timeline.users),
            items=len(self.item_ids),
            settings=self.config,
        ).to(compute_device())

    def negatives(
        self, user: NDArray[np.int64], sampler: NegativeSampler, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Draw ``negatives`` items for each pair of ``user`` (B,): (B, n)."""
        shape = (len(user), self.config.negatives)
        if not self.config.sifted:
            return rng.integers(len(self.item_ids), size=shape)
        return sampler.draw(user.repeat(shape[1]), rng).reshape(shape)

    def loss(self, network: Any, batch: Batch) -> Tensor:
        """Return the sum of a batch's weighted losses."""
        main, graph, norm = network.losses(batch)
        loss: Tensor = main + self.config.graph_weight * graph + self.config.norm_weight * norm
        return loss

    @torch.no_grad()
    def _final_vectors(self, network: Any) -> Vectors:
        return network.users.weight.detach().clone(), network.items.weight.detach().clone()
