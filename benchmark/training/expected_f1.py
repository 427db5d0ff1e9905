"""The selection with the largest expected F1, where each candidate's chance is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike, NDArray

from benchmark.rounding import rounded


def best_subset(
    shares: NDArray[np.float64], positives: float, *, computed_in: DTypeLike | None = None
) -> NDArray[np.int64]:
    """Return the candidates to choose, the likeliest first; at least one.

    ``shares`` (n,) are proportional to each candidate's probability of being a positive,
    ``positives`` is how many there are, or are to be expected. Of all subsets of size m the m most
    probable are best; their expected F1 is twice their probabilities' sum over
    (m + ``positives``). Equal ones are taken in order, and of equal sizes the least. The shares
    were ``computed_in`` their own precision unless another is given.
    """
    ranked = np.argsort(-shares, kind="stable")
    expected = 2 * np.cumsum(shares[ranked]) / (np.arange(1, len(shares) + 1) + positives)
    return ranked[: int(np.argmax(rounded(expected, computed_in=computed_in or shares.dtype))) + 1]
