"""The numbers of a comparison: every metric over all instances, then slice by slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmark.compare.pairs import Pair, pair
from benchmark.compare.slices import slices_of
from benchmark.data.dataset import open_dataset
from benchmark.errors import BenchError
from benchmark.home import Home
from benchmark.metrics.base import Metric, Statistics, is_variant
from benchmark.runs.store import StoredRun
from benchmark.stats import holm, paired_difference, paired_effect
from benchmark.tasks import TASKS

#: Of the users. The smallest p value is 2 / (RESAMPLES + 1).
RESAMPLES = 4_000
SIGNIFICANCE_LEVEL = 0.05
#: A bootstrap over fewer users than this promises more than it knows.
FEWEST_USERS = 20
#: Scores of one instance closer than this are a tie.
_TIE = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow:
    """``a`` against ``b`` in one metric.

    ``difference`` is a - b, [``low``, ``high``] its 95% interval (paired bootstrap, clustered
    by user), ``p_value`` two-sided, ``p_adjusted`` after Holm's correction over the rows that
    stand together; all four of the latter ``None`` below :data:`FEWEST_USERS` users.
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
    p_adjusted: float | None = None
    better: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceRow(MetricRow):
    """A :class:`MetricRow` over the instances whose property ``by`` is ``value``."""

    by: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs side by side; ``notes`` are sentences about what the numbers leave out."""

    a: StoredRun
    b: StoredRun
    metrics: tuple[MetricRow, ...]
    slices: tuple[SliceRow, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The document of ``unimp-bench compare --json``."""
        shared = ("task", "data", "cohort", "simulated", "limit")
        return {
            **{key: self.a.manifest[key] for key in shared},
            "a": _run_json(self.a),
            "b": _run_json(self.b),
            "metrics": [asdict(row) for row in self.metrics],
            "slices": [asdict(row) for row in self.slices],
            "notes": list(self.notes),
        }


def compare_runs(
    a: StoredRun, b: StoredRun, *, home: Home, metrics: Sequence[str] = ()
) -> Comparison:
    """``a`` against ``b``, paired by instance and clustered by user.

    All metrics both have, or those named; slices are of the named ones, else of the task's
    primary metric. Slices need the dataset the runs are over in ``home``; without it a note
    says so. Raises :class:`~benchmark.errors.UsageError` for runs that cannot be compared and
    :class:`BenchError` for damaged ones.
    """
    both = pair(a, b, tuple(metrics))
    everything = np.ones(len(both.ids), dtype=np.bool_)
    rows = _corrected([_row(both, metric, everything) for metric in both.metrics])
    slices, notes = _slices(a, both, home, _sliced(a, both, metrics))
    return Comparison(
        a=a,
        b=b,
        metrics=tuple(rows),
        slices=tuple(slices),
        notes=(*_about(a, b, [*rows, *slices]), *notes),
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
    rows = [
        [
            SliceRow(**asdict(_row(both, metric, part.rows)), by=part.by, value=part.value)
            for part in found
        ]
        for metric in metrics
    ]
    return [row for of_metric in rows for row in _corrected(of_metric)], []


def _row(both: Pair, metric: Metric, rows: NDArray[np.bool_]) -> MetricRow:
    a = {metric.name: both.a[metric.name][rows]}
    b = {metric.name: both.b[metric.name][rows]}
    users = np.array(both.users, dtype=object)[rows]
    # One resample is the cheapest way to the value itself where no interval will be shown.
    enough = len(set(users.tolist())) >= FEWEST_USERS
    found = paired_difference(metric, a, b, users, resamples=RESAMPLES if enough else 1)
    wins, losses = _counts(metric, a, b)
    return MetricRow(
        metric=metric.name,
        higher_is_better=metric.higher_is_better,
        instances=found.n,
        users=found.users,
        a=float(metric.value(a[metric.name].mean(axis=0))),
        b=float(metric.value(b[metric.name].mean(axis=0))),
        difference=found.value,
        low=found.low if enough else None,
        high=found.high if enough else None,
        p_value=found.p_value if enough else None,
        wins=wins,
        ties=found.n - wins - losses,
        losses=losses,
        effect_size=paired_effect(metric, a, b, users),
    )


def _counts(metric: Metric, a: Statistics, b: Statistics) -> tuple[int, int]:
    """On how many instances ``a`` is better, and on how many worse, judged one by one."""
    gaps = metric.value(a[metric.name]) - metric.value(b[metric.name])
    better, worse = int((gaps > _TIE).sum()), int((gaps < -_TIE).sum())
    return (better, worse) if metric.higher_is_better else (worse, better)


Row = TypeVar("Row", bound=MetricRow)


def _corrected(rows: Sequence[Row]) -> list[Row]:
    """``rows`` with Holm's correction over those that have a p value."""
    adjusted = iter(holm([row.p_value for row in rows if row.p_value is not None]).tolist())
    return [row if row.p_value is None else _judged(row, next(adjusted)) for row in rows]


def _judged(row: Row, p_adjusted: float) -> Row:
    better = None
    if p_adjusted < SIGNIFICANCE_LEVEL and row.difference:
        better = "a" if (row.difference > 0) == row.higher_is_better else "b"
    return replace(row, p_adjusted=p_adjusted, better=better)


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
        notes.append(f"No interval and no p value below {FEWEST_USERS} users.")
    return notes


def _run_json(run: StoredRun) -> dict[str, Any]:
    keys = ("model", "variant", "perturb", "seed", "settings")
    return {
        "run": str(run.folder),
        "label": run.label,
        **{key: run.manifest[key] for key in keys},
        "failure_rate": run.failure_rate,
    }
