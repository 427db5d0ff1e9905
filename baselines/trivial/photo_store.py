"""Catalogue photos a model keeps to answer with: item id -> PNG, in one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from baselines.learning.arrays import load_arrays, save_arrays
from benchmark.data.catalogue import Catalogue
from benchmark.errors import BenchError
from benchmark.instances import ImageGenerationInstance
from benchmark.model import TrainingView
from benchmark.predictions import Image
from benchmark.vision import png
from benchmark.vision.photos import load_photo, resized

#: Side of the photos kept, in pixels: what instances ask for unless they say otherwise.
SIDE = 64

Photos = Mapping[str, NDArray[np.uint8]]


def photographed(data: TrainingView) -> list[int]:
    """Return the numbers of items with a photo; :class:`BenchError` when there is none."""
    shown = [i for i, item in enumerate(data.catalogue) if item.image is not None]
    if not shown:
        raise BenchError(
            f"Dataset {data.name!r} has no photos.",
            fix="Use a dataset with photos: unimp-bench data list.",
        )
    return shown


def read_photos(catalogue: Catalogue, indices: Sequence[int]) -> dict[str, NDArray[np.uint8]]:
    """Read RGB photos (3, SIDE, SIDE) of the items at ``indices``, by item id."""
    items = [catalogue[i] for i in indices]
    return {item.item_id: load_photo(Path(str(item.image)), SIDE) for item in items}


def drawn(instance: ImageGenerationInstance, item_id: str, photos: Photos) -> Image:
    """Return the photo of ``item_id`` as the prediction, at the size asked for."""
    pixels = resized(photos[item_id], instance.size)
    return Image(instance.instance_id, png.encode(pixels), retrieved=(item_id,))


def save_photos(photos: Photos, path: Path) -> None:
    """Write ``photos`` as safetensors."""
    save_arrays(photos, path)


def load_photos(path: Path) -> Photos:
    """Read back what :func:`save_photos` wrote."""
    return load_arrays(path)
