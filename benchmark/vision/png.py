"""PNG bytes from outside: judged by their header first, decoded only when that is harmless.

A few kilobytes of PNG can ask for gigabytes of pixels, so the size a file announces is compared
with the size asked for before any decoder sees it, and once more after the decoder has read the
announcement itself (a file may hold several).
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Signature, and a whole IHDR chunk: length, type, 13 bytes of content, checksum.
_HEADER = len(SIGNATURE) + 25
_IHDR = b"\x00\x00\x00\x0dIHDR"
_IEND = b"\0\0\0\0IEND\xaeB`\x82"
#: Where IHDR says what pixels are, and what it says of numbers in a palette.
_COLOUR_TYPE, _PALETTE = 25, 3
_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
#: An uncompressed pixel has at most 8 bytes (RGBA of 16 bits); the rest is for other chunks.
_BYTES_PER_PIXEL, _BYTES_BESIDES = 8, 1 << 16


def header_problem(png: bytes, size: int) -> str | None:
    """Say why ``png`` cannot be a square PNG of ``size`` pixels, by both its ends; else None."""
    if not isinstance(png, bytes):
        return f"the image is {type(png).__name__}, not bytes"
    if not png.startswith(SIGNATURE):
        return "the image is not a PNG file"
    if len(png) < _HEADER or png[8:16] != _IHDR:
        return "the PNG has no header"
    width, height = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
    if (width, height) != (size, size):
        return f"the PNG has {width} x {height} pixels, {size} x {size} asked"
    if len(png) > (most := most_bytes(size)):
        return f"the PNG has {len(png)} bytes, at most {most} allowed"
    if not png.endswith(_IEND):  # decoders are content when only the last bytes are missing
        return "the PNG is cut off"
    return None


def most_bytes(size: int) -> int:
    """Return how many bytes a square PNG of ``size`` pixels may have."""
    return _BYTES_PER_PIXEL * size * size + _BYTES_BESIDES


def decode(png: bytes, size: int) -> NDArray[np.uint8]:
    """Decode a square PNG to RGB (3, size, size), transparent pixels on white.

    Raises :class:`ValueError`, with the reason, for whatever is no PNG of that size or cannot be
    decoded.
    """
    problem = header_problem(png, size)
    if problem is not None:
        raise ValueError(problem)
    from PIL import Image

    from benchmark.vision.photos import as_pixels, flattened

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(_pixels_only(png)), formats=("PNG",)) as image:
                if image.size != (size, size):
                    raise ValueError(f"a later header announces {image.size} pixels")
                return as_pixels(flattened(image))
    except Exception as error:  # Pillow's decoders raise anything on broken bytes
        raise ValueError(f"the PNG cannot be decoded ({type(error).__name__})") from error


def _pixels_only(png: bytes) -> bytes:
    """``png`` without the chunks that say nothing of its pixels: texts can unpack to anything.

    Raises :class:`ValueError` for chunks that do not follow each other to the end, and for palette
    colours without a palette, for which a decoder makes up its own.
    """
    parts, at = [SIGNATURE], len(SIGNATURE)
    kinds = set()
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        end = at + 12 + length
        if end > len(png):
            raise ValueError("a chunk is cut off")
        kinds.add(kind := png[at + 4 : at + 8])
        if kind in _PIXEL_CHUNKS:
            parts.append(png[at:end])
        at = end
    if png[_COLOUR_TYPE] == _PALETTE and b"PLTE" not in kinds:
        raise ValueError("it has palette colours and no palette")
    return b"".join(parts)


def encode(pixels: NDArray[np.uint8]) -> bytes:
    """Encode RGB pixels (3, height, width) as PNG."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels.transpose(1, 2, 0)).save(buffer, "PNG")
    return buffer.getvalue()
