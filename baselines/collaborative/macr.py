"""MACR (Wei et al., KDD 2021) on matrix factorisation: what is popular anyway, taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from baselines.learning.factors import Batch, FactorModel, FactorSettings, Vectors
from benchmark.data.instances.timeline import Timeline
from benchmark.model import TrainingView
from benchmark.training.reproducible import compute_device
from benchmark.training.validation import RankingValidation

#: Inside every logarithm of the authors' code.
_LEAST = 1e-10


class MACRSettings(FactorSettings):
    """Sets the authors' defaults, up to c, which they fix at 40 or tune on test, and when to stop.

    Products of three small factors learn little at first: a training that stops after a few epochs
    without a better value may never have begun.
    """

    epochs: int = Field(1000, ge=1, le=100_000, description="most passes over the training data")
    min_epochs: int = Field(
        100, ge=0, le=100_000, description="passes before patience may stop training"
    )
    patience: int = Field(
        50, ge=1, le=100_000, description="epochs without a better validation value, then stop"
    )
    batch_size: int = Field(1024, ge=1, le=1_000_000, description="training pairs a step")
    alpha: float = Field(1e-3, ge=0, le=1e3, description="weight of the items' own loss")
    beta: float = Field(1e-3, ge=0, le=1e3, description="weight of the users' own loss")
    norm_weight: float = Field(1e-5, ge=0, le=10, description="of half the batch's squared norm")
    c: tuple[Annotated[float, Field(ge=0, le=1e6)], ...] = Field(
        (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 40.0),
        min_length=1,
        description="reference matches to choose from on validation; epochs are compared at "
        "the first",
    )


class MACRNetwork(nn.Module):
    """Learns user and item vectors, and a gate of each: how much it takes, how popular it is.

    A gate is the sigmoid of a vector's product with a direction (d, 1) of its space. The initial
    values are ours.
    """

    def __init__(self, *, users: int, items: int, width: int) -> None:
        super().__init__()
        self.users = nn.Embedding(users, width)
        self.items = nn.Embedding(items, width)
        self.user_gate = nn.Parameter(torch.empty(width, 1))
        self.item_gate = nn.Parameter(torch.empty(width, 1))
        for table in (self.users.weight, self.items.weight, self.user_gate, self.item_gate):
            nn.init.xavier_uniform_(table)

    def losses(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return (B,) main losses, items' and users' own, and half the squared norms; unweighted.

        The authors' code multiplies matches (B,) with gates (B, 1), by which its main loss is the
        mean of B x B combinations of one pair's match with another pair's gates
        (``loss_main_as_written`` of the golden case). Here each pair has its own gates, as in
        the paper.
        """
        user, taken, other = (
            table(number)
            for table, number in zip((self.users, self.items, self.items), batch, strict=True)
        )  # (B, d)
        of_user = user @ self.user_gate[:, 0]  # (B,), before the sigmoid
        of_taken, of_other = taken @ self.item_gate[:, 0], other @ self.item_gate[:, 0]
        gate = of_user.sigmoid()
        right = (user * taken).sum(-1) * of_taken.sigmoid() * gate
        wrong = (user * other).sum(-1) * of_other.sigmoid() * gate
        main = _is_one(right) + _is_zero(wrong)
        by_item = _is_one(of_taken) + _is_zero(of_other)
        by_user = _is_one(of_user) + _is_zero(of_user)  # a pair's positive and its negative
        norm = sum(vectors.square().sum(-1) for vectors in (user, taken, other)) / 2
        return main, by_item, by_user, norm


class MACR(FactorModel):
    """Learns matches y = u.i under gates of user and item, which ranking takes back by c.

    Wei et al., "Model-Agnostic Counterfactual Reasoning for Eliminating Popularity Bias in
    Recommender System" (KDD 2021), on matrix factorisation. With a = sigmoid(w.v) of a vector,
    sigmoid(y a_i a_u), a_i and a_u are each trained to tell items taken from items not taken;
    ranking is by (y - c) a_i a_u. The larger c, the more it ranks against what the gates alone
    say; c is the best of :attr:`MACRSettings.c` on validation, the first of equal ones, and saved.
    """

    Config = MACRSettings
    name = "MACR"

    def __init__(self, config: MACRSettings | None = None) -> None:
        super().__init__(config)
        self.c: float = self.config.c[0]
        """The reference match that rankings subtract."""
        self._gates: Vectors | None = None

    def _new_network(self, timeline: Timeline) -> nn.Module:
        self.c = self.config.c[0]  # until one is chosen, also where it is fitted again
        return MACRNetwork(
            users=len(timeline.users),
            items=len(self.item_ids),
            width=self.config.embedding_size,
        ).to(compute_device())

    def loss(self, network: Any, batch: Batch) -> Tensor:
        """Return the mean of a batch's weighted losses."""
        main, by_item, by_user, norm = network.losses(batch)
        settings = self.config
        by_pair = main + settings.alpha * by_item + settings.beta * by_user
        loss: Tensor = (by_pair + settings.norm_weight * norm).mean()
        return loss

    def _weights_changed(self) -> None:
        super()._weights_changed()
        network = self.network
        gates = network.user_gate, network.item_gate
        self._gates = gates[0].detach()[:, 0].clone(), gates[1].detach()[:, 0].clone()

    @torch.no_grad()
    def _final_vectors(self, network: Any) -> Vectors:
        return network.users.weight.clone(), network.items.weight.clone()

    def _choose(self, data: TrainingView) -> None:
        validation = RankingValidation(data, most=self.config.validation_users)
        if not len(validation):
            return
        values = []
        for c in self.config.c:
            self.c = c
            values.append(validation(self.scores))
        self.c = self.config.c[values.index(max(values))]

    def _products(self, states: Tensor, items: Tensor) -> Tensor:
        user_gate, item_gate = self.gates
        of_user = (states * user_gate).sum(-1, keepdim=True).sigmoid()  # (n, 1)
        of_item = (items @ item_gate).sigmoid()  # (items,)
        return (states @ items.T).sub_(self.c).mul_(of_item).mul_(of_user)

    def tensors(self) -> Mapping[str, Tensor]:
        """Return the vectors of users and items, and the directions (d,) of their gates."""
        user_gate, item_gate = self.gates
        return {**super().tensors(), "user_gate": user_gate, "item_gate": item_gate}

    def _shape(self) -> dict[str, Any]:
        return {**super()._shape(), "c": self.c}

    def _restore(self, tensors: dict[str, Tensor], shape: Mapping[str, Any]) -> None:
        super()._restore(tensors, shape)
        device = compute_device()
        gates = tensors["user_gate"].to(device), tensors["item_gate"].to(device)
        for gate in gates:
            if gate.shape != (self.config.embedding_size,):
                raise ValueError(f"a gate of shape {tuple(gate.shape)}")
        self._gates, self.c = gates, float(shape["c"])

    @property
    def gates(self) -> Vectors:
        """Return the directions (d,) of users' and of items' gates; raises before a fit."""
        if self._gates is None:
            raise self.not_fitted()
        return self._gates


def _is_one(x: Tensor) -> Tensor:
    """-log sigmoid(x) as the authors compute it."""
    return -(x.sigmoid() + _LEAST).log()


def _is_zero(x: Tensor) -> Tensor:
    """-log(1 - sigmoid(x)) as the authors compute it."""
    return -(1 - x.sigmoid() + _LEAST).log()
