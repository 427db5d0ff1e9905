"""MMGCL: Yi et al., "Multi-modal Graph Contrastive Learning for Micro-video Recommendation"
(SIGIR 2022)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from baselines.learning.factors import Batch
from baselines.multimodal.bipartite import Bipartite
from baselines.multimodal.graph_pairs import GraphNetwork, GraphPairs, GraphSettings, Kind, Told
from benchmark.data.instances.timeline import Timeline
from benchmark.training.reproducible import compute_device

#: Added to the probability inside the logarithm of the authors' BPR.
_LEAST = 1e-5
#: Where the branch of each modality stands beside the ids'.
_BRANCH: Mapping[Kind, int] = {"image": 1, "text": 2}
_BRANCHES = 3


class MMGCLSettings(GraphSettings):
    """Sets the authors' defaults, but for how often each modality is masked.

    Of three modalities they mask with 0.4, 0.4 and 0.2, here of two.
    """

    epochs: int = Field(1000, ge=1, le=100_000, description="most passes over the training data")
    patience: int = Field(
        20, ge=1, le=100_000, description="epochs without a better validation value, then stop"
    )
    layers: int = Field(3, ge=1, le=16, description="graph convolutions of each branch")
    init_std: float = Field(0.1, gt=0, le=10, description="of id vectors before training")
    norm_weight: float = Field(1e-4, ge=0, le=10, description="of half the squared norm of all "
                               "weights, which is Adam's weight decay")  # fmt: skip
    dropped: float = Field(0.05, ge=0, lt=1, description="share of edges dropped in view 1, of "
                           "users and of items in view 2")  # fmt: skip
    image_share: float = Field(
        0.5, ge=0, le=1, description="how often view 2 is of photos, otherwise of texts"
    )
    temperature: float = Field(0.2, gt=0, le=100, description="of the contrastive losses")
    ssl_weight: float = Field(0.4, ge=0, le=1e3, description="of the contrastive losses' sum")
    views: Literal["both", "edges"] = Field("both", description="which views are learned from")
    hard_negatives: bool = Field(
        True, description="whether a positive with the modalities of another item is a negative too"
    )


class View(NamedTuple):
    """Holds the sums of users (users, 3d) and of items (items, 3d): branches side by side."""

    users: Tensor
    items: Tensor


class MMGCLNetwork(GraphNetwork):
    """Propagates ids, photos and texts in a LightGCN each, which share the user vectors.

    Every branch is the mean over the tables after 0 to L convolutions with D^-1/2 A D^-1/2; users
    and items are linear in what the three say. All branches go through a convolution together.
    """

    def __init__(
        self,
        config: MMGCLSettings,
        features: Mapping[Kind, Tensor],
        edges: Bipartite,
    ) -> None:
        width = config.embedding_size
        super().__init__(features, edges, width)
        self.config = config
        self.users = nn.Embedding(edges.users, width)
        self.items = nn.Embedding(edges.items, width)
        for table in (self.users, self.items):
            nn.init.normal_(table.weight, std=config.init_std)
        self.read_user = nn.Linear(_BRANCHES * width, width)
        self.read_item = nn.Linear(_BRANCHES * width, width)

    def start(self) -> View:
        """Return what every branch begins with."""
        of_items = [self.items.weight, self.projected("image"), self.projected("text")]
        return View(self.users.weight.repeat(1, _BRANCHES), torch.cat(of_items, 1))

    def layers(self, edges: Bipartite, start: View) -> Iterator[View]:
        """Yield the tables after 0 to L convolutions over ``edges``."""
        weights, now = symmetric(edges), start
        yield now
        for _ in range(self.config.layers):
            now = View(edges.to_users(weights, now.items), edges.to_items(weights, now.users))
            yield now

    def propagated(self, edges: Bipartite, start: View) -> View:
        """Return the mean of :meth:`layers`."""
        first, *others = self.layers(edges, start)
        users, items = first
        for layer in others:
            users, items = users + layer.users, items + layer.items
        return View(users / (len(others) + 1), items / (len(others) + 1))

    def masked(self, whole: View, kind: Kind, edges: Bipartite, start: View) -> View:
        """Return ``whole`` with the branch of ``kind`` propagated over ``edges`` instead."""
        width = self.config.embedding_size
        place = slice(_BRANCH[kind] * width, (_BRANCH[kind] + 1) * width)
        branch = self.propagated(edges, View(*(side[:, place] for side in start)))
        sides = []
        for side, new in zip(whole, branch, strict=True):
            replaced = [side[:, : place.start], new, side[:, place.stop :]]
            sides.append(torch.cat(replaced, 1))
        return View(*sides)

    def bpr(self, view: View, batch: Batch) -> Tensor:
        """Return the mean of -log(1e-5 + sigma(s_ui - s_uj))."""
        user = self.read_user(view.users[batch.user])
        taken = self.read_item(view.items[batch.taken])
        other = self.read_item(view.items[batch.other])
        margin = (user * (taken - other)).sum(-1)
        loss: Tensor = -(_LEAST + margin.sigmoid()).log().mean()
        return loss

    def contrast(self, view: View, batch: Batch, swapped: int) -> Tensor:
        """Return the InfoNCE (a scalar) between the batch's users and the items they took.

        With ``hard_negatives`` a user has one more negative: the item taken, whose branches from
        number ``swapped`` on are those of the item drawn for the pair.
        """
        user, taken, hard = self.unit_vectors(view, batch, swapped)
        logits = user @ taken.T  # (B, B)
        if self.config.hard_negatives:
            logits = torch.cat([logits, (user * hard).sum(-1, keepdim=True)], 1)
        right = torch.arange(len(logits), device=logits.device)
        return cross_entropy(logits / self.config.temperature, right)

    def unit_vectors(self, view: View, batch: Batch, swapped: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return users, items taken and hard negatives of a batch, (B, d) each, at length 1."""
        of_taken, of_other = view.items[batch.taken], view.items[batch.other]
        place = swapped * self.config.embedding_size
        mixed = torch.cat([of_taken[:, :place], of_other[:, place:]], 1)
        user = self.read_user(view.users[batch.user])
        return (
            normalize(user),
            normalize(self.read_item(of_taken)),
            normalize(self.read_item(mixed)),
        )

    def squared_norm(self) -> Tensor:
        """Return the squared norm of all weights, whose gradient Adam's weight decay is half of."""
        return torch.stack([weight.square().sum() for weight in self.parameters()]).sum()


def symmetric(edges: Bipartite) -> Tensor:
    """Return the weights (edges,) of D^-1/2 A D^-1/2; a node without edges has none."""
    of_user, of_item = edges.degrees()
    return (of_user[edges.user] * of_item[edges.item]).rsqrt()


def without_edges(edges: Bipartite, share: float) -> Bipartite:
    """Drop all but int(E (1 - share)) edges, drawn from torch's generator."""
    count = len(edges)
    which = torch.zeros(count, dtype=torch.bool)
    which[torch.randperm(count)[: int(count * (1 - share))]] = True
    return edges.kept(which.to(edges.user.device))


def without_nodes(edges: Bipartite, share: float) -> Bipartite:
    """Drop the edges of int(n share) of the users and as many of the items, drawn alike."""
    stay = []
    for count in (edges.users, edges.items):
        here = torch.ones(count, dtype=torch.bool)
        here[torch.randperm(count)[: int(count * share)]] = False
        stay.append(here.to(edges.user.device))
    return edges.kept(stay[0][edges.user] & stay[1][edges.item])


class MMGCL(GraphPairs):
    """Ranks by MMGCL with both views and the hard negatives of the paper (Yi et al., 2022).

    The authors' code computes view 2 and the hard negatives and then adds the contrastive loss of
    view 1 twice; ``views=edges`` without hard negatives and with the weight doubled is that. In
    the paper, and here, the losses of both views count, each with its hard negatives: in view 1
    the item taken with the text of another item, in view 2 with its photo and text.
    """

    Config = MMGCLSettings
    name = "MMGCL"

    def _new_network(self, timeline: Timeline) -> nn.Module:
        device = compute_device()
        edges = self.edges.to(device)
        return MMGCLNetwork(self.config, self.item_features(), edges).to(device)

    def loss(self, network: Any, batch: Batch) -> Tensor:
        """Return BPR, the weighted contrastive losses and the norm, a scalar."""
        c, start = self.config, network.start()
        view = network.propagated(network.edges, start)
        loss: Tensor = network.bpr(view, batch) + c.norm_weight / 2 * network.squared_norm()
        if c.ssl_weight:
            fewer = without_edges(network.edges, c.dropped)
            ssl = network.contrast(network.propagated(fewer, start), batch, _BRANCH["text"])
            if c.views == "both":
                kind: Kind = "image" if float(torch.rand(())) < c.image_share else "text"
                fewer = without_nodes(network.edges, c.dropped)
                masked = network.masked(view, kind, fewer, start)
                ssl = ssl + network.contrast(masked, batch, _BRANCH["image"])
            loss = loss + c.ssl_weight * ssl
        return loss

    def _told(self, network: Any) -> Told:
        start, depth = network.start(), self.config.layers + 1
        users, items = network.propagated(network.edges, start)
        # What item i hands on before each convolution, by sqrt(d_i); a new one has one edge.
        by_degree = network.edges.degrees()[1].clamp_min(1).rsqrt() / depth
        before_last = islice(network.layers(network.edges, start), self.config.layers)
        handed_on = torch.stack([layer.items for layer in before_last]).sum(0)
        return Told(
            sums=users,
            alone=start.users.mean(0) / depth,
            messages=handed_on * by_degree[:, None],
            share=by_degree,
            items=network.read_item(items),
            readout={"weight": network.read_user.weight, "bias": network.read_user.bias},
        )

    def _place(self, kind: Kind) -> slice:
        width = self.config.embedding_size
        return slice(_BRANCH[kind] * width, (_BRANCH[kind] + 1) * width)

    def read_out(self, sums: Tensor) -> Tensor:
        """Return the user vectors (n, d): linear in the branches."""
        known = self.tables
        return sums @ known["readout.weight"].T + known["readout.bias"]
