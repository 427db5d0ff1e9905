"""Whether files still have the content that was written down, without reading them each time.

A stamp is what the file system says of a file (size and times) beside the SHA-256 it had then.
Stamps are a cache: where one is missing or differs, the content is read and decides.
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmark.errors import BenchError
from benchmark.host.files import atomic_path, read_json, sha256_file

#: A file that changed this little before it was stamped may change again within one tick of the
#: file system's clock and look the same: it gets no stamp yet.
SETTLED = 1.0

#: Size, time of the last change of content and of the last change of any kind, in nanoseconds.
_Stamp = list[int]


def file_hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below ``folder``, by its path relative to it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}


def changed_files(folder: Path, expected: Mapping[str, str], *, stamps: Path) -> list[str]:
    """Return the names of ``expected`` whose files are missing or have another SHA-256.

    ``stamps`` is the file that keeps the stamps; it need not exist, nor can it always be
    written: then everything is read again next time.
    """
    known = _read(stamps)
    present = dict(_present(folder, expected))
    kept = {name: stamp for name, stamp in known.items() if name not in expected}
    changed = []
    for name, sha256 in expected.items():
        stamp = present.get(name)
        if stamp is None:
            changed.append(name)
        elif known.get(name) == [*stamp, sha256]:
            kept[name] = known[name]
        elif _sha256(folder / name) != sha256:
            changed.append(name)
        elif _is_settled(stamp):
            kept[name] = [*stamp, sha256]
    if kept != known:
        _write(stamps, kept)
    return changed


def stamp_files(folder: Path, hashes: Mapping[str, str], *, stamps: Path) -> None:
    """Keep stamps of files that were just written with these SHA-256: none is read for it."""
    kept = {
        name: [*stamp, hashes[name]]
        for name, stamp in _present(folder, hashes)
        if _is_settled(stamp)
    }
    _write(stamps, kept)


def _is_settled(stamp: _Stamp) -> bool:
    return max(stamp[1:]) < (time.time() - SETTLED) * 1e9


def _present(folder: Path, names: Iterable[str]) -> Iterator[tuple[str, _Stamp]]:
    """Stamps of those ``names`` that are files, a folder at a time: there may be many photos."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for name in names:
        parent, _, last = name.rpartition("/")
        wanted[parent].add(last)
    for parent, lasts in wanted.items():
        with suppress(OSError), os.scandir(folder / parent) as entries:
            for entry in entries:
                if entry.name in lasts:
                    found = entry.stat()
                    stamp = [found.st_size, found.st_mtime_ns, found.st_ctime_ns]
                    yield f"{parent}/{entry.name}" if parent else entry.name, stamp


def _sha256(path: Path) -> str | None:
    try:
        return sha256_file(path)
    except OSError:
        return None


def _write(stamps: Path, kept: Mapping[str, list[Any]]) -> None:
    # In one line: indented JSON of many photos takes longer than looking at all of them.
    with suppress(BenchError), atomic_path(stamps) as temporary:  # it is a cache
        temporary.write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")


def _read(stamps: Path) -> dict[str, Any]:
    try:
        known = read_json(stamps)
    except BenchError:
        return {}
    return known if isinstance(known, dict) else {}
