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

from benchmark.host.threads import summed_in_one_thread
from unimp_model.network.resampler import LayerNorm, merge_heads, split_heads


def exclusive_mask(slots: Tensor, images: int) -> Tensor:
    """Return the mask M of Eq. 3: which token may see which image, bool (B, N, H).

    ``slots`` (B, N) holds, per text token, the number of the one of H ``images`` it may see, or
    -1 for none.
    The paper writes M as a factor inside the softmax; what is meant is minus infinity, so
    that a foreign image has a weight of exactly zero.
    """
    return slots.unsqueeze(-1) == torch.arange(images, device=slots.device)  # (B, N, H)


def reach_mask(slots: Tensor, attends: Tensor, images: int) -> Tensor:
    """Return which token may see which image when all so far are open to it: bool (B, N, H).

    A token sees the image of every item it attends a token of. ``attends`` (B, N, N) is the
    mask of self-attention, so this is causal and stays within a branch's reach, as that is.
    """
    owned = exclusive_mask(slots, images).float()  # (B, N, H)
    return attends.float() @ owned > 0  # counts of attended tokens: exact in float32


def late_mask(slots: Tensor, attends: Tensor, images: int) -> Tensor:
    """Return a mask of the token's own image, or all so far where it has none: bool (B, N, H)."""
    own = slots.unsqueeze(-1) >= 0  # (B, N, 1)
    return torch.where(own, exclusive_mask(slots, images), reach_mask(slots, attends, images))


def gated(gate: Tensor, x: Tensor) -> Tensor:
    """Return ``tanh(g) * x`` of Eq. 4, ``x`` (B, N, d)."""
    return summed_in_one_thread(torch.tanh(gate) * x)


class GatedCrossAttention(nn.Module):
    """Conditions the text of a layer on images (Eq. 3, 4).

    ``x_t = tanh(g) * CrossAtt(Q = x^_t, KV = x_v, M) + x^_t``, with g starting at ``gate``. No bias
    anywhere on the value path, so a token that sees no image gets exactly zero.
    """

    def __init__(self, width: int, heads: int, gate: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.norm = LayerNorm(width)
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_kv = nn.Linear(width, 2 * width, bias=False)
        self.to_out = nn.Linear(width, width, bias=False)
        self.gate = nn.Parameter(torch.full((1,), gate))

    def attend(self, x_hat: Tensor, x_v: Tensor, mask: Tensor) -> Tensor:
        """Attend to visual tokens (Eq. 3): ``x~_t`` (B, N, d).

        Of ``x_hat`` (B, N, d), ``x_v`` (B, H, C, d) and the mask M (B, N, H).
        """
        c = x_v.shape[2]
        q = split_heads(self.to_q(self.norm(x_hat)), self.heads)  # (B, h, N, e)
        keys_values = self.to_kv(x_v.flatten(1, 2)).chunk(2, dim=-1)  # 2 x (B, H*C, d)
        k, v = (split_heads(t, self.heads) for t in keys_values)  # (B, h, H*C, e)
        attends = mask.repeat_interleave(c, dim=-1).unsqueeze(1)  # (B, 1, N, H*C)
        blind = ~mask.any(-1)  # (B, N): softmax over nothing is undefined, so let them see all
        attends = attends | blind[:, None, :, None]
        out = functional.scaled_dot_product_attention(q, k, v, attn_mask=attends)  # (B, h, N, e)
        out = merge_heads(out).masked_fill(blind.unsqueeze(-1), 0.0)  # ... and count for nothing
        x_tilde: Tensor = self.to_out(out)
        return x_tilde

    def forward(self, x_hat: Tensor, x_v: Tensor, mask: Tensor) -> Tensor:
        """Add what is attended to through the gate (Eq. 4): ``x_t`` (B, N, d)."""
        return x_hat + gated(self.gate, self.attend(x_hat, x_v, mask))


class EarlyFusion(nn.Module):
    """Adds images to input embeddings: ``x_t + tanh(g) * mean_c x_v`` of the token's own image.

    The resampler that makes ``x_v`` is the projection; a gate g, as in Eq. 4, leaves the difference
    to the paper's model to be the place where images come in.
    """

    def __init__(self, gate: float = 0.0) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.full((1,), gate))

    def forward(self, x_t: Tensor, x_v: Tensor, mask: Tensor) -> Tensor:
        """Return (B, N, d) of ``x_t`` (B, N, d), ``x_v`` (B, H, C, d), exclusive M (B, N, H)."""
        return x_t + gated(self.gate, mask.to(x_t.dtype) @ x_v.mean(2))


def place_visual_tokens(x_t: Tensor, x_v: Tensor, slots: Tensor, which: Tensor) -> Tensor:
    """Place visual tokens at their positions of the sequence, (B, N, d).

    ``which`` (B, N) says which of the C visual tokens of image ``slots`` stands at a
    position, negative where a word does and ``x_t`` (B, N, d) stays. ``x_v`` is (B, H, C, d).
    """
    c = x_v.shape[2]
    chosen = (slots * c + which).clamp(min=0).unsqueeze(-1)  # (B, N, 1)
    there = x_v.flatten(1, 2).gather(1, chosen.expand(-1, -1, x_v.shape[-1]))
    return torch.where(which.unsqueeze(-1) >= 0, there, x_t)
