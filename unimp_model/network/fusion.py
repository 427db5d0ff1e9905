"""Ways of bringing images and text together (Eq. 3, 4 and the ablations of Tables 3 and 8).

The paper's way is gated cross-attention from text to the image of the item a token belongs
to, before every 2nd layer. What the ablations change is *where* images come in and *which*:

* ``concatenation`` (w/o Fine-grained, w/o Cross-attention): an image's C visual tokens stand
  in the sequence behind its item's [IMG], and the language model's own attention reads them.
* ``early``: the mean of the C visual tokens, gated, is added to the input embedding of each
  token of the item: no position more, no cross-attention.
* ``late``: no layer sees an image; what the last one puts out cross-attends to them once. A
  token of an item with an image reads that one, any other token - so an instruction - all
  images of the history so far. Input rows of item tokens then leave the photo out as well.
* no exclusive attention: the paper's cross-attention, but a token reads every image so far.

"So far" is what causal attention lets a token reach: images of its own item and of earlier
ones, in a branch up to where it hangs. A later item's image would give away the target.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from unimp_model.network.resampler import merge_heads, split_heads


def exclusive_mask(slots: Tensor, images: int) -> Tensor:
    """The mask M of Eq. 3: which token may see which image, (B, N) -> bool (B, N, S).

    ``slots`` holds, per text token, the number of the one image it may see, or -1 for none.
    The paper writes M as a factor inside the softmax; what is meant is minus infinity, so
    that a foreign image has a weight of exactly zero.
    """
    return slots.unsqueeze(-1) == torch.arange(images, device=slots.device)  # (B, N, S)


def reach_mask(slots: Tensor, attends: Tensor, images: int) -> Tensor:
    """Which token may see which image when all so far are open to it: bool (B, N, S).

    A token sees the image of every item it attends a token of. ``attends`` (B, N, N) is the
    mask of self-attention, so this is causal and stays within a branch's reach, as that is.
    """
    owned = exclusive_mask(slots, images).float()  # (B, N, S)
    return attends.float() @ owned > 0  # counts of attended tokens: exact in float32


def late_mask(slots: Tensor, attends: Tensor, images: int) -> Tensor:
    """The token's own image, or all so far where it has none: bool (B, N, S)."""
    own = slots.unsqueeze(-1) >= 0  # (B, N, 1)
    return torch.where(own, exclusive_mask(slots, images), reach_mask(slots, attends, images))


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
        attended: Tensor = self.to_out(out)
        return attended

    def forward(self, text: Tensor, visual: Tensor, mask: Tensor) -> Tensor:
        """Eq. 4: the gated residual, (B, N, d)."""
        return text + torch.tanh(self.gate) * self.attend(text, visual, mask)


class EarlyFusion(nn.Module):
    """``x_t + tanh(g) * mean_c x_v`` of the token's own image, with g starting at zero.

    The resampler that makes ``x_v`` is the projection; a gate at zero, as in Eq. 4, leaves
    the difference to the paper's model to be the place where images come in.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(1))

    def forward(self, text: Tensor, visual: Tensor, own: Tensor) -> Tensor:
        """``text`` (B, N, d), ``visual`` (B, S, C, d), ``own`` (B, N, S) of
        :func:`exclusive_mask` -> (B, N, d)."""
        return text + torch.tanh(self.gate) * (own.to(text.dtype) @ visual.mean(2))


def place_visual_tokens(text: Tensor, visual: Tensor, slots: Tensor, which: Tensor) -> Tensor:
    """Put visual tokens at their positions of the sequence, (B, N, d).

    ``which`` (B, N) says which of the C visual tokens of image ``slots`` stands at a
    position, negative where a word does and ``text`` (B, N, d) stays. ``visual`` is (B, S, C, d).
    """
    tokens = visual.shape[2]
    chosen = (slots * tokens + which).clamp(min=0).unsqueeze(-1)  # (B, N, 1)
    there = visual.flatten(1, 2).gather(1, chosen.expand(-1, -1, visual.shape[-1]))
    return torch.where(which.unsqueeze(-1) >= 0, there, text)
