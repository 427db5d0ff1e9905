"""The network of MMSSL: users and items from ids, photos and texts, and its losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, normalize

from baselines.learning.factors import Batch
from baselines.multimodal.bipartite import Bipartite
from baselines.multimodal.discriminator import Discriminator
from baselines.multimodal.graph_pairs import KINDS, GraphNetwork, Kind

#: Added to degrees, and inside logarithms, as in the authors' code.
_LEAST = 1e-8


class Weighed(NamedTuple):
    """Sums along edges by 1 / sqrt(degree) of who is told: the authors' one-sided normaliser."""

    edges: Bipartite
    for_users: Tensor
    for_items: Tensor

    @classmethod
    def of(cls, edges: Bipartite) -> Weighed:
        """Weigh ``edges`` by their degrees."""
        of_user, of_item = ((degree + _LEAST).rsqrt() for degree in edges.degrees())
        return cls(edges, of_user[edges.user], of_item[edges.item])

    def to_users(self, of_items: Tensor) -> Tensor:
        """Return A_U x (users, d)."""
        return self.edges.to_users(self.for_users, of_items)

    def to_items(self, of_users: Tensor) -> Tensor:
        """Return A_I x (items, d)."""
        return self.edges.to_items(self.for_items, of_users)


Graphs = Mapping[Kind, Weighed]


class Side(NamedTuple):
    """Holds what is known of all users, or of all items; every table is (n, d)."""

    final: Tensor
    """What scores are products of."""
    start: Tensor
    """The id vectors, with the attention's where there are learned graphs."""
    features: dict[Kind, Tensor]
    """Along the edges from the projected features."""
    ids: dict[Kind, Tensor]
    """Along the learned graphs from the other side's id vectors; empty without them."""


class Passed(NamedTuple):
    """Holds what a forward pass returns: both sides, and what they were made of."""

    users: Side
    items: Side
    projected: dict[Kind, Tensor]
    """(items, d)"""
    first_items: Tensor
    """(items, d): after one convolution."""


class Sizes(Protocol):
    """Describes the settings that the network reads."""

    embedding_size: int
    heads: int
    cross_modal: str
    attention_weight: float
    feature_weight: float
    feature_dropout: float
    contrast_temperature: float


class CrossModal(nn.Module):
    """Attends from each modality's id vectors to those of both, averaged over the modalities.

    ``as-released``: the code multiplies the weights, which add up to 1, with the value of the
    modality that asks, so that they cancel and ``query`` and ``key`` are never trained. ``paper``:
    with the value of the modality that is asked.
    """

    def __init__(self, width: int, heads: int, kind: str) -> None:
        super().__init__()
        self.heads, self.kind = heads, kind
        self.query = nn.Parameter(nn.init.xavier_uniform_(torch.empty(width, width)))
        self.key = nn.Parameter(nn.init.xavier_uniform_(torch.empty(width, width)))
        self.join = nn.Parameter(nn.init.xavier_uniform_(torch.empty(heads * width, width)))

    def forward(self, tables: Mapping[Kind, Tensor]) -> Tensor:
        """Return (n, d) from a table (n, d) a modality."""
        values = torch.stack([tables[kind] for kind in KINDS], 1)  # (n, m, d)
        if self.kind == "as-released":
            joined = values.repeat(1, 1, self.heads) @ self.join
            return joined.mean(1)
        shape = (*values.shape[:2], self.heads, -1)
        query = (values @ self.query).reshape(shape)  # (n, m, h, d / h)
        key = (values @ self.key).reshape(shape)
        logits = torch.einsum("nqhc,nkhc->nqhk", query, key) / query.shape[-1] ** 0.5
        seen = torch.einsum("nqhk,nkd->nqhd", logits.softmax(-1), values)  # (n, m, h, d)
        return (seen.flatten(2) @ self.join).mean(1)


class MMSSLNetwork(GraphNetwork):
    """Adds photos and texts to two convolutions over ids, the last one through a softmax.

    ``columns`` (c,) are the numbers of the items that the discriminator sees.
    """

    columns: Tensor
    column_of: Tensor

    def __init__(
        self,
        config: Sizes,
        features: Mapping[Kind, Tensor],
        edges: Bipartite,
        columns: Tensor,
    ) -> None:
        width = config.embedding_size
        super().__init__(features, edges, width)
        self.config = config
        self.weighed = Weighed.of(edges)
        self.users = nn.Embedding(edges.users, width)
        self.items = nn.Embedding(edges.items, width)
        drawn = [self.projections[kind].weight for kind in KINDS]
        for weight in (*drawn, self.users.weight, self.items.weight):
            assert isinstance(weight, Tensor)
            nn.init.xavier_uniform_(weight)
        self.attention = CrossModal(width, config.heads, config.cross_modal)
        self.dropout = nn.Dropout(config.feature_dropout)
        self.discriminator = Discriminator(len(columns))
        self.register_buffer("columns", columns, persistent=False)
        column_of = torch.full((edges.items,), -1, device=columns.device)
        column_of[columns] = torch.arange(len(columns), device=columns.device)
        self.register_buffer("column_of", column_of, persistent=False)  # (items,), -1: not seen

    def forward(self, graphs: Graphs | None = None) -> Passed:
        """Compute every table of users and items; ``graphs`` are the learned ones, if any."""
        along, c = self.weighed, self.config
        projected = {kind: self.dropout(self.projected(kind)) for kind in KINDS}
        of_users = {kind: along.to_users(projected[kind]) for kind in KINDS}
        of_items = {kind: along.to_items(of_users[kind]) for kind in KINDS}
        u0, i0, user_ids, item_ids = self.users.weight, self.items.weight, {}, {}
        if graphs is not None:
            user_ids = {kind: graphs[kind].to_users(self.items.weight) for kind in KINDS}
            item_ids = {kind: graphs[kind].to_items(self.users.weight) for kind in KINDS}
            u0 = u0 + c.attention_weight * normalize(self.attention(user_ids))
            i0 = i0 + c.attention_weight * normalize(self.attention(item_ids))
        u1 = along.to_users(i0)
        i1 = along.to_items(u1)
        u2 = along.to_users(i1).softmax(-1)  # over the dimensions, as the code has it
        i2 = along.to_items(u2).softmax(-1)
        users = (u0 + u1 + u2) / 3 + self.told_by(of_users)
        items = (i0 + i1 + i2) / 3 + self.told_by(of_items)
        return Passed(
            Side(users, u0, of_users, user_ids), Side(items, i0, of_items, item_ids), projected, i1
        )

    def told_by(self, features: Mapping[Kind, Tensor]) -> Tensor:
        """Return what photos and texts add to final vectors (n, d)."""
        told = sum((normalize(features[kind]) for kind in KINDS), torch.zeros(()))
        return self.config.feature_weight * told

    def taken(self, users: Tensor) -> Tensor:
        """Return which of the columns the users (B,) took in training: (B, c), 1 or 0."""
        edges = self.edges
        begin = torch.searchsorted(edges.user, users)
        count = torch.searchsorted(edges.user, users, right=True) - begin
        row = torch.arange(len(users), device=users.device).repeat_interleave(count)
        before = (count.cumsum(0) - count).repeat_interleave(count)
        place = torch.arange(len(row), device=users.device) - before
        column = self.column_of[edges.item[begin.repeat_interleave(count) + place]]
        seen = column >= 0
        found = torch.zeros(len(users), len(self.columns), device=users.device)
        found[row[seen], column[seen]] = 1.0
        return found

    def similarity(self, users: Tensor, items: Tensor, taken: Tensor) -> Tensor:
        """Return rows (B, c) at length 1 of products with the columns, 0 where taken."""
        return normalize((users @ items[self.columns].T) * (1 - taken))

    def contrast(self, ids: Tensor, final: Tensor) -> Tensor:
        """Return the contrastive loss of a modality, a scalar, over the users (B, d) of a batch."""
        one, two = normalize(ids), normalize(final)
        temperature = self.config.contrast_temperature
        same, other = (one @ one.T / temperature).exp(), (one @ two.T / temperature).exp()
        all_but_itself = same.sum(1) + other.sum(1) - same.diagonal()
        return -(other.diagonal() / all_but_itself + _LEAST).log().mean()


def bpr(passed: Passed, batch: Batch) -> Tensor:
    """Return the mean of -log sigma(s_ui - s_uj)."""
    users, items = passed.users.final, passed.items.final
    margin = users[batch.user] * (items[batch.taken] - items[batch.other])
    return -logsigmoid(margin.sum(-1)).mean()


def squared_norms(passed: Passed, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return half the squared norms of the batch's final vectors, by its length, and of features.

    The latter are those of all users and items in both modalities, by the number of items.
    """
    users, items = passed.users.final, passed.items.final
    drawn = (users[batch.user], items[batch.taken], items[batch.other])
    of_batch = torch.stack([x.square().sum() for x in drawn]).sum()
    tables = [side.features[kind] for side in (passed.users, passed.items) for kind in KINDS]
    of_features = torch.stack([x.square().sum() for x in tables]).sum()
    return of_batch / 2 / len(batch.user), of_features / 2 / len(items)


def real_rows(taken: Tensor, final: Tensor, uniform: Tensor, settings: RealRows) -> Tensor:
    """Return rows (B, c) at length 1 of what the discriminator shall take for real.

    ``taken`` (B, c) with Gumbel noise through a softmax, plus the rows ``final`` (B, c) of final
    similarities; ``uniform`` (B, c) is in [0, 1). As in the authors' code only the noise is
    divided by the temperature.
    """
    noise = -(_LEAST - (uniform + _LEAST).log()).log()
    drawn = (taken + noise * settings.noise / settings.temperature).softmax(1)
    return normalize(drawn + settings.scale * final)


class RealRows(NamedTuple):
    """Sets the constants of :func:`real_rows`; the authors' values."""

    noise: float = 1e-5
    temperature: float = 0.005
    scale: float = 100.0
