"""Histories as rows of numbers: the latest items, padded with zero.

Item number i of the catalogue is token i + 1 everywhere, token 0 is padding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmark.instances import History


def windows(
    tokens: NDArray[np.int64],
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    width: int,
    *,
    right: bool = False,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows (n, width) of ``tokens[begin:end]`` and their lengths (n,).

    ``begin`` and ``end`` (n,) index ``tokens``; a row holds the latest ``width`` of what lies
    between. Padding stands behind the items, or before them with ``right``.
    """
    length = np.minimum(end - begin, width)
    column = np.arange(width)
    place = (
        column - (width - length[:, None])
        if right
        else np.broadcast_to(column, (len(begin), width))
    )  # (n, width): the how-manieth item of the row stands here
    real = (place >= 0) & (place < length[:, None])
    source = np.where(real, (end - length)[:, None] + place, 0)
    taken = tokens[source] if len(tokens) else np.zeros_like(source)
    return np.where(real, taken, 0), length


def known_items(history: History, index: Mapping[str, int]) -> list[int]:
    """Return the catalogue numbers of a history's items, oldest first.

    Items that ``index`` does not know are left out.
    """
    return [index[item.item_id] for item in history.items if item.item_id in index]


def history_windows(
    histories: Sequence[History], index: Mapping[str, int], width: int, *, right: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return :func:`windows` over the known items of ``histories`` (n,)."""
    known = [known_items(history, index) for history in histories]
    ends = np.cumsum([len(row) for row in known], dtype=np.int64)
    begins = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    flat = np.array([item + 1 for row in known for item in row], dtype=np.int64)
    return windows(flat, begins, ends, width, right=right)
