"""What may be written: sequences of pieces as a trie, and for one instance a part of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


class Trie:
    """Stores sequences of pieces, none of which begins another, as a tree in arrays.

    Node 0 is the root; the children of node v are the nodes ``begin[v]`` to ``begin[v + 1] - 1``,
    by ascending piece. ``entry`` (nodes,) is the place of the sequence that ends at a node, or -1;
    ``below`` (nodes,) counts the sequences through it. Raises :class:`ValueError` where a sequence
    begins another one or there is none.
    """

    def __init__(self, sequences: Sequence[Sequence[int]]) -> None:
        if not sequences:
            raise ValueError("a trie needs a sequence")
        length = np.array([len(sequence) for sequence in sequences])
        table = np.full((len(sequences), int(length.max())), -1, np.int64)
        for row, sequence in zip(table, sequences, strict=True):
            row[: len(sequence)] = sequence
        order = np.lexsort(table.T[::-1])
        self._build(table[order], order)
        if (self.below[self.leaf] != 1).any():
            raise ValueError("a sequence begins another one")

    def _build(self, table: NDArray[np.int64], order: NDArray[np.int64]) -> None:
        """Number the nodes level by level; rows of ``table`` (n, width) are sorted."""
        differs = np.ones(table.shape, bool)  # from the row before, up to this column
        differs[1:] = np.logical_or.accumulate(table[1:] != table[:-1], axis=1)
        pieces, parents, below = [np.array([-1])], [np.array([-1])], [np.array([len(table)])]
        at = np.zeros(len(table), np.int64)  # the node that each row has come to
        count = 1
        for column in range(table.shape[1]):
            real = table[:, column] >= 0
            new = real & differs[:, column]
            here = count + np.cumsum(new) - 1
            pieces.append(table[new, column])
            parents.append(at[new])
            below.append(np.bincount(here[real] - count, minlength=int(new.sum())))
            at = np.where(real, here, at)
            count += int(new.sum())
        self.piece: NDArray[np.int64] = np.concatenate(pieces)
        self.parent: NDArray[np.int64] = np.concatenate(parents)
        self.below: NDArray[np.int64] = np.concatenate(below)
        self.begin: NDArray[np.int64] = np.searchsorted(self.parent, np.arange(count + 1))
        self.entry = np.full(count, -1, np.int64)
        self.entry[at] = order
        self.leaf = np.empty(len(table), np.int64)
        self.leaf[order] = at

    @property
    def stem(self) -> list[int]:
        """Return the nodes below the root that every sequence goes through, a leaf left out."""
        nodes = [0]
        while self.begin[nodes[-1] + 1] - self.begin[nodes[-1]] == 1:
            child = int(self.begin[nodes[-1]])
            if self.entry[child] >= 0:
                break
            nodes.append(child)
        return nodes[1:]

    def children(self, node: int) -> NDArray[np.int64]:
        """Return the nodes below ``node``."""
        return np.arange(self.begin[node], self.begin[node + 1])


class Gate:
    """Bounds which sequences of a trie may be written for one instance.

    ``entries`` are the places of those that may not be or, with ``only``, of those that may.
    """

    def __init__(self, trie: Trie, entries: Iterable[int] = (), *, only: bool = False) -> None:
        self._trie, self._only = trie, only
        self._through: dict[int, int] = {}  # how many of ``entries`` go through a node
        distinct = set(entries)
        for entry in distinct:
            node = int(trie.leaf[entry])
            while node > 0:
                self._through[node] = self._through.get(node, 0) + 1
                node = int(trie.parent[node])
        self.available = len(distinct) if only else len(trie.leaf) - len(distinct)
        """How many sequences may be written."""

    def open(self, nodes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return those of ``nodes`` (n,) through which a sequence goes that may be written."""
        if not self._only and not self._through:
            return nodes
        through = np.array([self._through.get(node, 0) for node in nodes.tolist()], np.int64)
        return nodes[through > 0 if self._only else through < self._trie.below[nodes]]
