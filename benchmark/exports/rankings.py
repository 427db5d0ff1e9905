"""Read runs of the ranking tasks as other tools take them: topics, positives, scored items.

Everything comes in columns, a bounded number of instances at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmark.data.dataset import Dataset
from benchmark.data.frames import read_parquet
from benchmark.data.instances.tasks import DATA_TASKS
from benchmark.data.opening import open_dataset
from benchmark.errors import BenchError, UsageError, in_one_line
from benchmark.exports.ids import NOTHING, written, written_lists
from benchmark.host.files import sha256_file
from benchmark.host.home import Home
from benchmark.predictions import Ranking
from benchmark.runs.store import PREDICTIONS, StoredRun, require_same_instances
from benchmark.tasks import TASKS

#: Instances held at once.
_TOGETHER = 1 << 16
#: Scores of one instance differ by this share of their size, or by this: apart in 32 bits, too.
_APART, _LEAST_APART = 2.0**-20, 1e-30
#: Larger scores than this are written as this.
_LARGEST = 1e38


@dataclass(frozen=True)
class Asked:
    """Describes the instances that all runs of an export answer.

    ``frame`` has a row an instance as it was frozen: ``instance_id``, ``target_items``, and
    ``query`` or else ``history``.
    """

    dataset: Dataset
    task: str
    cohort: str
    frame: pl.DataFrame

    def topics(self) -> pl.DataFrame:
        """Return ``instance, topic``: its query, or the items of its history, oldest first."""
        if "query" in self.frame.columns:
            topic = self.frame["query"].str.replace_all(r"\s+", " ")
        else:
            topic = written_lists(self.frame["history"])
        return pl.DataFrame({"instance": written(self.frame["instance_id"]), "topic": topic})

    def positives(self) -> pl.DataFrame:
        """Return ``instance, item``: a row for each positive."""
        found = self.frame.select("instance_id", "target_items").explode("target_items")
        return pl.DataFrame(
            {"instance": written(found["instance_id"]), "item": written(found["target_items"])}
        )


@dataclass
class Told:
    """Counts what the file of a run does not show as the run has it."""

    failed: int = 0
    """Predictions written as :data:`NOTHING`."""
    set_apart: int = 0
    """Instances of which scores were lowered to keep the order."""


def asked_by(runs: Sequence[StoredRun], home: Home) -> Asked:
    """Return the instances that ``runs`` answer; the dataset must be the one they are over.

    Raises :class:`UsageError` for runs of different instances or of a task without rankings, and
    :class:`BenchError` where the dataset is not prepared, or not as it was then.
    """
    first = runs[0]
    for run in runs:
        _check_ranks(run)
    require_same_instances(runs, fix="Export each to a folder of its own: they share no topics.")
    names = [run.folder.name for run in runs]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"Run {name!r} was given twice.", fix="Give it once.")
    manifest = first.manifest
    task, cohort = manifest["task"], manifest["cohort"]
    dataset = open_dataset(manifest["data"], home)
    path = dataset.folder / "tasks" / task / f"test-{cohort}.parquet"
    if (
        dataset.sha256 != manifest["dataset_sha256"]
        or not path.is_file()
        or sha256_file(path) != manifest["instances_sha256"]
    ):
        raise BenchError(
            f"Dataset {dataset.name!r} is not the one that run {first.folder.name!r} is over.",
            fix="Run the model again on the dataset as it is now.",
        )
    topic = "query" if "query" in DATA_TASKS.get(task).columns else "history"
    frame = read_parquet(path, ["instance_id", topic, "target_items"])
    limit = manifest["limit"]
    return Asked(dataset, task, cohort, frame if limit is None else frame.head(limit))


def _check_ranks(run: StoredRun) -> None:
    task = run.manifest["task"]
    if TASKS.get(task).prediction is not Ranking:
        ranking = [name for name in TASKS if TASKS.get(name).prediction is Ranking]
        raise UsageError(
            f"Run {run.folder.name!r} is of {task}, whose predictions are no rankings.",
            fix=f"Export runs of {' or '.join(ranking)}; the predictions of this one are a table, "
            f"{str(run.folder / PREDICTIONS)!r}.",
        )


def answers(run: StoredRun, asked: Asked, told: Told) -> Iterator[pl.DataFrame]:
    """Yield ``instance, item, rank, score`` of a run: whole instances, in order, best item first.

    Scores (32-bit) fall strictly within an instance, so that sorting by them gives the run's own
    order: see :func:`set_apart`. A failed prediction is the one item :data:`NOTHING`. Raises
    :class:`BenchError` where the predictions cannot be read or answer other instances.
    """
    ids = asked.frame["instance_id"]
    start = 0
    for frame in _batches(run):
        if not frame["instance_id"].equals(ids.slice(start, len(frame))):
            break
        start += len(frame)
        yield _rows(frame, told)
    if start != len(ids):
        raise _damaged(run, f"they do not answer the {len(ids)} instances asked, in order")


def _batches(run: StoredRun) -> Iterator[pl.DataFrame]:
    columns = ["instance_id", "items", "scores", "status"]
    try:
        with pq.ParquetFile(run.folder / PREDICTIONS) as file:
            for batch in file.iter_batches(_TOGETHER, columns=columns):
                frame = pl.DataFrame(pl.from_arrow(batch)).select(columns)
                failed = (pl.col("status") != "ok") | (pl.col("items").list.len() == 0)
                frame = frame.with_columns(failed=failed.fill_null(True))
                ranked = frame.filter(~pl.col("failed"))
                if not ranked["items"].list.len().equals(ranked["scores"].list.len()):
                    raise _damaged(run, "an item has no score")
                yield frame
    except (OSError, pa.ArrowException, pl.exceptions.PolarsError) as error:
        raise _damaged(run, in_one_line(error)) from error


def _damaged(run: StoredRun, why: str) -> BenchError:
    return BenchError(
        f"The predictions of run {run.folder.name!r} cannot be used: {why}.",
        fix=f"Delete the folder {str(run.folder)!r} and run again.",
    )


def _rows(frame: pl.DataFrame, told: Told) -> pl.DataFrame:
    told.failed += int(frame["failed"].sum())
    frame = frame.with_columns(
        items=pl.when("failed").then(pl.lit([NOTHING])).otherwise("items"),
        scores=pl.when("failed").then(pl.lit([0.0])).otherwise("scores"),
    )
    lengths = frame["items"].list.len().to_numpy()
    place = np.arange(int(lengths.max(initial=0)))
    mask = place < lengths[:, None]
    scores = np.zeros(mask.shape)
    scores[mask] = frame["scores"].explode().to_numpy()
    scores = np.clip(scores, -_LARGEST, _LARGEST)
    apart = set_apart(scores)
    told.set_apart += int(((apart != scores.astype(np.float32)) & mask).any(axis=1).sum())
    long = frame.select("instance_id", "items", "failed").explode("items")
    return pl.DataFrame(
        {
            "instance": written(long["instance_id"]),
            "item": long["items"].zip_with(long["failed"], written(long["items"])),
            "rank": np.broadcast_to(place + 1, mask.shape)[mask],
            "score": apart[mask],
        }
    )


def set_apart(scores: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return ``scores`` (n, k), best first, as 32-bit numbers that fall strictly along a row.

    ``scores`` lie between -1e38 and 1e38. trec_eval keeps 32 bits of a score, and of items with
    equal scores it takes the last id first. A score that is not less than the one before it by
    2 ** -20 of that one's size is lowered until it is; others stay.
    """
    apart = scores.copy()
    for column in range(1, apart.shape[1]):
        before = apart[:, column - 1]
        gap = np.maximum(np.abs(before) * _APART, _LEAST_APART)
        apart[:, column] = np.minimum(apart[:, column], before - gap)
    return apart.astype(np.float32)
