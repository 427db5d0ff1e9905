"""Folders leave their name and take another's, whatever other processes do meanwhile."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from benchmark.host.removing import remove, replace


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose bin another process empties as soon as there is something in it, once."""
    make, taken = tempfile.mkdtemp, []

    def made(dir: Path) -> str:
        place = make(dir=dir)
        if not taken:
            taken.append(place)
            shutil.rmtree(dir)
        return place

    monkeypatch.setattr(tempfile, "mkdtemp", made)
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "said").write_text(name)
    return tmp_path


def test_a_folder_takes_its_place_while_another_process_empties_the_bin(home: Path) -> None:
    replace(home / "old", by=home / "new")
    assert (home / "old" / "said").read_text() == "new"
    assert [path.name for path in home.iterdir() if path.name != ".removed"] == ["old"]


def test_a_folder_is_removed_while_another_process_empties_the_bin(home: Path) -> None:
    remove(home / "old")
    assert [path.name for path in home.iterdir()] == ["new"]
