"""Archives and folders that lie, lead elsewhere or explode are refused, each under its code."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from leaderboards.submission.opening import rewrite
from leaderboards.submission.pack import write_submission
from leaderboards.submission.schema import MANIFEST


def _with_member(forge, name: str, content: bytes = b"x", **attributes: int) -> Path:
    """A good archive with one more member, whose header fields are as given."""
    path = forge.archive(forge.packed("search"))
    member = zipfile.ZipInfo("placeholder" if "\0" in name else name)
    for key, value in attributes.items():
        setattr(member, key, value)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(member, content)
    return path


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("../evil", "path-traversal"),
        ("runs/../../evil.parquet", "path-traversal"),
        ("..\\evil", "path-traversal"),
        ("/etc/passwd", "path-absolute"),
        ("C:\\evil", "path-absolute"),
        ("setup.py", "file-unknown"),
        ("runs/model.pkl", "file-unknown"),
        ("runs/\u202etxt.parquet", "file-unknown"),
        ("runs/<script>.parquet", "file-unknown"),
        (f"runs/{'a' * 5_000}.parquet", "file-unknown"),
        ("deep/er/submission.json", "file-unknown"),
        ("runs/unused.parquet", "file-unused"),
        ("Submission.json", "file-repeated"),
        (MANIFEST, "file-repeated"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_has_no_place_is_refused(forge, name, code) -> None:
    forge.rejected(_with_member(forge, name), code, ascii(name)[1:40])


@pytest.mark.parametrize(
    ("mode", "code"),
    [(stat.S_IFLNK | 0o777, "symlink"), (stat.S_IFCHR | 0o666, "special-file")],
)
def test_links_and_devices_in_an_archive_are_refused(forge, mode, code) -> None:
    path = _with_member(forge, "runs/a.parquet", b"/etc/passwd", external_attr=mode << 16)
    forge.rejected(path, code, "runs/a.parquet")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_is_refused(forge, method) -> None:
    path = _with_member(forge, "runs/a.parquet", compress_type=method)
    forge.rejected(path, "zip-method", f"method {method}")


def test_an_archive_of_many_members_is_refused_before_it_is_listed(forge) -> None:
    files = forge.packed("search")
    files |= {f"runs/{number}.parquet": b"" for number in range(3_000)}
    forge.rejected(forge.archive(files), "too-many-files", "3002 members")


def _bomb(gibibytes: int) -> bytes:
    """A deflate stream of so many GiB of zeros: one flushed block, again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packer.compress(bytes(1 << 20))
    packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * (gibibytes << 10) + packer.flush()


def _handmade(
    entries: list[tuple[bytes, bytes, int]],
    *,
    offsets: list[int] | None = None,
    method: int = 8,
) -> bytes:
    """An archive of (name, stream, announced size), written byte by byte."""
    body, directory = b"", b""
    for number, (name, stream, size) in enumerate(entries):
        offset = len(body) if offsets is None else offsets[number]
        shared = struct.pack("<5H3L2H", 20, 0, method, 0, 33, 0, len(stream), size, len(name), 0)
        body += b"PK\x03\x04" + shared + name + stream
        rest = struct.pack("<3H2L", 0, 0, 0, 0, offset)
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + shared + rest + name
    counts = (0, 0, len(entries), len(entries), len(directory), len(body), 0)
    return body + directory + b"PK\x05\x06" + struct.pack("<4H2LH", *counts)


def test_ten_gigabytes_when_unpacked_are_refused_by_their_announcement(forge) -> None:
    path = forge.folder / "bomb.zip"
    path.write_bytes(_handmade([(b"submission.json", _bomb(10), 2**32 - 2)]))
    assert path.stat().st_size < 2**24
    forge.rejected(path, "zip-method", "method 8")


def test_ten_gigabytes_behind_a_small_announcement_are_not_unpacked(forge) -> None:
    path = forge.folder / "bomb.zip"
    path.write_bytes(_handmade([(b"submission.json", _bomb(10), 1_000)]))
    forge.rejected(path, "zip-method", "submission.json")


def test_many_members_over_the_same_bytes_are_refused(forge) -> None:
    path = forge.folder / "overlap.zip"
    entries = [(name, b"{}", 2) for name in (b"submission.json", b"runs/aaaaaa.json")]
    path.write_bytes(_handmade(entries, offsets=[0, 0], method=0))
    forge.rejected(path, "zip-layout", "neighbour")


def test_a_member_that_the_directory_does_not_list_is_refused(forge) -> None:
    """A reader that streams would write it; one that reads the directory would not see it."""
    hidden = _handmade([(b"../../evil.sh", b"#!/bin/sh", 9)], method=0)
    local = hidden[: hidden.index(b"PK\x01\x02")]
    path = forge.archive(forge.packed("search"))
    good = path.read_bytes()
    start = good.index(b"PK\x01\x02")
    end = bytearray(good[-22:])
    end[16:20] = (start + len(local)).to_bytes(4, "little")
    path.write_bytes(good[:start] + local + good[start:-22] + bytes(end))
    forge.rejected(path, "zip-layout", "other data")


def test_what_a_member_carries_beside_its_bytes_is_refused(forge) -> None:
    forge.rejected(_with_member(forge, "runs/a.parquet", comment=b"x" * 45_000), "zip-layout")
    path = _with_member(forge, "runs/a.parquet", extra=b"\x99\x99\x04\x00evil")
    forge.rejected(path, "zip-layout", "fields")


def _encrypted(good: bytes) -> bytes:
    changed = bytearray(good)
    changed[good.index(b"PK\x01\x02") + 8] |= 1
    return bytes(changed)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda good: good[: len(good) // 2], "zip-damaged"),
        (lambda good: good[:-1], "zip-damaged"),
        (lambda good: b"#!/bin/sh\n" + good, "zip-layout"),
        (lambda good: good[:-2] + b"\x04\x00evil", "zip-damaged"),
        (lambda good: good[:-22] + b"PK\x06\x07" + bytes(16) + good[-22:], "zip-layout"),
        (lambda good: b"", "zip-damaged"),
        (lambda good: b"GIF89a", "zip-damaged"),
        (_encrypted, "zip-encrypted"),
        (lambda good: good.replace(b"submission.json", b"submission.jsom", 1), "zip-layout"),
        (lambda good: good[:60] + bytes([good[60] ^ 255]) + good[61:], "zip-damaged"),
    ],
)
def test_an_archive_that_is_not_plain_is_refused(
    forge, spoil: Callable[[bytes], bytes], code
) -> None:
    path = forge.archive(forge.packed("search"))
    path.write_bytes(spoil(path.read_bytes()))
    forge.rejected(path, code)


def _link(folder: Path) -> None:
    (folder / "runs" / "secret.parquet").symlink_to("/etc/passwd")


def _linked_folder(folder: Path) -> None:
    (folder / "runs").rename(folder / "moved")
    (folder / "runs").symlink_to("moved")


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "runs" / "pipe.parquet")


def _nested(folder: Path) -> None:
    (folder / "runs" / "deeper").mkdir()


def _crowded(folder: Path) -> None:
    for number in range(300):
        (folder / "runs" / f"{number}.parquet").touch()


def _sparse(folder: Path) -> None:
    with open(folder / "runs" / "huge.parquet", "wb") as stream:
        stream.truncate(10 << 30)


def _several_sparse(folder: Path) -> None:
    for number in range(5):
        with open(folder / "runs" / f"{number}.parquet", "wb") as stream:
            stream.truncate(128 << 20)


@pytest.mark.parametrize(
    ("spoil", "code", "word"),
    [
        (_link, "symlink", "secret.parquet"),
        (_linked_folder, "symlink", "runs"),
        (_pipe, "special-file", "pipe.parquet"),
        (_nested, "file-unknown", "deeper"),
        (_crowded, "too-many-files", "128"),
        (_sparse, "file-size", str(10 << 30)),
        (_several_sparse, "total-size", str(512 << 20)),
        (lambda folder: (folder / MANIFEST).unlink(), "file-missing", MANIFEST),
        (lambda folder: next(folder.glob("runs/*")).unlink(), "file-missing", "runs/search"),
        (lambda folder: (folder / "README.md").touch(), "file-unknown", "README.md"),
    ],
)
def test_a_folder_with_more_or_less_than_a_submission_is_refused(
    forge, spoil: Callable[[Path], object], code, word
) -> None:
    folder = forge.unpacked(forge.packed("search"))
    spoil(folder)
    forge.rejected(folder, code, word)


def test_nothing_is_written_anywhere(forge, tmp_path, monkeypatch) -> None:
    path = _with_member(forge, "../evil")
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.parent.rglob("*"))
    forge.verify(path)
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_a_zip_made_by_a_file_manager_is_refused_and_can_be_rewritten(forge) -> None:
    """The folder itself packed, deflated, with what such programs leave beside it."""
    path, out = forge.folder / "hand.zip", forge.folder / "fixed.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("mine")
        for name, content in forge.packed("search").items():
            archive.writestr(f"mine/{name}", content)
        archive.writestr("mine/.DS_Store", "x")
    forge.rejected(path, "zip-method", "--fix")
    dropped, findings = rewrite(path, out)
    assert (dropped, findings) == (["mine/.DS_Store"], [])
    assert forge.verify(out).accepted
    assert out.read_bytes() == _packed_anew(forge)


def _packed_anew(forge) -> bytes:
    write_submission(forge.packed("search"), again := forge.folder / "again.zip")
    return again.read_bytes()


def test_rewriting_keeps_the_rows_of_any_writer_and_nothing_else(forge) -> None:
    files = forge.packed("search")
    (name,) = files.keys() - {MANIFEST}
    table = pq.read_table(io.BytesIO(files[name])).replace_schema_metadata({"pandas": "{}"})
    pq.write_table(table, again := io.BytesIO(), compression="gzip")
    path = forge.unpacked({**files, name: again.getvalue()})
    assert not forge.verify(path).accepted
    dropped, findings = rewrite(path, out := forge.folder / "fixed")
    assert (dropped, findings) == ([], [])
    assert (out / name).read_bytes() == files[name]


def test_what_cannot_be_kept_is_told_and_nothing_is_written(forge) -> None:
    files = forge.packed("search")
    (name,) = files.keys() - {MANIFEST}
    path = forge.unpacked({**files, name: b"PAR1"})
    _, findings = rewrite(path, out := forge.folder / "fixed")
    assert [finding.code for finding in findings] == ["parquet-damaged"]
    assert not out.exists()
