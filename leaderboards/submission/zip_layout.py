"""Reads a zip archive that is laid out in the one plain way, and no other.

Two readers can see two archives in one file: one lists the directory at its end, another streams
from its beginning. In the layout that ``submit`` writes there is nothing to disagree about:
members follow each other from the first byte, each stored as it is under a header that says what
the directory says, and then comes the directory. No comments, extras or other data anywhere.

Format: PKWARE, .ZIP File Format Specification, sections 4.3.7, 4.3.12 and 4.3.16.
"""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from leaderboards.submission import limits
from leaderboards.submission.findings import Refused, place, shown

#: Signature, version, then what both headers of a member say: flags, method, time, date, checksum,
#: packed and real size, lengths of name and extra field.
_LOCAL = struct.Struct("<4sH4H3L2H")
#: The same behind a second version; then comment, disk, attributes and the local header's offset.
_ENTRY = struct.Struct("<4s2H4H3L2H3H2L")
_END = struct.Struct("<4s4H2LH")
_LOCAL_MARK, _ENTRY_MARK, _END_MARK = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_ARCHIVE_BYTES = limits.TOTAL_BYTES + limits.DIRECTORY_BYTES
_ENCRYPTED, _UTF8, _STORED = 0x1, 0x800, 0


@dataclass(frozen=True, slots=True)
class Member:
    """Locates one member: its name as stored, its file mode, and where its bytes lie.

    They are ``size`` bytes from ``start`` on in the archive; ``checksum`` is their CRC-32.
    """

    name: str
    mode: int
    start: int
    size: int
    checksum: int


def members(path: Path) -> list[Member]:
    """Return the members of a plain archive, in order; only headers are read.

    Raises :class:`Refused` for any other file.
    """
    where = place(path.name)
    try:
        with open(path, "rb") as stream:
            return list(_members(stream, where))
    except OSError as error:
        raise Refused("zip-damaged", where, f"{error.strerror}.") from error
    except (struct.error, UnicodeDecodeError):
        raise Refused("zip-damaged", where, "Its headers are broken.") from None


def content(path: Path, member: Member) -> bytes:
    """Read a member's bytes; :class:`Refused` when they are not what its checksum says."""
    with open(path, "rb") as stream:
        stream.seek(member.start)
        found = stream.read(member.size)
    if len(found) != member.size or zlib.crc32(found) != member.checksum:
        raise Refused("zip-damaged", place(member.name), "Its checksum is another one.")
    return found


def _members(stream: BinaryIO, where: str) -> Iterator[Member]:
    start, count, directory = _directory(stream, where)
    at = position = 0
    for _ in range(count):
        entry = _ENTRY.unpack_from(directory, position)
        mark, _, _, *shared, comment, disk, _, attributes, offset = entry
        position += _ENTRY.size
        name = directory[position : position + shared[-2]].decode()
        position += shared[-2]
        if mark != _ENTRY_MARK or position > len(directory):
            raise struct.error
        _check_header(shared, name, plain=not comment and not disk)
        if offset != at:
            raise Refused("zip-layout", where, f"{shown(name)} does not follow its neighbour.")
        stream.seek(offset)
        header = stream.read(_LOCAL.size)
        local_mark, _, *local = _LOCAL.unpack(header)
        if local_mark != _LOCAL_MARK or local != shared or stream.read(shared[-2]) != name.encode():
            raise Refused("zip-layout", where, f"{shown(name)} has two headers that differ.")
        size = shared[6]
        yield Member(name, attributes >> 16, stream.tell(), size, shared[4])
        at = stream.tell() + size
    if position != len(directory) or at != start:
        raise Refused("zip-layout", where, "There is other data before or inside the archive.")


def _directory(stream: BinaryIO, where: str) -> tuple[int, int, bytes]:
    """Where the directory starts, its number of entries, and its bytes."""
    size = stream.seek(0, 2)
    if size > _ARCHIVE_BYTES:
        raise Refused("total-size", where, f"{size} bytes, at most {_ARCHIVE_BYTES} allowed.")
    stream.seek(max(0, size - _END.size))
    tail = stream.read()
    if len(tail) < _END.size or tail[:4] != _END_MARK:
        raise Refused("zip-damaged", where, "Neither a folder nor a zip archive without comment.")
    _, disk, first, here, count, length, start, comment = _END.unpack(tail)
    if comment or disk or first or here != count:
        raise Refused("zip-layout", where, "Spread over several disks, or with a comment.")
    if count > limits.ENTRIES or length > limits.DIRECTORY_BYTES:
        message = f"{count} members listed in {length} bytes; at most {limits.ENTRIES} allowed."
        raise Refused("too-many-files", where, message)
    if start + length + _END.size != size:
        raise Refused("zip-layout", where, "There is other data before or inside the archive.")
    stream.seek(start)
    return start, count, stream.read(length)


def _check_header(shared: list[int], name: str, *, plain: bool) -> None:
    flags, method, _, _, _, packed, size, _, extra = shared
    where = place(name)
    if flags & _ENCRYPTED:
        raise Refused("zip-encrypted", where, f"{shown(name)} is encrypted.")
    if method != _STORED:
        message = f"{shown(name)} is packed by method {method}; {_AS_SUBMIT}"
        raise Refused("zip-method", where, message)
    if flags & ~_UTF8 or extra or packed != size or not plain:
        raise Refused("zip-layout", where, f"{shown(name)} carries other fields; {_AS_SUBMIT}")


_AS_SUBMIT = "members are stored as unimp-bench submit does (verify --fix OUT rewrites it)."


def is_regular(mode: int) -> bool:
    """Return whether ``mode`` is that of an ordinary file, or says nothing."""
    return stat.S_IFMT(mode) in (0, stat.S_IFREG)
