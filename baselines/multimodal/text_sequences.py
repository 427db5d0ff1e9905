"""The network of UniSRec: text vectors through a mixture of adaptors into a causal transformer."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, normalize, softplus

#: Added to the scale of the gates' noise in training.
_LEAST_NOISE = 0.01
#: Added to the logits of places that may not be seen.
_UNSEEN = -10_000.0
#: Of the normalisation of layers.
_EPSILON = 1e-12
#: Standard deviation of initial weights.
_INITIAL = 0.02


class Sizes(Protocol):
    """Describes the settings that the network reads."""

    experts: int
    hidden_size: int
    inner_size: int
    n_layers: int
    n_heads: int
    adaptor_dropout: float
    hidden_dropout_prob: float
    attn_dropout_prob: float


class Adaptor(nn.Module):
    """Mixes parametric whitenings: sum_k g_k W_k (x - b_k), g = softmax(x W_g).

    In training the gates have noise n = N(0, 1) (softplus(x W_n) + 0.01) and x has dropout, each
    expert its own. W_g, W_n and b start at 0.
    """

    def __init__(self, width: int, out: int, experts: int, dropout: float) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(width, experts))
        self.noise = nn.Parameter(torch.zeros(width, experts))
        self.bias = nn.Parameter(torch.zeros(experts, width))
        self.weight = nn.Parameter(_INITIAL * torch.randn(experts, out, width))
        self.dropout = nn.Dropout(dropout)

    def gates(self, x: Tensor, drawn: Tensor | None = None) -> Tensor:
        """Return the shares (n, experts) for x (n, width); ``drawn`` is N(0, 1) of that shape."""
        logits = x @ self.gate
        if drawn is not None:
            logits = logits + drawn * (softplus(x @ self.noise) + _LEAST_NOISE)
        return logits.softmax(-1)

    def forward(self, x: Tensor, rows: Tensor | None = None) -> Tensor:
        """Return (n, out) for x (n, width), or (r, out) for ``rows`` (r,) of it alone.

        Noise and dropout are drawn for all of x: a row's do not depend on which rows are asked.
        """
        experts, out, width = self.weight.shape
        drawn = torch.randn(len(x), experts, device=x.device) if self.training else None
        dropped = self.dropout(x[:, None].expand(-1, experts, -1))  # (n, experts, width)
        if rows is not None:
            x, dropped = x[rows], dropped[rows]
            drawn = None if drawn is None else drawn[rows]
        gates = self.gates(x, drawn)
        # One product for all experts: their shares come in before instead of behind.
        shared = (gates[:, :, None] * (dropped - self.bias)).reshape(len(x), experts * width)
        adapted: Tensor = shared @ self.weight.transpose(1, 2).reshape(experts * width, out)
        return adapted


class Block(nn.Module):
    """Applies self-attention, then a feed-forward part, to states (B, L, d).

    Each has its input added and is normalised behind.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.hidden_size
        self.heads = sizes.n_heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.dense = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width, eps=_EPSILON)
        self.inner, self.outer = (
            nn.Linear(width, sizes.inner_size),
            nn.Linear(sizes.inner_size, width),
        )
        self.forward_norm = nn.LayerNorm(width, eps=_EPSILON)
        self.seen_dropout = nn.Dropout(sizes.attn_dropout_prob)
        self.dropout = nn.Dropout(sizes.hidden_dropout_prob)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return states (B, L, d) of x (B, L, d) under the additive ``mask`` (B, 1, L, L)."""
        q, k, v = (self._by_head(layer(x)) for layer in (self.query, self.key, self.value))
        logits = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5 + mask
        seen = self.seen_dropout(logits.softmax(-1)) @ v  # (B, h, L, d / h)
        attended = self.dense(seen.transpose(1, 2).flatten(2))
        x = self.attention_norm(x + self.dropout(attended))
        inner = self.dropout(self.outer(gelu(self.inner(x))))
        normed: Tensor = self.forward_norm(x + inner)
        return normed

    def _by_head(self, x: Tensor) -> Tensor:
        """(B, h, L, d / h) of (B, L, d)."""
        rows, length, width = x.shape
        by_head = x.reshape(rows, length, self.heads, width // self.heads)
        return by_head.transpose(1, 2)


class TextSequences(nn.Module):
    """Reads sequences of items by their texts; ``texts`` (items + 1, e), row 0 of padding is zero.

    With ``with_ids`` an item also has a vector of its own, added on both sides.
    """

    texts: Tensor

    def __init__(self, sizes: Sizes, texts: Tensor, window: int, *, with_ids: bool) -> None:
        super().__init__()
        width = sizes.hidden_size
        self.adaptor = Adaptor(texts.shape[1], width, sizes.experts, sizes.adaptor_dropout)
        self.positions = nn.Embedding(window, width)
        self.norm = nn.LayerNorm(width, eps=_EPSILON)
        self.dropout = nn.Dropout(sizes.hidden_dropout_prob)
        self.blocks = nn.ModuleList(Block(sizes) for _ in range(sizes.n_layers))
        self.ids = nn.Embedding(len(texts), width, padding_idx=0) if with_ids else None
        self.register_buffer("texts", texts, persistent=False)
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=_INITIAL)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)
        if self.ids is not None:
            nn.init.zeros_(self.ids.weight[0].detach())

    def table(self, texts: Tensor | None = None, *, only: Tensor | None = None) -> Tensor:
        """Return the vectors (items + 1, d) of all items and, first, of padding.

        ``texts`` are others (items + 1, e) in place of the catalogue's. With ``only`` these
        distinct tokens (r,) are adapted, which is most of the work, and all others are not to be
        read.
        """
        texts = self.texts if texts is None else texts
        adapted: Tensor = self.adaptor(texts, only)
        if only is not None:
            adapted = adapted.new_zeros(len(texts), adapted.shape[1]).index_copy(0, only, adapted)
        return adapted if self.ids is None else adapted + self.ids.weight

    def forward(self, vectors: Tensor, real: Tensor) -> Tensor:
        """Return the states (B, L, d) of items ``vectors`` (B, L, d), padded behind.

        ``real`` (B, L) marks items that are no padding. No state sees a later item.
        """
        length = vectors.shape[1]
        x: Tensor = self.dropout(self.norm(vectors + self.positions.weight[:length]))
        earlier = torch.ones(length, length, dtype=torch.bool, device=x.device).tril()
        seen = earlier & real[:, None, None]  # (B, 1, L, L)
        mask = torch.zeros_like(seen, dtype=x.dtype).masked_fill(~seen, _UNSEEN)
        for block in self.blocks:
            x = block(x, mask)
        return x

    def encoder_weights(self) -> list[Tensor]:
        """Return what is frozen behind a pre-training: blocks and positions."""
        return [*self.blocks.parameters(), self.positions.weight]


def in_batch_contrast(states: Tensor, others: Tensor, target: Tensor, temperature: float) -> Tensor:
    """Return the mean of -log(exp(p_ii) / sum_j exp(p_ij)), p = cosines by ``temperature``.

    ``states`` and ``others`` (T, d) are pairs, ``target`` (T,) the items that they stand for. As
    the authors' code has it, others with the same item count as exp(0), not as nothing.
    """
    logits = normalize(states) @ normalize(others).T / temperature  # (T, T)
    own = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    same = (target[:, None] == target) & ~own
    return (logits.masked_fill(same, 0.0).logsumexp(1) - logits.diagonal()).mean()
