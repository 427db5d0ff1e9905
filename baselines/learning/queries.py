"""Which items a query asks for, by the words of their category paths."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmark.data.queries import STOP_WORDS, words


def answering(query: str, queries: Sequence[str | None]) -> NDArray[np.bool_]:
    """Return whether each item (items,) has ``query``; where none has, whether its own holds it.

    ``queries`` (items,) are what the items' category paths make, ``None`` where they make none.
    """
    exactly = np.array([own == query for own in queries], bool)
    asked = set(words(query)) - STOP_WORDS
    if exactly.any() or not asked:
        return exactly
    return np.array([own is not None and asked <= set(own.split()) for own in queries])
