"""Raw files at an address: a local copy, fetched before a build.

What was fetched stays in ``<home>/raw``; a file is fetched again where the store says that it
changed, or where the copy is not what was fetched.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmark.errors import BenchError
from benchmark.host.console import note
from benchmark.host.files import atomic_path, locked, read_json, sha256_file, write_json
from benchmark.host.home import Home
from benchmark.host.progress import track
from benchmark.host.removing import for_people
from benchmark.host.stamps import changed_files
from benchmark.host.stores import Store, Stored, copy_name, shown

_RECORD, _STAMPS, _FILES = "fetched.json", "stamps.json", "files"
#: What the record says of a file.
_KEYS = {"size", "mark", "sha256"}


def fetched(address: str, home: Home) -> Path:
    """Return a local copy of the raw file or folder at ``address``, fetched where it is not yet.

    Of a file, the folder that it lies in is fetched: sources read what lies beside it. Sizes are
    compared with what the store says, and copies that exist with the SHA-256 they were fetched
    with. Raises :class:`BenchError` where the store cannot be read or a file arrives with another
    size, :class:`~benchmark.errors.UsageError` for what is no address.
    """
    store, name = Store(address), ""
    home.check_writable()
    if store.is_file():
        beside, _, name = store.address.rpartition("/")
        store = Store(beside)
    folder = home.raw / copy_name(store.address)
    with locked(folder.with_name(f".{folder.name}.lock"), f"fetching {shown(store.address)}"):
        _update(store, folder)
    return folder / _FILES / name


def _update(store: Store, folder: Path) -> None:
    """Make ``folder`` hold what the store does."""
    there, record = store.files(), _record(folder)
    held = record or {}
    current = {
        path: row["sha256"]
        for path, row in held.items()
        if path in there and (row["size"], row["mark"]) == (there[path].size, there[path].mark)
    }
    files = folder / _FILES
    changed = set(changed_files(files, current, stamps=folder / _STAMPS))
    # Without a record nobody knows what was fetched: all that is not there any more goes.
    known = held.keys() if record is not None else _files_in(files)
    for path in known - there.keys():
        (files / path).unlink(missing_ok=True)
    kept = {path: held[path] for path in current if path not in changed}
    wanted = sorted(there.keys() - kept.keys())
    if wanted:
        size = for_people(sum(there[path].size for path in wanted))
        note(f"Fetching {len(wanted)} files ({size}) from {shown(store.address)} to {files}.")
    try:
        for path in track(wanted, "fetching"):
            kept[path] = _fetched_one(store, path, there[path], files / path)
    finally:
        if held != kept:
            write_json(folder / _RECORD, kept)


def _fetched_one(store: Store, path: str, said: Stored, to: Path) -> dict[str, Any]:
    with atomic_path(to) as temporary:
        store.fetch(path, temporary)
        size = temporary.stat().st_size
        if size != said.size:
            raise BenchError(
                f"{shown(store.address)}/{path} has {said.size} bytes, but {size} arrived.",
                fix="Run again: files that arrived whole are kept.",
            )
        return {"size": size, "mark": said.mark, "sha256": sha256_file(temporary)}


def _record(folder: Path) -> dict[str, dict[str, Any]] | None:
    """What was fetched; ``None`` where that cannot be told."""
    try:
        record = read_json(folder / _RECORD)
    except BenchError:
        return None
    rows = record.values() if isinstance(record, dict) else [None]
    return record if all(isinstance(row, dict) and row.keys() >= _KEYS for row in rows) else None


def _files_in(folder: Path) -> set[str]:
    paths = folder.rglob("*")
    return {path.relative_to(folder).as_posix() for path in paths if not path.is_dir()}
