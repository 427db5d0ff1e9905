"""Lays pairs of users out on a page, in inches; knows pixels and words, no runs.

A row is a query; a row has two sides, one a user: photos of the history, the generated image,
the photo of the true item.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmark.report.figures.page import style
from benchmark.report.figures.page.words import fitted, one_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Pixels = NDArray[np.uint8]

#: Photos of a history that fit on a side: the latest.
HISTORY = 5

_SMALL, _LARGE, _GAP = 0.52, 1.0, 0.06
_MARGIN, _BETWEEN = 0.3, 0.4
_SIDE = HISTORY * (_SMALL + _GAP) + 2 * (_LARGE + 2 * _GAP)
_WIDTH = 2 * _MARGIN + 2 * _SIDE + _BETWEEN
_HEAD, _ROW, _FOOT_LINE = 0.9, _LARGE + 0.46, 0.14
#: Points of the title, and the fewest at which one that is long still ends with its seed.
_TITLE_POINTS, _LEAST_POINTS = 13.0, 6.0
#: Letters that fit across the page: at a query's size, at the size of notes, and on one side.
_QUERY_LETTERS, _NOTE_LETTERS, _SIDE_LETTERS = 90, 190, 36
_GREY = "0.35"


@dataclass(frozen=True, slots=True)
class Side:
    """Shows one user. ``None`` stands for a photo the item lacks, or a failed prediction."""

    user: str
    history: tuple[Pixels | None, ...]
    """(3, s, s) each, oldest first; the latest :data:`HISTORY` are drawn."""
    generated: Pixels | None
    truth: Pixels | None


@dataclass(frozen=True, slots=True)
class Row:
    """Shows two users who asked the same ``query``."""

    query: str
    sides: tuple[Side, Side]


def draw_page(
    page: Figure, rows: Sequence[Row], *, title: str, subtitle: str, notes: Sequence[str]
) -> None:
    """Draw ``rows`` below the title, and the notes below the rows, on an empty ``page``."""
    if page.get_label() == style.BARE:
        title, subtitle, notes = "", "", ()
    feet = [line for note in notes for line in textwrap.wrap(note, _NOTE_LETTERS)]
    height = _HEAD + len(rows) * _ROW + _FOOT_LINE * len(feet) + _MARGIN
    page.set_size_inches(_WIDTH, height)
    paper = _Paper(page, height)
    # Bold letters are wider.
    title, size = fitted(title, (_WIDTH - 2 * _MARGIN) / 1.1, _TITLE_POINTS, _LEAST_POINTS)
    paper.text(_MARGIN, 0.32, title, size=size, weight="bold")
    paper.text(_MARGIN, 0.52, one_line(subtitle, _NOTE_LETTERS), size=7.5, color=_GREY)
    lefts = (_MARGIN, _MARGIN + _SIDE + _BETWEEN)
    for left in lefts:
        _draw_headings(paper, left)
    for number, row in enumerate(rows):
        top = _HEAD + number * _ROW
        query = one_line(row.query, _QUERY_LETTERS)
        paper.text(_MARGIN, top + 0.23, f"“{query}”", size=10, weight="bold")
        for left, side in zip(lefts, row.sides, strict=True):
            _draw_side(paper, left, top + 0.32, side)
    for number, line in enumerate(feet):
        bottom = _HEAD + len(rows) * _ROW + (number + 2) * _FOOT_LINE
        paper.text(_MARGIN, bottom, line, size=7, color=_GREY)


class _Paper:
    """A page measured in inches from its top left corner, as one reads it.

    One pair of axes for everything: axes of its own for each of 84 images take seconds.
    """

    def __init__(self, page: Figure, height: float) -> None:
        self._axes = page.add_axes((0, 0, 1, 1), xlim=(0, _WIDTH), ylim=(height, 0))
        self._axes.set_axis_off()
        self._axes.set_autoscale_on(False)

    def text(self, x: float, bottom: float, words: str, **style: Any) -> None:
        # Users and queries come from data: "$" is a letter here, not mathematics.
        self._axes.text(x, bottom, words, parse_math=False, **style)

    def image(self, x: float, top: float, side: float, pixels: Pixels | None, absent: str) -> None:
        """Draw ``pixels`` (3, h, w) in a square, or the word ``absent`` in an empty one."""
        from matplotlib.patches import Rectangle

        if pixels is None:
            style = {"size": 6, "color": _GREY, "ha": "center", "va": "center"}
            self.text(x + side / 2, top + side / 2, absent.replace(" ", "\n"), **style)
        else:  # enlarged pixel by pixel: nothing is smoothed that is not smooth
            self._axes.imshow(
                pixels.transpose(1, 2, 0),
                extent=(x, x + side, top + side, top),
                aspect="auto",
                interpolation="nearest",
            )
        filled = "none" if pixels is not None else "0.94"
        frame = Rectangle((x, top), side, side, linewidth=0.5, edgecolor="0.75", facecolor=filled)
        self._axes.add_patch(frame)


def _draw_headings(paper: _Paper, left: float) -> None:
    style = {"size": 8, "color": _GREY}
    history = HISTORY * (_SMALL + _GAP)
    paper.text(left, _HEAD - 0.06, "history, the latest last", **style)
    paper.text(left + history + _GAP, _HEAD - 0.06, "generated", weight="bold", **style)
    paper.text(left + history + _LARGE + 3 * _GAP, _HEAD - 0.06, "true item", **style)


def _draw_side(paper: _Paper, left: float, top: float, side: Side) -> None:
    latest = side.history[-HISTORY:]
    for place, pixels in enumerate(latest, start=HISTORY - len(latest)):
        x = left + place * (_SMALL + _GAP)
        paper.image(x, top + _LARGE - _SMALL, _SMALL, pixels, "no photo")
    bottom = top + _LARGE - _SMALL - _GAP
    paper.text(left, bottom, f"user {one_line(side.user, _SIDE_LETTERS)}", size=7.5, color=_GREY)
    large = left + HISTORY * (_SMALL + _GAP) + _GAP
    paper.image(large, top, _LARGE, side.generated, "failed answer")
    paper.image(large + _LARGE + 2 * _GAP, top, _LARGE, side.truth, "no photo")
