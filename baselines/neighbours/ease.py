"""EASE: the best linear item-to-item weights that never let an item speak for itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse
from scipy.linalg import lapack

from baselines.neighbours.ranker import NeighbourRanker, NeighbourSettings
from benchmark.errors import BenchError
from benchmark.host.memory import available_memory, gib
from benchmark.model import TrainingView

#: Bytes for each pair of items at the height of a fit: a number of float64, and one of float32.
_BYTES = 8 + 4


class EASEConfig(NeighbourSettings):
    """Sets how strongly the weights are held back."""

    l2: float = Field(
        250.0,
        gt=0,
        le=1e9,
        allow_inf_nan=False,
        description="weight of the squared norm of the item-to-item weights",
    )


class EASE(NeighbourRanker[EASEConfig]):
    """Fits an embarrassingly shallow autoencoder: argmin |X - X B|^2 + l2 |B|^2 with diag(B) = 0.

    X (users, items) is 1 where a user took an item in training. With P = (X'X + l2 I)^-1 the
    optimum is B_ij = -P_ij / P_jj off the diagonal; a user's scores are the profile times B.
    Steck, "Embarrassingly Shallow Autoencoders for Sparse Data" (WWW 2019); 250 is RecBole's
    default. There every item of the past weighs alike; ``ease:recency`` weighs later ones more.
    B is dense: a catalogue whose matrix does not fit into memory is refused. An item
    of the past gets nothing from itself, so that repeats are not recommended as such.
    """

    Config: ClassVar[type[NeighbourSettings]] = EASEConfig

    def _learn(self, data: TrainingView, taken: sparse.csr_array) -> None:
        check_memory(taken.shape[1])
        self.weights = weights(taken, self.config.l2)

    def _scores(self, profiles: sparse.csr_array) -> NDArray[np.floating]:
        return np.asarray(profiles.astype(np.float32) @ self.weights)

    def _arrays(self) -> Mapping[str, NDArray[Any]]:
        return {"weights": self.weights}

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.weights = arrays["weights"]


def check_memory(items: int, *, available: int | None = None) -> None:
    """Raise :class:`BenchError` where the matrix of ``items`` does not fit into memory."""
    there = available_memory(torch.device("cpu")) if available is None else available
    needed = _BYTES * items**2
    if needed > there:
        raise BenchError(
            f"EASE over {items:,} items takes {gib(needed)}; {gib(there)} are free.",
            fix="Use item-knn, which keeps the nearest neighbours alone, or prepare the dataset "
            "with a higher --set min_interactions.",
        )


def weights(taken: sparse.csr_array, l2: float) -> NDArray[np.float32]:
    """Return B (items, items) in float32, computed in float64 in place."""
    inverse = (taken.T @ taken).toarray(order="F")
    inverse[np.diag_indices_from(inverse)] += l2
    inverse, failed = lapack.dpotrf(inverse, lower=1, clean=0, overwrite_a=1)
    if not failed:
        inverse, failed = lapack.dpotri(inverse, lower=1, overwrite_c=1)
    if failed:
        raise BenchError(
            f"EASE cannot invert its matrix with l2={l2:g}.", fix="Set a larger one: --set l2=1."
        )
    scale = -1 / np.diagonal(inverse).copy()
    solved = np.empty(inverse.shape, np.float32)
    for item in range(len(inverse)):  # the lower triangle holds all: row and column of each item
        solved[item:, item] = inverse[item:, item] * scale[item]
        solved[:item, item] = inverse[item, :item] * scale[item]
        solved[item, item] = 0
    return solved
