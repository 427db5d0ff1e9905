"""Rank a catalogue by scores: exclusion, ties and bounded blocks are decided here alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmark.data.catalogue import Catalogue
from benchmark.data.instances.lazily import FrozenInstances
from benchmark.instances import RecommendationInstance, SearchInstance
from benchmark.predictions import Ranking
from benchmark.topk import require_enough
from benchmark.topk import top_k as top_k

RankingInstance = RecommendationInstance | SearchInstance
Ints = NDArray[np.int64]
Key = TypeVar("Key", bound=Hashable)

#: Scores held at once: 64 MB of float64, whatever the catalogue's size.
_BLOCK_SCORES = 8_000_000
#: The fewest best items that are kept of a key's scores.
_FEWEST = 64


@dataclass(frozen=True)
class Rankings:
    """Holds the rankings of several instances as columns; iterating yields each as an object.

    ``items`` (n, most) are indices into ``item_ids``, best first, with ``scores`` (n, most); of
    row i the first ``lengths[i]`` count.
    """

    ids: Sequence[str]
    lengths: Ints
    items: Ints
    scores: NDArray[np.float64]
    item_ids: Sequence[str]

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Ranking]:
        item_ids = self.item_ids
        rows = zip(self.ids, self.lengths.tolist(), self.items, self.scores, strict=True)
        for instance_id, length, row, scores in rows:
            yield Ranking(
                instance_id,
                tuple(item_ids[i] for i in row[:length].tolist()),
                tuple(scores[:length].tolist()),
            )


def rankings(
    instances: Sequence[RankingInstance],
    scores: NDArray[np.floating],
    catalogue: Catalogue | Sequence[str],
) -> Rankings:
    """Return one ranking per instance from ``scores`` (n, items) in catalogue order.

    ``catalogue`` is a :class:`Catalogue` or the item ids in index order. Applies each
    instance's ``exclude`` and ``k``. ``scores`` has exactly these columns, which is not checked.
    """
    item_ids = catalogue.ids if isinstance(catalogue, Catalogue) else tuple(catalogue)
    return rank_in_blocks(instances, lambda block: scores, item_ids, rows=max(len(instances), 1))


def rank_in_blocks(
    instances: Sequence[RankingInstance],
    score: Callable[[Sequence[RankingInstance]], NDArray[np.floating]],
    item_ids: Sequence[str],
    *,
    rows: int | None = None,
) -> Rankings:
    """Rank the whole catalogue for each instance, in order, a bounded block of scores at a time.

    ``score`` maps n instances to scores (n, items) in the order of ``item_ids``; each row may
    depend on its own instance only. ``rows`` instances make a block, by default as many as fit.
    """
    asked = _Asked.of(instances, item_ids)
    rows = rows or max(1, _BLOCK_SCORES // max(len(item_ids), 1))
    items = np.zeros((len(instances), asked.most), np.int64)
    best = np.zeros((len(instances), asked.most))
    for start in range(0, len(instances), rows):
        here = slice(start, start + rows)
        found = top_k(score(instances[here]), exclude=asked.barred_in(here), k=asked.most)
        items[here], best[here] = found
    return Rankings(asked.ids, asked.k, items, best, item_ids)


class KeyedRanker(Generic[Key]):
    """Ranks for instances whose scores follow from a key (a query, or nothing at all).

    Each key is scored and its best items selected once, and kept; an instance answers with the
    first of them that it does not exclude, as if its own scores had been selected from.
    ``score(key, most)`` returns scores (items,), of which only the ``most`` best need be right:
    any other may be 0. ``most`` is a power of two that an instance's own k and exclusions decide.
    """

    def __init__(
        self, item_ids: Sequence[str], score: Callable[[Key, int], NDArray[np.floating]]
    ) -> None:
        self.item_ids = item_ids
        self._score = score
        self._best: dict[tuple[Key, int], tuple[Ints, NDArray[np.float64]]] = {}

    def rank(self, instances: Sequence[RankingInstance], keys: Sequence[Key]) -> Rankings:
        """Return one ranking per instance, whose scores are those of its key in ``keys``."""
        asked = _Asked.of(instances, self.item_ids)
        catalogue = len(self.item_ids)
        for k in np.unique(asked.k).tolist():
            require_enough(k, catalogue - int(asked.barred[asked.k == k].max()))
        items = np.zeros((len(instances), asked.most), np.int64)
        best = np.zeros((len(instances), asked.most))
        wanted = np.maximum(asked.k + asked.barred, _FEWEST)
        size = 1 << np.ceil(np.log2(wanted)).astype(np.int64)
        for most, k in np.unique(np.stack([size, asked.k], axis=1), axis=0).tolist():
            rows = np.flatnonzero((size == most) & (asked.k == k))
            kept = [self._of(keys[row], most) for row in rows.tolist()]
            order = np.stack([columns for columns, _ in kept])  # (rows, most)
            free = ~asked.excludes(rows, order)
            free &= np.cumsum(free, axis=1) <= k
            items[rows, :k] = order[free].reshape(-1, k)
            best[rows, :k] = np.stack([scores for _, scores in kept])[free].reshape(-1, k)
        return Rankings(asked.ids, asked.k, items, best, self.item_ids)

    def _of(self, key: Key, most: int) -> tuple[Ints, NDArray[np.float64]]:
        """The ``most`` best items of a key, or all, and their scores."""
        if (key, most) not in self._best:
            scores = self._score(key, most)[None]
            columns, values = top_k(scores, k=min(most, scores.shape[1]))
            self._best[key, most] = columns[0], values[0]
        return self._best[key, most]


def queries(instances: Sequence[RankingInstance]) -> list[str | None]:
    """Return what each instance asks for, ``None`` where it has no query."""
    if isinstance(instances, FrozenInstances):
        return instances.queries
    return [each.query if isinstance(each, SearchInstance) else None for each in instances]


@dataclass(frozen=True)
class _Asked:
    """What instances ask for, in columns: ids, k and, by row, the columns that are excluded."""

    ids: Sequence[str]
    k: Ints
    excluded: Ints
    """Row after row."""
    starts: Ints
    """(n + 1,): those of row i are ``excluded[starts[i]:starts[i + 1]]``."""
    items: int

    @classmethod
    def of(cls, instances: Sequence[RankingInstance], item_ids: Sequence[str]) -> _Asked:
        if isinstance(instances, FrozenInstances) and instances.catalogue.is_in_order(item_ids):
            excluded, starts = instances.excluded
            k = np.full(len(instances), instances.k)
            return cls(instances.ids, k, excluded, starts, len(item_ids))
        index = {item_id: i for i, item_id in enumerate(item_ids)}
        rows = [[index[i] for i in each.exclude if i in index] for each in instances]
        return cls(
            [each.instance_id for each in instances],
            np.array([each.k for each in instances], np.int64),
            np.array([column for row in rows for column in row], np.int64),
            np.cumsum([0, *map(len, rows)]),
            len(item_ids),
        )

    @property
    def most(self) -> int:
        """Return the largest k; 0 without instances."""
        return int(self.k.max(initial=0))

    @property
    def barred(self) -> Ints:
        """Return the most items each instance can exclude (n,): one given twice counts twice."""
        return np.diff(self.starts)

    def barred_in(self, rows: slice) -> list[Ints]:
        """Return the excluded columns of each of ``rows``."""
        ends = self.starts[rows.start : rows.stop + 1].tolist()
        return [self.excluded[a:b] for a, b in itertools.pairwise(ends)]

    def excludes(self, rows: Ints, columns: Ints) -> NDArray[np.bool_]:
        """Return whether instance ``rows[i]`` excludes each of ``columns[i]``; (rows, m)."""
        if not len(self.excluded):
            return np.zeros(columns.shape, bool)
        of_row = np.repeat(np.arange(len(self.k)), self.barred)
        codes = np.sort(of_row * self.items + self.excluded)
        wanted = rows[:, None] * self.items + columns
        at = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
        return np.asarray(codes[at] == wanted)
