"""Archives and folders that lie, lead elsewhere or explode."""

from __future__ import annotations

import os
import stat
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from leaderboards.submission.schema import MANIFEST
from tests.leaderboards.conftest import zipped
from tests.leaderboards.hostile.kinds import numbered

Make = Callable[[Any], Path]


def with_member(forge: Any, name: str, content: bytes = b"x", **attributes: Any) -> Path:
    """A good archive with one more member, whose header fields are as given."""
    path: Path = forge.archive(forge.packed("search"))
    member = zipfile.ZipInfo("placeholder" if "\0" in name else name)
    for key, value in attributes.items():
        setattr(member, key, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of two members of one name
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(member, content)
    return path


def member(name: str, content: bytes = b"x", **attributes: Any) -> Make:
    return lambda forge: with_member(forge, name, content, **attributes)


def of_bytes(spoil: Callable[[bytes], bytes]) -> Make:
    """A good archive whose own bytes were spoiled."""
    return lambda forge: _written(forge, spoil(zipped(forge.packed("search"))))


def _written(forge: Any, content: bytes) -> Path:
    path: Path = forge.folder / "forged.zip"
    path.write_bytes(content)
    return path


def _folder(spoil: Callable[[Path], object]) -> Make:
    """A good folder that was spoiled."""

    def make(forge: Any) -> Path:
        folder: Path = forge.unpacked(forge.packed("search"))
        spoil(folder)
        return folder

    return make


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


def hidden_member(good: bytes) -> bytes:
    """A member before the directory that the directory does not list."""
    local = _handmade([(b"../../evil.sh", b"#!/bin/sh", 9)], method=0)
    local = local[: local.index(b"PK\x01\x02")]
    start = good.index(b"PK\x01\x02")
    end = bytearray(good[-22:])
    end[16:20] = (start + len(local)).to_bytes(4, "little")
    return good[:start] + local + good[start:-22] + bytes(end)


def deflated(trailing: bytes) -> Make:
    """A member packed by deflate, with bytes behind the end of its stream."""

    def make(forge: Any) -> Path:
        manifest = forge.packed("search")[MANIFEST]
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        stream = packer.compress(manifest) + packer.flush() + trailing
        return _written(forge, _handmade([(MANIFEST.encode(), stream, len(manifest))]))

    return make


def _crowd(forge: Any) -> Path:
    files = forge.packed("search")
    files |= {f"runs/{number}.parquet": b"" for number in range(3_000)}
    path: Path = forge.archive(files)
    return path


def _at_end(offset: int, value: int, size: int = 2) -> Callable[[bytes], bytes]:
    """Another number in the record at the archive's end, ``offset`` bytes from its begin."""

    def spoil(good: bytes) -> bytes:
        end = bytearray(good[-22:])
        end[offset : offset + size] = value.to_bytes(size, "little")
        return good[:-22] + bytes(end)

    return spoil


def _in_entry(offset: int, value: int, size: int = 2) -> Callable[[bytes], bytes]:
    """Another number in the first entry of the directory."""

    def spoil(good: bytes) -> bytes:
        at = good.index(b"PK\x01\x02") + offset
        return good[:at] + value.to_bytes(size, "little") + good[at + size :]

    return spoil


def _encrypted(good: bytes) -> bytes:
    changed = bytearray(good)
    changed[good.index(b"PK\x01\x02") + 8] |= 1
    return bytes(changed)


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


def _manifest_folder(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    (folder / MANIFEST).mkdir()


def _renamed(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / MANIFEST).rename(folder / name)


#: (name of one more member, code)
_NAMES: list[tuple[str, str]] = [
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
    ("runs/", "file-unknown"),
    ("runs\\a.parquet", "file-unknown"),
    ("runs/A.parquet", "file-unknown"),
    ("runs/.hidden.parquet", "file-unknown"),
    ("__MACOSX/._submission.json", "file-unknown"),
    ("~/evil", "file-unknown"),
]
#: (what was done to a good archive, code)
_SPOILT: list[tuple[Callable[[bytes], bytes], str | tuple[str, ...]]] = [
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
    (_at_end(4, 1), "zip-layout"),
    (_at_end(8, 1), "zip-layout"),
    (_at_end(10, 7), "zip-layout"),
    (_at_end(12, 2**32 - 1, 4), "too-many-files"),
    (_at_end(16, 0, 4), "zip-layout"),
    (_in_entry(8, 0x8), "zip-layout"),
    (_in_entry(8, 0x40), "zip-layout"),
    (_in_entry(10, 99), "zip-method"),
    (_in_entry(16, 0, 4), "zip-layout"),
    (_in_entry(24, 2**32 - 1, 4), "zip-layout"),
    (_in_entry(30, 4), ("zip-layout", "zip-damaged")),
    (_in_entry(34, 3), "zip-layout"),
    (_in_entry(42, 40, 4), "zip-layout"),
    (lambda good: good + good, "zip-layout"),
    (lambda good: b"MZ" + good[2:], "zip-layout"),
    (lambda good: good[:-22] + bytes(64) + good[-22:], "zip-layout"),
]
#: (what was done to a good folder, code, word)
_FOLDERS: list[tuple[Callable[[Path], object], str, str]] = [
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
    (_renamed("Submission.json"), "file-unknown", "Submission.json"),
    (_manifest_folder, "file-unknown", MANIFEST),
    (lambda folder: (folder / ".git").mkdir(), "file-unknown", ".git"),
    (lambda folder: (folder / "runs" / "b.parquet").write_bytes(b""), "file-unused", "b.parquet"),
]


def _mode(mode: int) -> Make:
    return member("runs/a.parquet", b"/etc/passwd", external_attr=mode << 16)


def _announced(size: int) -> Make:
    return lambda forge: _written(forge, _handmade([(MANIFEST.encode(), _bomb(10), size)]))


def _overlapping(forge: Any) -> Path:
    entries = [(name, b"{}", 2) for name in (b"submission.json", b"runs/aaaaaa.json")]
    return _written(forge, _handmade(entries, offsets=[0, 0], method=0))


KINDS = [
    *numbered("member", ((member(name), code, ascii(name)[1:40]) for name, code in _NAMES)),
    *numbered("archive", ((of_bytes(spoil), code, "") for spoil, code in _SPOILT)),
    *numbered("folder", ((_folder(spoil), code, word) for spoil, code, word in _FOLDERS)),
    *numbered(
        "zip",
        [
            (_mode(stat.S_IFLNK | 0o777), "symlink", "runs/a.parquet"),
            (_mode(stat.S_IFCHR | 0o666), "special-file", "runs/a.parquet"),
            (_mode(stat.S_IFIFO | 0o666), "special-file", "runs/a.parquet"),
            (member("runs/a.parquet", compress_type=zipfile.ZIP_BZIP2), "zip-method", "12"),
            (member("runs/a.parquet", compress_type=zipfile.ZIP_LZMA), "zip-method", "14"),
            (member("runs/a.parquet", compress_type=zipfile.ZIP_DEFLATED), "zip-method", "8"),
            (member("runs/a.parquet", extra=b"\x99\x99\x04\x00evil"), "zip-layout", "fields"),
            (deflated(b""), "zip-method", "method 8"),
            (_crowd, "too-many-files", "3002 members"),
            (_announced(2**32 - 2), "zip-method", "method 8"),
            (_announced(1_000), "zip-method", "submission.json"),
            (_overlapping, "zip-layout", "neighbour"),
        ],
    ),
]
