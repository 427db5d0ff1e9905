"""Learning a codebook that does not collapse.

Each code is the running mean of the encoder outputs it is nearest to (van den Oord et al.,
2017, appendix A.1), starts at a k-means centre, and moves to a present encoder output when
nothing has been near it for long: a few hundred photos leave no time for codes to find work.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_KMEANS_ROUNDS = 10
_DECAY = 0.98
#: Running count of uses below which a code is dead. A code used once in a step counts 0.02.
_DEAD = 0.01


class RunningCodebook:
    """Keeps the rows (K, d) of ``weight`` at the running means of what they stand for."""

    def __init__(self, weight: Tensor, generator: np.random.Generator) -> None:
        self.weight = weight
        self._generator = generator
        self._counts = torch.ones(len(weight))
        self._sums = weight.clone()

    def start(self, latents: Tensor) -> None:
        """Set every code to a centre of encoder outputs (m, d)."""
        self.weight.copy_(kmeans(latents, len(self.weight), self._generator))
        self._sums.copy_(self.weight)
        self._counts.fill_(1.0)

    def update(self, latents: Tensor, numbers: Tensor) -> None:
        """Update the running means by encoder outputs (m, d) and the codes (m,) they were given."""
        counts = torch.bincount(numbers, minlength=len(self.weight)).float()
        sums = torch.zeros_like(self._sums).index_add_(0, numbers, latents)
        self._counts.mul_(_DECAY).add_(counts, alpha=1 - _DECAY)
        self._sums.mul_(_DECAY).add_(sums, alpha=1 - _DECAY)
        used = counts > 0  # the mean of an unused code stands still
        self.weight[used] = self._sums[used] / self._counts[used, None]

    def revive(self, latents: Tensor) -> int:
        """Move dead codes to random encoder outputs out of (m, d); return how many were dead."""
        dead = (self._counts < _DEAD).nonzero().flatten()
        chosen = self._generator.integers(0, len(latents), len(dead))
        self.weight[dead] = latents[torch.from_numpy(chosen)]
        self._counts[dead] = 2 * _DEAD
        self._sums[dead] = self.weight[dead] * 2 * _DEAD
        return len(dead)


def kmeans(points: Tensor, k: int, generator: np.random.Generator) -> Tensor:
    """Return k centres (k, d) of points (m, d), by Lloyd's algorithm from random points.

    Where there are fewer points than centres, points repeat.
    """
    first = generator.choice(len(points), k, replace=len(points) < k)
    centres = points[torch.from_numpy(first)].clone()
    for _ in range(_KMEANS_ROUNDS):
        nearest = torch.cdist(points, centres).argmin(1)
        counts = torch.bincount(nearest, minlength=k)
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        used = counts > 0
        centres[used] = sums[used] / counts[used, None]
    return centres
