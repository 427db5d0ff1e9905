"""Items that the same users take, by cosine: each item and its nearest neighbours."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from baselines.neighbours.ranker import NeighbourRanker, NeighbourSettings, Recency, then_popular
from benchmark.model import TrainingView
from benchmark.rounding import rounded

#: Similarities held at once: at most 96 MB, whatever the catalogue's size.
BLOCK = 1_000_000


class ItemKNNConfig(NeighbourSettings):
    """Sets how similarity is measured, and how many neighbours an item keeps."""

    neighbours: int = Field(100, ge=1, description="most similar items kept for each item")
    shrinkage: float = Field(
        10.0,
        ge=0,
        le=10_000,
        allow_inf_nan=False,
        description="added to the product of norms: rare items' similarities are trusted less",
    )
    recency: Recency = 0.8
    itself: bool | None = Field(
        None,
        description="an item is a neighbour of itself; unset: where the data allows repeats",
    )


class ItemKNN(NeighbourRanker[ItemKNNConfig]):
    """Ranks by nearest neighbours: shrunk cosine between the sets of users who took the items.

    s(i, j) = |U_i and U_j| / (sqrt(|U_i| |U_j|) + shrinkage), kept for the ``neighbours`` most
    similar items j of each i (ties by item index), and a user's score for j is the sum of
    w_i s(i, j) over the items i of the past. Deshpande and Karypis, "Item-based top-N
    recommendation algorithms" (TOIS 2004); the shrunk cosine as in Ferrari Dacrema et al., "Are
    we really making much progress?" (RecSys 2019). 100 neighbours is RecBole's default;
    shrinkage and recency are ours, a middle of what validation prefers on three datasets
    (``docs/simple-baselines.md``). Items with no similarity follow by training counts.
    """

    Config: ClassVar[type[NeighbourSettings]] = ItemKNNConfig

    def _learn(self, data: TrainingView, taken: sparse.csr_array) -> None:
        itself = self.config.itself
        self.similar = similarities(
            taken,
            neighbours=self.config.neighbours,
            shrinkage=self.config.shrinkage,
            itself=data.allow_repeats if itself is None else itself,
        )

    def _scores(self, profiles: sparse.csr_array) -> NDArray[np.floating]:
        return then_popular((profiles @ self.similar).toarray(), self.counts)

    def _arrays(self) -> Mapping[str, NDArray[Any]]:
        kept = self.similar
        return {"similarity": kept.data, "neighbour": kept.indices, "starts": kept.indptr}

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        size = len(self.item_ids)
        parts = (arrays["similarity"], arrays["neighbour"], arrays["starts"])
        self.similar = sparse.csr_array(parts, (size, size))


def similarities(
    taken: sparse.csr_array, *, neighbours: int, shrinkage: float, itself: bool
) -> sparse.csr_array:
    """Return s (items, items): row i holds the ``neighbours`` items most similar to i.

    ``taken`` (users, items) is binary. Memory is bounded: some rows are computed at a time, and
    only pairs of items that share a user are looked at.
    """
    by_item = sparse.csr_array(taken.T)  # (items, users)
    norms = np.sqrt(np.diff(by_item.indptr).astype(float))
    rows, columns, values = [], [], []
    for first, last in _blocks(by_item, taken):
        together = sparse.csr_array(by_item[first:last] @ taken)
        together.sort_indices()  # by item index, which decides between ties
        item = np.arange(first, last).repeat(np.diff(together.indptr))
        other, shared = together.indices, together.data
        if not itself:
            others = other != item
            item, other, shared = item[others], other[others], shared[others]
        cosine = rounded(
            shared / (norms[item] * norms[other] + shrinkage), computed_in=np.float64
        )  # as rankings are, so that equal ones are equal whatever their last bits
        starts = np.searchsorted(item, np.arange(first, last + 1))
        kept = np.concatenate(
            [a + _first_best(cosine[a:b], neighbours) for a, b in itertools.pairwise(starts)]
        )
        rows.append(item[kept])
        columns.append(other[kept])
        values.append(cosine[kept])
    found = (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_array(
        sparse.coo_array((np.concatenate(values), found), (taken.shape[1],) * 2)
    )


def _first_best(values: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Places of the ``most`` highest of ``values`` (n,), of equal ones the first; ascending.

    One row at a time this is many times faster than selecting from a matrix of one row.
    """
    if len(values) <= most:
        return np.arange(len(values))
    least = np.partition(values, len(values) - most)[len(values) - most]
    chosen = values > least
    chosen[np.flatnonzero(values == least)[: most - np.count_nonzero(chosen)]] = True
    return np.flatnonzero(chosen)


def _blocks(by_item: sparse.csr_array, taken: sparse.csr_array) -> Iterator[tuple[int, int]]:
    """Ranges of items whose rows of shared users hold at most ``BLOCK`` numbers together."""
    met = by_item @ np.diff(taken.indptr)  # with repetition: at least as many as there are
    ends = np.cumsum(np.minimum(met, by_item.shape[0]))
    first = 0
    while first < len(ends):
        before = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, before + BLOCK, side="right")))
        yield first, last
        first = last
