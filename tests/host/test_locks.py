"""Locks that are tried rather than waited for."""

from __future__ import annotations

import errno
import fcntl
from pathlib import Path

import pytest

from benchmark.errors import BenchError
from benchmark.host.files import is_locked, locked, locked_if_free


def test_a_lock_is_free_again_when_it_was_let_go(tmp_path: Path) -> None:
    lock = tmp_path / ".a.lock"
    assert not is_locked(lock)
    assert not lock.exists()  # looking leaves nothing behind
    with locked(lock, "working"):
        assert is_locked(lock)
        with locked_if_free(lock) as held:
            assert not held
    assert not is_locked(lock)
    with locked_if_free(lock) as held:
        assert held
        assert is_locked(lock)


def test_locking_changes_no_content(tmp_path: Path) -> None:
    lock = tmp_path / "file"
    lock.write_text("kept")
    with locked(lock, "working"):
        pass
    with locked_if_free(lock):
        pass
    assert lock.read_text() == "kept"


def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    for take in (lambda path: locked(path, "working"), locked_if_free):
        said = pytest.raises(BenchError, match=r"a\.lock': No locks available")
        with said as caught, take(tmp_path / "a.lock"):
            pass
        assert "--home" in str(caught.value.fix)
