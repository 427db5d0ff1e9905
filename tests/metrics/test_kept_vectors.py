"""Vectors of photos: each photo is encoded once, whoever asks with whom."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmark.errors import BenchError
from benchmark.metrics.kept_vectors import kept_vectors


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Files of four contents; the last one shows what the first does."""
    paths = [tmp_path / f"{name}.png" for name in "abcde"]
    for path, content in zip(paths, (b"1", b"2", b"3", b"4", b"1"), strict=True):
        path.write_bytes(content)
    return paths


def test_a_photo_is_encoded_once_whatever_it_is_asked_with(tmp_path, photos) -> None:
    asked: list[str] = []

    def encode(some: Sequence[Path]) -> np.ndarray:
        asked.extend(path.name for path in some)
        return np.array([[float(path.read_bytes()), 0.5] for path in some])

    def vectors(*numbers: int) -> list[float]:
        found = kept_vectors(tmp_path / "kept", [photos[n] for n in numbers], encode)
        return found[:, 0].tolist()

    assert vectors(1, 0) == [2.0, 1.0]
    assert vectors(2, 0, 4) == [3.0, 1.0, 1.0]  # e.png is a.png under another name
    assert vectors(1, 2) == [2.0, 3.0]
    assert asked == ["b.png", "a.png", "c.png"]
    photos[1].write_bytes(b"7")  # another photo under the same name
    assert vectors(1) == [7.0]


def test_a_stopped_part_is_made_again_and_a_damaged_one_is_named(tmp_path, photos) -> None:
    folder = tmp_path / "kept"

    def ask() -> np.ndarray:
        return kept_vectors(folder, photos[:2], lambda some: np.ones((len(some), 3)))

    ask()
    (values,) = folder.glob("*.vectors.npy")
    values.unlink()
    assert ask().shape == (2, 3)
    values.write_bytes(b"nothing")
    with pytest.raises(BenchError, match="cannot be read"):
        ask()
