"""Ratings as stars with one decimal, on any scale."""

from __future__ import annotations

import numpy as np
import pytest

from baselines.generative import stars


@pytest.mark.parametrize("scale", [(1.0, 5.0), (0.0, 10.0), (-1.0, 1.0)])
def test_a_rating_is_written_near_itself_and_read_on_its_scale(scale):
    low, high = scale
    rng = np.random.default_rng(0)
    for share in np.linspace(0, 1, 9):
        rating = low + share * (high - low)
        drawn = [stars.written(rating, scale, rng) for _ in range(200)]
        assert set(drawn) <= set(stars.TEXTS)
        back = [stars.rating(float(text), scale) for text in drawn]
        assert all(low <= value <= high for value in back)
        assert abs(np.mean(back) - rating) < 0.08 * (high - low)


def test_without_chance_the_mean_is_written():
    assert [stars.written(r, (1, 5)) for r in (1, 2, 3, 4, 5)] == [
        "1.2",
        "1.9",
        "3.0",
        "4.0",
        "4.8",
    ]
