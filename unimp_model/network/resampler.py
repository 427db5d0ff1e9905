"""Perceiver resampler: patch features of one image -> C visual tokens (paper section 2.2).

After Alayrac et al. (2022), Flamingo: learned queries attend to the patch features and to
themselves; each layer has a residual feed-forward.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class ResamplerLayer(nn.Module):
    """One round of attention from the queries to patches and queries, then a feed-forward."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_patches = nn.LayerNorm(width)
        self.norm_queries = nn.LayerNorm(width)
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_kv = nn.Linear(width, 2 * width, bias=False)
        self.to_out = nn.Linear(width, width, bias=False)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Linear(2 * width, width),
        )

    def forward(self, queries: Tensor, patches: Tensor) -> Tensor:
        """``queries`` (H, C, d), ``patches`` (H, P, d) -> (H, C, d)."""
        x = self.norm_queries(queries)  # (H, C, d)
        context = torch.cat([self.norm_patches(patches), x], dim=1)  # (H, P + C, d)
        q = split_heads(self.to_q(x), self.heads)  # (H, h, C, d/h)
        k, v = (split_heads(t, self.heads) for t in self.to_kv(context).chunk(2, dim=-1))
        attended = merge_heads(functional.scaled_dot_product_attention(q, k, v))  # (H, C, d)
        queries = queries + self.to_out(attended)
        refined: Tensor = queries + self.feed_forward(queries)
        return refined


class Resampler(nn.Module):
    """``f_v`` patch features (H, P, f) -> ``x_v`` (H, C, d)."""

    def __init__(
        self, *, feature_width: int, patches: int, width: int, tokens: int, layers: int, heads: int
    ) -> None:
        super().__init__()
        self.project = nn.Linear(feature_width, width)
        self.positions = nn.Parameter(torch.randn(patches, width) * 0.02)  # (P, d)
        self.queries = nn.Parameter(torch.randn(tokens, width) * 0.02)  # (C, d)
        self.layers = nn.ModuleList(ResamplerLayer(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, features: Tensor) -> Tensor:
        """``features`` (H, P, f) -> (H, C, d)."""
        patches = self.project(features) + self.positions  # (H, P, d)
        x: Tensor = self.queries.expand(len(features), -1, -1)  # (H, C, d)
        for layer in self.layers:
            x = layer(x, patches)
        x = self.norm(x)
        return x


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, N, h*e) -> (B, h, N, e)."""
    return torch.unflatten(x, -1, (heads, -1)).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """(B, h, N, e) -> (B, N, h*e)."""
    return x.transpose(1, 2).flatten(2)
