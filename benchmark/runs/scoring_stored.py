"""Score the stored answers of a run, some users at a time: there may be millions."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmark.data.dataset import Dataset
from benchmark.data.instances.lazily import FrozenInstances
from benchmark.data.preparing.streaming import streamed_parquet
from benchmark.metrics.base import Metric, Statistics
from benchmark.predictions import Image
from benchmark.runs.asking import BLOCK
from benchmark.runs.scoring import have_several, per_instance, score_predictions
from benchmark.stats import Score, Summary
from benchmark.tasks import Task


@dataclass(frozen=True, slots=True)
class Scored:
    """Holds what a run scores."""

    scores: Mapping[str, Score]
    failure_rate: float
    """Share of malformed answers, each of which scored the worst value."""
    first_failure: str | None
    """The instance of the first, and what was wrong."""


def score_stored(
    task: Task, answers: Path, instances: FrozenInstances, dataset: Dataset, *, to: Path
) -> Scored:
    """Score the predictions.parquet ``answers`` to ``instances``; write per_instance.parquet.

    Values, intervals and the file ``to`` are those of
    :func:`~benchmark.runs.scoring.score_predictions` and :func:`~benchmark.stats.summarise` of all
    answers, which say what is raised; also :class:`~benchmark.errors.BenchError` when the disk is
    full. An encoder sees other batches in parts, so what it measures may differ in the last bits.
    """
    rows = pl.scan_parquet(answers, glob=False)
    # Drawings are compared with what others took for the same query, who may be in any part.
    at_once = task.prediction is Image or have_several(instances)
    bounds = [0, len(instances)] if at_once else _bounds(rows, len(instances))
    summary: Summary | None = None
    metrics: Sequence[Metric] = ()
    failed, first = 0, None
    with streamed_parquet(to) as write:
        for start, stop in itertools.pairwise(bounds):
            # To the end: more answers than instances are no answers to them.
            part = rows.slice(start, stop - start if stop < len(instances) else None).collect()
            metrics, statistics = score_predictions(task, part, instances[start:stop], dataset)
            summary = summary or Summary(metrics)
            summary.add(statistics, part["user_id"].to_list())
            write(per_instance(part, statistics))
            wrong = part.filter(pl.col("status") != "ok")
            if len(wrong):
                failed += len(wrong)
                first = first or f"{wrong['instance_id'][0]}: {wrong['problem'][0]}"
    assert summary is not None
    means = _means(metrics, statistics if len(bounds) == 2 else to)
    return Scored(summary.scores(means), failed / bounds[-1], first)


def _bounds(rows: pl.LazyFrame, total: int) -> list[int]:
    """Where parts of about :data:`BLOCK` rows begin and end, none of which shares a user.

    One part where users do not stand behind each other, or where there are not ``total`` rows.
    """
    if total <= BLOCK or rows.select(pl.len()).collect().item() != total:
        return [0, total]
    # Two users of one hash only look like one: then nothing is parted between them.
    users = np.empty(total, dtype=np.uint64)
    bounds, runs = {0, total}, 0
    for low in range(0, total, BLOCK):
        user = users[low : low + BLOCK]
        found = rows.slice(low, BLOCK).select(pl.col("user_id").hash()).collect().to_series()
        user[:] = found.to_numpy()
        begun = np.flatnonzero(user[1:] != user[:-1]) + 1
        if low == 0 or user[0] != users[low - 1]:
            begun = np.append(0, begun)
        bounds |= {low + first for first in begun[:1].tolist()}
        runs += len(begun)
    users.sort()
    distinct = total - np.count_nonzero(users[1:] == users[:-1])
    return sorted(bounds) if distinct == runs else [0, total]


def _means(
    metrics: Sequence[Metric], statistics: Statistics | Path
) -> dict[str, NDArray[np.float64]]:
    """The mean statistics (columns,) of every metric; of a file one column is held at a time."""
    return {metric.name: _of(metric.name, statistics).mean(axis=0) for metric in metrics}


def _of(name: str, statistics: Statistics | Path) -> NDArray[np.float64]:
    if not isinstance(statistics, Path):
        return statistics[name]
    column = pl.read_parquet(statistics, columns=[name], glob=False).to_series().to_numpy()
    return column if column.ndim == 2 else column[:, None]
