"""A home that machines share, where the same number is another process."""

from __future__ import annotations

from pathlib import Path

from benchmark.host.home import Home, find_home


def test_a_home_is_writable_also_where_another_machine_tries_the_same(
    tmp_path: Path, monkeypatch
) -> None:
    touch, tried = Path.touch, []

    def noted(path: Path) -> None:
        touch(path)
        tried.append(path)

    monkeypatch.setattr(Path, "touch", noted)
    for _ in range(2):
        Home(tmp_path).check_writable()
    assert len(set(tried)) == 2  # in none does one take away the other's
    assert list(tmp_path.iterdir()) == []


def test_the_time_of_a_home_is_that_of_its_file_system(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("time.time", lambda: 0.0)  # this machine's clock is far behind it
    home, file = Home(tmp_path), tmp_path / "file"
    file.touch()
    now = home.now()
    assert file.stat().st_mtime < now
    while file.stat().st_mtime < now:  # the clock of files ticks every few milliseconds
        file.touch()
    assert file.stat().st_mtime - now < 1


def test_copies_lie_where_a_home_of_that_name_would(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("UNIMP_BENCH_COPIES", "~/copies")
    assert find_home("memory://there").root.is_relative_to(tmp_path / "copies")
