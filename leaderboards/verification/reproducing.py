"""Reruns a submitted model: fitted here, asked a seeded 5% of the instances.

Only a person who has read the submitted code starts this: it runs that code.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from itertools import groupby
from typing import Any

import pyarrow as pa

from benchmark.errors import BenchError
from benchmark.host.home import Home
from benchmark.models.building import configure
from benchmark.models.calling import model_code
from benchmark.predictions import Image, Prediction, Ranking, Rating, Selection, Text
from benchmark.runs.fitting import fit_or_load, seed_everything
from benchmark.runs.predictions import SHARD
from benchmark.tasks import TASKS
from benchmark.vision import png
from leaderboards.submission.findings import Finding, place
from leaderboards.submission.schema import SubmittedRun
from leaderboards.verification.local_data import Asked

SHARE = 0.05
#: Share of the sampled answers that must be the submitted ones.
AGREEMENT = 0.99
#: Ratings further apart than this are two answers.
RATING_TOLERANCE = 1e-6


def rerun_problems(
    run: SubmittedRun, table: pa.Table, asked: Asked, model: str, home: Home, where: str
) -> list[Finding]:
    """Fit ``model`` (a name as ``--model`` takes it), ask the sample, compare.

    ``table`` holds the submitted answers in the instances' order. Raises :class:`BenchError`
    when the model cannot be fitted or asked here.
    """
    built = configure(model, run.settings)
    if run.task not in built.entry.tasks:
        raise BenchError(f"Model {built.label!r} does not answer {run.task!r}.")
    fitted = fit_or_load(built, asked.dataset, run.seed, home)
    known = asked.dataset.catalogue().index.__contains__
    task = TASKS.get(run.task)
    rows = sample(len(asked.instances), run.predictions_sha256)
    differing = []
    for shard, group in groupby(rows, key=lambda row: row // SHARD):
        members = list(group)
        instances = [asked.instances[row] for row in members]
        seed_everything(run.seed + shard)  # as the runner does at a shard's begin
        with model_code(built.label, "predicting"):
            predictions = list(fitted.model.predict(instances))
        if len(predictions) != len(instances):
            raise BenchError(
                f"Model {built.label!r} gave {len(predictions)} answers to {len(instances)} "
                "instances."
            )
        submitted = table.take(members).to_pylist()
        for instance, prediction, answer in zip(instances, predictions, submitted, strict=True):
            sound = task.problem(instance, prediction, known) is None
            same = sound == (answer["status"] == "ok") and (not sound or _same(prediction, answer))
            if not same:
                differing.append(instance.instance_id)
    if len(differing) <= (1 - AGREEMENT) * len(rows):
        return []
    message = (
        f"{len(differing)} of {len(rows)} answers differ from those of {built.label} fitted here, "
        f"{differing[0]} first."
    )
    return [Finding("not-reproduced", place(where, "predictions"), message)]


def sample(total: int, seed: str) -> list[int]:
    """Draw the rows of a seeded 5% of ``total`` instances, at least one, ascending."""
    return sorted(random.Random(seed).sample(range(total), math.ceil(SHARE * total)))


def _same(prediction: Prediction, answer: Mapping[str, Any]) -> bool:
    if isinstance(prediction, Ranking):
        return bool(list(prediction.items) == answer["items"])
    if isinstance(prediction, Rating):
        return bool(abs(prediction.value - answer["value"]) <= RATING_TOLERANCE)
    if isinstance(prediction, Text):
        return bool(prediction.text == answer["text"])
    if isinstance(prediction, Selection):
        return set(prediction.chosen) == set(answer["chosen"])
    return _same_picture(prediction, answer["png"])


def _same_picture(prediction: Image, content: bytes) -> bool:
    side = int.from_bytes(prediction.png[16:20], "big")
    return bool((png.decode(prediction.png, side) == png.decode(content, side)).all())
