"""The selection with the largest expected F1, where each candidate's chance is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmark.rounding import rounded


def best_subset(shares: NDArray[np.float64], positives: int) -> NDArray[np.int64]:
    """Return the candidates to choose, the likeliest first; at least one.

    ``shares`` (n,) is each candidate's probability of being a positive, ``positives`` how many
    there are. Of all subsets of size m the m most probable are best; their expected F1 is twice
    their probabilities' sum over (m + ``positives``). Equal ones are taken in order.
    """
    ranked = np.argsort(-shares, kind="stable")
    expected = 2 * np.cumsum(shares[ranked]) / (np.arange(1, len(shares) + 1) + positives)
    return ranked[: int(np.argmax(rounded(expected, computed_in=shares.dtype))) + 1]
