"""Ratings as P5 writes them: stars from 1 to 5 with one decimal.

In training a rating of so many whole stars is written as a number drawn round it, as P5's code
does; a rating between two whole stars is drawn from what lies between them.
"""

from __future__ import annotations

import numpy as np

#: Of 1 to 5 stars, the mean and the deviation of what is written.
_MEANS = (1.2, 1.95, 2.95, 3.95, 4.75)
_DEVIATIONS = (0.1, 0.225, 0.225, 0.225, 0.125)
_STARS = (1.0, 2.0, 3.0, 4.0, 5.0)

#: All that can be written.
TEXTS = tuple(f"{tenths / 10:.1f}" for tenths in range(10, 51))
VALUES = np.array([float(text) for text in TEXTS])


def written(
    rating: float, scale: tuple[float, float], rng: np.random.Generator | None = None
) -> str:
    """Return the stars of a rating on ``scale``; without ``rng`` the mean of what is drawn."""
    low, high = scale
    stars = float(np.clip(1 + 4 * (rating - low) / (high - low), 1, 5))
    value = float(np.interp(stars, _STARS, _MEANS))
    if rng is not None:
        value = rng.normal(value, float(np.interp(stars, _STARS, _DEVIATIONS)))
    return f"{min(max(value, 1.0), 5.0):.1f}"


def rating(stars: float, scale: tuple[float, float]) -> float:
    """Return the rating on ``scale`` that so many stars mean."""
    low, high = scale
    return float(np.clip(low + (high - low) * (stars - 1) / 4, low, high))
