"""Rank a catalogue by scores: exclusion, ties and bounded blocks are decided here alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmark.data.catalogue import Catalogue
from benchmark.instances import RecommendationInstance, SearchInstance
from benchmark.predictions import Ranking
from benchmark.topk import top_k as top_k

RankingInstance = RecommendationInstance | SearchInstance

#: Scores held at once: 64 MB of float64, whatever the catalogue's size.
_BLOCK_SCORES = 8_000_000


def rankings(
    instances: Sequence[RankingInstance],
    scores: NDArray[np.floating],
    catalogue: Catalogue | Sequence[str],
) -> Iterator[Ranking]:
    """Yield one :class:`Ranking` per instance from ``scores`` (n, items) in catalogue order.

    ``catalogue`` is a :class:`Catalogue` or the item ids in index order. Applies each
    instance's ``exclude`` and ``k``.
    """
    ids = catalogue.ids if isinstance(catalogue, Catalogue) else tuple(catalogue)
    index = (
        catalogue.index
        if isinstance(catalogue, Catalogue)
        else {item_id: i for i, item_id in enumerate(ids)}
    )
    if not instances:
        return
    k = max(instance.k for instance in instances)
    exclude = [
        [index[item_id] for item_id in instance.exclude if item_id in index]
        for instance in instances
    ]
    best, values = top_k(scores, exclude=exclude, k=k)
    for instance, row, row_scores in zip(instances, best, values, strict=True):
        yield Ranking(
            instance.instance_id,
            tuple(ids[i] for i in row[: instance.k]),
            tuple(row_scores[: instance.k].tolist()),
        )


def rank_in_blocks(
    instances: Sequence[RankingInstance],
    score: Callable[[Sequence[RankingInstance]], NDArray[np.floating]],
    item_ids: Sequence[str],
) -> Iterator[Ranking]:
    """Rank the whole catalogue for each instance, in order, a bounded block of scores at a time.

    ``score`` maps n instances to scores (n, items) in the order of ``item_ids``; each row may
    depend on its own instance only. Exclusion and ties are :mod:`benchmark.ranking`'s.
    """
    rows = max(1, _BLOCK_SCORES // max(len(item_ids), 1))
    for start in range(0, len(instances), rows):
        block = instances[start : start + rows]
        yield from rankings(block, score(block), item_ids)
