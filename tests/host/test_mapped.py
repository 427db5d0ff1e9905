"""A damaged array of a cache is told with the file and what to do, not by a raw exception."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.errors import BenchError
from benchmark.host.files import REMAKE
from benchmark.host.mapped import mapped_array
from benchmark.vision.stored_arrays import stored_arrays


def kept(folder):
    return stored_arrays(
        folder / "x",
        ("a", "b"),
        5,
        lambda start, end: {name: np.full((end - start, 3), start) for name in "ab"},
        block=2,
        doing="counting",
    )


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"\0" * 200, "cut", "header", "rows"])
def test_a_damaged_array_names_its_file_and_the_fix(content, tmp_path):
    assert kept(tmp_path)["a"][:, 0].tolist() == [0, 0, 2, 2, 4]
    file = tmp_path / "x.b.npy"
    if content == "rows":
        np.save(file, np.zeros((4, 3)))
    else:
        whole = file.read_bytes()
        changed = {"cut": whole[:-8], "header": whole.replace(b"{'descr", b"{descr'")}
        file.write_bytes(content if isinstance(content, bytes) else changed[content])
    with pytest.raises(BenchError, match=r"x\.b\.npy' (cannot be read|holds an array)") as error:
        kept(tmp_path)
    assert error.value.fix == REMAKE
    file.unlink()
    assert kept(tmp_path)["b"].shape == (5, 3)


def test_an_array_is_mapped_and_cannot_be_written(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(3))
    mapped = mapped_array(tmp_path / "x.npy", rows=3)
    with pytest.raises(ValueError, match="read-only"):
        mapped[0] = 1
