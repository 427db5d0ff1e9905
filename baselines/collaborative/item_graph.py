"""Which items are taken by the same users: UltraGCN's item-item graph, its strongest edges."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

#: Edges of the whole graph held at once by default.
EDGES = 2**22


def item_graph(
    user: NDArray[np.int64],
    item: NDArray[np.int64],
    *,
    items: int,
    most: int,
    edges: int = EDGES,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return every item's ``most`` strongest neighbours (items, most) and their weights.

    ``user`` and ``item`` (pairs,) are distinct pairs as numbers from 0. With G the numbers of
    users that two items share (its diagonal an item's own users) and g the sums of its rows,
    S_ik = sqrt(g_i + 1) / g_i * G_ik / sqrt(g_k + 1). Equal weights are ordered by item number,
    so that a graph has one answer. An item with fewer neighbours has itself with weight 0 in the
    places left over.

    Only rows with about ``edges`` entries of G exist at a time: memory grows with ``items`` times
    ``most`` and with the pairs, not with the square of ``items``.
    """
    taken = csr_array((np.ones(len(user), np.int64), (user, item)), shape=(user.max() + 1, items))
    by_item = taken.T.tocsr()
    total = by_item @ taken.sum(1)  # (items,) g
    neighbours = np.repeat(np.arange(items)[:, None], most, axis=1)
    weights = np.zeros((items, most), np.float32)
    for start, end in _blocks(np.minimum(total, items), edges):
        shared = (by_item[start:end] @ taken).tocoo()
        row, column = shared.coords
        # The square of a weight but for the row's own factor: a quotient of whole numbers, which
        # is the same float wherever it is the same number. So ties are ties on every machine.
        square = shared.data.astype(np.float64) ** 2 / (total[column] + 1)
        order = np.lexsort((column, -square, row))
        row, column, square = row[order], column[order], square[order]
        place = np.arange(len(row)) - np.searchsorted(row, row)  # among its row's edges
        kept = place < most
        row, column, square, place = row[kept] + start, column[kept], square[kept], place[kept]
        neighbours[row, place] = column
        weights[row, place] = np.sqrt(total[row] + 1) / total[row] * np.sqrt(square)
    return neighbours, weights


def _blocks(of_row: NDArray[np.int64], edges: int) -> Iterator[tuple[int, int]]:
    """Ranges of rows that together have at most ``edges`` entries, or a single row."""
    up_to = np.concatenate([[0], np.cumsum(of_row)])
    start = 0
    while start < len(of_row):
        end = int(np.searchsorted(up_to, up_to[start] + edges, side="right")) - 1
        end = max(end, start + 1)
        yield start, end
        start = end
