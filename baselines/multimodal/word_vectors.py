"""Vectors of texts from the words of a catalogue alone: latent semantic analysis.

Deerwester et al., "Indexing by Latent Semantic Analysis" (JASIS 1990). What a dataset without
photos has for an encoder of its own, in seconds and without a random number.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import svds

from benchmark.data.queries import words

NAME = "words"
#: Directions kept, of as many as texts and words allow.
_MOST_DIRECTIONS = 128
#: Up to so many texts or words all directions are computed at once and the rest dropped.
_SMALL = 512
#: A word in fewer texts says nothing about another text.
_LEAST_TEXTS = 2


@dataclass(frozen=True)
class WordVectors:
    """Projects what a text says onto the strongest directions of a catalogue's texts.

    ``directions`` (words, e) hold every word's share of a direction, its rarity included;
    ``numbers`` maps words to rows.
    """

    numbers: dict[str, int]
    directions: NDArray[np.float32]
    name: str = NAME

    def sha256(self) -> str:
        """Return the hash over words and directions."""
        told = hashlib.sha256(repr((list(self.numbers), self.directions.shape)).encode())
        told.update(np.ascontiguousarray(self.directions).tobytes())
        return told.hexdigest()

    def texts(self, texts: Sequence[str]) -> NDArray[np.floating]:
        """Encode texts as unit vectors (n, e); one without a known word is the zero vector."""
        rows = np.zeros((len(texts), self.directions.shape[1]), np.float32)
        for row, text in zip(rows, texts, strict=True):  # one by one: the same bits in any company
            counts = sorted(Counter(filter(self.numbers.__contains__, words(text))).items())
            if counts:
                said = self.directions[[self.numbers[word] for word, _ in counts]]
                row[:] = np.array([count for _, count in counts], np.float32) @ said
                row /= max(float(np.linalg.norm(row)), 1e-12)
        return rows


def learned(texts: Sequence[str]) -> WordVectors:
    """Learn the directions of ``texts``: of their matrix of tf * idf with rows of length 1.

    idf = ln((1 + texts) / (1 + texts with the word)) + 1, words in two texts or more.
    """
    said = [Counter(words(text)) for text in texts]
    common = Counter(word for counts in said for word in counts)
    known = sorted(word for word, n in common.items() if n >= _LEAST_TEXTS)
    numbers = {word: number for number, word in enumerate(known)}
    rarity = np.log((1 + len(texts)) / (1 + np.array([common[word] for word in known]))) + 1
    entries = [
        (row, numbers[word], count)
        for row, counts in enumerate(said)
        for word, count in counts.items()
        if word in numbers
    ]
    if not entries:
        return WordVectors({}, np.zeros((0, 1), np.float32))
    row, column, count = (np.array(part) for part in zip(*entries, strict=True))
    matrix = csr_array((count * rarity[column], (row, column)), shape=(len(texts), len(known)))
    lengths = np.sqrt((matrix * matrix).sum(1))
    matrix = diags_array(1 / np.maximum(lengths, 1e-12)) @ matrix
    directions = _strongest(csr_array(matrix))
    return WordVectors(numbers, (rarity[:, None] * directions.T).astype(np.float32))


def _strongest(matrix: csr_array) -> NDArray[np.float64]:
    """The right singular vectors (e, words) of the largest values, the largest first.

    Of each the entry of the largest size is positive.
    """
    if min(matrix.shape) <= _SMALL:
        _, values, right = np.linalg.svd(matrix.toarray(), full_matrices=False)
        kept = values > values[0] * 1e-9
        right = right[kept][:_MOST_DIRECTIONS]
    else:
        start = np.ones(min(matrix.shape))
        _, values, right = svds(matrix, k=_MOST_DIRECTIONS, v0=start)
        right = right[np.argsort(-values)]
    largest = np.abs(right).argmax(1)
    signs = np.sign(right[np.arange(len(right)), largest])
    return np.asarray(right * signs[:, None])
