"""From image files to the pixels an encoder takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from benchmark.errors import BenchError

if TYPE_CHECKING:
    from torch import Tensor


def load_photo(path: Path, size: int) -> NDArray[np.uint8]:
    """Read a photo as RGB (3, size, size), fitted into a white square, undistorted."""
    try:
        with Image.open(path) as image:
            flat = flattened(image)
    except (OSError, UnidentifiedImageError) as error:
        raise BenchError(
            f"Photo {str(path)!r} cannot be read: {error}.",
            fix="Check the dataset: unimp-bench data verify NAME.",
        ) from error
    return as_pixels(ImageOps.pad(flat, (size, size), color="white"))


def resized(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resize RGB (3, h, w) to (3, size, size), proportions kept as by :func:`load_photo`."""
    if pixels.shape[1:] == (size, size):
        return pixels
    image = Image.fromarray(pixels.transpose(1, 2, 0))
    return as_pixels(ImageOps.pad(image, (size, size), color="white"))


def flattened(image: Image.Image) -> Image.Image:
    """Convert an image to RGB, what is transparent on white."""
    flat = Image.new("RGBA", image.size, "white")
    flat.alpha_composite(image.convert("RGBA"))
    return flat.convert("RGB")


def as_pixels(image: Image.Image) -> NDArray[np.uint8]:
    """Copy an RGB image into an array (3, height, width)."""
    return np.asarray(image, np.uint8).transpose(2, 0, 1).copy()


def normalise(pixels: NDArray[np.uint8], mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Standardise uint8 (n, 3, s, s) to float32."""
    import torch

    x = torch.from_numpy(pixels).float() / 255.0
    return (x - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)
