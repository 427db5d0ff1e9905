"""Freeze instances: a file for every task, part and cohort a dataset supports."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmark.data.catalogue import Catalogue
from benchmark.data.frames import write_parquet
from benchmark.data.instances.building import InstanceBuilder, Rules
from benchmark.data.instances.tasks import DATA_TASKS
from benchmark.data.instances.timeline import Timeline
from benchmark.data.preparing.finishing import Finished, whole_users
from benchmark.data.preparing.given_split import ABSENT, ONLY_TASK, given_targets
from benchmark.data.schema import COHORTS
from benchmark.host.progress import bar
from benchmark.tasks import TASKS

_BEHIND = {"valid": 1, "test": 0}
#: Rows whose timeline is made at a time: to tell whether a user met an item before takes more
#: memory than all else that is known of a row.
_ROWS = 1 << 18


def freeze(
    folder: Path,
    finished: Finished,
    catalogue: Catalogue,
    rules: Rules,
    *,
    written: Callable[[Path], None],
    given: bool = False,
) -> dict[str, Any]:
    """Write ``tasks/<task>/<part>-<cohort>.parquet`` below ``folder``; report each by ``written``.

    Returns ``tasks`` (task -> part-cohort -> number of instances), ``tasks_absent`` (task ->
    reason), ``instances_left_out`` and ``instances_noted`` (task -> part-cohort -> reason or
    note -> number). A task is absent when the data lacks what it needs, or no seen user has a
    validation instance of it (test interactions have no say in what a model gets to see). A
    ``given`` split has one task (:mod:`benchmark.data.preparing.given_split`).
    """
    rows = finished.rows
    timeline = _timeline(finished, catalogue)
    builder = InstanceBuilder(timeline, catalogue, rules)
    of_user = rows["cohort"].gather(timeline.starts[:-1]).cast(pl.String).to_numpy()
    cohorts = {c: np.flatnonzero(of_user == c).astype(np.int64) for c in COHORTS}
    lacking = {task: DATA_TASKS.get(task).lacks(rows, catalogue, rules) for task in TASKS}
    if given:
        lacking |= {task: ABSENT for task in TASKS if task != ONLY_TASK}
    absent = {task: why for task, why in lacking.items() if why is not None}
    counts: dict[str, dict[str, int]] = {}
    left_out: dict[str, dict[str, dict[str, int]]] = {}
    noted: dict[str, dict[str, dict[str, int]]] = {}
    with bar("instances", total=len(TASKS) * len(_BEHIND)) as progress:
        for task in TASKS:
            for part, behind in _BEHIND.items():
                progress.advance()
                for cohort, users in cohorts.items():
                    if task in absent or not len(users):
                        continue
                    several = DATA_TASKS.get(task).several and cohort != "seen"
                    targets = (
                        given_targets(rows, part)
                        if given
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
                    write_parquet(builder.table(task, targets, notes).to_frame(catalogue), path)
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


def _timeline(finished: Finished, catalogue: Catalogue) -> Timeline:
    """The timeline of all rows, made some users at a time."""
    rows, copied = finished.rows, finished.copied
    bounds = whole_users(rows["user_id"], _ROWS)
    parts = [Timeline.of_frame(rows[a:b], catalogue, copied=copied[a:b]) for a, b in bounds]
    before = np.cumsum([0, *(len(part.users) for part in parts[:-1])]).tolist()
    starts = [part.starts[:-1] + a for part, (a, _) in zip(parts, bounds, strict=True)]
    user = [part.user + first for part, first in zip(parts, before, strict=True)]
    return Timeline(
        users=tuple(itertools.chain.from_iterable(part.users for part in parts)),
        starts=np.concatenate([*starts, [len(rows)]]),
        user=np.concatenate(user),
        item=np.concatenate([part.item for part in parts]),
        timestamp=np.concatenate([part.timestamp for part in parts]),
        rating=np.concatenate([part.rating for part in parts]),
        explanation=rows["explanation"],
        first_time=np.concatenate([part.first_time for part in parts]),
        review=rows["review"],
        known_copies=copied,
    )
