"""Ranking a whole catalogue, a bounded block of score rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmark.instances import Ranking, RecommendationInstance, SearchInstance
from benchmark.ranking import rankings

RankingInstance = RecommendationInstance | SearchInstance

#: Scores held at once: 64 MB of float64, whatever the catalogue's size.
_BLOCK_SCORES = 8_000_000


def rank_in_blocks(
    instances: Sequence[RankingInstance],
    score: Callable[[Sequence[RankingInstance]], NDArray[np.floating]],
    item_ids: Sequence[str],
) -> Iterator[Ranking]:
    """One ranking per instance, in order.

    ``score`` maps n instances to scores (n, items) in the order of ``item_ids``; each row may
    depend on its own instance only. Exclusion and ties are :mod:`benchmark.ranking`'s.
    """
    rows = max(1, _BLOCK_SCORES // max(len(item_ids), 1))
    for start in range(0, len(instances), rows):
        block = instances[start : start + rows]
        yield from rankings(block, score(block), item_ids)
