"""Draw product photos: a coloured, patterned shape on off-white, 64 x 64 pixels.

Position, size, angle, tint and the phase of the pattern vary from photo to photo, so two items
of equal looks have different photos. Drawn at three times the size and reduced, for smooth edges.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from benchmark.data.schema import PhotoFile
from benchmark.data.simulator.truth import ItemFactors, item_name
from benchmark.data.simulator.vocabulary import COLOURS, PATTERNS, SHAPES

SIZE = 64
_FINE = 3 * SIZE
#: The light part of a pattern, and the ground, before tinting.
_LIGHT = (250, 248, 244)
_STRIPE = _FINE // 8
#: Pixels after which a pattern repeats itself.
_STEP = 2 * _STRIPE
_RIM = 3

Point = tuple[float, float]
Pixels = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Undrawn:
    """Draws one item's PNG when its bytes are asked for, by whichever thread copies it."""

    photos: Photos
    index: int

    @property
    def name(self) -> str:
        """Return the item's id."""
        return item_name(self.index)

    def read_bytes(self) -> bytes:
        """Draw the photo."""
        return self.photos.draw(self.index)


class Photos:
    """Yields ``(item id, photo)`` of every item, drawn when read, always the same."""

    def __init__(self, items: ItemFactors, *, seed: int) -> None:
        self._items = items
        self._seed = seed

    def __len__(self) -> int:
        return len(self._items.colour)

    def __iter__(self) -> Iterator[tuple[str, PhotoFile]]:
        for index in range(len(self)):
            yield item_name(index), _Undrawn(self, index)

    def draw(self, index: int) -> bytes:
        """Draw the PNG of one item."""
        rng = np.random.default_rng([self._seed, _STREAM, index])
        return draw_photo(
            tuple(COLOURS)[self._items.colour[index]],
            SHAPES[self._items.shape[index]],
            PATTERNS[self._items.pattern[index]],
            rng,
        )


#: Keeps photo noise apart from the other uses of the dataset's seed.
_STREAM = 64


def draw_photo(colour: str, shape: str, pattern: str, rng: np.random.Generator) -> bytes:
    """Draw one product as PNG bytes; ``rng`` decides everything the three words leave open."""
    tint = rng.integers(-8, 9, 3)
    rgb = tuple(np.clip(tint + COLOURS[colour], 0, 255).tolist())
    ground = tuple(int(value) for value in 255 - rng.integers(0, 12, 3))
    radius = _FINE * rng.uniform(0.34, 0.42)
    centre = (_FINE * rng.uniform(0.45, 0.55), _FINE * rng.uniform(0.45, 0.55))
    angle = math.radians(rng.uniform(-12, 12))

    canvas = Image.new("L", (_FINE, _FINE), 0)
    _SHAPES[shape](ImageDraw.Draw(canvas), lambda x, y: _place(x, y, centre, radius, angle))
    product = np.asarray(canvas) > 0  # (_FINE, _FINE)
    pixels = np.where(product, _packed(rgb), _packed(ground))
    if pattern != "plain":
        # A thin rim keeps light patterns from melting into the ground.
        np.copyto(pixels, _packed(_LIGHT), where=_light(pattern, rng) & _eroded(product))

    photo = Image.frombuffer("RGBX", (_FINE, _FINE), pixels, "raw", "RGBX", 0, 1)
    stream = io.BytesIO()
    photo.reduce(_FINE // SIZE).convert("RGB").save(stream, format="PNG", optimize=False)
    return stream.getvalue()


def _packed(rgb: tuple[int, ...]) -> np.uint32:
    """A colour as one number whose bytes in memory are red, green, blue and nothing."""
    packed: np.uint32 = np.frombuffer(bytes((*rgb, 0)), np.uint32)[0]
    return packed


def _eroded(product: Pixels) -> Pixels:
    """The pixels that are at least ``_RIM`` from what is not the product."""
    inner = product.copy()
    for axis in (0, 1):
        across, before = inner.swapaxes(0, axis), inner.swapaxes(0, axis).copy()
        for step in range(1, _RIM + 1):
            across[step:] &= before[:-step]
            across[:-step] &= before[step:]
    return inner


def _place(x: float, y: float, centre: Point, radius: float, angle: float) -> Point:
    """From the unit square [-1, 1]^2 (y down) to pixels."""
    cos, sin = math.cos(angle), math.sin(angle)
    return (
        centre[0] + radius * (x * cos - y * sin),
        centre[1] + radius * (x * sin + y * cos),
    )


Place = Callable[[float, float], Point]


def _polygon(*corners: Point) -> Callable[[ImageDraw.ImageDraw, Place], None]:
    def draw(canvas: ImageDraw.ImageDraw, place: Place) -> None:
        canvas.polygon([place(x, y) for x, y in corners], fill=255)

    return draw


def _round(count: int, radius: Callable[[float], float]) -> tuple[Point, ...]:
    """A closed curve in polar form around the origin, starting at the top."""
    angles = [2 * math.pi * step / count for step in range(count)]
    return tuple((radius(a) * math.sin(a), -radius(a) * math.cos(a)) for a in angles)


def _star() -> tuple[Point, ...]:
    corners = _round(10, lambda angle: 1.1)
    return tuple((x, y) if k % 2 == 0 else (0.42 * x, 0.42 * y) for k, (x, y) in enumerate(corners))


def _heart() -> tuple[Point, ...]:
    steps = [2 * math.pi * step / 60 for step in range(60)]
    return tuple(
        (
            math.sin(t) ** 3,
            -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 15,
        )
        for t in steps
    )


def _crescent(canvas: ImageDraw.ImageDraw, place: Place) -> None:
    circle = _round(60, lambda angle: 1.0)
    _polygon(*circle)(canvas, place)
    bite = [place(0.5 + 0.8 * x, -0.15 + 0.8 * y) for x, y in circle]
    canvas.polygon(bite, fill=0)


_SHAPES: dict[str, Callable[[ImageDraw.ImageDraw, Place], None]] = {
    "circle": _polygon(*_round(60, lambda angle: 0.95)),
    "square": _polygon((-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)),
    "triangle": _polygon((0.0, -1.0), (1.0, 0.8), (-1.0, 0.8)),
    "star": _polygon(*_star()),
    "heart": _polygon(*_heart()),
    "cross": _polygon(
        *((-0.33, -1.0), (0.33, -1.0), (0.33, -0.33), (1.0, -0.33), (1.0, 0.33), (0.33, 0.33)),
        *((0.33, 1.0), (-0.33, 1.0), (-0.33, 0.33), (-1.0, 0.33), (-1.0, -0.33), (-0.33, -0.33)),
    ),
    "crescent": _crescent,
    "arrow": _polygon(
        *((-1.0, -0.45), (0.1, -0.45), (0.1, -1.0), (1.1, 0.0)),
        *((0.1, 1.0), (0.1, 0.45), (-1.0, 0.45)),
    ),
}


def _light(pattern: str, rng: np.random.Generator) -> Pixels:
    """Where the pattern is light, (_FINE, _FINE)."""
    shift_x, shift_y = (int(value) for value in rng.integers(0, _STEP, 2))
    return _tall(pattern, shift_x)[_STEP - shift_y :][:_FINE]


@cache  # _STEP times as many as there are patterns
def _tall(pattern: str, shift_x: int) -> Pixels:
    """A pattern ``shift_x`` to the right, a period higher than a photo, (_FINE + _STEP, _FINE)."""
    canvas = Image.new("L", (_FINE, _FINE + _STEP), 0)
    draw = ImageDraw.Draw(canvas)
    starts_x = range(shift_x - _STEP, _FINE, _STEP)
    starts_y = range(0, _FINE + _STEP, _STEP)
    if pattern == "striped":
        for y in starts_y:
            draw.rectangle((0, y, _FINE, y + _STRIPE - 1), fill=255)
    elif pattern == "dotted":
        inset = _STRIPE // 4
        for x in starts_x:
            for y in starts_y:
                box = (x + inset, y + inset, x + _STEP - 2 * inset, y + _STEP - 2 * inset)
                draw.ellipse(box, fill=255)
    elif pattern == "checked":
        for x in starts_x:
            for y in starts_y:
                draw.rectangle((x, y, x + _STRIPE - 1, y + _STRIPE - 1), fill=255)
                corner = (x + _STRIPE, y + _STRIPE)
                draw.rectangle((*corner, x + _STEP - 1, y + _STEP - 1), fill=255)
    elif pattern == "zigzag":
        for y in range(-2 * _STEP, _FINE + 2 * _STEP, _STEP):
            xs = range(shift_x - _STEP, _FINE + _STEP, _STRIPE)
            teeth = [(x, y + (k % 2) * _STRIPE) for k, x in enumerate(xs)]
            draw.line(teeth, fill=255, width=_STRIPE // 2, joint="curve")
    else:
        raise ValueError(f"unknown pattern {pattern!r}")
    light = np.asarray(canvas) > 0
    light.flags.writeable = False
    return light
