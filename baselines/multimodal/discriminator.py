"""MMSSL's discriminator: tells rows of similarities to all items from rows of what users took.

Trained by the loss of Wasserstein distances with a gradient penalty (Gulrajani et al., "Improved
Training of Wasserstein GANs", NeurIPS 2017).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.errors import BenchError

#: Its output is a probability times this.
_SCALE = 100.0
_DROPOUTS = (0.31, 0.5)
_BYTES = 4
#: Of every weight: itself, its gradient and two moments of Adam.
_COPIES = 4
#: Of a batch's rows, two per user: similarities, real rows, their mixtures, and gradients of each.
_ROWS_HELD = 12


class Discriminator(nn.Module):
    """Tells rows of what users took from rows of similarities: a probability times 100.

    The layers are a quarter of a row wide and an eighth, at least 1, each with batch norm and
    dropout. The authors' leaky ReLU before each batch norm is built with a slope of 1: it is the
    identity, and left out.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        first, second = _hidden(width)
        self.layers = nn.Sequential(
            nn.Linear(width, first),
            nn.BatchNorm1d(first),
            nn.Dropout(_DROPOUTS[0]),
            nn.Linear(first, second),
            nn.BatchNorm1d(second),
            nn.Dropout(_DROPOUTS[1]),
            nn.Linear(second, 1),
        )
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, rows: Tensor) -> Tensor:
        """Return (n,) in [0, 100] for rows (n, width)."""
        scores: Tensor = _SCALE * self.layers(rows)[:, 0].sigmoid()
        return scores


def discriminator_loss(
    network: nn.Module, real: Tensor, fake: Tensor, mix: Tensor, weight: float
) -> tuple[Tensor, Tensor]:
    """Return mean D(fake) - mean D(real) plus the penalty, and the penalty alone.

    ``real`` and ``fake`` (n, width); the penalty is ``weight`` times the mean of
    (|gradient| - 1)^2 between them, at the points that ``mix`` (n, 1) in [0, 1] names.
    """
    between = (mix * real + (1 - mix) * fake).requires_grad_()
    value = network(between).sum()
    (slope,) = torch.autograd.grad(value, between, create_graph=True)
    penalty = weight * (slope.norm(dim=1) - 1).square().mean()
    return network(fake).mean() - network(real).mean() + penalty, penalty


def needed_gigabytes(width: int, batch: int) -> float:
    """Return what training over rows of ``width`` takes, with ``batch`` users a step."""
    first, second = _hidden(width)
    weights = _COPIES * (width * first + first * second)
    return _BYTES * (weights + _ROWS_HELD * 2 * batch * width) / 1e9


def check_memory(width: int, batch: int, most: float) -> None:
    """Raise :class:`BenchError` where training would take more than ``most`` GB."""
    needed = needed_gigabytes(width, batch)
    if needed > most:
        raise BenchError(
            f"MMSSL's discriminator over {width:,} items takes {needed:,.1f} GB, "
            f"more than discriminator_gb={most:g}.",
            fix="Let it see a sample of the items, --set discriminator_columns=4096, "
            "or raise discriminator_gb.",
        )


def _hidden(width: int) -> tuple[int, int]:
    return max(width // 4, 1), max(width // 8, 1)
