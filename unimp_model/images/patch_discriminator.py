"""The adversary that makes a VQ-VAE a VQGAN (Esser et al., 2021, section 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class PatchDiscriminator(nn.Module):
    """Judges every patch of a photo: one score each, high for real."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
            nn.GroupNorm(8, 2 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 1, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(b, 3, s, s) -> (b, 1, s/4, s/4)"""
        scores: Tensor = self.layers(x)
        return scores


def hinge_loss(real: Tensor, painted: Tensor) -> Tensor:
    """What the discriminator minimises."""
    return (functional.relu(1 - real).mean() + functional.relu(1 + painted).mean()) / 2


def balance(reconstruction: Tensor, adversarial: Tensor, last: Tensor) -> Tensor:
    """Eq. 7: the weight at which both losses pull equally hard at the decoder's last layer."""
    (pull,) = torch.autograd.grad(reconstruction, last, retain_graph=True)
    (push,) = torch.autograd.grad(adversarial, last, retain_graph=True)
    weight: Tensor = pull.norm() / (push.norm() + 1e-6)
    return weight.clamp(max=1e4).detach()
