"""Two runs brought onto one list of instances, or the reason why they cannot be."""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.errors import BenchError, UsageError, unknown_name
from benchmark.metrics import metric_named
from benchmark.metrics.base import Metric, Statistics
from benchmark.runs.per_instance import PerInstance, read_per_instance
from benchmark.runs.store import StoredRun

#: Manifest entry -> what two runs must share, in words; in order of what explains the rest.
_SHARED = {
    "task": "tasks",
    "data": "datasets",
    "dataset_sha256": "versions of the dataset",
    "cohort": "cohorts",
    "limit": "--limit values",
    "instances_sha256": "instances",
}


@dataclass(frozen=True)
class Pair:
    """Two runs, row by row: ``a[name][i]``, ``b[name][i]`` and ``users[i]`` are of ``ids[i]``."""

    ids: tuple[str, ...]
    users: tuple[str, ...]
    metrics: tuple[Metric, ...]
    a: Statistics
    b: Statistics


def pair(a: StoredRun, b: StoredRun, names: tuple[str, ...] = ()) -> Pair:
    """``a`` and ``b`` over their common instances and metrics (those in ``names``, if any).

    Raises :class:`UsageError` for a run with itself, runs that were asked different questions
    and metrics they do not have, and :class:`BenchError` for a damaged per-instance table.
    """
    if a.folder.resolve() == b.folder.resolve():
        raise UsageError(
            f"Run {a.folder.name!r} was given twice.", fix="Give two different runs to compare."
        )
    for key, what in _SHARED.items():
        one, other = a.manifest[key], b.manifest[key]
        if one != other:
            raise UsageError(
                f"These runs are over different {what}: {one!s:.40} and {other!s:.40}.",
                fix="Compare runs of one task, dataset and cohort, asked the same instances.",
            )
    ours, theirs = read_per_instance(a.folder), read_per_instance(b.folder)
    if ours.ids != theirs.ids:
        first = min(set(ours.ids) ^ set(theirs.ids))
        raise UsageError(
            f"These runs were not asked the same instances: only one has {first!r}.",
            fix="Run both models again on the dataset as it is now.",
        )
    if ours.users != theirs.users:
        raise BenchError(
            "These runs disagree on whose instances they were asked.",
            fix=f"Delete one of {str(a.folder)!r} and {str(b.folder)!r} and run it again.",
        )
    if not ours.ids:
        raise BenchError(f"Run {a.folder.name!r} has no instance.", fix="Run it again.")
    metrics = tuple(metric_named(name) for name in _chosen(a, b, names))
    for run, table in ((a, ours), (b, theirs)):
        for metric in metrics:
            _require(metric, run, table)
    return Pair(ours.ids, ours.users, metrics, ours.statistics, theirs.statistics)


def _chosen(a: StoredRun, b: StoredRun, names: tuple[str, ...]) -> list[str]:
    shared = [name for name in a.scores if name in b.scores]
    for name in names:
        if name not in shared and (name in a.scores or name in b.scores):
            run = b if name in a.scores else a
            raise UsageError(
                f"Run {run.folder.name!r} has no {name}.",
                fix=f"Both runs have: {', '.join(shared) or 'nothing'}.",
            )
        if name not in shared:
            raise unknown_name("metric", name, shared)
    if not shared:
        raise UsageError(
            f"These runs share no metric ({', '.join(a.scores)}; {', '.join(b.scores)}).",
            fix="Score both with the same optional packages installed: run again with --force.",
        )
    return list(dict.fromkeys(names)) or shared


def _require(metric: Metric, run: StoredRun, table: PerInstance) -> None:
    values = table.statistics.get(metric.name)
    if values is None or values.shape[1] != metric.columns:
        what = "no column" if values is None else f"{values.shape[1]} numbers an instance"
        raise BenchError(
            f"The per-instance table of run {run.folder.name!r} has {what} for {metric.name!r}.",
            fix=f"Delete the folder {str(run.folder)!r} and run again.",
        )
