"""Scores submitted predictions again and compares the scores with those claimed.

What counts and prints exactly must agree to 1e-9. Metrics that ask a network follow the machine's
arithmetic. The weights of the images' judge are the same everywhere, so its metrics must agree to
1e-4; one that does not refuses its run. BERTScore's encoder is whichever a machine has under that
name: a small difference is told as a warning. The board shows the number computed here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import cast

import numpy as np
import polars as pl
import pyarrow as pa

from benchmark.data.dataset import Dataset
from benchmark.data.instances.lazily import FrozenInstances
from benchmark.data.opening import open_dataset
from benchmark.errors import BenchError
from benchmark.host.home import Home
from benchmark.metrics import gates, possible_metrics
from benchmark.metrics.base import Metric, Statistics
from benchmark.metrics.bertscore import HOW_TO_GET_AN_ENCODER
from benchmark.metrics.families import BERTSCORE, KMMD, family_of, is_variant
from benchmark.runs.scoring import score_predictions
from benchmark.runs.store import StoredRun
from benchmark.stats import Score, summarise
from benchmark.tasks import TASKS, Task
from leaderboards.submission import tables
from leaderboards.submission.findings import Finding, place, shown
from leaderboards.submission.pack import predictions_of
from leaderboards.submission.schema import ClaimedScore, SubmittedRun

TOLERANCE = 1e-9
#: How far a metric may move between processors that the images' judge measures, and where a test
#: finds less than a tenth of it (vectors, under other instruction sets).
JUDGE_TOLERANCE = 1e-4
#: How far BERTScore may.
ENCODER_TOLERANCE = 0.02
#: Code of a claim that is further off: it refuses its run, not the submission.
OUTSIDE_TOLERANCE = "outside-tolerance"


@dataclass(frozen=True, slots=True)
class Rescored:
    """Holds the scores and statistics of a run, computed again.

    ``statistics[name]`` (n, columns) and ``users`` (n,) are in the order of the instances.
    """

    scores: Mapping[str, Score]
    failure_rate: float
    metrics: tuple[Metric, ...]
    statistics: Statistics
    users: tuple[str, ...]
    fingerprint: str
    """Of the answers (:func:`leaderboards.submission.tables.fingerprint`)."""
    answers: pa.Table
    """The predictions, a row per instance, in the order of the instances."""


def rescore(table: pa.Table, task: Task, instances: FrozenInstances, dataset: Dataset) -> Rescored:
    """Compute every metric that this machine can, and the failure rate.

    ``table`` has one row per instance, in order. Raises :class:`BenchError` where scoring is
    not possible here (a package is missing).
    """
    predictions = cast(pl.DataFrame, pl.from_arrow(table))
    metrics, statistics = score_predictions(task, predictions, instances, dataset)
    users = tuple(predictions["user_id"].to_list())
    scores = summarise(metrics, statistics, users)
    failed = int((predictions["status"] != "ok").sum())
    return Rescored(
        scores,
        failed / len(predictions),
        metrics,
        statistics,
        users,
        tables.fingerprint(table, task.name),
        table,
    )


def scores_of_run(run: StoredRun, table: pa.Table, home: Home) -> Mapping[str, Score]:
    """Return what the answers in ``table`` score where ``run`` was asked.

    Raises :class:`BenchError` where its dataset is not in ``home`` as it was.
    """
    asked = run.manifest
    dataset = open_dataset(asked["data"], home)
    instances = dataset.instances(asked["task"], cohort=asked["cohort"], perturb=asked["perturb"])
    if instances.sha256 != asked["instances_sha256"]:
        raise BenchError(
            f"{asked['data']!r} asks other instances than {run.folder.name} answers.",
            fix="Run it again with --force.",
        )
    ordered = tables.in_order(table, instances.ids)
    return rescore(ordered, TASKS.get(asked["task"]), instances, dataset).scores


def with_all_scores(run: StoredRun, home: Home) -> StoredRun:
    """Return ``run`` with every score of its task that this machine can compute.

    A run that was scored where no encoder was installed lacks BERTScore. Where its dataset is not
    in ``home`` as it was, ``run`` itself is returned: what is not claimed is told by
    :func:`metric_problems`.
    """
    lacking = unclaimed(run.scores, TASKS.get(run.manifest["task"]))
    if not lacking:
        return run
    try:
        scores = scores_of_run(run, predictions_of(run), home)
    except BenchError:
        return run
    if len(unclaimed(scores, TASKS.get(run.manifest["task"]))) == len(lacking):
        return run
    return replace(run, scores={name: asdict(score) for name, score in scores.items()})


def unclaimed(names: Collection[str], task: Task) -> list[str]:
    """Return the metrics of ``task`` that none of ``names`` is, by any encoder."""
    return [known for known in task.metrics if not any(is_variant(name, known) for name in names)]


def primary_of(task: str, rescored: Rescored) -> Metric:
    """Return the task's primary metric as it was computed here."""
    primary = TASKS.get(task).primary
    return next(metric for metric in rescored.metrics if is_variant(metric.name, primary))


def claim_problems(
    run: SubmittedRun, scores: Mapping[str, Score], failure_rate: float, where: str
) -> Iterator[Finding]:
    """Yield a finding where a claimed score is not the recomputed one."""
    for name, score in scores.items():
        here = place(where, "scores", name)
        claim = run.scores.get(name)
        if claim is None:  # told by metric_problems, or another machine's variant: below
            continue
        if (claim.n, claim.users) != (score.n, score.users):
            yield Finding(
                "score-mismatch",
                here,
                f"{claim.n} instances of {claim.users} users are claimed, there are {score.n} of "
                f"{score.users}.",
            )
        difference = abs(claim.value - score.value)
        message = f"{claim.value:.12g} is claimed; the predictions give {score.value:.12g}."
        allowed = _tolerance(name)
        if difference > allowed:
            yield Finding(
                OUTSIDE_TOLERANCE if allowed > TOLERANCE else "score-mismatch", here, message
            )
        elif allowed == ENCODER_TOLERANCE and difference > TOLERANCE:
            yield Finding("encoder-differs", here, message, True)
        elif _claims_another_interval(claim, score, allowed):
            message = (
                f"{_interval(claim.low, claim.high)} is claimed; computed is "
                f"{_interval(score.low, score.high)}."
            )
            yield Finding("interval-mismatch", here, message, True)
    for name in (name for name in run.scores if name not in scores):
        message = f"{name} cannot be computed on this machine{_remedy(name, 'verify')}."
        yield Finding("metric-not-computed", place(where, "scores", name), message, True)
    if abs(run.failure_rate - failure_rate) > TOLERANCE:
        message = f"{run.failure_rate:.9g} is claimed; {failure_rate:.9g} of the rows are failed."
        yield Finding("score-mismatch", place(where, "failure_rate"), message)


def metric_problems(run: SubmittedRun, task: Task, where: str) -> Iterator[Finding]:
    """Yield a finding for each claimed metric the task lacks, and each it has unclaimed."""
    for name in run.scores:
        if not any(is_variant(name, known) for known in possible_metrics(task)):
            message = f"{task.name} has no metric {shown(name)}."
            yield Finding("metric-unknown", place(where, "scores", name), message)
    if run.tuning is not None:
        name = run.tuning.metric
        if not any(is_variant(name, known) for known in possible_metrics(task)):
            message = f"{task.name} has no metric {shown(name)}, by which settings were chosen."
            yield Finding("metric-unknown", place(where, "tuning", "metric"), message)
    for known in task.metrics:
        same = [name for name in run.scores if is_variant(name, known)]
        if len(same) > 1:
            message = f"{known} is claimed {len(same)} times: {shown(same[0])}, {shown(same[1])}."
            yield Finding("metric-repeated", place(where, "scores", same[1]), message)
    for known in unclaimed(run.scores, task):
        message = f"{known} is not claimed{_remedy(known, 'pack')}."
        # It is left out on machines without an encoder.
        yield Finding("metric-missing", where, message, BERTSCORE.stands_for(known))


def _remedy(name: str, then: str) -> str:
    """What to do about a metric that a machine may lack, and ``then`` to do again, if known."""
    return f": {HOW_TO_GET_AN_ENCODER}, then {then} again" if BERTSCORE.stands_for(name) else ""


def gate_problems(
    run: SubmittedRun, instances: FrozenInstances | None, where: str
) -> Iterator[Finding]:
    """Yield a finding for claimed scores that no predictions can have together."""
    positives = None if instances is None else instances.positives
    single = instances is not None and (
        positives is None or bool((np.diff(positives[1]) == 1).all())
    )
    scores = {name: score.value for name, score in run.scores.items()}
    for violation in gates.problems(
        scores,
        positives_per_instance="one" if single else "several",
        scale=None if instances is None else instances.rating_scale,
    ):
        yield Finding(f"gate-{violation.code}", place(where, "scores"), violation.message)
    for name, score in run.scores.items():
        if score.low is None or score.high is None:
            continue
        if not score.low - TOLERANCE <= score.high:
            message = f"The interval of {name} ends at {score.high:g}, before {score.low:g}."
            yield Finding("interval-reversed", place(where, "scores", name), message)
        elif (
            # A resample's distance of distributions is larger than the sample's own.
            not KMMD.stands_for(name)
            and not score.low - TOLERANCE <= score.value <= score.high + TOLERANCE
        ):
            message = f"{name} of {score.value:g} lies outside {score.low:g} to {score.high:g}."
            yield Finding("interval-excludes", place(where, "scores", name), message)


def _claims_another_interval(claim: ClaimedScore, score: Score, allowed: float) -> bool:
    """Whether the claimed interval is another than the one computed, which pages show.

    ``allowed`` is how far its ends may lie apart.

    Earlier versions gave users who all score alike an interval without width, and few users one
    at all: these are no claims of anything else.
    """
    if claim.low is None or claim.high is None:
        return score.low is not None
    if score.low is None or score.high is None or claim.low == claim.high:
        return False
    return max(abs(claim.low - score.low), abs(claim.high - score.high)) > allowed


def _interval(low: float | None, high: float | None) -> str:
    return "No interval" if low is None or high is None else f"The interval {low:.9g} to {high:.9g}"


def _tolerance(name: str) -> float:
    """How far a claim may be from what is computed here."""
    family = family_of(name)
    if not family.by_encoder:
        return TOLERANCE
    return ENCODER_TOLERANCE if family is BERTSCORE else JUDGE_TOLERANCE
