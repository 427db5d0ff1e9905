"""Negative sampling: the logistic loss that stands for a softmax over all words or items.

Mikolov et al., "Distributed Representations of Words and Phrases and their Compositionality"
(NeurIPS 2013), equation 4.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import logsigmoid

#: Exponent of the unigram distribution, ibid.
POWER = 0.75


class Noise:
    """Draws numbers in proportion to ``counts`` (n,) raised to ``power``.

    All alike where every count is zero.
    """

    def __init__(
        self, counts: NDArray[np.integer] | NDArray[np.floating], *, power: float = POWER
    ) -> None:
        # 0 ** 0 would make padding and items never taken as likely as others.
        weights = np.where(counts > 0, counts.astype(np.float64) ** power, 0.0)
        if not weights.any():
            weights = np.ones(len(counts))
        self._cumulative = np.cumsum(weights)

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw numbers of the given shape, independent of each other."""
        at = rng.random(shape) * self._cumulative[-1]
        drawn: NDArray[np.int64] = np.searchsorted(self._cumulative, at, side="right")
        return np.minimum(drawn, len(self._cumulative) - 1)


def negative_sampling_loss(right: Tensor, wrong: Tensor) -> Tensor:
    """Return -log sigma(right) - sum over the last axis of log sigma(-wrong).

    ``right`` (...) and ``wrong`` (..., negatives) are scores; the result is (...).
    """
    return -logsigmoid(right) - logsigmoid(-wrong).sum(-1)
