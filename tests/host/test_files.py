"""Files that several processes write at once."""

from __future__ import annotations

from pathlib import Path

from benchmark.host.files import atomic_path


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
