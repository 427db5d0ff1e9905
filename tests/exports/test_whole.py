"""A folder that is written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.errors import UsageError
from benchmark.exports.whole import whole_folder


def test_an_unfinished_folder_of_another_machine_is_left_to_it_and_one_of_a_dead_process_goes(
    tmp_path: Path,
) -> None:
    other, dead = tmp_path / ".out.m00000000.1.partial", tmp_path / ".out.2147483646.partial"
    for folder in (other, dead):
        folder.mkdir()
    with whole_folder(tmp_path / "out") as partial:
        (partial / "file").touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == [other.name, "out"]


def test_what_took_the_name_meanwhile_stays(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="exists"), whole_folder(out):
        (out / "of another").mkdir(parents=True)
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == [
        "out",
        "out/of another",
    ]
