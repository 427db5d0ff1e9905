"""One vector per photo: what the frozen encoder says of the whole, and of each place on it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from benchmark.vision.photo_table import PhotoTable

#: Photos, at most, that the directions are found on: bounds a square matrix.
_FITTED_ON = 2_000


class PhotoSpace(torch.nn.Module):
    """Maps encoder features to ``dims`` dimensions in which like photos lie close.

    The encoder's vector of a photo tells colours and textures; outlines are lost in it, and stand
    in the patch features, place by place. Both are centred on the mean photo and scaled to the
    same mean square length, joined, and projected on their ``dims`` principal directions. The
    spread along these is kept: a contrastive encoder puts what it has learned to tell apart into
    few directions, and evening them out would blow up the rest.
    """

    mean: torch.Tensor
    directions: torch.Tensor

    def __init__(self, features: int, dims: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("directions", torch.zeros(features, dims))

    @classmethod
    def of(cls, table: PhotoTable, dims: int) -> PhotoSpace:
        """Find the space of the photos in ``table``; of ``dims`` or as many as they span."""
        step = -(-len(table.patches) // _FITTED_ON)
        whole, places = (x.astype(np.float64) for x in _joined(table, slice(None, None, step)))
        mean = [part.mean(0) for part in (whole, places)]
        centred = [part - m for part, m in zip((whole, places), mean, strict=True)]
        scale = [1 / max(float((x**2).sum(1).mean()) ** 0.5, 1e-6) for x in centred]
        joined = np.concatenate([x * s for x, s in zip(centred, scale, strict=True)], axis=1)
        dims = min(dims, *joined.shape)
        squares, vectors = np.linalg.eigh(joined @ joined.T)  # of photos: fewer than features
        squares, vectors = squares[::-1][:dims].clip(0), vectors[:, ::-1][:, :dims]
        directions = joined.T @ vectors / np.sqrt(squares).clip(1e-6)  # (features, dims)
        largest = np.abs(directions).argmax(0)  # a direction's sign is arbitrary: make it one
        directions = directions * np.sign(directions[largest, np.arange(dims)])
        length = max(float(squares.sum() / len(joined)) ** 0.5, 1e-6)  # root mean square
        weights = np.concatenate(
            [np.full(len(m), s / length) for m, s in zip(mean, scale, strict=True)]
        )
        space = cls(len(directions), dims)
        space.mean.copy_(torch.from_numpy(np.concatenate(mean)))
        space.directions.copy_(torch.from_numpy(directions * weights[:, None]))
        return space

    def forward(self, table: PhotoTable) -> torch.Tensor:
        """Return vectors (n, dims) of n photos, of about unit length; each for itself."""
        found = torch.empty(len(table.patches), self.directions.shape[1])
        for i in range(len(found)):  # one by one: a product's last bits depend on its rows
            whole, places = _joined(table, slice(i, i + 1))
            one = torch.from_numpy(np.concatenate([whole, places], axis=1))
            found[i] = ((one - self.mean.cpu()) @ self.directions.cpu())[0]
        return found


def _joined(table: PhotoTable, rows: slice) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Vectors of whole photos, of unit length, and their patch features, flat."""
    whole = table.photo_vectors[rows].astype(np.float32)
    whole = whole / np.linalg.norm(whole, axis=1, keepdims=True).clip(1e-6)
    return whole, table.patches[rows].astype(np.float32).reshape(len(whole), -1)
