"""Reduces pictures to fewer levels of each colour, so that thousands of them can be submitted.

A drawn picture of 64 x 64 pixels takes 3.6 kB as PNG, most of it noise below what anybody sees. A
submitter may round the levels of red, green and blue to fewer ones. The rounded pixels are then
the answer: they are what is hashed, scored, shown and compared with a rerun's. The rule is integer
arithmetic, the same everywhere:

    level = floor((2 v (n - 1) + 255) / 510)        nearest of the n levels to v = 0..255
    value = floor((510 level + n - 1) / (2 n - 2))  its place among 0..255
"""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmark.vision import png
from leaderboards.submission.findings import Finding, place
from leaderboards.submission.tables import announced_side

_PICTURE = "png"


def rounded(pixels: NDArray[np.uint8], levels: int) -> NDArray[np.uint8]:
    """Return ``pixels`` with each value rounded to the nearest of ``levels`` even steps, 0..255."""
    values = np.arange(256)
    level = (2 * values * (levels - 1) + 255) // 510
    places = (510 * level + levels - 1) // (2 * levels - 2)
    found: NDArray[np.uint8] = places.astype(np.uint8)[pixels]
    return found


def has_pictures(table: pa.Table) -> bool:
    """Return whether the answers in ``table`` are pictures."""
    return _PICTURE in table.schema.names


def with_levels(table: pa.Table, levels: int) -> pa.Table:
    """Return ``table`` with its pictures rounded to ``levels``.

    Their pixels are written without compression, for the file's own to see all pictures at once.
    Pictures that cannot be decoded stay as they are.
    """
    reduced = [None if value is None else picture(value, levels) for value in _pictures(table)]
    column = table.schema.get_field_index(_PICTURE)
    return table.set_column(column, _PICTURE, pa.array(reduced, pa.binary()))


def picture(content: bytes, levels: int) -> bytes:
    """Return a PNG rounded to ``levels``; ``content`` itself where it cannot be decoded."""
    from PIL import Image

    try:
        pixels = png.decode(content, announced_side(content))
    except ValueError:
        return content
    buffer = io.BytesIO()
    image = Image.fromarray(rounded(pixels, levels).transpose(1, 2, 0))
    image.save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


def problems(table: pa.Table, levels: int | None, where: str) -> list[Finding]:
    """Check that pictures have no more than the ``levels`` declared; a finding for each that has.

    They have been decoded before. ``levels`` of answers that are no pictures are a finding too.
    """
    if levels is None:
        return []
    if not has_pictures(table):
        return [Finding("levels-impossible", where, "Levels of colour, and no pictures.")]
    found = []
    for row, content in enumerate(_pictures(table)):
        if content is not None:
            pixels = png.decode(content, announced_side(content))
            if (rounded(pixels, levels) != pixels).any():
                message = f"The picture has other values than {levels} levels of each colour."
                found.append(Finding("levels-exceeded", place(where, f"row {row}"), message))
    return found


def _pictures(table: pa.Table) -> list[bytes | None]:
    values: list[bytes | None] = table[_PICTURE].to_pylist()
    return values
