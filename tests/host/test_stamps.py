"""A stamp spares reading a file; the content decides."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from benchmark.host import stamps
from benchmark.host.stamps import changed_files, file_hashes, stamp_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "all" / "images").mkdir(parents=True)
    (tmp_path / "all" / "one.txt").write_text("one")
    (tmp_path / "all" / "images" / "a.png").write_bytes(b"photo a")
    return tmp_path / "all"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are read; files count as settled at once."""
    monkeypatch.setattr(stamps, "SETTLED", -1.0)
    read, names = stamps.sha256_file, []
    monkeypatch.setattr(stamps, "sha256_file", lambda p: names.append(p.name) or read(p))
    return names


def test_unchanged_files_are_read_once(folder: Path, reads: list[str], tmp_path: Path) -> None:
    expected = file_hashes(folder)
    reads.clear()
    for _ in range(3):
        assert changed_files(folder, expected, stamps=tmp_path / "stamps.json") == []
    assert sorted(reads) == ["a.png", "one.txt"]


def test_files_stamped_as_written_are_not_read_until_they_change(
    folder: Path, reads: list[str], tmp_path: Path
) -> None:
    expected, place = file_hashes(folder), tmp_path / "stamps.json"
    reads.clear()
    stamp_files(folder, expected, stamps=place)
    assert changed_files(folder, expected, stamps=place) == []
    assert reads == []
    (folder / "one.txt").write_text("two")
    assert changed_files(folder, expected, stamps=place) == ["one.txt"]


def test_another_time_alone_is_no_change(folder: Path, reads: list[str], tmp_path: Path) -> None:
    expected, place = file_hashes(folder), tmp_path / "stamps.json"
    changed_files(folder, expected, stamps=place)
    reads.clear()
    os.utime(folder / "one.txt", (1, 1))
    assert changed_files(folder, expected, stamps=place) == []
    assert reads == ["one.txt"]


@pytest.mark.parametrize("name", ["one.txt", "images/a.png"])
def test_other_content_is_found(folder: Path, reads: list[str], tmp_path: Path, name: str) -> None:
    expected, place = file_hashes(folder), tmp_path / "stamps.json"
    changed_files(folder, expected, stamps=place)
    before = (folder / name).stat()
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[::-1])  # of the same size, and its time put back
    os.utime(folder / name, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert changed_files(folder, expected, stamps=place) == [name]
    assert changed_files(folder, expected, stamps=place) == [name]
    (folder / name).unlink()
    assert changed_files(folder, expected, stamps=place) == [name]


def test_a_file_that_has_just_changed_gets_no_stamp(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "stamps.json"
    assert changed_files(folder, file_hashes(folder), stamps=place) == []
    assert not place.exists()


@pytest.mark.parametrize("content", ["[1, 2]", "not JSON", '{"one.txt": 3}'])
def test_broken_stamps_are_made_anew(folder: Path, reads: list[str], tmp_path: Path, content: str):
    place = tmp_path / "stamps.json"
    place.write_text(content)
    expected = file_hashes(folder)
    assert changed_files(folder, expected, stamps=place) == []
    reads.clear()
    assert changed_files(folder, expected, stamps=place) == []
    assert reads == []


def test_stamps_that_cannot_be_written_are_done_without(folder: Path, reads, tmp_path: Path):
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "stamps.json"
    assert changed_files(folder, file_hashes(folder), stamps=place) == []


def test_twenty_thousand_stamped_photos_cost_a_few_looks_at_each(tmp_path: Path, reads) -> None:
    (tmp_path / "images").mkdir()
    names = [f"images/{number}.png" for number in range(20_000)]
    for name in names:
        (tmp_path / name).touch()
    expected = dict.fromkeys(names, hashlib.sha256(b"").hexdigest())
    place = tmp_path / "stamps.json"
    assert changed_files(tmp_path, expected, stamps=place) == []
    reads.clear()
    started = time.process_time()
    assert changed_files(tmp_path, expected, stamps=place) == []
    looked = time.process_time()
    for name in names:
        (tmp_path / name).stat()
    # Twice the time on an idle machine; seconds of a busy one say nothing.
    assert looked - started < 5 * (time.process_time() - looked)
    assert reads == []
