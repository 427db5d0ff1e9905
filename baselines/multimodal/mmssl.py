"""MMSSL: Wei et al., "Multi-Modal Self-Supervised Learning for Recommendation" (WWW 2023)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import normalize

from baselines.learning.factors import Batch
from baselines.learning.heads import heads_divide
from baselines.learning.negatives import NegativeSampler
from baselines.multimodal.bipartite import Bipartite
from baselines.multimodal.discriminator import check_memory, discriminator_loss
from baselines.multimodal.graph_pairs import KINDS, GraphPairs, GraphSettings, Kind, Told
from baselines.multimodal.mmssl_network import (
    Graphs,
    MMSSLNetwork,
    Passed,
    RealRows,
    Weighed,
    bpr,
    real_rows,
    squared_norms,
)
from benchmark.data.instances.timeline import Timeline
from benchmark.model import TrainingView
from benchmark.training.reproducible import compute_device

#: Of the discriminator's Adam.
_BETAS = (0.5, 0.9)
#: The learning rate of all else is multiplied by the first in as many epochs as the second.
_DECAY, _DECAY_EPOCHS = 0.96, 50
#: Similarities held at once when graphs are learned.
_SIMILARITIES = 2**24
#: Where in a user's sums the start, both convolutions, photos and texts stand.
_START, _FIRST, _SECOND, _FEATURES = 0, 1, 2, {"image": 3, "text": 4}


class MMSSLSettings(GraphSettings):
    """Sets the authors' defaults, but for how features are scaled and the two limits of memory."""

    epochs: int = Field(1000, ge=1, le=100_000, description="epochs at most")
    patience: int = Field(
        7, ge=1, le=100_000, description="epochs without a better validation value, then stop"
    )
    batch_size: int = Field(1024, ge=1, le=1_000_000, description="users a step")
    learning_rate: float = Field(5.5e-4, gt=0, le=10, description="of AdamW")
    weight_decay: float = Field(0.01, ge=0, le=10, description="of AdamW")
    scaling: Literal["centred", "unit"] = Field(
        "centred", description="features relative to the mean one, or as encoded"
    )
    heads: int = Field(4, ge=1, le=64, description="of the attention between modalities")
    cross_modal: Literal["as-released", "paper"] = Field(
        "as-released", description="learned graphs that are empty, as they are in the authors' "
        "code; or kept, with an attention that works",
    )  # fmt: skip
    neighbours: int = Field(10, ge=1, le=10_000, description="items a user is linked with in a "
                            "learned graph")  # fmt: skip
    attention_weight: float = Field(0.36, ge=0, le=100, description="of the attention in ids")
    feature_weight: float = Field(0.55, ge=0, le=100, description="of photos and of texts")
    feature_dropout: float = Field(0.2, ge=0, lt=1, description="of projected features")
    contrast_temperature: float = Field(0.5, gt=0, le=100, description="of the contrastive losses")
    contrast_weight: float = Field(0.03, ge=0, le=1e3, description="of the contrastive losses")
    norm_weight: float = Field(1e-5, ge=0, le=10, description="of half the squared norm of a "
                               "batch's vectors")  # fmt: skip
    feature_norm_weight: float = Field(1e-5, ge=0, le=10, description="of half the squared norm "
                                       "of features along the edges")  # fmt: skip
    adversarial_weight: float = Field(1e-4, ge=0, le=10, description="of the discriminator's "
                                      "opinion; 0 trains none")  # fmt: skip
    penalty_weight: float = Field(0.3, ge=0, le=1e3, description="of the gradient penalty")
    discriminator_rate: float = Field(3e-4, gt=0, le=10, description="of its Adam")
    discriminator_columns: int | None = Field(
        None, ge=1, description="items that the discriminator sees, drawn; not given: all"
    )
    discriminator_gb: float = Field(
        4.0, gt=0, description="memory that its training may take; more is refused"
    )

    _heads_divide = heads_divide(width="embedding_size", heads="heads")


class MMSSL(GraphPairs):
    """Ranks by MMSSL as its authors released it, or with the graphs and attention of their paper.

    Wei et al., "Multi-Modal Self-Supervised Learning for Recommendation" (WWW 2023). In their code
    the learned graphs of both modalities are empty at validation, at test and in all but a step or
    two of an epoch, and the attention between the modalities cancels: the attention's term and both
    contrastive losses are constants, and are left out here. ``cross_modal=paper`` keeps the graphs,
    each user's ``neighbours`` most similar items by photos and by texts as they are between two
    epochs, and attends with the value of the modality that is asked. Which of them is better is for
    validation to say (``unimp-bench tune``).

    Selection takes candidates by a threshold on their share of the scores, chosen on validation.
    """

    Config = MMSSLSettings
    name = "MMSSL"
    tasks = frozenset({"recommendation", "selection"})

    def __init__(self, config: MMSSLSettings | None = None) -> None:
        super().__init__(config)
        self.graphs: Graphs | None = None
        """Users linked with items like what they took, by modality; ``None`` for no such links."""
        self._trainer: torch.optim.Optimizer | None = None

    def _read(self, data: TrainingView, timeline: Timeline) -> Timeline:
        if self.config.adversarial_weight:
            c = self.config
            check_memory(self._columns(), c.batch_size, c.discriminator_gb)
        return super()._read(data, timeline)

    def _columns(self) -> int:
        items, most = len(self.item_ids), self.config.discriminator_columns
        if not self.config.adversarial_weight:
            return 1
        return items if most is None else min(most, items)

    def _new_network(self, timeline: Timeline) -> nn.Module:
        device, items = compute_device(), len(self.item_ids)
        columns = torch.randperm(items)[: self._columns()].sort().values
        self.graphs = None
        return MMSSLNetwork(
            self.config, self.item_features(), self.edges.to(device), columns.to(device)
        ).to(device)

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        """Return one AdamW with two groups; a step moves those weights that have gradients."""
        c, judge = self.config, network.discriminator
        assert isinstance(judge, nn.Module)
        judging = [*judge.parameters()]
        known = {id(weight) for weight in judging}
        others = [weight for weight in network.parameters() if id(weight) not in known]
        self._trainer = torch.optim.AdamW(
            [
                {"params": others, "lr": c.learning_rate, "weight_decay": c.weight_decay},
                {
                    "params": judging,
                    "lr": c.discriminator_rate,
                    "betas": _BETAS,
                    "weight_decay": 0.0,
                },
            ]
        )
        return self._trainer

    def before_epoch(self, done: int) -> None:
        """Lower the learning rate of all but the discriminator, and learn the graphs anew."""
        assert self._trainer is not None
        rate = self.config.learning_rate * _DECAY ** (done / _DECAY_EPOCHS)
        self._trainer.param_groups[0]["lr"] = rate
        self._learn_graphs(self.network)

    def draws(
        self, timeline: Timeline, sampler: NegativeSampler, rng: np.random.Generator
    ) -> Iterator[tuple[NDArray[np.int64], ...]]:
        """Yield users, for each one of the items taken and one of the others; the authors' batches.

        The users of a batch are distinct if there are as many.
        """
        users, size = len(timeline.users), self.config.batch_size
        for _ in range(self.steps(timeline)):
            user = rng.choice(users, size, replace=users < size)
            begin, end = timeline.starts[user], timeline.starts[user + 1]
            yield user, timeline.item[rng.integers(begin, end)], self.negatives(user, sampler, rng)

    def steps(self, timeline: Timeline) -> int:
        """Return how many batches an epoch has: the training pairs by users a step, plus one."""
        return len(timeline) // int(self.config.batch_size) + 1

    def loss(self, network: Any, batch: Batch) -> Tensor:
        """Train the discriminator for a step, and return the loss of all else, a scalar."""
        c = self.config
        passed: Passed = network(self.graphs)
        of_batch, of_features = squared_norms(passed, batch)
        loss: Tensor = bpr(passed, batch)
        loss = loss + c.norm_weight * of_batch + c.feature_norm_weight * of_features
        if self.graphs is not None:
            final = passed.users.final[batch.user]
            contrasts = [network.contrast(passed.users.ids[k][batch.user], final) for k in KINDS]
            loss = loss + c.contrast_weight * torch.stack(contrasts).sum()
        if c.adversarial_weight:
            loss = loss - c.adversarial_weight * self._judged(network, passed, batch.user)
        return loss

    def _judged(self, network: Any, passed: Passed, users: Tensor) -> Tensor:
        """The mean of D over the similarities of both modalities, after a step of D itself."""
        assert self._trainer is not None
        judge, taken = network.discriminator, network.taken(users)
        fake = torch.cat([modal_similarity(network, passed, kind, users, taken) for kind in KINDS])
        with torch.no_grad():
            final = network.similarity(passed.users.final[users], passed.items.final, taken)
            uniform = torch.rand(taken.shape, device=taken.device)
            real = real_rows(taken, final, uniform, RealRows()).repeat(2, 1)
        mix = torch.rand(len(real), 1, device=real.device)
        loss, _ = discriminator_loss(judge, real, fake.detach(), mix, self.config.penalty_weight)
        loss.backward(inputs=[*judge.parameters()])  # type: ignore[no-untyped-call]
        self._trainer.step()
        self._trainer.zero_grad(set_to_none=True)
        judge.requires_grad_(False)  # what follows moves all weights but these
        opinion: Tensor = judge(fake).mean()
        judge.requires_grad_(True)
        return opinion

    def _learn_graphs(self, network: Any) -> None:
        """Link users with the items most like what they took; the weights as they are decide."""
        if self.config.cross_modal == "paper":
            network.eval()
            with torch.no_grad():
                passed = network(None)
                self.graphs = {
                    kind: Weighed.of(learned_graph(network, passed, kind, self.config.neighbours))
                    for kind in KINDS
                }

    def _told(self, network: Any) -> Told:
        self._learn_graphs(network)
        network.eval()
        passed: Passed = network(self.graphs)
        along, users, items = network.weighed, passed.users, passed.items
        nothing = torch.zeros_like(users.start)
        first, second = along.to_users(items.start), along.to_users(passed.first_items)
        own = torch.cat([users.start, *[nothing] * 4], 1)
        return Told(
            sums=torch.cat([users.start, first, second, *(users.features[k] for k in KINDS)], 1),
            alone=own.mean(0),
            messages=torch.cat(
                [
                    torch.zeros_like(items.start),
                    items.start,
                    passed.first_items,
                    *(passed.projected[kind] for kind in KINDS),
                ],
                1,
            ),
            share=torch.ones(len(items.start), device=first.device),
            items=items.final,
            readout={},
        )

    def _place(self, kind: Kind) -> slice:
        return self._part(_FEATURES[kind])

    def _part(self, number: int) -> slice:
        width = self.config.embedding_size
        return slice(number * width, (number + 1) * width)

    def read_out(self, sums: Tensor) -> Tensor:
        """Return the final user vectors (n, d)."""
        start, first = sums[:, self._part(_START)], sums[:, self._part(_FIRST)]
        second = sums[:, self._part(_SECOND)].softmax(-1)
        told = sum((normalize(sums[:, self._place(kind)]) for kind in KINDS), torch.zeros(()))
        final: Tensor = (start + first + second) / 3 + self.config.feature_weight * told
        return final


def modal_similarity(
    network: MMSSLNetwork, passed: Passed, kind: Kind, users: Tensor, taken: Tensor
) -> Tensor:
    """Return the rows (B, c) of a modality's similarities for ``users`` (B,)."""
    of_users, of_items = passed.users.features[kind], passed.items.features[kind]
    return network.similarity(of_users[users], of_items, taken)


def learned_graph(network: MMSSLNetwork, passed: Passed, kind: Kind, most: int) -> Bipartite:
    """Link every user with the ``most`` items not taken whose features are most like the user's."""
    edges, of_items = network.edges, passed.items.features[kind]
    count = min(most, edges.items)
    size = max(_SIMILARITIES // edges.items, 1)
    chosen = []
    for start in range(0, edges.users, size):
        rows = slice(start, start + size)
        alike = passed.users.features[kind][rows] @ of_items.T
        inside = (edges.user >= start) & (edges.user < start + size)
        alike[edges.user[inside] - start, edges.item[inside]] = -torch.inf
        chosen.append(alike.topk(count, dim=1).indices.cpu())
    item = torch.cat(chosen).flatten().numpy()
    user = np.arange(edges.users).repeat(count)
    learned = Bipartite.of(user, item, users=edges.users, items=edges.items)
    return learned.to(edges.user.device)
