"""The old thing or the new one, wherever a replacement is killed."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest

from benchmark.host import owners
from benchmark.host.replacing import recover, replacement


def _write(path: Path, text: str, *, folder: bool) -> None:
    with replacement(path) as partial:
        if folder:
            (partial / "inside").mkdir(parents=True)
            (partial / "inside" / "text").write_text(text)
        else:
            partial.write_text(text)


def _read(path: Path) -> str:
    return (path / "inside" / "text" if path.is_dir() else path).read_text()


def _die_at(step: int, out: Path, text: str, folder: bool) -> None:
    """Replace ``out`` and die before the rename of this number, as after ``kill -9``."""
    rename, done = Path.rename, 0

    def counted(path: Path, target: Path) -> Path:
        nonlocal done
        done += 1
        if done == step:
            os._exit(9)
        return rename(path, target)

    Path.rename = counted  # type: ignore[method-assign, assignment]
    _write(out, text, folder=folder)


@pytest.mark.parametrize("was", ["folder", "file"])
@pytest.mark.parametrize("becomes", ["folder", "file"])
@pytest.mark.parametrize("step", [1, 2])
def test_who_dies_replacing_leaves_the_old_or_the_new(
    tmp_path: Path, was: str, becomes: str, step: int
) -> None:
    out = tmp_path / "out"
    _write(out, "old", folder=was == "folder")
    process = multiprocessing.get_context("fork").Process(
        target=_die_at, args=(step, out, "new", becomes == "folder")
    )
    process.start()
    process.join()
    recover(out)
    renames = 2 if "folder" in (was, becomes) else 1
    assert _read(out) == ("new" if step > renames else "old")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("folder", [True, False])
def test_nothing_of_an_earlier_process_of_the_same_number_gets_in(
    tmp_path: Path, folder: bool
) -> None:
    stale = tmp_path / owners.owned_name("out", "partial")
    stale.mkdir()
    (stale / "withdrawn").touch()
    _write(tmp_path / "out", "new", folder=folder)
    assert _read(tmp_path / "out") == "new"
    assert not (tmp_path / "out" / "withdrawn").exists()


def test_what_a_living_process_is_at_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners.psutil, "pid_exists", lambda process: process == 4)
    for process in (4, 5):
        (tmp_path / f".out.{process}.partial").mkdir()
    (tmp_path / ".out.txt.5.partial").mkdir()  # of another
    recover(tmp_path / "out")
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [".out.4.partial", ".out.txt.5.partial"]


def test_a_failure_keeps_the_old_and_nothing_beside(tmp_path: Path) -> None:
    out = tmp_path / "out"
    _write(out, "old", folder=True)
    with pytest.raises(NotADirectoryError), replacement(out) as partial:
        (partial.parent / "out" / "inside" / "text" / "impossible").mkdir()
    assert _read(out) == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
