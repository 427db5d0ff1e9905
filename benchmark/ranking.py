"""Rank a catalogue by scores: exclusion, ties and bounded blocks are decided here alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmark.data.catalogue import Catalogue
from benchmark.data.schema import DEFAULT_K
from benchmark.errors import BenchError
from benchmark.instances import RecommendationInstance, SearchInstance
from benchmark.predictions import Ranking
from benchmark.rounding import kept_bits, rounded

RankingInstance = RecommendationInstance | SearchInstance

#: Scores held at once: 64 MB of float64, whatever the catalogue's size.
_BLOCK_SCORES = 8_000_000


def top_k(
    scores: NDArray[np.floating],
    *,
    exclude: Sequence[NDArray[np.integer] | Sequence[int]] | None = None,
    k: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Select the ``k`` best columns of each row of ``scores`` (n, items), best first.

    ``exclude[row]`` lists column indices that may not appear. Scores are compared after
    :func:`benchmark.rounding.rounded`, by the precision of ``scores``' own type; equal ones are
    ordered by column index. Returns indices (n, k) and the rounded scores (n, k), which never
    increase along a row. Raises :class:`BenchError` when a score is NaN or fewer than ``k``
    columns remain in a row.
    """
    computed_in = np.asarray(scores).dtype
    values = np.array(scores, dtype=np.float64, copy=True)  # (n, items)
    if np.isnan(values).any():
        raise BenchError("A model scored an item with NaN.", fix="Check its training for overflow.")
    barred = np.zeros(len(values), dtype=np.int64)
    if exclude is not None:
        for row, columns in enumerate(exclude):
            index = np.unique(np.asarray(columns, dtype=np.int64))
            values[row, index] = -np.inf
            barred[row] = len(index)
    if len(values) and values.shape[1] - barred.max(initial=0) < k:
        raise BenchError(
            f"A ranking of {k} items was asked where only "
            f"{values.shape[1] - barred.max()} items may be answered.",
            fix="Use a dataset with a larger catalogue"
            + (f", or prepare it with --set k={DEFAULT_K}." if k > DEFAULT_K else "."),
        )
    if k < values.shape[1]:
        # All columns that tie with the k-th best must stay in play for the tie rule to hold.
        threshold = _just_below(np.partition(values, -k, axis=1)[:, -k], kept_bits(computed_in))
    else:
        threshold = np.full(len(values), -np.inf)
    indices = np.empty((len(values), k), dtype=np.int64)
    best = np.empty((len(values), k), dtype=np.float64)
    for row, least in enumerate(threshold):
        candidates = np.flatnonzero(values[row] >= least)  # ascending index
        compared = rounded(values[row, candidates], computed_in=computed_in)
        order = np.argsort(-compared, kind="stable")[:k]
        indices[row], best[row] = candidates[order], compared[order]
    return indices, best


def _just_below(values: NDArray[np.float64], bits: int) -> NDArray[np.float64]:
    """Lower than all that equals ``values`` in ``bits`` significant bits, by two steps at most."""
    margin = np.ldexp(np.abs(values), 1 - bits)
    return np.subtract(values, margin, out=values.copy(), where=np.isfinite(values))


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
