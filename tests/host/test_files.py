"""Files that several processes write at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.errors import BenchError
from benchmark.host.files import atomic_path, read_json


def test_writers_of_one_process_number_do_not_write_into_one_file(tmp_path: Path) -> None:
    # As two containers do, whose processes have the same number, on one shared folder.
    file = tmp_path / "file"
    with atomic_path(file) as first, open(first, "w") as stream:
        stream.write("fir")
        stream.flush()
        with atomic_path(file) as second:
            second.write_text("second")
        stream.write("st")
        stream.flush()
        assert file.read_text() == "second"
    assert file.read_text() == "first"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("character", "9[")
def test_a_number_or_a_nesting_without_end_is_not_valid_json(
    tmp_path: Path, character: str
) -> None:
    (tmp_path / "file.json").write_text(character * 100_000)
    with pytest.raises(BenchError, match=r"file\.json' is not valid JSON: ") as caught:
        read_json(tmp_path / "file.json", fix="Delete it.")
    assert caught.value.fix == "Delete it."
