"""Features of photos as tables: of each photo one vector a patch, and one of the whole.

Tables of several encoders are joined side by side, each part scaled so that all tell photos apart
by as much.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

_LEAST = 1e-6
#: Rows averaged at once.
_BLOCK = 4096


class PhotoTable(NamedTuple):
    """Holds the features of n photos, float16."""

    patches: NDArray[np.float16]
    """(n, P, f), one of each patch; P is a square number."""
    photo_vectors: NDArray[np.float16]
    """(n, e), one of each whole photo."""


class Scale(NamedTuple):
    """Scales one encoder's features, by division, where they are joined with another's."""

    patches: float
    """Root mean square of a patch feature."""
    photo_vectors: float
    """Root mean square distance of unit vectors from their mean."""


def pool_to_grid(tokens: Tensor, grid: int) -> Tensor:
    """Average patch tokens (n, p, f), p a square number, to (n, grid^2, f)."""
    side = math.isqrt(len(tokens[0]))
    if grid >= side:
        return tokens
    planes = torch.unflatten(tokens.transpose(1, 2), -1, (side, side))  # (n, f, side, side)
    return functional.adaptive_avg_pool2d(planes, grid).flatten(2).transpose(1, 2)


def unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """Scale vectors (n, e) to length 1; zero stays zero."""
    plain = vectors.astype(np.float32)
    lengths = np.linalg.norm(plain, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = plain / np.maximum(lengths, _LEAST)
    return scaled


def scale_of(table: PhotoTable) -> Scale:
    """Measure the scale of a catalogue's table."""
    n = max(len(table.photo_vectors), 1)
    square, total = 0.0, np.zeros(table.photo_vectors.shape[1])
    for start in range(0, len(table.photo_vectors), _BLOCK):
        patches = table.patches[start : start + _BLOCK].astype(np.float32)
        square += float(np.square(patches).mean(axis=(1, 2), dtype=np.float64).sum())
        total += unit(table.photo_vectors[start : start + _BLOCK]).sum(axis=0, dtype=np.float64)
    spread = 1 - float(np.square(total / n).sum())  # of unit vectors
    return Scale(
        max(math.sqrt(square / n), _LEAST),
        max(math.sqrt(max(spread, 0.0)), _LEAST),
    )


def join(tables: Sequence[PhotoTable], scales: Sequence[Scale]) -> PhotoTable:
    """Put the features of several encoders of the same n photos side by side.

    Patches are pooled to the smallest grid among them. A joined vector has length 1, and the
    distance of each part from its mean counts as much as any other's.
    """
    side = min(math.isqrt(table.patches.shape[1]) for table in tables)
    patches = [
        pool_to_grid(torch.from_numpy(table.patches.astype(np.float32)), side).numpy()
        / scale.patches
        for table, scale in zip(tables, scales, strict=True)
    ]
    vectors = join_vectors(
        [table.photo_vectors for table in tables], [scale.photo_vectors for scale in scales]
    )
    return PhotoTable(
        np.concatenate(patches, axis=2).astype(np.float16), vectors.astype(np.float16)
    )


def join_vectors(parts: Sequence[NDArray[Any]], spreads: Sequence[float]) -> NDArray[np.float32]:
    """Join vectors (n, e_i) of the same photos to unit vectors (n, sum of e_i).

    Each part, at length 1, is divided by its spread, so that around their means all parts have
    the same mean square length.
    """
    length = math.sqrt(sum(spread**-2 for spread in spreads))
    scaled = [unit(part) / (spread * length) for part, spread in zip(parts, spreads, strict=True)]
    return np.concatenate(scaled, axis=1)
