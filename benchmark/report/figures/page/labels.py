"""Places labels so that they do not cover each other; inches, y upwards."""

from __future__ import annotations

from collections.abc import Sequence

#: Left, bottom, right, top.
Box = tuple[float, float, float, float]


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return heights near those ``wanted``, in their order, ``gap`` apart, within [low, high].

    Where there is no room for all, the lowest stand below ``low``: apart matters more.
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed = [min(max(wanted[i], low), high) for i in order]
    for at in range(1, len(placed)):
        placed[at] = max(placed[at], placed[at - 1] + gap)
    if placed and placed[-1] > high:
        placed[-1] = high
        for at in range(len(placed) - 2, -1, -1):
            placed[at] = min(placed[at], placed[at + 1] - gap)
    heights = [0.0] * len(wanted)
    for i, height in zip(order, placed, strict=True):
        heights[i] = height
    return heights


def place_labels(
    points: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    room: tuple[float, float],
    taken: Sequence[Box] = (),
) -> list[tuple[float, float]]:
    """Place labels of these ``sizes`` beside their points; return bottom left corners.

    Right of the point where nothing is there, else left, above, below or farther off; inside
    (0, 0) to ``room``. ``taken`` is covered already.
    """
    boxes = list(taken)
    corners = []
    for (x, y), (width, height) in zip(points, sizes, strict=True):
        places = [
            place for step in range(6) for place in _places(x, y, width, height, 0.08 + 0.1 * step)
        ]
        costs = [_cost((a, b, a + width, b + height), boxes, room) for a, b in places]
        a, b = places[costs.index(min(costs))]
        boxes.append((a, b, a + width, b + height))
        corners.append((a, b))
    return corners


def nearest(point: tuple[float, float], box: Box) -> tuple[float, float]:
    """Return the place of ``box`` that is nearest to ``point``."""
    left, bottom, right, top = box
    return min(max(point[0], left), right), min(max(point[1], bottom), top)


def _places(
    x: float, y: float, width: float, height: float, off: float
) -> list[tuple[float, float]]:
    middle = y - height / 2
    return [
        (x + off, middle),
        (x - off - width, middle),
        (x + off, y + off / 2),
        (x + off, y - off / 2 - height),
        (x - off - width, y + off / 2),
        (x - off - width, y - off / 2 - height),
        (x - width / 2, y + off),
        (x - width / 2, y - off - height),
    ]


def _cost(box: Box, others: Sequence[Box], room: tuple[float, float]) -> float:
    """How much of ``box`` is covered or outside, in square inches."""
    covered = sum(_shared(box, other) for other in others)
    area = (box[2] - box[0]) * (box[3] - box[1])
    return covered + 2 * (area - _shared(box, (0.0, 0.0, *room)))


def _shared(a: Box, b: Box) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0)
