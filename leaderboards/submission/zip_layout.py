"""Checks the directory of a zip archive before Python's reader is let near it.

``zipfile`` parses the whole central directory when it opens an archive, searches for the end
record, and allows other data before the archive: a few lies there cost gigabytes, or let two
readers see two archives. A submission is laid out in the one plain way.

Format: PKWARE, .ZIP File Format Specification, sections 4.3.14 to 4.3.16.
"""

from __future__ import annotations

import struct
from pathlib import Path

from leaderboards.submission import limits
from leaderboards.submission.findings import Refused, place

_END = struct.Struct("<4s4H2LH")
_LOCATOR = 20
_ARCHIVE_BYTES = limits.TOTAL_BYTES + limits.DIRECTORY_BYTES


def check(path: Path) -> None:
    """Raise :class:`Refused` unless ``path`` is one plain archive with a small directory."""
    where = place(path.name)
    size = path.stat().st_size
    if size > _ARCHIVE_BYTES:
        raise Refused("total-size", where, f"{size} bytes, at most {_ARCHIVE_BYTES} allowed.")
    try:
        with open(path, "rb") as stream:
            stream.seek(max(0, size - _LOCATOR - _END.size))
            tail = stream.read()
    except OSError as error:
        raise Refused("zip-damaged", where, f"{error.strerror}.") from error
    if len(tail) < _END.size or tail[-_END.size :][:4] != b"PK\x05\x06":
        raise Refused("zip-damaged", where, "Neither a folder nor a zip archive without comment.")
    _, disk, first, here, members, length, start, comment = _END.unpack(tail[-_END.size :])
    if tail[: -_END.size].startswith(b"PK\x06\x07"):
        raise Refused("zip-layout", where, "An archive this small needs no zip64 records.")
    if comment or disk or first or here != members:
        raise Refused("zip-layout", where, "Spread over several disks, or with a comment.")
    if members > limits.ENTRIES or length > limits.DIRECTORY_BYTES:
        message = f"{members} members listed in {length} bytes; at most {limits.ENTRIES} allowed."
        raise Refused("too-many-files", where, message)
    if start + length + _END.size != size:
        raise Refused("zip-layout", where, "There is other data before or inside the archive.")
