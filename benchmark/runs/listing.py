"""Which runs are stored, as ``runs list`` and ``runs show`` tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmark.errors import BenchError, unknown_name
from benchmark.host.files import holds
from benchmark.host.home import Home
from benchmark.host.owners import is_owned
from benchmark.host.removing import size_of
from benchmark.runs.filters import Filters, label_of
from benchmark.runs.store import (
    MANIFEST,
    PARTIAL,
    PER_INSTANCE,
    PREDICTIONS,
    SCORES,
    StoredRun,
    is_imported,
    load_run,
)
from benchmark.tasks import TASKS

#: A folder that holds one of these is a run, or what is left of one.
_PARTS = (MANIFEST, SCORES, PREDICTIONS, PER_INSTANCE)
#: What a row says of a run that can be read.
_SAID = ("model", "variant", "task", "data", "cohort", "perturb", "seed", "limit", "created")


def run_folders(home: Home) -> Iterator[Path]:
    """Yield folders that are finished runs, or what is left of one, by name; links included."""
    home.fetch_runs()
    if home.runs.is_dir():
        for folder in sorted(home.runs.iterdir()):
            # Earlier versions called runs of ./mine.py by names that begin with a dot.
            unfinished = folder.name.endswith(PARTIAL) or is_owned(folder)
            if not unfinished and folder.is_dir() and any(holds(folder, p) for p in _PARTS):
                yield folder


def list_runs(home: Home, filters: Filters | None = None) -> list[dict[str, Any]]:
    """Return one row a stored run, by id, that ``filters`` let through.

    Keys: ``run`` (its folder), ``id, model, variant, task, data, cohort, perturb, seed, limit,
    created, submission`` (the one that it came with, if any), ``metric`` (the task's primary one,
    as it was measured), ``value, low, high, failure_rate, bytes``. A run that cannot be read has
    empty values and ``problem``, the reason.
    """
    rows = [_row(folder) for folder in run_folders(home)]
    if filters is None:
        return rows
    _check(filters, rows, home)
    return [row for row in rows if filters.let(row)]


def _row(folder: Path) -> dict[str, Any]:
    names: dict[str, Any] = {"run": str(folder), "id": folder.name}
    try:
        run = load_run(folder)
        metric = run.primary
    except BenchError as error:
        keys = (*_SAID, "submission", "metric", "value", "low", "high", "failure_rate")
        empty = dict.fromkeys(keys)
        return {**names, **empty, "bytes": size_of(folder), "problem": error.message}
    score = {} if metric is None else run.scores[metric]
    said: Mapping[str, Any] = run.manifest
    return {
        **names,
        **{key: said[key] for key in _SAID},
        "submission": run.manifest["submission"]["name"] if is_imported(run) else None,
        "metric": metric,
        **{key: score.get(key) for key in ("value", "low", "high")},
        "failure_rate": run.failure_rate,
        "bytes": size_of(folder),
    }


def _check(filters: Filters, rows: list[dict[str, Any]], home: Home) -> None:
    """Refuse a misspelt filter: the empty list it gives would pass for an answer."""
    readable = [row for row in rows if "problem" not in row]
    models = {name for row in readable for name in (row["model"], label_of(row))}
    datasets = {row["data"] for row in readable}
    known: dict[str, Callable[[], set[str]]] = {
        "model": lambda: models | _registered(),
        "task": lambda: set(TASKS),
        "data": lambda: datasets | _prepared(home),
        "cohort": _cohorts,
    }
    for key, names in known.items():
        value = getattr(filters, key)
        if value is not None and value not in (found := names()):
            raise unknown_name({"data": "dataset"}.get(key, key), value, found)


def _registered() -> set[str]:
    from benchmark.models.registered import entries

    return {
        name
        for entry in entries().values()
        for name in (entry.name, *(f"{entry.name}:{variant}" for variant in entry.variants))
    }


def _prepared(home: Home) -> set[str]:
    from benchmark.data.listing import dataset_folders
    from benchmark.data.sources import SELF_CONTAINED

    return {folder.name for folder in dataset_folders(home)} | set(SELF_CONTAINED)


def _cohorts() -> set[str]:
    from benchmark.data.schema import COHORTS

    return set(COHORTS)


def describe_run(run: StoredRun) -> dict[str, Any]:
    """Return ``run, id, bytes, manifest, scores, failure_rate`` of one run, ready for JSON."""
    return {
        "run": str(run.folder),
        "id": run.folder.name,
        "bytes": size_of(run.folder),
        "manifest": dict(run.manifest),
        "scores": {name: dict(score) for name, score in run.scores.items()},
        "failure_rate": run.failure_rate,
    }


def age(created: str) -> str:
    """Return how long ago ``created`` (ISO 8601) was: ``40 s``, ``5 min``, ``3 h``, ``12 d``."""
    try:
        then = datetime.fromisoformat(created)
    except (TypeError, ValueError):
        return "-"
    seconds = (datetime.now(UTC) - then.replace(tzinfo=then.tzinfo or UTC)).total_seconds()
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
