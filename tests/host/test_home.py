"""A home that machines share, where the same number is another process."""

from __future__ import annotations

from pathlib import Path

from benchmark.host.home import Home


def test_a_home_is_writable_also_where_another_machine_tries_the_same(
    tmp_path: Path, monkeypatch
) -> None:
    touch = Path.touch

    def taken_at_once(path: Path) -> None:
        touch(path)
        path.unlink()  # as the process of this one's number does there

    monkeypatch.setattr(Path, "touch", taken_at_once)
    Home(tmp_path).check_writable()
    assert list(tmp_path.iterdir()) == []
