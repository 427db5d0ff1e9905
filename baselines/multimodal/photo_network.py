"""The formula of systems whose scores have a part of the item and a part of its photo.

For a user u and an item i whose photo has the features f_i, both VBPR and CausalRec have
m = b_i + g_u . g'_i, whose item vector may depend on the photo too, and
n = t_u . q(f_i) + b' . f_i; a system says what its photo parts are and how m and n make a score.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from baselines.learning.factors import Batch, FactorSettings
from benchmark.vision.encoder_names import AUTO
from benchmark.vision.encoder_names import DESCRIPTION as ENCODERS

#: From (n, d) and (m, d): row by row to (n,) with n = m, or all with all to (n, m).
Product = Callable[[Tensor, Tensor], Tensor]


def pairwise(one: Tensor, other: Tensor) -> Tensor:
    """Return the products (n,) of the rows of two tables (n, d)."""
    return (one * other).sum(-1)


def all_with_all(one: Tensor, other: Tensor) -> Tensor:
    """Return the products (n, m) of the rows of (n, d) and (m, d)."""
    return one @ other.T


class PhotoSettings(FactorSettings):
    """Sets the widths of vectors, the penalties on them, and what encodes photos."""

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
    """Holds the vectors of n users: g meets items, t meets photos."""

    g: Tensor
    """(n, k)"""
    t: Tensor
    """(n, k2)"""


class Items(NamedTuple):
    """Holds the vectors and biases of n items, photos aside."""

    g: Tensor
    """(n, k)"""
    bias: Tensor
    """(n,)"""


class Photos(NamedTuple):
    """Holds what is made of n photos; zero for no photo."""

    q: Tensor
    """(n, k2)"""
    bias: Tensor
    """(n,)"""
    p: Tensor
    """(n, k), what multiplies an item's vector beside 1; (n, 0) where nothing does."""


class PhotoNetwork(nn.Module, ABC):
    """Learns the weights of users, items and projections, and scores by the formula on them.

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


def _drawn(rows: int, width: int) -> Tensor:
    return 0.1 * torch.randn(rows, width)


def drawn_projection(rows: int, width: int) -> Tensor:
    """Draw weights (rows, width) from Glorot's uniform distribution (AISTATS 2010)."""
    return nn.init.xavier_uniform_(torch.empty(rows, width))


def _square(vectors: Tensor) -> Tensor:
    return vectors.square().sum(-1)
