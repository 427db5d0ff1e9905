"""Systems on the graph of users and items whose items bring the features of photos and texts.

In all of them a user is what comes along the edges from the items: the sums (w,), over the user's
items i, of messages M_i / sqrt(d_u), plus what the user has without any item; a system says what
the messages are and reads the sums out. That is how the trained users come to be, and so it is
how others do: a user who was not there in training joins the graph with the items of the history
for edges, and without moving anybody else.

What an instance shows counts: where an item of the history shows another photo (perturbation
``nv``) or other words (``nt``) than in the catalogue, its message to this user is made of those.
What was learnt from the catalogue in other users and in the items stays.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from baselines.learning.blocks import ROWS
from baselines.learning.factors import FactorSettings, PairModel
from baselines.learning.ranker import Asked
from baselines.multimodal.bipartite import Bipartite
from baselines.multimodal.features import Features, image_features, photo_row, text_features
from baselines.multimodal.shown_texts import ShownTexts
from benchmark.data.instances.timeline import Timeline
from benchmark.instances import Instance, Item
from benchmark.model import TrainingView
from benchmark.training.reproducible import compute_device
from benchmark.vision.encoder_names import AUTO, OWN
from benchmark.vision.encoder_names import DESCRIPTION as ENCODERS

#: Rows of features projected at once.
_BLOCK = 8192

Kind = Literal["image", "text"]
KINDS: tuple[Kind, ...] = ("image", "text")


class GraphSettings(FactorSettings):
    """Sets what encodes photos and texts, and how features are scaled."""

    scaling: Literal["centred", "unit"] = Field(
        "unit", description="features relative to the mean one, or as encoded"
    )
    image_encoder: str = Field(AUTO, description=ENCODERS)
    text_encoder: str = Field(
        OWN, description="own, words, sentences:NAME, or a name as of image_encoder"
    )
    encoder_steps: int = Field(330, ge=0, le=100_000, description="training steps of own encoder")


@dataclass(frozen=True)
class Told:
    """Holds what the network of a system says of users and items once it is trained."""

    sums: Tensor
    """(users, w), before they are read out."""
    alone: Tensor
    """(w,): the sums of a user without items."""
    messages: Tensor
    """(items, w)"""
    share: Tensor
    """(items,): how often an item's projected features count in its own message."""
    items: Tensor
    """(items, d): what users, read out, are multiplied with."""
    readout: Mapping[str, Tensor]
    """What else :meth:`GraphPairs.read_out` needs."""


class GraphNetwork(nn.Module):
    """Projects the photos and texts of all items, whose features are constants.

    ``features`` (items, e) and a projection per kind; ``edges`` are the training pairs.
    """

    def __init__(self, features: Mapping[Kind, Tensor], edges: Bipartite, width: int) -> None:
        super().__init__()
        self.edges = edges
        self.projections = nn.ModuleDict(
            {kind: nn.Linear(features[kind].shape[1], width) for kind in KINDS}
        )
        for kind in KINDS:  # follow from the data: no part of what is learnt and saved
            self.register_buffer(f"features_{kind}", features[kind], persistent=False)

    def projected(self, kind: Kind) -> Tensor:
        """Return W f + b (items, d) of the photos or texts of all items."""
        found: Tensor = self.projections[kind](getattr(self, f"features_{kind}"))
        return found

    def of_features(self, kind: Kind, features: Tensor) -> Tensor:
        """Return W f + b (n, d) of features (n, e)."""
        found: Tensor = self.projections[kind](features)
        return found


class GraphPairs(PairModel):
    """Ranks by the graph of users and items, with the photos and words that instances show."""

    Config = GraphSettings

    def __init__(self, config: GraphSettings | None = None) -> None:
        super().__init__(config)
        self._features: dict[Kind, Features] = {}
        self._texts: ShownTexts | None = None
        self._photo_rows: dict[str, int] = {}
        self._edges: Bipartite | None = None
        self._tables: dict[str, Tensor] = {}

    @abstractmethod
    def _told(self, network: Any) -> Told:
        """What the trained weights say of users and items."""

    @abstractmethod
    def _place(self, kind: Kind) -> slice:
        """Where the projected photo, or text, stands in a message."""

    @abstractmethod
    def read_out(self, sums: Tensor) -> Tensor:
        """Return vectors (n, d) of users with ``sums`` (n, w)."""

    def _read(self, data: TrainingView, timeline: Timeline) -> Timeline:
        c = self.config
        photos = image_features(data, c.image_encoder, steps=c.encoder_steps)
        texts, encoder = text_features(data, c.text_encoder, steps=c.encoder_steps)
        self._features = {"image": photos, "text": texts}
        self._photo_rows = dict(photos.rows)
        self._texts = ShownTexts.of(c.text_encoder, encoder, texts)
        self._edges = Bipartite.of(
            timeline.user, timeline.item, users=len(timeline.users), items=len(self.item_ids)
        )
        return timeline

    @property
    def edges(self) -> Bipartite:
        """Return the training pairs; :class:`BenchError` before ``fit`` or ``load``."""
        if self._edges is None:
            raise self.not_fitted()
        return self._edges

    def item_features(self) -> dict[Kind, Tensor]:
        """Return the scaled features (items, e) of all items, of photos and of texts."""
        return {kind: self._scaled(kind, f.of_items) for kind, f in self._features.items()}

    def _scaled(self, kind: Kind, rows: NDArray[np.int64]) -> Tensor:
        return self._features[kind].vectors(rows, self.config.scaling).to(compute_device())

    @torch.no_grad()
    def _weights_changed(self) -> None:
        network = self._network
        assert isinstance(network, GraphNetwork)
        told = self._told(network)
        tables = {name: getattr(told, name) for name in _TOLD}
        tables |= {f"readout.{name}": value for name, value in told.readout.items()}
        for kind, features in self._features.items():
            rows = np.arange(len(features.table))
            blocks = [rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK)]
            parts = [network.of_features(kind, self._scaled(kind, block)) for block in blocks]
            tables[f"{kind}.projected"] = torch.cat(parts)
            tables[f"{kind}.rows"] = torch.from_numpy(features.of_items)
        mean, spread = self._features["text"].centre
        projection = network.projections["text"]
        tables |= {
            "text.weight": projection.weight,
            "text.bias": projection.bias,
            "text.mean": torch.from_numpy(mean),
            "text.spread": torch.tensor(spread, dtype=torch.float32),
        }
        self._tables = {name: value.detach().clone() for name, value in tables.items()}

    def _block_scores(self, block: Asked) -> NDArray[np.float32]:
        known = self.tables
        assert self._texts is not None
        self._texts.read(item for each in block for item in each.history.items)
        sums = known["alone"].repeat(ROWS, 1)
        for row, instance in enumerate(block):
            sums[row] = self._sums(instance)
        return (self.read_out(sums) @ known["items"].T).cpu().numpy()

    def _sums(self, instance: Instance) -> Tensor:
        """The sums (w,) of one user: of training, or of the history alone."""
        known = self.tables
        shown = {
            self._index[item.item_id]: item  # the latest of the same
            for item in instance.history.items
            if item.item_id in self._index
        }
        user = self._users.get(instance.user_id)
        if user is not None:
            had = self._had(user)
            sums = known["sums"][user].clone()
            shown = {number: item for number, item in shown.items() if number in had}
        else:
            had = set(shown)
            sums = known["alone"].clone()
        if not had:
            return sums
        by = len(had) ** -0.5
        if user is None:
            sums += by * known["messages"][list(shown)].sum(0)
        for number, item in shown.items():
            for kind, moved in self.moved(number, item):
                sums[self._place(kind)] += by * known["share"][number] * moved
        return sums

    def _had(self, user: int) -> set[int]:
        bounds = torch.tensor([user, user + 1])
        start, end = torch.searchsorted(self.edges.user.cpu(), bounds).tolist()
        return set(self.edges.item[start:end].tolist())

    def moved(self, number: int, item: Item) -> Iterator[tuple[Kind, Tensor]]:
        """Yield what shown photo and words differ by from the catalogue's, projected (d,)."""
        known, texts = self.tables, self._texts
        assert texts is not None
        photo, own = photo_row(item, self._photo_rows, self.name), known["image.rows"][number]
        if photo != own:
            yield "image", known["image.projected"][photo] - known["image.projected"][own]
        text, own = texts.row(item), known["text.rows"][number]
        if text != own:
            of_text = self._projected(item) if text is None else known["text.projected"][text]
            yield "text", of_text - known["text.projected"][own]

    def _projected(self, item: Item) -> Tensor:
        """W f + b (d,) of words that are not in the catalogue."""
        known = self.tables
        assert self._texts is not None
        vector = torch.from_numpy(self._texts.vector(item)).to(known["text.weight"].device)
        if self.config.scaling == "centred":
            vector = (vector - known["text.mean"]) / known["text.spread"]
        return known["text.weight"] @ vector + known["text.bias"]

    @property
    def tables(self) -> Mapping[str, Tensor]:
        """Return what was learned, by name; :class:`BenchError` before ``fit`` or ``load``."""
        if not self._tables:
            raise self.not_fitted()
        return self._tables

    def tensors(self) -> Mapping[str, Tensor]:
        """Return the learned tables, the training pairs and what texts are read with."""
        assert self._texts is not None
        edges = {"edges.user": self.edges.user, "edges.item": self.edges.item}
        return {**self.tables, **edges, **self._texts.tensors()}

    def _shape(self) -> dict[str, Any]:
        assert self._texts is not None
        return {
            "trainable": self._trainable,
            "photos": list(self._photo_rows),
            "texts": self._texts.shape(),
        }

    def _restore(self, tensors: dict[str, Tensor], shape: Mapping[str, Any]) -> None:
        users, items = len(self._users), len(self.item_ids)
        pairs = tensors.pop("edges.user").numpy(), tensors.pop("edges.item").numpy()
        texts = ShownTexts.restored(tensors, shape["texts"])
        expected = {
            "sums": users,
            **dict.fromkeys(("messages", "share", "items", "image.rows", "text.rows"), items),
            "image.projected": len(shape["photos"]) + 1,
        }
        for name, rows in expected.items():
            if len(tensors[name]) != rows:
                raise ValueError(f"{len(tensors[name])} rows in {name}, not {rows}")
        for kind in KINDS:
            if not (tensors[f"{kind}.rows"] < len(tensors[f"{kind}.projected"])).all():
                raise ValueError(f"items and {kind}s do not fit together")
        if len(pairs[0]) and (pairs[0].max() >= users or pairs[1].max() >= items):
            raise ValueError("training pairs of other users or items")
        device = compute_device()
        self._edges = Bipartite.of(*pairs, users=users, items=items)
        self._texts, self._trainable = texts, shape["trainable"]
        self._photo_rows = {name: row for row, name in enumerate(shape["photos"], start=1)}
        self._tables = {name: table.to(device) for name, table in tensors.items()}


_TOLD = ("sums", "alone", "messages", "share", "items")
