"""Removing stored runs: each under its own lock, and as a whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmark.errors import BenchError, UsageError, unknown_name
from benchmark.host.files import is_locked, locked_if_free
from benchmark.host.home import Home
from benchmark.host.removing import is_inside, remove, size_of
from benchmark.runs.filters import Filters
from benchmark.runs.listing import list_runs, run_folders
from benchmark.runs.store import NEAREST


def chosen_runs(names: Sequence[str], filters: Filters, home: Home) -> list[Path]:
    """Return the folders of ``home`` that ``names`` (all, if none is given) and ``filters`` mean.

    A name is an id, a unique beginning of one, or the path of a run's folder; damaged runs are
    found as well, by name. Raises :class:`UsageError` for a name of no run, of several, or of a
    folder that is not in ``home``, and where nothing says which runs are meant.
    """
    if not names and not filters.any_given():
        raise UsageError(
            "Nothing says which runs to remove.", fix="Name them, or filter as runs list does."
        )
    folders = list(run_folders(home))
    named = [_named(name, folders, home) for name in names] if names else folders
    let = {row["id"] for row in list_runs(home, filters)}
    return [folder for folder in dict.fromkeys(named) if folder.name in let]


def _named(name: str, folders: Sequence[Path], home: Home) -> Path:
    by_id = {folder.name: folder for folder in folders}
    if name in by_id:
        return by_id[name]
    if "/" in name or name in (".", ".."):
        path = Path(name).expanduser().absolute()
        if is_inside(path, home.runs) and path.name in by_id:
            return by_id[path.name]
        raise UsageError(
            f"{name!r} is no run of {str(home.root)!r}, and only those are removed.",
            fix="Give the id of a run (unimp-bench runs list), or its --home.",
        )
    begin = [folder for run_id, folder in by_id.items() if name and run_id.startswith(name)]
    if len(begin) == 1:
        return begin[0]
    if begin:
        raise UsageError(
            f"{len(begin)} runs begin with {name!r}.",
            fix="Give more of the id, or filters (--model, --task, ...) for several runs.",
        )
    raise unknown_name("run", name, by_id, nearest=NEAREST)


def remove_runs(folders: Sequence[Path], *, dry_run: bool = False) -> dict[str, Any]:
    """Remove ``folders``; those that a process is executing stay, or that cannot be removed.

    Returns ``{"dry_run", "removed": [{"id", "bytes"}], "kept": [{"id", "why"}], "bytes"}``.
    """
    removed: list[dict[str, Any]] = []
    kept: list[dict[str, str]] = []
    for folder in folders:
        size = size_of(folder)
        try:
            gone = _remove(folder, dry_run=dry_run)
        except BenchError as error:  # somebody else's, on a shared home: the others go
            kept.append({"id": folder.name, "why": why_kept(error)})
            continue
        if gone:
            removed.append({"id": folder.name, "bytes": size})
        else:
            kept.append({"id": folder.name, "why": "a process is executing it"})
    total = sum(each["bytes"] for each in removed)
    return {"dry_run": dry_run, "removed": removed, "kept": kept, "bytes": total}


def why_kept(error: BenchError) -> str:
    """Return why something that could not be removed is kept, and what can be done about it."""
    return f"{error.message} {error.fix or ''}".rstrip(" .")


def _remove(folder: Path, *, dry_run: bool) -> bool:
    lock = folder.with_name(f".{folder.name}.lock")
    if dry_run:
        return not is_locked(lock)
    with locked_if_free(lock) as held:
        if held:
            remove(folder)
        return held
