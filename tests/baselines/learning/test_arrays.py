"""Arrays in files: written whole, and a broken file is named."""

from __future__ import annotations

import numpy as np
import pytest

from baselines.learning.arrays import load_arrays, save_arrays
from benchmark.errors import BenchError


def test_arrays_come_back_as_they_were_whatever_their_order_in_memory(tmp_path):
    table = np.arange(6.0).reshape(2, 3).T
    save_arrays({"b": table, "a": np.array([1, 2])}, tmp_path / "x.safetensors")
    found = load_arrays(tmp_path / "x.safetensors")
    assert (found["b"] == table).all()
    assert found["a"].tolist() == [1, 2]


@pytest.mark.parametrize("content", [None, b"", b"no safetensors at all"])
def test_a_missing_or_broken_file_is_named(tmp_path, content):
    file = tmp_path / "x.safetensors"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BenchError, match=r"x\.safetensors' cannot be read"):
        load_arrays(file)
