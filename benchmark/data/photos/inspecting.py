"""Tell photos from what arrives in their place: web pages, placeholders, halves of pictures."""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from benchmark.vision.photos import as_pixels, flattened

#: Pillow's format names -> file extensions; other formats count as unreadable. A JPEG that holds
#: more pictures behind the first (a camera's preview, a depth map) is ``MPO`` there.
EXTENSIONS = {
    "JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp",
}  # fmt: skip
#: What a file can be.
GOOD, PLACEHOLDER, WRONG_TYPE, BROKEN, BLANK, TOO_LARGE = (
    "good", "placeholder", "wrong type", "broken", "blank", "too large",
)  # fmt: skip
_MOST_PIXELS = 50_000_000
#: A picture with a side of at most so many pixels counts visits or fills a gap.
_TINY = 3
#: Levels by which pixels of one colour may differ: JPEG is not exact.
_SAME = 4
#: What decoders put where the data of a picture ends early.
_FILLER = 128
_LEAST_FILLED = 1 / 16


class Inspected(NamedTuple):
    """Holds what a file is: its kind, the reason unless it is good, else its extension."""

    kind: str
    why: str | None = None
    extension: str | None = None


def inspect(content: bytes) -> Inspected:
    """Judge the bytes of a file that should be a photo; never raises.

    A photo that is good has a format of :data:`EXTENSIONS`, can be decoded to its end, has more
    than one colour, and no lower part in the grey of a picture that was cut off.
    """
    if not content:
        return Inspected(BROKEN, "an empty file")
    start = content[:512].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<svg", b"{")):
        return Inspected(WRONG_TYPE, "text, not a picture")
    try:
        with Image.open(io.BytesIO(content)) as image:
            kind, size = image.format, image.size
            if kind not in EXTENSIONS:
                return Inspected(WRONG_TYPE, f"{kind} is not a supported format")
            if size[0] * size[1] > _MOST_PIXELS:
                return Inspected(TOO_LARGE, f"{size[0]} x {size[1]} pixels")
            pixels = as_pixels(flattened(image))
    except UnidentifiedImageError:
        return Inspected(WRONG_TYPE, "no picture that Pillow knows")
    except Image.DecompressionBombError:
        return Inspected(TOO_LARGE, "more pixels than Pillow opens")
    except Exception as error:  # Pillow's decoders raise anything on broken bytes
        return Inspected(BROKEN, f"cannot be decoded ({type(error).__name__})")
    return _seen(pixels, EXTENSIONS[kind])


def _seen(pixels: NDArray[np.uint8], extension: str) -> Inspected:
    """Judge pixels (3, height, width)."""
    if min(pixels.shape[1:]) <= _TINY:
        return Inspected(PLACEHOLDER, f"{pixels.shape[2]} x {pixels.shape[1]} pixels")
    if np.ptp(pixels, axis=(1, 2)).max() <= _SAME:
        return Inspected(BLANK, "one colour throughout")
    off = np.abs(pixels.astype(np.int16) - _FILLER).max(axis=(0, 2)) > _SAME // 2
    filled = len(off) - (np.flatnonzero(off)[-1] + 1)  # rows at the bottom
    if filled >= _LEAST_FILLED * len(off):
        return Inspected(BROKEN, f"cut off: the lower {filled / len(off):.0%} is grey")
    return Inspected(GOOD, extension=extension)
