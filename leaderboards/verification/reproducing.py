"""Reruns a submitted model: fitted here, asked a sample of the instances drawn at check time.

Only a person who has read the submitted code starts this: it runs that code. The submitter
cannot know which instances will be asked again.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa

from benchmark.errors import BenchError, listed
from benchmark.host.files import sha256_file
from benchmark.host.home import Home
from benchmark.model import Model
from benchmark.models.building import configure
from benchmark.models.calling import model_code
from benchmark.models.from_file import split_name
from benchmark.runs.fitting import fit_or_load, seed_everything
from benchmark.runs.predictions import SHARD, as_row
from benchmark.stats import Difference, paired_difference
from benchmark.tasks import TASKS
from benchmark.vision import png
from leaderboards.submission import levels, tables
from leaderboards.submission.findings import Finding, place, shown
from leaderboards.submission.schema import SubmittedRun
from leaderboards.verification import rescoring
from leaderboards.verification.local_data import Asked

#: Sampled instances: all of few, else a share, never fewer than this.
SHARE, FEWEST = 0.05, 200
#: Share of the sampled answers that must be the submitted ones.
AGREEMENT = 0.99
#: Ratings further apart than this are two answers.
RATING_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Reproduction:
    """Compares a rerun with its run: of ``sampled`` predictions ``same`` are the submitted ones.

    ``seed`` drew the sample, at check time; ``opened`` are the attachments that the fit opened
    here. ``difference`` is the task's primary metric of the
    submitted predictions less that of those made here, over the sample; ``low`` and ``high``
    bound it.
    """

    run: str
    seed: int
    sampled: int
    same: int
    metric: str
    difference: float
    low: float | None
    high: float | None
    opened: tuple[str, ...] = ()


def rerun(
    run: SubmittedRun, table: pa.Table, asked: Asked, model: str, home: Home, seed: int
) -> Reproduction:
    """Fit ``model`` (a name as ``--model`` takes it), ask the sample that ``seed`` draws, compare.

    ``table`` holds the submitted answers in the instances' order. Raises :class:`BenchError`
    when the model cannot be fitted or asked here.
    """
    built = configure(model, run.settings)
    if run.task not in built.entry.tasks:
        raise BenchError(f"Model {built.label!r} does not answer {run.task!r}.")
    rows = sample(len(asked.instances), seed)
    with built.own_state():
        fitted = fit_or_load(built, asked.dataset, run.seed, home)
        answers = _answers(run, asked, fitted.model, built.label, rows)
    if run.levels is not None:  # the submission's pictures are reduced ones
        for answer in answers:
            if answer.get("png") is not None:
                answer["png"] = levels.picture(answer["png"], run.levels)
    same = sum(
        _same(ours, theirs)
        for ours, theirs in zip(answers, table.take(rows).to_pylist(), strict=True)
    )
    metric, difference = _difference(run, table, answers, rows, asked)
    return Reproduction(
        run.predictions,
        seed,
        len(rows),
        same,
        metric,
        difference.value,
        difference.low,
        difference.high,
        tuple(fitted.record["attachments"]),
    )


def file_problems(run: SubmittedRun, model: str, where: str) -> Iterator[Finding]:
    """Yield a finding where ``model`` is a file, and not the one that the run was made with."""
    given = split_name(model)
    if run.file is None or given is None:
        return
    sha256 = sha256_file(given[0])
    if sha256 != run.file.sha256:
        message = f"{shown(given[0].name)} is {sha256[:12]}..., not {run.file.sha256[:12]}..."
        yield Finding("file-differs", place(where, "file"), message)


def problems(found: Reproduction, where: str) -> Iterator[Finding]:
    """Yield a finding where the answers, or their score on the sample, are not the submitted ones.

    Of a submission with a forged share p of its answers, a sample of n holds more than the
    n * (1 - :data:`AGREEMENT`) that may differ except with the binomial probability P(X <= 2) for
    n = 200: 5e-17 for p = 20%, 0.2% for p = 5%.
    """
    if found.same < AGREEMENT * found.sampled:
        differing = found.sampled - found.same
        message = f"{differing} of {found.sampled} sampled predictions differ here."
        yield Finding("not-reproduced", place(where, "predictions"), message)
    elif found.low is not None and found.high is not None and not found.low <= 0 <= found.high:
        message = (
            f"{found.metric} of the sampled predictions differs by {found.difference:.4g} "
            f"[{found.low:.4g}, {found.high:.4g}] from that of the predictions made here."
        )
        yield Finding("score-not-reproduced", place(where, "scores", found.metric), message)


def attachment_problems(run: SubmittedRun, found: Reproduction, where: str) -> Iterator[Finding]:
    """Yield a finding where the fit here opened other attachments than the run says.

    By what it says a model is ranked, or stands apart as one that saw what others may not.
    """
    if set(found.opened) != set(run.attachments):
        said, opened = (
            listed([shown(name) for name in sorted(names)]) or "nothing"
            for names in (run.attachments, found.opened)
        )
        message = f"The run says that the model opened {said}; here it opened {opened}."
        yield Finding("attachments-differ", place(where, "attachments"), message)


def sample(total: int, seed: int) -> list[int]:
    """Draw the rows to ask again, ascending: at least :data:`FEWEST`, or all of fewer."""
    count = min(total, max(FEWEST, math.ceil(SHARE * total)))
    return sorted(random.Random(seed).sample(range(total), count))


def _answers(
    run: SubmittedRun, asked: Asked, model: Model, label: str, rows: Sequence[int]
) -> list[dict[str, Any]]:
    """What the model answers here, as rows of a predictions file."""
    known, task = asked.dataset.catalogue().index.__contains__, TASKS.get(run.task)
    answers: list[dict[str, Any]] = []
    for shard, group in groupby(rows, key=lambda row: row // SHARD):
        instances = [asked.instances[row] for row in group]
        seed_everything(run.seed + shard)  # as the runner does at a shard's begin
        with model_code(label, "predicting"):
            predictions = list(model.predict(instances))
        if len(predictions) != len(instances):
            raise BenchError(
                f"Model {label!r} gave {len(predictions)} predictions for {len(instances)} "
                "instances."
            )
        answers += [
            as_row(task, instance, prediction, known)
            for instance, prediction in zip(instances, predictions, strict=True)
        ]
    return answers


def _difference(
    run: SubmittedRun,
    table: pa.Table,
    answers: Sequence[Mapping[str, Any]],
    rows: Sequence[int],
    asked: Asked,
) -> tuple[str, Difference]:
    """The primary metric of the submitted answers less that of ours, over the sampled rows."""
    task = TASKS.get(run.task)
    mixed = table.to_pylist()
    for row, answer in zip(rows, answers, strict=True):
        mixed[row] = {name: answer.get(name) for name in table.schema.names}
    ours = rescoring.rescore(
        pa.Table.from_pylist(mixed, schema=table.schema), task, asked.instances, asked.dataset
    )
    theirs = rescoring.rescore(table, task, asked.instances, asked.dataset)
    metric = rescoring.primary_of(run.task, ours)
    at = list(rows)
    difference = paired_difference(
        metric,
        {metric.name: theirs.statistics[metric.name][at]},
        {metric.name: ours.statistics[metric.name][at]},
        tuple(ours.users[row] for row in at),
    )
    return metric.name, difference


def _same(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Whether two rows answer alike: scores may differ where what they say does not."""
    if ours["status"] != theirs["status"]:
        return False
    if theirs["status"] != "ok":
        return True
    if "value" in theirs:
        return bool(abs(ours["value"] - theirs["value"]) <= RATING_TOLERANCE)
    if "chosen" in theirs:
        return set(ours["chosen"]) == set(theirs["chosen"])
    if "png" in theirs:
        return _same_picture(ours["png"], theirs["png"])
    (column,) = {"items", "text"} & theirs.keys()
    return bool(_plain(ours[column]) == theirs[column])


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _same_picture(ours: bytes, theirs: bytes) -> bool:
    side = tables.announced_side(ours)
    return bool((png.decode(ours, side) == png.decode(theirs, side)).all())
