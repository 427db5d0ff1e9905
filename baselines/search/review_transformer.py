"""RTM's network: a transformer over a query, reviews of a user and reviews of an item.

Symbols as in the paper: q the query, r a review, E the input embeddings.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

from baselines.learning.ranker import Batch
from baselines.search.noise import negative_sampling_loss
from baselines.search.vectors import QueryEncoder

_QUERY, _USER, _ITEM = 0, 1, 2


class Block(nn.Module):
    """Applies self-attention and a feed-forward layer, each added and normalised.

    Vaswani et al., "Attention Is All You Need" (NeurIPS 2017).
    """

    def __init__(self, width: int, *, heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.attend = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True)
        self.attended = nn.LayerNorm(width)
        self.feed = nn.Sequential(
            nn.Linear(width, inner), nn.ReLU(), nn.Dropout(dropout), nn.Linear(inner, width)
        )
        self.fed = nn.LayerNorm(width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, padding: Tensor, *, first_only: bool = False) -> Tensor:
        """Map (S, L, d) to (S, L, d), or (S, 1, d): the first place alone; ``padding`` (S, L)."""
        asking = x[:, :1] if first_only else x
        heard, _ = self.attend(asking, x, x, key_padding_mask=padding, need_weights=False)
        y = self.attended(asking + self.drop(heard))
        out: Tensor = self.fed(y + self.drop(self.feed(y)))
        return out


class ReviewTransformer(nn.Module):
    """Scores by score(q, u, i) = w . h_0 + b, where h_0 is the last layer at the query."""

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
        super().__init__()
        self.words = nn.Embedding(words + 1, width, padding_idx=0)
        self.encode_query = QueryEncoder(width)
        self.segments = nn.Embedding(3, width)
        self.positions = nn.Embedding(1 + user_reviews + item_documents, width)
        self.blocks = nn.ModuleList(
            Block(width, heads=heads, inner=inner, dropout=dropout) for _ in range(layers)
        )
        self.score = nn.Linear(width, 1)
        self.corruption = corruption
        self.user_reviews = user_reviews
        nn.init.normal_(self.words.weight, std=width**-0.5)
        nn.init.normal_(self.segments.weight, std=0.02)
        nn.init.normal_(self.positions.weight, std=0.02)
        with torch.no_grad():
            self.words.weight[0].zero_()

    def reviews(self, words: Tensor) -> Tensor:
        """Average the word vectors of documents (n, most): (n, d); zero without words.

        In training each word is dropped with probability ``corruption`` and the others scaled
        up: Chen, "Efficient Vector Representation for Documents through Corruption" (ICLR 2017).
        """
        real = words > 0
        weights = real / real.sum(1, keepdim=True).clamp(min=1)  # (n, most)
        if self.training and self.corruption:
            kept = torch.rand_like(weights) >= self.corruption
            weights = weights * kept / (1 - self.corruption)
        return embedding_bag(
            words, self.words.weight, per_sample_weights=weights, mode="sum", padding_idx=0
        )

    def forward(
        self, query: Tensor, user: Tensor, user_real: Tensor, item: Tensor, item_real: Tensor
    ) -> Tensor:
        """Score C items for each of B instances: (B, C).

        ``query`` (B, d); reviews ``user`` (B, U, d) and ``item`` (B, C, I, d); ``user_real``
        (B, U) and ``item_real`` (B, C, I) are false at padding. U and I may be smaller than the
        most that there are positions for.
        """
        instances, candidates = item.shape[:2]
        x, real = self.sequences(query, user, user_real, item, item_real)
        scores: Tensor = self.score(self.read(x, ~real))
        return scores.view(instances, candidates)

    def sequences(
        self, query: Tensor, user: Tensor, user_real: Tensor, item: Tensor, item_real: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return x (S, L, d) of S = B C sequences, and where they are real (S, L)."""
        instances, candidates, per_item, width = item.shape
        per_user = user.shape[1]
        at = self.positions.weight
        begin = 1 + self.user_reviews
        asked = query + at[0] + self.segments.weight[_QUERY]  # (B, d)
        wrote = user + at[1 : 1 + per_user] + self.segments.weight[_USER]  # (B, U, d)
        about = item + at[begin : begin + per_item] + self.segments.weight[_ITEM]
        x = torch.cat(
            [
                asked[:, None, None].expand(-1, candidates, -1, -1),
                wrote[:, None].expand(-1, candidates, -1, -1),
                about,
            ],
            2,
        ).reshape(instances * candidates, 1 + per_user + per_item, width)  # (S, L, d)
        real = torch.cat(
            [
                user_real.new_ones(instances, candidates, 1),
                user_real[:, None].expand(-1, candidates, -1),
                item_real,
            ],
            2,
        ).reshape(len(x), -1)  # (S, L)
        return x, real

    def read(self, x: Tensor, padding: Tensor) -> Tensor:
        """Return h_0 (S, d) of sequences x (S, L, d), of which ``padding`` (S, L) is not read."""
        for block in self.blocks:
            # Nothing but the first place of the last layer is read.
            x = block(x, padding, first_only=block is self.blocks[-1])
        return x[:, 0]

    def loss(self, batch: Batch) -> Tensor:
        """Return the binary cross-entropy of the taken item (the first) against all others.

        ``query`` (B, most) words; ``documents`` (n, most) words; ``user`` (B, U) and ``items``
        (B, C, I) are rows of ``documents``, of which row 0 is padding.
        """
        vectors = self.reviews(batch["documents"])  # (n, d)
        user, items = batch["user"], batch["items"]
        query = self.encode_query(batch["query"], self.words.weight)
        scores = self(query, vectors[user], user > 0, vectors[items], items > 0)  # (B, C)
        return negative_sampling_loss(scores[:, 0], scores[:, 1:]).mean()
