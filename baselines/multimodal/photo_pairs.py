"""Systems trained on pairs whose scores have a part of the item and a part of its photo.

For a user u and an item i whose photo has the features f_i, both VBPR and CausalRec have
m = b_i + g_u . g'_i, whose item vector may depend on the photo too, and
n = t_u . q(f_i) + b' . f_i; a system says what its photo parts are and how m and n make a score.

What an instance shows counts: where an item of the history shows another photo than the catalogue
(perturbation ``nv``), m and n of that item are of the photo shown, for that instance. A user who
was not there in training is the mean of the items of the history, as shown.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from baselines.learning.factors import Batch, FactorSettings, PairModel
from baselines.learning.negatives import NegativeSampler
from baselines.learning.ranker import ROWS, Asked
from baselines.multimodal.features import Features, Scaling, image_features, photo_row
from benchmark.data.instances.timeline import Timeline
from benchmark.errors import BenchError
from benchmark.instances import Instance, Item
from benchmark.model import TrainingView
from benchmark.training.reproducible import compute_device
from benchmark.vision.encoder_names import AUTO
from benchmark.vision.encoder_names import DESCRIPTION as ENCODERS

#: Photos put through the photo parts at once.
_BLOCK = 8192

#: From (n, d) and (m, d): row by row to (n,) with n = m, or all with all to (n, m).
Product = Callable[[Tensor, Tensor], Tensor]


def pairwise(one: Tensor, other: Tensor) -> Tensor:
    """Return the products (n,) of the rows of two tables (n, d)."""
    return (one * other).sum(-1)


def all_with_all(one: Tensor, other: Tensor) -> Tensor:
    """Return the products (n, m) of the rows of (n, d) and (m, d)."""
    return one @ other.T


class PhotoSettings(FactorSettings):
    """Settings of all of them."""

    embedding_size: int = Field(32, ge=1, le=8192, description="width of g, of user and item")
    visual_size: int = Field(32, ge=1, le=8192, description="width of t, of user and photo")
    learning_rate: float = Field(5e-3, gt=0, le=10, description="of Adam")
    batch_size: int = Field(1024, ge=1, le=1_000_000, description="training pairs a step")
    vector_l2: float = Field(
        0.01, ge=0, le=100, description="lambda_w, on the vectors of a pair's user and items"
    )
    bias_l2: float = Field(
        0.01, ge=0, le=100, description="lambda_b, on item biases; a tenth on the negative's"
    )
    projection_l2: float = Field(
        0.0, ge=0, le=100, description="lambda_e, on what projects features, once a batch"
    )
    scaling: Literal["centred", "unit"] = Field(
        "centred", description="features relative to the mean photo, or as encoded"
    )
    image_encoder: str = Field(AUTO, description=ENCODERS)
    encoder_steps: int = Field(330, ge=0, le=100_000, description="training steps of own encoder")


class Users(NamedTuple):
    """What is known of n users."""

    g: Tensor
    """(n, k)"""
    t: Tensor
    """(n, k2)"""


class Items(NamedTuple):
    """What is known of n items, photos aside."""

    g: Tensor
    """(n, k)"""
    bias: Tensor
    """(n,)"""


class Photos(NamedTuple):
    """What is made of n photos; zero for no photo."""

    q: Tensor
    """(n, k2)"""
    bias: Tensor
    """(n,)"""
    p: Tensor
    """(n, k), what multiplies an item's vector beside 1; (n, 0) where nothing does."""


class PhotoNetwork(nn.Module, ABC):
    """Weights of users, items and projections, and the formula on them.

    ``width`` is that of features. Items without training pairs keep g and b at zero, since they
    are no negatives either: such a cold item is ranked by its photo alone.
    """

    def __init__(
        self, config: PhotoSettings, *, users: int, cold: NDArray[np.bool_], width: int
    ) -> None:
        super().__init__()
        k, k2 = config.embedding_size, config.visual_size
        self.config = config
        self.user = nn.Parameter(_drawn(users, k))
        self.taste = nn.Parameter(_drawn(users, k2))
        item = _drawn(len(cold), k)
        item[torch.from_numpy(cold)] = 0.0
        self.item = nn.Parameter(item)
        self.item_bias = nn.Parameter(torch.zeros(len(cold)))
        self.projection = nn.Parameter(drawn_projection(width, k2))  # E
        self.visual_bias = nn.Parameter(torch.zeros(width))  # b'

    @abstractmethod
    def photos(self, features: Tensor) -> Photos:
        """Return what is made of the features (n, width) of photos."""

    @abstractmethod
    def contrasts(self, taken: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> Tensor:
        """Return the loss (B,) of pairs from (m, n) of the item taken and of the other."""

    def projections(self) -> list[Tensor]:
        """Return the weights under ``projection_l2``."""
        return [self.projection, self.visual_bias]

    def pair_loss(self, batch: Batch, taken: Tensor, other: Tensor) -> Tensor:
        """Return the mean over pairs of loss and penalties; the projections count once a batch.

        ``taken`` and ``other`` (B, width) are the features of the photos. Every pair is compared
        with itself alone: the authors' code gives the visual bias another shape and sums over all
        B x B combinations, which is a fault of the code and not of the model.
        """
        users = Users(self.user[batch.user], self.taste[batch.user])
        one, two = self._items(batch.taken), self._items(batch.other)
        contrasts = self.contrasts(
            parts(users, one, self.photos(taken), pairwise),
            parts(users, two, self.photos(other), pairwise),
        )
        c = self.config
        vectors = sum(_square(x) for x in (users.g, users.t, one.g, two.g))
        biases = one.bias.square() + two.bias.square() / 10
        pairs = contrasts + c.vector_l2 / 2 * vectors + c.bias_l2 / 2 * biases
        once = sum(weight.square().sum() for weight in self.projections())
        return (pairs.sum() + c.projection_l2 / 2 * once) / len(batch.user)

    def _items(self, numbers: Tensor) -> Items:
        return Items(self.item[numbers], self.item_bias[numbers])


def parts(users: Users, items: Items, photos: Photos, product: Product) -> tuple[Tensor, Tensor]:
    """Return m and n, ``product`` deciding which users meet which items."""
    m = product(users.g, item_vectors(items, photos)) + items.bias
    n = product(users.t, photos.q) + photos.bias
    return m, n


def item_vectors(items: Items, photos: Photos) -> Tensor:
    """Return g'_i (n, k): g_i, and where photos act on it, g_i * (1 + p(f_i))."""
    return items.g * (1 + photos.p) if photos.p.shape[1] else items.g


class PhotoPairs(PairModel):
    """A system trained on pairs, asked with the photos that instances show."""

    Config = PhotoSettings
    Network: ClassVar[type[PhotoNetwork]]

    def __init__(self, config: PhotoSettings | None = None) -> None:
        super().__init__(config)
        self._features: Features | None = None
        self._photo_rows: dict[str, int] = {}
        self._row_of_item = np.zeros(0, np.int64)  # (items,) of the photo in the catalogue
        self._tables: dict[str, Tensor] = {}
        self._catalogue: tuple[Items, Photos] | None = None

    def _read(self, data: TrainingView, timeline: Timeline) -> Timeline:
        steps = self.config.encoder_steps
        found = image_features(data, self.config.image_encoder, steps=steps)
        self._features = found
        self._photo_rows = dict(found.rows)
        self._row_of_item = found.of_items
        return timeline

    def _new_network(self, timeline: Timeline) -> PhotoNetwork:
        assert self._features is not None
        network = self.Network(
            self.config,
            users=len(timeline.users),
            cold=self._popularity == 0,
            width=self._features.width,
        )
        return network.to(compute_device())

    def _sampler(self, timeline: Timeline) -> NegativeSampler:
        """Sample items that somebody took: the others' photos shall not be learned to be bad."""
        warm = np.flatnonzero(self._popularity)
        places = np.searchsorted(warm, timeline.item)
        return NegativeSampler(timeline.user, places, items=len(warm))

    def negatives(
        self, user: NDArray[np.int64], sampler: NegativeSampler, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Draw an item for each of ``user`` (B,) among those that somebody took."""
        return np.flatnonzero(self._popularity)[sampler.draw(user, rng)]

    def loss(self, network: Any, batch: Batch) -> Tensor:
        """Return the scalar loss of a batch, with the features of its items' photos."""
        taken, other = self._of_items(batch.taken), self._of_items(batch.other)
        loss: Tensor = network.pair_loss(batch, taken, other)
        return loss

    def _of_items(self, items: Tensor) -> Tensor:
        return self._scaled(self._row_of_item[items.cpu().numpy()])

    def _scaled(self, rows: NDArray[np.int64]) -> Tensor:
        assert self._features is not None
        scaling: Scaling = self.config.scaling
        return self._features.vectors(rows, scaling).to(compute_device())

    def mean_features(self, which: NDArray[np.bool_]) -> Tensor:
        """Return the mean (1, width) of the features of the items that ``which`` (items,) marks.

        As training sees them: an item without a photo counts as the zero vector.
        """
        rows = self._row_of_item[which]
        total = sum(
            self._scaled(rows[start : start + _BLOCK]).double().sum(0)
            for start in range(0, len(rows), _BLOCK)
        )
        return (torch.as_tensor(total) / max(len(rows), 1)).float()[None]

    @torch.no_grad()
    def _weights_changed(self) -> None:
        network, features = self._network, self._features
        assert isinstance(network, PhotoNetwork)
        assert features is not None
        blocks = [
            network.photos(self._scaled(np.arange(start, min(start + _BLOCK, len(features.table)))))
            for start in range(0, len(features.table), _BLOCK)
        ]
        photos = Photos(*(torch.cat(field) for field in zip(*blocks, strict=True)))
        self._tables = {
            "user.g": network.user.detach().clone(),
            "user.t": network.taste.detach().clone(),
            "item.g": network.item.detach().clone(),
            "item.bias": network.item_bias.detach().clone(),
            **{f"photo.{name}": table for name, table in photos._asdict().items()},
            **self._further_tables(network),
        }
        self._know_catalogue()

    def _know_catalogue(self) -> None:
        """Keep the catalogue's items with their own photos, g' in place of g."""
        items, photos = self._items(slice(None)), self._photos(self._row_of_item)
        nothing = photos.p[:, :0]
        self._catalogue = items._replace(g=item_vectors(items, photos)), photos._replace(p=nothing)

    def _further_tables(self, network: Any) -> dict[str, Tensor]:
        """What a system's scores need beside users, items and photos."""
        return {}

    def combined(self, users: Users, m: Tensor, n: Tensor) -> Tensor:
        """Return scores (n, items) from both parts (n, items); as VBPR: their sum."""
        return m + n

    def _block_scores(self, block: Asked) -> NDArray[np.float32]:
        users = self._users_of(block)
        assert self._catalogue is not None  # _users_of raises before a fit
        m, n = parts(users, *self._catalogue, all_with_all)
        for row, instance in enumerate(block):
            changed = self._shown_otherwise(instance)
            if changed:
                items = list(changed)
                photos = self._photos(np.array(list(changed.values())))
                one = Users(users.g[row], users.t[row])
                m[row, items], n[row, items] = parts(one, self._items(items), photos, pairwise)
        return self.combined(users, m, n).cpu().numpy()

    def _users_of(self, block: Asked) -> Users:
        """Vectors of ``ROWS`` users: learned ones, else the mean of the items they had."""
        known = self.tables
        g = torch.zeros(ROWS, known["user.g"].shape[1], device=compute_device())
        t = torch.zeros(ROWS, known["user.t"].shape[1], device=compute_device())
        for row, instance in enumerate(block):
            number = self._users.get(instance.user_id)
            if number is not None:
                g[row], t[row] = known["user.g"][number], known["user.t"][number]
            elif self._has_known_history(instance):
                had = [item for item in instance.history.items if item.item_id in self._index]
                photos = self._photos(np.array([self._photo_row(item) for item in had]))
                items = self._items([self._index[item.item_id] for item in had])
                g[row], t[row] = item_vectors(items, photos).mean(0), photos.q.mean(0)
        return Users(g, t)

    def _shown_otherwise(self, instance: Instance) -> dict[int, int]:
        """Numbers of the items that show another photo than in the catalogue, and its row."""
        changed = {}
        for item in instance.history.items:
            number = self._index.get(item.item_id)
            if number is not None and (row := self._photo_row(item)) != self._row_of_item[number]:
                changed[number] = row
        return changed

    def _photo_row(self, item: Item) -> int:
        return photo_row(item, self._photo_rows, self.name)

    def _items(self, numbers: Any) -> Items:
        return Items(self.tables["item.g"][numbers], self.tables["item.bias"][numbers])

    def _photos(self, rows: NDArray[np.int64]) -> Photos:
        chosen = torch.from_numpy(rows).to(compute_device())
        return Photos(*(self.tables[f"photo.{name}"][chosen] for name in Photos._fields))

    @property
    def tables(self) -> Mapping[str, Tensor]:
        """Return what was learned, by name; :class:`BenchError` before ``fit`` or ``load``."""
        if not self._tables:
            raise BenchError(f"{self.name} is not fitted.", fix="Call fit or load first.")
        return self._tables

    def tensors(self) -> Mapping[str, Tensor]:
        """Return the learned tables and, of every item, the row of its photo."""
        return {**self.tables, "row_of_item": torch.from_numpy(self._row_of_item)}

    def _shape(self) -> dict[str, Any]:
        return {"trainable": self._trainable, "photos": list(self._photo_rows)}

    def _restore(self, tensors: dict[str, Tensor], shape: Mapping[str, Any]) -> None:
        row_of_item = tensors.pop("row_of_item").numpy()
        names = shape["photos"]
        expected = {
            "user.g": len(self._users),
            "user.t": len(self._users),
            "item.g": len(self.item_ids),
            "item.bias": len(self.item_ids),
            **{f"photo.{field}": len(names) + 1 for field in Photos._fields},
        }
        for name, rows in expected.items():
            if len(tensors[name]) != rows:
                raise ValueError(f"{len(tensors[name])} rows in {name}, not {rows}")
        if len(row_of_item) != len(self.item_ids) or not (row_of_item <= len(names)).all():
            raise ValueError("items and photos do not fit together")
        self._photo_rows = {name: row for row, name in enumerate(names, start=1)}
        self._row_of_item = row_of_item
        self._tables = {name: table.to(compute_device()) for name, table in tensors.items()}
        self._trainable = shape["trainable"]
        self._know_catalogue()


def _drawn(rows: int, width: int) -> Tensor:
    return 0.1 * torch.randn(rows, width)


def drawn_projection(rows: int, width: int) -> Tensor:
    """Draw weights (rows, width) from Glorot's uniform distribution (AISTATS 2010)."""
    return nn.init.xavier_uniform_(torch.empty(rows, width))


def _square(vectors: Tensor) -> Tensor:
    return vectors.square().sum(-1)
