"""Features of several encoders side by side: each part counts as much as any other."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.vision.photo_table import PhotoTable, join, join_vectors, scale_of, unit


def _table(seed: int, *, patches: int, width: int, common: float, spread: float) -> PhotoTable:
    """Fifty photos whose vectors are ``spread`` around a direction of their own."""
    generator = np.random.default_rng(seed)
    vectors = common + spread * generator.standard_normal((50, width))
    places = 7 * spread * generator.standard_normal((50, patches, width))
    return PhotoTable(places.astype(np.float16), vectors.astype(np.float16))


def test_parts_of_unequal_spread_count_alike_once_joined():
    narrow = _table(0, patches=9, width=6, common=5.0, spread=0.1)
    wide = _table(1, patches=16, width=10, common=0.0, spread=1.0)
    scales = [scale_of(narrow), scale_of(wide)]
    joined = join([narrow, wide], scales)
    assert joined.patches.shape == (50, 9, 16)  # the smaller grid, both widths
    vectors = joined.photo_vectors.astype(np.float64)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=2e-3)
    centred = np.square(vectors - vectors.mean(0))
    assert centred[:, :6].sum() == pytest.approx(centred[:, 6:].sum(), rel=0.02)
    before = unit(narrow.photo_vectors), unit(wide.photo_vectors)
    shares = [np.square(part - part.mean(0)).sum() for part in before]
    assert shares[0] < 0.01 * shares[1]  # it was not so
    rms = np.sqrt(np.square(joined.patches[..., :6].astype(np.float64)).mean())
    assert rms == pytest.approx(1, rel=0.01)


def test_neighbours_within_a_part_stay_neighbours():
    one = np.eye(3, dtype=np.float32)[[0, 0, 1]]
    joined = join_vectors([one, np.eye(2, dtype=np.float32)[[0, 0, 0]]], [0.5, 0.5])
    near = joined @ joined.T
    assert near[0, 1] == pytest.approx(1)
    assert near[0, 2] == pytest.approx(0.5)  # one part of two is the same
