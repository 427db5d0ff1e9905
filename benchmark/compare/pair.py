"""Compares two runs on the same instances: every metric over all, then slice by slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.compare.beyond import LEGEND, RANKED, beyond_accuracy
from benchmark.compare.evidence import Tested, require_same_users, tested
from benchmark.compare.slices import slices_of
from benchmark.data.opening import open_dataset
from benchmark.errors import BenchError, UsageError, unknown_name
from benchmark.host.home import Home
from benchmark.metrics import metric_named
from benchmark.metrics.base import Metric, Statistics
from benchmark.metrics.families import is_variant
from benchmark.runs.manifest import excerpt
from benchmark.runs.store import (
    PerInstance,
    StoredRun,
    as_written,
    read_per_instance,
    require_same_instances,
)
from benchmark.stats import paired_difference, paired_effect
from benchmark.tasks import TASKS
from benchmark.uncertainty import FEW_USERS_NOTE

#: Scores of one instance closer than this are a tie.
_TIE = 1e-12

#: Statistics of a and of b on some instances, and these instances' users (n,).
Selected = tuple[Statistics, Statistics, NDArray[np.object_]]


@dataclass(frozen=True)
class Pair:
    """Aligns two runs by row: ``a[name][i]``, ``b[name][i]`` and ``users[i]`` are of ``ids[i]``.

    ``a[name]`` and ``b[name]`` are (n instances, columns of the metric).
    """

    ids: tuple[str, ...]
    users: tuple[str, ...]
    metrics: tuple[Metric, ...]
    a: Statistics
    b: Statistics


def pair(a: StoredRun, b: StoredRun, names: tuple[str, ...] = ()) -> Pair:
    """Pair ``a`` and ``b`` over their common instances and metrics (those in ``names``, if any).

    Raises :class:`UsageError` for a run with itself, runs that were asked different instances
    and metrics they do not have, and :class:`BenchError` for a damaged per-instance table.
    """
    if a.folder.resolve() == b.folder.resolve():
        raise UsageError(
            f"Run {a.folder.name!r} was given twice.", fix="Give two different runs to compare."
        )
    require_same_instances(
        (a, b), fix="Compare runs of one task, dataset and cohort, asked the same instances."
    )
    ours, theirs = (read_per_instance(as_written(run).folder) for run in (a, b))
    if ours.ids != theirs.ids:
        first = min(set(ours.ids) ^ set(theirs.ids))
        raise UsageError(
            f"These runs were not asked the same instances: only one has {first!r}.",
            fix="Run both models again on the dataset as it is now.",
        )
    require_same_users(
        *(ours.users, theirs.users),
        who="These runs",
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


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow:
    """Compares ``a`` with ``b`` in one metric.

    ``difference`` is a - b, [``low``, ``high``] its 95% interval (paired bootstrap, clustered
    by user), ``p_value`` two-sided, ``p_adjusted`` after Holm's correction over the rows that
    stand together; all four of the latter ``None`` below
    :data:`~benchmark.stats.FEWEST_USERS` users.
    ``better`` is ``"a"`` or ``"b"`` where ``p_adjusted`` is below 0.05. ``wins`` counts the
    instances on which ``a`` is the better one. ``effect_size`` is Cohen's d_z of the users'
    differences a - b, ``None`` where they do not vary.
    """

    metric: str
    higher_is_better: bool
    instances: int
    users: int
    a: float
    b: float
    difference: float
    low: float | None
    high: float | None
    p_value: float | None
    wins: int
    ties: int
    losses: int
    effect_size: float | None
    p_adjusted: float | None
    better: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceRow(MetricRow):
    """Restricts a :class:`MetricRow` to the instances whose property ``by`` is ``value``."""

    by: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BeyondRow:
    """Compares both runs' lists in a measure beyond accuracy (:mod:`benchmark.metrics.beyond`)."""

    metric: str
    a: float | None
    b: float | None

    @property
    def difference(self) -> float | None:
        """Return a - b, ``None`` where one of them has no value."""
        return None if self.a is None or self.b is None else self.a - self.b


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Compares two runs; ``notes`` are sentences about what the numbers leave out."""

    a: StoredRun
    b: StoredRun
    metrics: tuple[MetricRow, ...]
    slices: tuple[SliceRow, ...]
    notes: tuple[str, ...]
    beyond: tuple[BeyondRow, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the document that ``unimp-bench compare --json`` prints."""
        shared = ("task", "data", "cohort", "simulated", "limit")
        return {
            **excerpt(self.a.manifest, shared),
            "a": _run_json(self.a),
            "b": _run_json(self.b),
            "metrics": [asdict(row) for row in self.metrics],
            "slices": [asdict(row) for row in self.slices],
            "beyond_accuracy": [
                {**asdict(row), "difference": row.difference} for row in self.beyond
            ],
            "notes": list(self.notes),
        }


def compare_runs(
    a: StoredRun, b: StoredRun, *, home: Home, metrics: Sequence[str] = ()
) -> Comparison:
    """Compare run ``a`` with run ``b``, paired by instance and clustered by user.

    All metrics both have, or those named; slices are of the named ones, else of the task's
    primary metric. Where none is named, lists are measured beyond accuracy too. That and slices
    need the dataset the runs are over in ``home``; without it a note says so. Raises
    :class:`~benchmark.errors.UsageError` for runs that cannot be compared and :class:`BenchError`
    for damaged ones.
    """
    both = pair(a, b, tuple(metrics))
    everything = np.ones(len(both.ids), dtype=np.bool_)
    rows = _rows(both, [(metric, everything) for metric in both.metrics])
    slices, notes = _slices(a, both, home, _sliced(a, both, metrics))
    beyond, more = ([], []) if metrics else _beyond(a, b, home)
    return Comparison(
        a=a,
        b=b,
        metrics=tuple(rows),
        slices=tuple(slices),
        notes=(*_about(a, b, [*rows, *slices]), *(() if metrics else _alone(a, b)), *notes, *more),
        beyond=tuple(beyond),
    )


def _sliced(a: StoredRun, both: Pair, asked: Sequence[str]) -> list[Metric]:
    if asked:
        return list(both.metrics)
    primary = TASKS.get(a.manifest["task"]).primary
    of_task = [metric for metric in both.metrics if is_variant(metric.name, primary)]
    return of_task[:1] or list(both.metrics[:1])


def _slices(
    a: StoredRun, both: Pair, home: Home, metrics: Sequence[Metric]
) -> tuple[list[SliceRow], list[str]]:
    name, task, cohort = (str(a.manifest[key]) for key in ("data", "task", "cohort"))
    try:
        dataset = open_dataset(name, home)
        if dataset.sha256 != a.manifest["dataset_sha256"]:
            return [], [f"No slices: the runs are over another version of {name} than prepared."]
        found = slices_of(dataset, task, cohort, both.ids)
    except BenchError as error:  # the comparison itself needs no dataset
        return [], [f"No slices: {error.message}"]
    rows: list[SliceRow] = []
    for metric in metrics:
        of_metric = _rows(both, [(metric, part.rows) for part in found])
        rows += [
            SliceRow(**asdict(row), by=part.by, value=part.value)
            for row, part in zip(of_metric, found, strict=True)
        ]
    return rows, []


def _beyond(a: StoredRun, b: StoredRun, home: Home) -> tuple[list[BeyondRow], list[str]]:
    """Measures of the lists of a ranking task, whatever their targets."""
    if a.manifest["task"] not in RANKED:
        return [], []
    try:
        measures = beyond_accuracy(str(a.manifest["data"]), home)
        one, other = measures.measure(a), measures.measure(b)
    except BenchError as error:  # the comparison itself needs no predictions
        return [], [f"Nothing beyond accuracy: {error.message}"]
    rows = [BeyondRow(metric=name, a=one[name], b=other[name]) for name in one]
    return rows, [LEGEND, *measures.notes]


def _rows(both: Pair, parts: Sequence[tuple[Metric, NDArray[np.bool_]]]) -> list[MetricRow]:
    """A row per metric and selection (n,) of instances; p values are corrected over all of them."""
    chosen = [_select(both, metric, rows) for metric, rows in parts]
    metrics = [metric for metric, _ in parts]
    found = tested(
        [
            (metric, paired_difference(metric, *selected))
            for metric, selected in zip(metrics, chosen, strict=True)
        ]
    )
    return [_row(*each) for each in zip(metrics, chosen, found, strict=True)]


def _select(both: Pair, metric: Metric, rows: NDArray[np.bool_]) -> Selected:
    a = {metric.name: both.a[metric.name][rows]}
    b = {metric.name: both.b[metric.name][rows]}
    return a, b, np.array(both.users, dtype=object)[rows]


def _row(metric: Metric, selected: Selected, test: Tested) -> MetricRow:
    a, b, users = selected
    found = test.difference
    wins, losses = _counts(metric, a, b)
    return MetricRow(
        metric=metric.name,
        higher_is_better=metric.higher_is_better,
        instances=found.n,
        users=found.users,
        a=float(metric.value(a[metric.name].mean(axis=0))),
        b=float(metric.value(b[metric.name].mean(axis=0))),
        difference=found.value,
        low=found.low,
        high=found.high,
        p_value=found.p_value,
        wins=wins,
        ties=found.n - wins - losses,
        losses=losses,
        effect_size=paired_effect(metric, a, b, users),
        p_adjusted=test.p_adjusted,
        better=test.better,
    )


def _counts(metric: Metric, a: Statistics, b: Statistics) -> tuple[int, int]:
    """On how many instances ``a`` is better, and on how many worse, judged one by one."""
    gaps = metric.value(a[metric.name]) - metric.value(b[metric.name])
    better, worse = int((gaps > _TIE).sum()), int((gaps < -_TIE).sum())
    return (better, worse) if metric.higher_is_better else (worse, better)


def _about(a: StoredRun, b: StoredRun, rows: Sequence[MetricRow]) -> list[str]:
    manifest = a.manifest
    notes = []
    if manifest["simulated"] or b.manifest["simulated"]:
        notes.append(f"{manifest['data']} is simulated: its numbers say nothing about real users.")
    if manifest["limit"] is not None:
        notes.append(f"A trial: only the first {manifest['limit']} instances were asked.")
    notes += [
        f"{letter}: {run.failure_rate:.2%} of the answers failed and score the worst value."
        for letter, run in (("A", a), ("B", b))
        if run.failure_rate
    ]
    if any(row.p_value is None for row in rows):
        notes.append(FEW_USERS_NOTE)
    return notes


def _alone(a: StoredRun, b: StoredRun) -> list[str]:
    """Which metrics one run has and the other lacks: another encoder, or a package missing."""
    return [
        f"Not compared, as only {letter} has it: {', '.join(names)}."
        for letter, run, other in (("A", a, b), ("B", b, a))
        if (names := [name for name in run.scores if name not in other.scores])
    ]


def _run_json(run: StoredRun) -> dict[str, Any]:
    keys = ("model", "variant", "perturb", "seed", "settings")
    return {
        "run": str(run.folder),
        "label": run.label,
        **excerpt(run.manifest, keys),
        "failure_rate": run.failure_rate,
    }
