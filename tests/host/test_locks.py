"""Locks that are tried rather than waited for."""

from __future__ import annotations

from pathlib import Path

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
