"""Writes a site whole or not at all, and replaces nothing but a former site."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from benchmark.errors import UsageError
from benchmark.host.files import cannot_write
from benchmark.host.replacing import recover, replacement

#: Lists every file of a site, itself aside: what is not on the list is not ours to delete.
MARKER = "site.json"
_MADE_BY = "unimp-bench leaderboard build"


def write_site(pages: Mapping[str, str | bytes], out: Path) -> None:
    """Write ``pages`` (path inside the site -> content) to the folder ``out``.

    Raises :class:`UsageError` when ``out`` is something else than a site that this wrote or an
    empty folder, :class:`~benchmark.errors.BenchError` when it cannot be written.
    """
    out = out.absolute()
    check_replaceable(out)
    try:
        with replacement(out) as partial:
            for path, content in {**pages, MARKER: _marker(pages)}.items():
                file = partial / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise cannot_write(out, error) from error


def check_replaceable(out: Path) -> None:
    """Raise :class:`UsageError` unless ``out`` is absent, empty or a site and nothing more.

    A site that a killed build left without its name gets it back first.
    """
    recover(out)
    fix = "Choose another --out."
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise UsageError(f"--out {str(out)!r} is no folder.", fix=fix)
    if not out.exists() or not any(out.iterdir()):
        return
    listed = read_marker(out)
    if listed is None:
        raise UsageError(f"The folder {str(out)!r} is no site made by this command.", fix=fix)
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir()}
    strange = sorted(found - listed - {MARKER})
    if strange:
        raise UsageError(
            f"{str(out)!r} holds {strange[0]!r}, which this command did not write.", fix=fix
        )


def read_marker(folder: Path) -> set[str] | None:
    """Read which files the site in ``folder`` has; ``None`` when it is no site."""
    try:
        value = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(value, dict) or value.get("made_by") != _MADE_BY:
        return None
    files = value.get("files")
    if not isinstance(files, list) or not all(isinstance(name, str) for name in files):
        return None
    return set(files)


def sha256_of(pages: Mapping[str, str | bytes]) -> str:
    """Return the hash of all files of a site, by path."""
    digest = hashlib.sha256()
    for path in sorted(pages):
        content = pages[path]
        raw = content.encode() if isinstance(content, str) else content
        digest.update(f"{path}\n{hashlib.sha256(raw).hexdigest()}\n".encode())
    return digest.hexdigest()


def sha256_at(folder: Path) -> str | None:
    """Return :func:`sha256_of` the site in ``folder``; ``None`` when it is none, or not whole."""
    listed = read_marker(folder)
    try:
        return None if listed is None else sha256_of({n: (folder / n).read_bytes() for n in listed})
    except (OSError, ValueError):
        return None


def _marker(pages: Mapping[str, str | bytes]) -> str:
    return json.dumps({"made_by": _MADE_BY, "files": sorted(pages)}, indent=1) + "\n"
