"""From image files to the pixels an encoder takes: the one decoder of models and judges."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from benchmark.errors import BenchError
from benchmark.instances import Item

if TYPE_CHECKING:
    from torch import Tensor


def photo_files(items: Iterable[Item]) -> dict[str, Path]:
    """Return the files of the items' distinct photos by photo name, in order."""
    return {item.photo_name: Path(item.image) for item in items if item.photo_name and item.image}


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
    """Convert an image of any mode to RGB of 8 bits, upright.

    What is transparent lies on white, 16-bit levels are scaled to 8 bits, and the orientation
    that EXIF names is applied (EXIF that cannot be read names none).
    """
    image = _eight_bits(_upright(image))
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    flat = Image.new("RGBA", image.size, "white")
    flat.alpha_composite(image.convert("RGBA"))
    return flat.convert("RGB")


def _upright(image: Image.Image) -> Image.Image:
    image.load()  # pixels that cannot be read raise here, not below
    try:
        return ImageOps.exif_transpose(image)
    except (ValueError, TypeError, SyntaxError, OSError, KeyError, struct.error, EOFError):
        return image  # whatever Pillow's reader of EXIF stumbles over


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale the levels 0 to 65,535 of a 16-bit grey image to 0 to 255; others stay.

    Pillow has such images in the modes ``I`` and ``I;16...`` and would clip them at 255; those
    with colours it reads as 8 bits by itself.
    """
    if not image.mode.startswith("I"):
        return image
    levels = np.asarray(image).astype(np.int64)
    grey = Image.fromarray(((levels.clip(0, 65_535) * 255 + 32_767) // 65_535).astype(np.uint8))
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey = grey.convert("LA")
        grey.putalpha(Image.fromarray(np.where(levels == transparent, 0, 255).astype(np.uint8)))
    return grey


def as_pixels(image: Image.Image) -> NDArray[np.uint8]:
    """Copy an RGB image into an array (3, height, width)."""
    return np.asarray(image, np.uint8).transpose(2, 0, 1).copy()


def normalise(pixels: NDArray[np.uint8], mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Standardise uint8 (n, 3, s, s) to float32."""
    import torch

    x = torch.from_numpy(pixels).float() / 255.0
    return (x - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)
