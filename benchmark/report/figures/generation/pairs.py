"""Chooses the pairs of users a figure shows, by a rule that never looks at a prediction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

#: Pairs on a page.
MOST_PAIRS = 6
#: Users of a query who are considered: the first so many, which bounds the photos to read.
MOST_USERS = 100

#: The rule, for whoever looks at the figure.
RULE = (
    f"Rows: of all queries that two users asked who took different items, at most {MOST_PAIRS}, "
    "evenly spaced in alphabetical order; of each, the two users whose true items differ most, "
    f"pixel by pixel (of its first {MOST_USERS} users). The answers play no part in the choice."
)


def choose_pairs(
    queries: Sequence[str],
    users: Sequence[str],
    targets: Sequence[str],
    look: Callable[[str], NDArray[np.uint8]],
) -> list[tuple[int, int]]:
    """Choose two instances per query by :data:`RULE`; return their positions, queries sorted.

    ``queries``, ``users`` and target item ids run parallel; ``look`` gives an item's pixels, of
    one shape for all. A user's first instance of a query counts, and of several users who took
    the same item the first; of equal distances, the pair that comes first.
    """
    takers = {
        query: first
        for query, rows in _rows_by_query(queries, users).items()
        if len(first := _first_takers(rows, targets)) > 1
    }
    chosen = _evenly_spaced(sorted(takers))
    return [_most_unlike(takers[query], look) for query in chosen]


def _rows_by_query(queries: Sequence[str], users: Sequence[str]) -> dict[str, list[int]]:
    by_query: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row, (query, user) in enumerate(zip(queries, users, strict=True)):
        rows = by_query[query]
        if len(rows) < MOST_USERS:
            rows.setdefault(user, row)
    return {query: list(rows.values()) for query, rows in by_query.items()}


def _first_takers(rows: Sequence[int], targets: Sequence[str]) -> dict[str, int]:
    """Target item -> the first of ``rows`` that has it."""
    first: dict[str, int] = {}
    for row in rows:
        first.setdefault(targets[row], row)
    return first


def _evenly_spaced(names: Sequence[str]) -> list[str]:
    if len(names) <= MOST_PAIRS:
        return list(names)
    return [names[i * (len(names) - 1) // (MOST_PAIRS - 1)] for i in range(MOST_PAIRS)]


def _most_unlike(
    takers: dict[str, int], look: Callable[[str], NDArray[np.uint8]]
) -> tuple[int, int]:
    pixels = np.stack([look(item).ravel() for item in takers]).astype(np.float64)  # (m, p)
    products = pixels @ pixels.T  # of whole numbers below 2^53: exact, whatever adds them up
    squares = products.diagonal()
    distances = squares[:, None] + squares[None, :] - 2 * products  # (m, m)
    distances[np.tril_indices(len(takers))] = -1  # each pair once, the earlier user first
    one, other = divmod(int(distances.argmax()), len(takers))
    rows = list(takers.values())
    return rows[one], rows[other]
