"""RTM's network as its authors' code has it (kepingbi/ProdSearch 449335b)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from baselines.search.review_transformer import ReviewTransformer

_EPSILON = 1e-6


class PreNormBlock(nn.Module):
    """Adds attention(LN(x)) to x, then W2 gelu(W1 LN(x)).

    The ``first`` block attends to x itself.
    """

    def __init__(self, width: int, *, heads: int, inner: int, dropout: float, first: bool) -> None:
        super().__init__()
        self.before = None if first else nn.LayerNorm(width, eps=_EPSILON)
        self.attend = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True)
        self.feed = nn.Sequential(
            nn.LayerNorm(width, eps=_EPSILON),
            nn.Linear(width, inner),
            nn.GELU(approximate="tanh"),
            nn.Dropout(dropout),
            nn.Linear(inner, width),
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, padding: Tensor, *, first_only: bool = False) -> Tensor:
        """Map (S, L, d) to (S, L, d), or (S, 1, d): the first place alone; ``padding`` (S, L)."""
        normed = x if self.before is None else self.before(x)
        asking = normed[:, :1] if first_only else normed
        heard, _ = self.attend(asking, normed, normed, key_padding_mask=padding, need_weights=False)
        y = x[:, : asking.shape[1]] + self.drop(heard)
        out: Tensor = y + self.drop(self.feed(y))
        return out


class PreNormTransformer(ReviewTransformer):
    """Scores with norms before each part and at the end, fixed positions, the oldest review first.

    The item's reviews stand right behind the user's last one; words and segments start from
    N(0, 1). Held to the authors' code (``tests/golden/data/rtm.json``).
    """

    def __init__(
        self,
        *,
        words: int,
        width: int,
        layers: int,
        heads: int,
        inner: int,
        dropout: float,
        corruption: float,
        user_reviews: int,
        item_documents: int,
    ) -> None:
        super().__init__(
            words=words, width=width, layers=0, heads=heads, inner=inner, dropout=dropout,
            corruption=corruption, user_reviews=user_reviews, item_documents=item_documents,
        )  # fmt: skip
        del self.positions
        self.blocks = nn.ModuleList(
            PreNormBlock(width, heads=heads, inner=inner, dropout=dropout, first=layer == 0)
            for layer in range(layers)
        )
        self.last_norm = nn.LayerNorm(width, eps=_EPSILON)
        nn.init.normal_(self.words.weight)
        nn.init.normal_(self.segments.weight)
        with torch.no_grad():
            self.words.weight[0].zero_()

    def sequences(
        self, query: Tensor, user: Tensor, user_real: Tensor, item: Tensor, item_real: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return x (S, L, d) of S = B C sequences without gaps, and where they are real (S, L).

        Reviews come newest first, of an item behind its own text; they are turned here.
        """
        candidates, segments = item.shape[1], self.segments.weight
        item, item_real = _turned(item, 2), _turned(item_real, 2)
        parts = [
            query[:, None, None] + segments[0],
            user.flip(1)[:, None] + segments[1],
            item + segments[2],
        ]
        real = [
            user_real.new_ones(len(query), candidates, 1),
            user_real.flip(1)[:, None].expand(-1, candidates, -1),
            item_real,
        ]
        x = torch.cat([part.expand(-1, candidates, -1, -1) for part in parts], 2).flatten(0, 1)
        there = torch.cat(real, 2).flatten(0, 1)  # (S, L)
        order = (~there).to(torch.uint8).argsort(dim=1, stable=True)
        x = (x * there[:, :, None]).take_along_dim(order[:, :, None], 1)
        return x + sinusoids(x.shape[1], x.shape[2]).to(x), there.take_along_dim(order, 1)

    def read(self, x: Tensor, padding: Tensor) -> Tensor:
        """Return the normed h_0 (S, d) of sequences."""
        normed: Tensor = self.last_norm(super().read(x, padding))
        return normed


def _turned(about: Tensor, axis: int) -> Tensor:
    """What is about items, own text first, with the reviews behind it turned."""
    reviews = about.narrow(axis, 1, about.shape[axis] - 1)
    return torch.cat([about.narrow(axis, 0, 1), reviews.flip(axis)], axis)


def sinusoids(places: int, width: int) -> Tensor:
    """Return the fixed position vectors (places, width) of Vaswani et al. (NeurIPS 2017)."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angles = torch.arange(places)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], 2).flatten(1)[:, :width]
