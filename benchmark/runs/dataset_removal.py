"""Removing a prepared dataset: what refers to it, and what goes with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmark.data.listing import INFO, dataset_folders, prepare_command
from benchmark.errors import BenchError, unknown_name
from benchmark.host.files import is_locked, read_json
from benchmark.host.home import Home
from benchmark.host.removing import remove, size_of
from benchmark.runs.cache import features, fits, working_on
from benchmark.runs.listing import list_runs
from benchmark.runs.store import FIT_RECORD
from benchmark.runs.tuned import SEARCH


def describe_removal(name: str, home: Home) -> dict[str, Any]:
    """Say what removing dataset ``name`` takes and what stays behind, ready for JSON.

    ``removed`` has the paths that go, ``features`` how many cached features are among them;
    ``runs, fits, searches`` name what refers to the dataset and stays. Raises
    :class:`~benchmark.errors.UsageError` for an unknown name.
    """
    folders = {folder.name: folder for folder in dataset_folders(home)}
    if name not in folders:
        raise unknown_name("dataset", name, folders)
    folder, stamps = folders[name], home.stamps / f"{name}.json"
    return {
        "name": name,
        "removed": [str(folder), *([str(stamps)] if stamps.is_file() else [])],
        "bytes": size_of(folder) + (size_of(stamps) if stamps.is_file() else 0),
        "features": sum(part.path.parent.parent == folder for part in features(home)),
        "runs": [row["id"] for row in list_runs(home) if row["data"] == name],
        "fits": [part.path.name for part in fits(home) if _said(part.path / FIT_RECORD) == name],
        "searches": [
            path.parent.name for path in home.tuning.glob(f"*/{SEARCH}") if _said(path) == name
        ],
        "again": prepare_command(name, _info(folder / INFO)),
    }


def remove_dataset(name: str, home: Home) -> None:
    """Remove dataset ``name`` with its features and stamps; runs, fits and searches stay.

    Raises :class:`BenchError` where a live process may be using it.
    """
    for lock in working_on(home, name):
        if is_locked(lock):
            raise BenchError(
                f"Dataset {name!r} may be in use: a process holds {str(lock)!r}.",
                fix="Wait until it has finished.",
            )
    folders = {folder.name: folder for folder in dataset_folders(home)}
    if name not in folders:
        raise unknown_name("dataset", name, folders)
    remove(folders[name])
    stamps = home.stamps / f"{name}.json"
    if stamps.is_file():
        remove(stamps)


def _said(path: Path) -> Any:
    """The dataset that a record names."""
    return _info(path).get("data")


def _info(path: Path) -> dict[str, Any]:
    try:
        info = read_json(path)
    except BenchError:
        return {}
    return info if isinstance(info, dict) else {}
