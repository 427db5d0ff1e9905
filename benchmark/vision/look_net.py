"""A small network that puts photos of equal looks at equal places: the judge of simulated drawings.

Five convolutions, 0.5 MB of weights. What it was trained on is the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from benchmark.host.threads import processor_threads
from benchmark.vision.photos import normalise, resized

#: Pixels of a side, and their statistics.
SIZE = 48
MEAN, STD = (0.5,) * 3, (0.25,) * 3
#: Length of a vector.
WIDTH = 64
#: Channels and stride of each convolution: 48 pixels become 6 places.
_LAYERS = ((16, 2), (32, 2), (48, 1), (64, 2), (64, 1))
#: Places a side that are left of a photo.
_PLACES = 3
#: Images encoded at once, always as many: one shape, the same bits.
_CHUNK = 64


class LookNet(nn.Module):
    """Encodes standardised photos (n, 3, SIZE, SIZE) as unit vectors (n, WIDTH)."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for wider, stride in _LAYERS:
            layers += [
                nn.Conv2d(channels, wider, 3, stride, padding=1, bias=False),
                nn.BatchNorm2d(wider),
                nn.ReLU(),
            ]
            channels = wider
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(_PLACES), nn.Flatten())
        self.head = nn.Linear(channels * _PLACES**2, WIDTH)

    def forward(self, photos: Tensor) -> Tensor:
        """Return the vectors, at length 1."""
        vectors: Tensor = functional.normalize(self.head(self.layers(photos)), dim=1)
        return vectors


def encode(network: LookNet, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Encode RGB images (3, h, w) of any size as unit vectors (n, WIDTH), on one thread."""
    parts: list[NDArray[Any]] = [np.zeros((0, WIDTH))]
    with processor_threads(1), torch.inference_mode():
        for start in range(0, len(images), _CHUNK):
            some = [resized(image, SIZE) for image in images[start : start + _CHUNK]]
            full = some + [some[-1]] * (_CHUNK - len(some))
            vectors = network(normalise(np.stack(full), MEAN, STD))
            parts.append(vectors[: len(some)].double().numpy())
    return np.concatenate(parts)
