"""Try one configuration: fit it, ask it the validation instances, score the answers.

It is a run over other instances: the same fit, the same saved and reloaded state, the same
checks and the same scorer, so that a value is what the run of that configuration would print
if validation were the test. All of it lies in a folder that is deleted afterwards.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from benchmark.data.dataset import Dataset
from benchmark.data.instances.lazily import FrozenInstances
from benchmark.errors import BenchError
from benchmark.host.files import cannot_write, is_write_failure
from benchmark.host.home import Home
from benchmark.metrics.families import is_variant
from benchmark.models.building import configure
from benchmark.models.calling import ModelFailure
from benchmark.runs.fitting import fit_or_load
from benchmark.runs.predictions import predict
from benchmark.runs.scoring import score_predictions
from benchmark.tasks import Task


@dataclass(frozen=True, slots=True)
class Judge:
    """Holds what every trial of a search shares."""

    model: str
    task: Task
    dataset: Dataset
    instances: FrozenInstances
    """The task's validation instances."""
    seed: int
    folder: Path
    """For what a trial leaves behind; deleted before and after each."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Scores a trial: the task's primary metric on the validation instances."""

    value: float
    failure_rate: float
    """Share of malformed answers, each of which scored the worst value."""


def validation_instances(dataset: Dataset, task: str) -> FrozenInstances:
    """Return the frozen validation instances of the ``seen`` cohort.

    Raises :class:`BenchError` where the dataset has none: then nothing can be chosen by them.
    """
    instances = dataset.instances(task, cohort="seen", part="valid")
    if not len(instances):
        raise BenchError(
            f"Dataset {dataset.name!r} has no validation instances of task {task!r}.",
            fix="Search on a dataset that has some: unimp-bench data stats NAME counts them.",
        )
    return instances


def judge(by: Judge, settings: Mapping[str, Any]) -> Verdict:
    """Fit the model under ``settings`` and score it on validation.

    Raises :class:`BenchError` when the configuration is refused, or fitting, predicting or
    scoring fails.
    """
    built = configure(by.model, settings)
    with _scratch(by.folder) as folder, built.own_state():
        fitted = fit_or_load(built, by.dataset, by.seed, Home(folder))
        path = predict(
            fitted.model,
            by.task,
            by.instances,
            by.dataset,
            folder,
            seed=by.seed,
            label=built.label,
        )
        answers = pl.read_parquet(path, glob=False)
    metrics, statistics = score_predictions(by.task, answers, by.instances, by.dataset)
    metric = next(metric for metric in metrics if is_variant(metric.name, by.task.primary))
    value = float(metric.value(statistics[metric.name].mean(axis=0)))
    failed = answers.filter(pl.col("status") != "ok")
    return Verdict(value, len(failed) / len(answers))


def is_no_fault_of_the_trial(error: BenchError) -> bool:
    """Return whether ``error`` would meet every trial alike: a full disk, or one not to write to.

    Such a trial has not failed; it has not taken place. A file that the model itself may not open
    is its own affair, and may be that of one configuration.
    """
    if isinstance(error, ModelFailure) or error.__cause__ is None:
        return False
    return is_write_failure(error.__cause__)


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    try:
        shutil.rmtree(folder, ignore_errors=True)  # left by a killed trial
        folder.mkdir(parents=True)
        yield folder
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
