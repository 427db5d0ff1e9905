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
    """A photo as RGB (3, size, size), fitted into a white square without distortion."""
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
    """RGB (3, h, w) at (3, size, size), the proportions kept as :func:`load_photo` does."""
    if pixels.shape[1:] == (size, size):
        return pixels
    image = Image.fromarray(pixels.transpose(1, 2, 0))
    return as_pixels(ImageOps.pad(image, (size, size), color="white"))


def flattened(image: Image.Image) -> Image.Image:
    """The image in RGB, what is transparent on white."""
    flat = Image.new("RGBA", image.size, "white")
    flat.alpha_composite(image.convert("RGBA"))
    return flat.convert("RGB")


def as_pixels(image: Image.Image) -> NDArray[np.uint8]:
    """An RGB image as an array (3, height, width) of its own."""
    return np.asarray(image, np.uint8).transpose(2, 0, 1).copy()


def normalise(pixels: NDArray[np.uint8], mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """uint8 (n, 3, s, s) -> standardised float32."""
    import torch

    x = torch.from_numpy(pixels).float() / 255.0
    return (x - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)
