"""Freeze instances: a file for every task, part and cohort a dataset supports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmark.data.catalogue import Catalogue
from benchmark.data.instances.building import InstanceBuilder, Rules, Targets
from benchmark.data.instances.ragged import Ragged
from benchmark.data.instances.table import InstanceTable
from benchmark.data.instances.tasks import DATA_TASKS
from benchmark.data.instances.timeline import Timeline
from benchmark.data.preparing.finishing import Finished, whole_users
from benchmark.data.preparing.given_split import ABSENT, ONLY_TASK
from benchmark.data.preparing.streaming import streamed_parquet
from benchmark.data.schema import COHORTS
from benchmark.host.progress import bar
from benchmark.tasks import TASKS

#: The parts that are frozen, and how many of a user's rows lie behind the target.
BEHIND = {"valid": 1, "test": 0}
#: Rows whose timeline is made at a time: to tell whether a user met an item before takes more
#: memory than all else that is known of a row.
_ROWS = 1 << 18
#: Instances written at a time.
_INSTANCES = 1 << 14


def freeze(
    folder: Path,
    timeline: Timeline,
    cohorts: Mapping[str, NDArray[np.int64]],
    catalogue: Catalogue,
    rules: Rules,
    lacking: Mapping[str, str],
    *,
    written: Callable[[Path], None],
    given: Mapping[str, Targets] | None = None,
) -> dict[str, Any]:
    """Write ``tasks/<task>/<part>-<cohort>.parquet`` below ``folder``; report each by ``written``.

    ``cohorts`` has the users of each; ``lacking`` is what :func:`lacking_tasks` found; ``given``
    has the targets of each part where the split is a given one.

    Returns ``tasks`` (task -> part-cohort -> number of instances), ``tasks_absent`` (task ->
    reason), ``instances_left_out`` and ``instances_noted`` (task -> part-cohort -> reason or
    note -> number). A task is absent when the data lacks what it needs, or no seen user has a
    validation instance of it (test interactions have no say in what a model gets to see). A
    given split has one task (:mod:`benchmark.data.preparing.given_split`).
    """
    builder = InstanceBuilder(timeline, catalogue, rules)
    absent = dict(lacking)
    counts: dict[str, dict[str, int]] = {}
    left_out: dict[str, dict[str, dict[str, int]]] = {}
    noted: dict[str, dict[str, dict[str, int]]] = {}
    with bar("instances", total=len(TASKS) * len(BEHIND)) as progress:
        for task in TASKS:
            for part, behind in BEHIND.items():
                progress.advance()
                for cohort, users in cohorts.items():
                    if task in absent or not len(users):
                        continue
                    several = DATA_TASKS.get(task).several and cohort != "seen"
                    targets = (
                        given[part]
                        if given is not None
                        else builder.last_of_users(users, part, behind=behind, several=several)
                    )
                    targets, reasons = builder.answerable(task, targets)
                    label = f"{part}-{cohort}"
                    if label == "valid-seen" and not len(targets):
                        absent[task] = "no seen user has a validation instance: " + ", ".join(
                            f"{reason} ({n})" for reason, n in reasons.items()
                        )
                        continue
                    path = folder / "tasks" / task / f"{label}.parquet"
                    notes: Counter[str] = Counter()
                    _write(builder.table(task, targets, notes), catalogue, path)
                    written(path)
                    counts.setdefault(task, {})[label] = len(targets)
                    if reasons:
                        left_out.setdefault(task, {})[label] = dict(reasons)
                    if notes:
                        noted.setdefault(task, {})[label] = dict(notes)
    return {
        "tasks": counts,
        "tasks_absent": absent,
        "instances_left_out": left_out,
        "instances_noted": noted,
    }


def cohorts_of(rows: pl.DataFrame, timeline: Timeline) -> dict[str, NDArray[np.int64]]:
    """Return the places of the users of each cohort in ``timeline``, whose interactions are
    ``rows``."""
    of_user = rows["cohort"].gather(timeline.starts[:-1])
    return {name: np.flatnonzero((of_user == name).to_numpy()) for name in COHORTS}


def lacking_tasks(
    rows: pl.DataFrame, catalogue: Catalogue, rules: Rules, *, given: bool
) -> dict[str, str]:
    """Return the tasks of which the interactions ``rows`` have nothing at all, and why."""
    lacking = {task: DATA_TASKS.get(task).lacks(rows, catalogue, rules) for task in TASKS}
    if given:
        lacking |= {task: ABSENT for task in TASKS if task != ONLY_TASK}
    return {task: why for task, why in lacking.items() if why is not None}


def _write(table: InstanceTable, catalogue: Catalogue, path: Path) -> None:
    """Write ``table``, some instances at a time."""
    columns = ("ids", "users", "history", "ratings", "timestamps", *table.task.columns)
    with streamed_parquet(path) as write:
        for low in range(0, max(len(table), 1), _INSTANCES):
            high = min(low + _INSTANCES, len(table))
            part = {name: _some(getattr(table, name), low, high) for name in columns}
            write(replace(table, **part).to_frame(catalogue))


def _some(column: Any, low: int, high: int) -> Any:
    """Some rows of a table's column."""
    if column is None:
        return None
    return column.rows(range(low, high)) if isinstance(column, Ragged) else column[low:high]


def timeline_of(finished: Finished, catalogue: Catalogue) -> Timeline:
    """Return the timeline of all rows, made some users at a time."""
    rows, copied = finished.rows, finished.copied
    n = len(rows)
    kinds = {"user": int, "item": int, "timestamp": int, "rating": float, "first_time": bool}
    whole: dict[str, NDArray[Any]] = {name: np.empty(n, kind) for name, kind in kinds.items()}
    users: list[str] = []
    starts = [np.zeros(0, dtype=np.int64)]
    for a, b in whole_users(rows["user_id"], _ROWS):
        part = Timeline.of_frame(rows[a:b], catalogue, copied=copied[a:b])
        for name, column in whole.items():
            column[a:b] = getattr(part, name)
        whole["user"][a:b] += len(users)
        users += part.users
        starts.append(part.starts[:-1] + a)
    return Timeline(
        users=tuple(users),
        starts=np.append(np.concatenate(starts), n),
        explanation=rows["explanation"],
        review=rows["review"],
        known_copies=copied,
        **whole,
    )
