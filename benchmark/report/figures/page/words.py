"""Fits words to a page: printable, cut to a length, their width estimated."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable

#: Width of an average letter of DejaVu Sans over its size, in inches a point.
_LETTER = 0.58 / 72


def one_line(words: str, most: int) -> str:
    """Return ``words`` on one line of at most ``most`` letters, without the unprintable ones."""
    line = "".join(letter if letter.isprintable() else " " for letter in words)
    return line if len(line) <= most else line[: most - 1] + "…"


def width_of(words: str, size: float) -> float:
    """Estimate the inches ``words`` take at ``size`` points, alike on every machine."""
    return len(words) * _LETTER * size


def short_names(names: Iterable[str], most: int) -> dict[str, str]:
    """Return name -> what to write of it, at most ``most`` letters; no two are written alike.

    A long name loses its end; where others begin like it, its middle; at worst it gets a number.
    """
    every = list(dict.fromkeys(names))
    found = {name: one_line(name, most) for name in every}
    for name in _alike(found):
        line = one_line(name, len(name) + 1)
        if len(line) > most:
            found[name] = f"{line[: most // 2]}…{line[len(line) - (most - most // 2 - 1) :]}"
    for number, name in enumerate(_alike(found), start=1):
        ending = f" ({number})"
        found[name] = one_line(found[name], most - len(ending)) + ending
    return found


def _alike(found: dict[str, str]) -> list[str]:
    counts = Counter(found.values())
    return [name for name, written in found.items() if counts[written] > 1]


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
