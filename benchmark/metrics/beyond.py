"""Beyond accuracy: what lists of recommendations are like, whatever their targets are.

They describe, and none of them is better high or low by itself: a random ranking covers the most
and a perfect one may cover little. Lists are rows (n, K) of item numbers, padded with -1; a row of
padding alone, a failed prediction, takes no part. Every function returns ``None`` where no list
has what it needs.

Popularity is how many users took an item in the training part; users that are held back from it
are not among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Lists = NDArray[np.integer[Any]]
Floats = NDArray[np.float64]

#: Lists whose vectors are summed at a time.
_BLOCK = 4_096


def coverage(lists: Lists, items: int) -> float | None:
    """Return the share of the ``items`` of a catalogue that at least one list holds.

    (Ge, Delgado-Battenfeld and Jannach, RecSys 2010: catalogue coverage.)
    """
    shown = lists[lists >= 0]
    return len(np.unique(shown)) / items if len(shown) else None


def gini(lists: Lists, items: int) -> float | None:
    """Return the Gini index of how often each of ``items`` is recommended.

    0 where all are equally often, 1 - 1 / ``items`` where one item is in all lists: with the
    frequencies f in ascending order, sum over j of (2 j - n - 1) f_j / (n sum f) (Fleder and
    Hosanagar, Management Science 2009).
    """
    shown = lists[lists >= 0]
    if not len(shown):
        return None
    often = np.sort(np.bincount(shown, minlength=items))
    places = np.arange(1, items + 1)
    return float(((2 * places - items - 1) * often).sum() / (items * often.sum()))


def average_popularity(lists: Lists, popularity: NDArray[np.integer[Any]]) -> float | None:
    """Return ARP: the mean popularity (items,) of a list's items, averaged over lists.

    (Yin et al., PVLDB 2012; "average recommendation popularity".)
    """
    return _mean_over_lists(lists, popularity.astype(np.float64))


def novelty(lists: Lists, popularity: NDArray[np.integer[Any]], users: int) -> float | None:
    """Return the mean self-information of a list's items in bits, averaged over lists.

    -log2((popularity + 1) / (``users`` + 1)): one more user has taken each, so that it is finite
    for items nobody took (Zhou et al., PNAS 2010, without that one).
    """
    return _mean_over_lists(lists, -np.log2((popularity + 1) / (users + 1)))


def diversity(lists: Lists, vectors: Any) -> float | None:
    """Return 1 - the mean cosine of two items of a list, averaged over lists.

    ``vectors`` (items, e), dense or sparse, are of length 1, or 0 for items without one, which
    take no part; so do lists of fewer than two others (Ziegler et al., WWW 2005; the mean over
    pairs instead of their sum).
    """
    from scipy import sparse

    described = np.asarray(abs(vectors).sum(axis=1)).ravel() > 0
    kept = (lists >= 0) & described[lists]
    total, counted = 0.0, 0
    for start in range(0, len(lists), _BLOCK):
        inside, rows = kept[start : start + _BLOCK], lists[start : start + _BLOCK]
        row, column = np.nonzero(inside)
        shape = (len(rows), vectors.shape[0])
        chosen = sparse.csr_array((np.ones(len(row)), (row, rows[row, column])), shape=shape)
        sums = chosen @ vectors  # (b, e): |sum of m unit vectors|^2 = m + 2 x the sum of cosines
        squares = sums.multiply(sums) if sparse.issparse(sums) else sums * sums
        squared = np.asarray(squares.sum(axis=1)).ravel()
        m = inside.sum(axis=1)
        several = m > 1
        pairs = m[several] * (m[several] - 1)
        total += float((1 - (squared[several] - m[several]) / pairs).sum())
        counted += int(several.sum())
    return total / counted if counted else None


def text_vectors(texts: Sequence[Sequence[str]]) -> Any:
    """Return tf-idf rows (n, words) of texts given as words, of length 1: a sparse array.

    Frequencies as they are, idf = ln((1 + n) / (1 + texts with the word)) + 1. A text without
    words is a row of zeros.
    """
    from scipy import sparse

    numbers: dict[str, int] = {}
    columns = [[numbers.setdefault(word, len(numbers)) for word in text] for text in texts]
    flat = np.fromiter((c for of_text in columns for c in of_text), np.int64)
    starts = np.concatenate([[0], np.cumsum([len(of_text) for of_text in columns])])
    shape = (len(texts), max(len(numbers), 1))
    counts = sparse.csr_array((np.ones(len(flat)), flat, starts), shape=shape)
    counts.sum_duplicates()
    of_word = np.bincount(counts.indices, minlength=shape[1])
    counts.data *= np.log((1 + len(texts)) / (1 + of_word))[counts.indices] + 1
    lengths = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).ravel())
    counts.data /= np.repeat(np.where(lengths > 0, lengths, 1.0), np.diff(counts.indptr))
    return counts


def _mean_over_lists(lists: Lists, values: Floats) -> float | None:
    """The mean of ``values`` (items,) over a list's items, averaged over lists that have any."""
    kept = lists >= 0
    counts = kept.sum(axis=1)
    some = counts > 0
    if not some.any():
        return None
    sums = np.where(kept, values[lists], 0.0).sum(axis=1)
    return float((sums[some] / counts[some]).mean())
