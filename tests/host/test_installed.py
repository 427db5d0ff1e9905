"""What is installed is looked up again once something is installed, and only then."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.host.installed import entry_points, versions

GROUP = "unimp_bench.made_up"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """``install(version)``: a distribution ``made-up`` in a folder that Python looks in."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(version: str) -> None:
        for older in tmp_path.glob("made_up-*"):
            older.rename(tmp_path / f"was-{older.name}.old")
        folder = tmp_path / f"made_up-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: made-up\nVersion: {version}\n"
        )
        (folder / "entry_points.txt").write_text(f"[{GROUP}]\nv{version} = somewhere:THING\n")

    return put


def test_what_is_installed_or_upgraded_while_python_runs_is_seen(install) -> None:
    assert versions(("made-up", "pytest")) == {"pytest": pytest.__version__}
    assert entry_points(GROUP) == ()
    for version in ("1.0", "1.1"):
        install(version)
        assert versions(("made-up", "pytest"))["made-up"] == version
        assert [point.name for point in entry_points(GROUP)] == [f"v{version}"]


def test_nothing_is_read_twice(install, monkeypatch) -> None:
    install("1.0")
    known = versions(("made-up",)), entry_points(GROUP)
    for name in ("version", "entry_points"):
        monkeypatch.delattr(importlib.metadata, name)
    assert (versions(("made-up",)), entry_points(GROUP)) == known
