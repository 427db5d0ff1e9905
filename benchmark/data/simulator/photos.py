"""Draw product photos: a coloured, patterned shape on off-white, 64 x 64 pixels.

Position, size, angle, tint and the phase of the pattern vary from photo to photo, so two items
of equal looks have different photos. Drawn at three times the size and reduced, for smooth edges.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from benchmark.data.simulator.vocabulary import COLOURS, PATTERNS, SHAPES

SIZE = 64
_SCALE = 3
_FINE = _SCALE * SIZE
_AREA = _SCALE**2
#: The light part of a pattern, and the ground, before tinting.
_LIGHT = (250, 248, 244)
_STRIPE = _FINE // 8
#: Pixels after which a pattern repeats itself.
_STEP = 2 * _STRIPE
_RIM = 3

Point = tuple[float, float]
Corners = NDArray[np.float64]
Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]


#: An item's colour, shape and pattern as numbers.
Look = tuple[int, int, int]
#: Keeps photo noise apart from the other uses of the dataset's seed.
_STREAM = 64


def draw_item(seed: int, index: int, look: Look) -> bytes:
    """Draw the PNG of item ``index`` of the shop of a seed, always the same."""
    colour, shape, pattern = look
    rng = np.random.default_rng([seed, _STREAM, index])
    return draw_photo(tuple(COLOURS)[colour], SHAPES[shape], PATTERNS[pattern], rng)


def draw_photo(colour: str, shape: str, pattern: str, rng: np.random.Generator) -> bytes:
    """Draw one product as PNG bytes; ``rng`` decides everything the three words leave open."""
    rgb = np.clip(rng.integers(-8, 9, 3) + COLOURS[colour], 0, 255)
    ground = 255 - rng.integers(0, 12, 3)
    radius = _FINE * rng.uniform(0.34, 0.42)
    centre = (_FINE * rng.uniform(0.45, 0.55), _FINE * rng.uniform(0.45, 0.55))
    angle = math.radians(rng.uniform(-12, 12))

    canvas = Image.new("L", (_FINE, _FINE), 0)
    _SHAPES[shape](ImageDraw.Draw(canvas), _Frame(centre, radius, angle))
    points = _PRODUCT_POINTS[np.asarray(canvas.reduce(_SCALE))]  # (SIZE, SIZE)
    if pattern != "plain":
        # A thin rim keeps light patterns from melting into the ground.
        light = _light(pattern, rng) & _eroded(np.asarray(canvas))
        points += _LIGHT_POINTS[np.asarray(Image.fromarray(light).reduce(_SCALE))]
    colours = _mean(_MIXTURES @ np.array([rgb, _LIGHT, ground]))  # light lies on the product
    pixels = colours.take(points, axis=0)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG", optimize=False)
    return stream.getvalue()


def _mean(total: Ints) -> Bytes:
    """The mean of a pixel's points, rounded as :meth:`PIL.Image.Image.reduce` does in 24 bits."""
    return ((total + _AREA // 2) * (2**24 // _AREA) >> 24).astype(np.uint8)


def _counted(step: int) -> Bytes:
    """``step`` times the number of a pixel's points that are 255, by their mean, (256,)."""
    counts = np.arange(_AREA + 1)
    table = np.zeros(256, dtype=np.uint8)
    table[_mean(255 * counts)] = step * counts
    return table


#: A pixel by its means: its points that are of the product, and ten times those that are light.
_PRODUCT_POINTS, _LIGHT_POINTS = _counted(1), _counted(_AREA + 1)
#: How many points of such a pixel are of the product's colour, light and ground, (100, 3).
_MIXTURES = np.array(
    [
        (max(product - light, 0), light, _AREA - product)
        for light in range(_AREA + 1)
        for product in range(_AREA + 1)
    ]
)


def _eroded(product: Bytes) -> Bytes:
    """The points that are at least ``_RIM`` from what is not the product, 255, others 0."""
    # With a margin that counts as product each row ends before the next one begins.
    wide = np.full((_FINE, _FINE + _RIM), 255, dtype=np.uint8)
    wide[:, :_FINE] = product
    flat = wide.ravel()
    for along in (1, wide.shape[1]):
        # Points within 1, then within 1 and 2 of those: within 3.
        for step in (along, 2 * along):
            before = flat.copy()
            flat[step:] &= before[:-step]
            flat[:-step] &= before[step:]
    return wide[:, :_FINE]


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where a shape lies on the canvas."""

    centre: Point
    radius: float
    angle: float

    def placed(self, corners: Corners) -> list[float]:
        """From the unit square [-1, 1]^2 (y down), (n, 2), to points x, y, x, y, ..."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        x, y = corners.T
        placed = np.empty_like(corners)
        placed[:, 0] = self.centre[0] + self.radius * (x * cos - y * sin)
        placed[:, 1] = self.centre[1] + self.radius * (x * sin + y * cos)
        flat: list[float] = placed.ravel().tolist()
        return flat


Drawing = Callable[[ImageDraw.ImageDraw, _Frame], None]


def _polygon(*corners: Point) -> Drawing:
    table = np.array(corners)

    def draw(canvas: ImageDraw.ImageDraw, frame: _Frame) -> None:
        canvas.polygon(frame.placed(table), fill=255)

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


def _crescent() -> Drawing:
    circle = np.array(_round(60, lambda angle: 1.0))
    bite = np.array([0.5, -0.15]) + 0.8 * circle

    def draw(canvas: ImageDraw.ImageDraw, frame: _Frame) -> None:
        canvas.polygon(frame.placed(circle), fill=255)
        canvas.polygon(frame.placed(bite), fill=0)

    return draw


_SHAPES: dict[str, Drawing] = {
    "circle": _polygon(*_round(60, lambda angle: 0.95)),
    "square": _polygon((-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)),
    "triangle": _polygon((0.0, -1.0), (1.0, 0.8), (-1.0, 0.8)),
    "star": _polygon(*_star()),
    "heart": _polygon(*_heart()),
    "cross": _polygon(
        *((-0.33, -1.0), (0.33, -1.0), (0.33, -0.33), (1.0, -0.33), (1.0, 0.33), (0.33, 0.33)),
        *((0.33, 1.0), (-0.33, 1.0), (-0.33, 0.33), (-1.0, 0.33), (-1.0, -0.33), (-0.33, -0.33)),
    ),
    "crescent": _crescent(),
    "arrow": _polygon(
        *((-1.0, -0.45), (0.1, -0.45), (0.1, -1.0), (1.1, 0.0)),
        *((0.1, 1.0), (0.1, 0.45), (-1.0, 0.45)),
    ),
}


def _light(pattern: str, rng: np.random.Generator) -> Bytes:
    """Where the pattern is light, 255 there and 0 elsewhere, (_FINE, _FINE)."""
    shift_x, shift_y = (int(value) for value in rng.integers(0, _STEP, 2))
    return _tall(pattern, shift_x)[_STEP - shift_y :][:_FINE]


@cache  # _STEP times as many as there are patterns
def _tall(pattern: str, shift_x: int) -> Bytes:
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
    return np.asarray(canvas)  # which nobody can write to
