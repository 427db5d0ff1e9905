"""A VQ network that starts as the best linear autoencoder of its photos' patches.

From random weights such a network learns one direction of variation after another, lightness
first, and a few hundred steps end before it sees colour. Principal components (PCA) of the
patches have them all at once; training then bends what is linear into something better.

GroupNorm and SiLU stand in between, but let a value pass when it travels as a pair (a, -a):
silu(a) - silu(-a) = a, and a pair has mean zero. A constant pair in each group keeps the
normalisation from removing a photo's contrast. What is left is fitted by least squares.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Groups of every GroupNorm in the network.
GROUPS = 8
#: Size of the constant in units of the components' standard deviation.
_CONSTANT = 3.0
_RIDGE = 1e-3


@torch.no_grad()
def start_linear(vq: Any, x: Tensor) -> None:
    """Set the weights of ``vq``, a ``VQModel`` without down-sampling, from inputs (n, c, g, g)."""
    for module in vq.modules():  # residual branches begin as nothing
        if type(module).__name__ == "ResnetBlock2D":
            nn.init.zeros_(module.conv2.weight)
            nn.init.zeros_(module.conv2.bias)
        elif type(module).__name__ == "Attention":
            nn.init.zeros_(module.to_out[0].weight)
            nn.init.zeros_(module.to_out[0].bias)
    d = vq.config.latent_channels
    patches = x.permute(0, 2, 3, 1).flatten(0, 2)  # (m, c)
    mean = patches.mean(0)
    _, vectors = torch.linalg.eigh((patches - mean).T @ (patches - mean) / len(patches))
    basis = vectors[:, -d:].flip(1)  # (c, d), strongest first
    basis = basis * basis.sum(0).sign()  # an eigenvector's sign is arbitrary
    parts = (patches - mean) @ basis  # (m, d)
    latents = parts.view(*x.shape[:1], *x.shape[2:], d).permute(0, 3, 1, 2)  # (n, d, g, g)

    _pairs_in(vq.encoder.conv_in, basis, mean, parts)
    _fit(vq.encoder.conv_out, _before(vq.encoder, vq.encoder.conv_out, x), latents)
    for conv in (vq.quant_conv, vq.post_quant_conv):
        nn.init.eye_(conv.weight[:, :, 0, 0])
        nn.init.zeros_(conv.bias)
    _pairs_in(vq.decoder.conv_in, torch.eye(d), torch.zeros(d), parts)
    _fit(vq.decoder.conv_out, _before(vq.decoder, vq.decoder.conv_out, vq.encode(x).latents), x)


def _pairs_in(conv: nn.Conv2d, basis: Tensor, mean: Tensor, parts: Tensor) -> None:
    """Let ``conv`` carry each component of its input as a pair, and a constant pair a group.

    Components are dealt to the groups in turn; channels left over keep small random weights.
    """
    size = conv.out_channels // GROUPS
    middle = conv.weight.shape[-1] // 2
    bias = _bias(conv).zero_()
    conv.weight.mul_(0.1)
    for group in range(GROUPS):
        channel = group * size
        mine = range(group, basis.shape[1], GROUPS)
        for component in mine:
            scale = 1 / parts[:, component].std().clamp(min=1e-3)
            for sign in (1.0, -1.0):
                conv.weight[channel] = 0.0
                conv.weight[channel, :, middle, middle] = sign * scale * basis[:, component]
                bias[channel] = -sign * scale * (basis[:, component] @ mean)
                channel += 1
        for sign in (1.0, -1.0):
            conv.weight[channel] = 0.0
            bias[channel] = sign * _CONSTANT
            channel += 1


def _before(part: nn.Module, conv: nn.Module, x: Tensor) -> Tensor:
    """What reaches ``conv`` when ``part`` is given ``x``."""
    seen: list[Tensor] = []
    handle = conv.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        part(x)
    finally:
        handle.remove()
    return seen[0]


def _fit(conv: nn.Conv2d, features: Tensor, target: Tensor) -> None:
    """Ridge regression of ``target`` (n, o, g, g) on 3 x 3 neighbourhoods of ``features``."""
    columns = functional.unfold(features, 3, padding=1).transpose(1, 2).flatten(0, 1)  # (m, 9w)
    columns = torch.cat([columns, torch.ones(len(columns), 1)], 1).double()
    wanted = target.permute(0, 2, 3, 1).flatten(0, 2).double()  # (m, o)
    gram = columns.T @ columns / len(columns)
    gram += _RIDGE * torch.eye(len(gram), dtype=torch.float64)
    solved = torch.linalg.solve(gram, columns.T @ wanted / len(columns)).float()  # (9w + 1, o)
    conv.weight.copy_(solved[:-1].T.view_as(conv.weight))
    _bias(conv).copy_(solved[-1])


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return conv.bias
