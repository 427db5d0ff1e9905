"""Gated cross-attention from text to the image of the item a token belongs to (Eq. 3, 4)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from unimp_model.resampler import merge_heads, split_heads


def exclusive_mask(slots: Tensor, images: int) -> Tensor:
    """The mask M of Eq. 3: which token may see which image, (B, N) -> bool (B, N, S).

    ``slots`` holds, per text token, the number of the one image it may see, or -1 for none.
    The paper writes M as a factor inside the softmax; what is meant is minus infinity, so
    that a foreign image has a weight of exactly zero.
    """
    return slots.unsqueeze(-1) == torch.arange(images, device=slots.device)  # (B, N, S)


class GatedCrossAttention(nn.Module):
    """``x_t = tanh(g) * CrossAtt(Q = x^_t, KV = x_v, M) + x^_t``, with g starting at zero.

    No bias anywhere on the value path, so a token that sees no image gets exactly zero.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_kv = nn.Linear(width, 2 * width, bias=False)
        self.to_out = nn.Linear(width, width, bias=False)
        self.gate = nn.Parameter(torch.zeros(1))

    def attend(self, text: Tensor, visual: Tensor, mask: Tensor) -> Tensor:
        """Eq. 3: ``text`` (B, N, d), ``visual`` (B, S, C, d), ``mask`` (B, N, S) -> (B, N, d)."""
        tokens = visual.shape[2]
        q = split_heads(self.to_q(self.norm(text)), self.heads)  # (B, h, N, e)
        keys_values = self.to_kv(visual.flatten(1, 2)).chunk(2, dim=-1)  # 2 x (B, S*C, d)
        k, v = (split_heads(t, self.heads) for t in keys_values)  # (B, h, S*C, e)
        sees = mask.repeat_interleave(tokens, dim=-1).unsqueeze(1)  # (B, 1, N, S*C)
        blind = ~mask.any(-1)  # (B, N): softmax over nothing is undefined, so let them see all
        sees = sees | blind[:, None, :, None]
        out = functional.scaled_dot_product_attention(q, k, v, attn_mask=sees)  # (B, h, N, e)
        out = merge_heads(out).masked_fill(blind.unsqueeze(-1), 0.0)  # ... and count for nothing
        return self.to_out(out)

    def forward(self, text: Tensor, visual: Tensor, mask: Tensor) -> Tensor:
        """Eq. 4: the gated residual, (B, N, d)."""
        return text + torch.tanh(self.gate) * self.attend(text, visual, mask)
