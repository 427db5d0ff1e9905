"""The vision sampler: C visual embeddings ``x_v`` from an image's patch features (section 2.2).

The perceiver resampler of Flamingo (Alayrac et al., 2022): learned queries attend to the
patch features and to themselves; each layer has a residual feed-forward.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmark.host.threads import summed_in_one_thread


class LayerNorm(nn.LayerNorm):
    """Normalises the last dimension; the same gradients with any number of threads."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``x`` (..., d)."""
        return summed_in_one_thread(super().forward(x))


class ResamplerLayer(nn.Module):
    """Attends once from the queries to patches and queries, then applies a feed-forward."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_patches = LayerNorm(width)
        self.norm_queries = LayerNorm(width)
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_kv = nn.Linear(width, 2 * width, bias=False)
        self.to_out = nn.Linear(width, width, bias=False)
        self.feed_forward = nn.Sequential(
            LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Linear(2 * width, width),
        )

    def forward(self, queries: Tensor, patches: Tensor) -> Tensor:
        """Refine ``queries`` (H, C, d) by ``patches`` (H, P, d): (H, C, d)."""
        x = self.norm_queries(queries)  # (H, C, d)
        context = torch.cat([self.norm_patches(patches), x], dim=1)  # (H, P + C, d)
        q = split_heads(self.to_q(x), self.heads)  # (H, h, C, d/h)
        k, v = (split_heads(t, self.heads) for t in self.to_kv(context).chunk(2, dim=-1))
        attended = merge_heads(functional.scaled_dot_product_attention(q, k, v))  # (H, C, d)
        queries = queries + self.to_out(attended)
        refined: Tensor = queries + self.feed_forward(queries)
        return refined


class Resampler(nn.Module):
    """Samples ``x_v`` (H, C, d) from the patch features of ``f_v``, (H, P, f)."""

    def __init__(
        self, *, feature_width: int, patches: int, width: int, tokens: int, layers: int, heads: int
    ) -> None:
        super().__init__()
        self.project = nn.Linear(feature_width, width)
        self.positions = nn.Parameter(torch.randn(patches, width) * 0.02)  # (P, d)
        self.queries = nn.Parameter(torch.randn(tokens, width) * 0.02)  # (C, d)
        self.layers = nn.ModuleList(ResamplerLayer(width, heads) for _ in range(layers))
        self.norm = LayerNorm(width)

    def forward(self, features: Tensor) -> Tensor:
        """Return ``x_v`` (H, C, d) of ``features`` (H, P, f)."""
        patches = self.project(features) + self.positions  # (H, P, d)
        x_v: Tensor = self.queries.expand(len(features), -1, -1)  # (H, C, d)
        for layer in self.layers:
            x_v = layer(x_v, patches)
        x_v = self.norm(x_v)
        return x_v


def split_heads(x: Tensor, heads: int) -> Tensor:
    """Split (B, N, h*e) into h heads, (B, h, N, e)."""
    return torch.unflatten(x, -1, (heads, -1)).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """Join h heads (B, h, N, e) to (B, N, h*e)."""
    return x.transpose(1, 2).flatten(2)
