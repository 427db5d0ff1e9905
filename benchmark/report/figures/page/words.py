"""Fits words to a page: printable, cut to a length, their width estimated."""

from __future__ import annotations

import textwrap

#: Width of an average letter of DejaVu Sans over its size, in inches a point.
_LETTER = 0.58 / 72


def one_line(words: str, most: int) -> str:
    """Return ``words`` on one line of at most ``most`` letters, without the unprintable ones."""
    line = "".join(letter if letter.isprintable() else " " for letter in words)
    return line if len(line) <= most else line[: most - 1] + "…"


def width_of(words: str, size: float) -> float:
    """Estimate the inches ``words`` take at ``size`` points, alike on every machine."""
    return len(words) * _LETTER * size


def fitted(words: str, width: float, size: float, least: float) -> tuple[str, float]:
    """Return ``words`` and the points, ``size`` at most, at which they take ``width`` inches.

    Where not even ``least`` points let them, they are cut.
    """
    line = one_line(words, len(words) + 1)
    fits = min(size, width / max(width_of(line, 1.0), _LETTER))
    if fits >= least:
        return line, fits
    return one_line(line, max(int(width / (_LETTER * least)), 2)), least


def wrapped(words: str, width: float, size: float) -> list[str]:
    """Break ``words`` into lines of ``width`` inches at ``size`` points."""
    line = one_line(words, len(words) + 1)
    return textwrap.wrap(line, max(int(width / (_LETTER * size)), 10))
