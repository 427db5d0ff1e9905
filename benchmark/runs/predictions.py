"""Store predictions: written shard by shard, checked one by one, merged when complete.

Shards have fixed borders, so a resumed run asks the model for exactly the same groups of
instances as an undisturbed one and ends with the same bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.data.dataset import Dataset
from benchmark.data.instances.lazily import FrozenInstances
from benchmark.errors import BenchError, in_one_line
from benchmark.host.files import atomic_path
from benchmark.host.progress import bar
from benchmark.instances import Instance
from benchmark.model import Model
from benchmark.models.calling import model_code
from benchmark.predictions import Image, Prediction, Ranking, Rating, Selection, Text
from benchmark.runs.fitting import seed_everything
from benchmark.runs.ranked import well_formed
from benchmark.runs.store import PREDICTIONS
from benchmark.tasks import Task

#: Instances per shard: what a kill can cost.
SHARD = 256

#: What values raise that no column holds: half a character, a number that is no float.
_UNSTORABLE = (pa.ArrowException, ValueError, TypeError, OverflowError)

_STRINGS = pa.list_(pa.string())
_FLOATS = pa.list_(pa.float64())

#: Answer columns of predictions.parquet by prediction type.
ANSWERS: dict[type, dict[str, pa.DataType]] = {
    Ranking: {"items": _STRINGS, "scores": _FLOATS},
    Rating: {"value": pa.float64()},
    Text: {"text": pa.string()},
    Selection: {"chosen": _STRINGS, "scores": _FLOATS},
    Image: {"png": pa.binary(), "retrieved": _STRINGS},
}


def schema_for(task: Task) -> pa.Schema:
    """Return the columns of predictions.parquet: ids, the answer, ``status`` and what was wrong."""
    columns = {
        "instance_id": pa.string(),
        "user_id": pa.string(),
        **ANSWERS[task.prediction],
        "status": pa.string(),
        "problem": pa.string(),
    }
    return pa.schema(list(columns.items()))


def borders(total: int) -> list[tuple[int, int]]:
    """Return the half-open instance ranges of the shards of ``total`` instances."""
    return [(start, min(start + SHARD, total)) for start in range(0, total, SHARD)]


def shard_path(folder: Path, number: int) -> Path:
    """Return where predictions of shard ``number`` lie in a run's ``folder``."""
    return folder / f"shard-{number:06d}.parquet"


def predict_shard(
    model: Model,
    task: Task,
    instances: Sequence[Instance],
    known: Callable[[str], bool],
    path: Path,
    label: str,
) -> None:
    """Ask, check and store one shard. A malformed answer becomes a failed row, not a crash.

    Raises :class:`BenchError` when the model itself fails or answers more than it was asked.
    """
    started = time.perf_counter()
    with _asking(label):
        answers = model.predict(instances)
    schema = schema_for(task)
    columns = well_formed(answers, instances) if task.prediction is Ranking else None
    if columns is not None:
        ok = {"status": ["ok"] * len(instances), "problem": [None] * len(instances)}
        table = pa.table({**columns, **ok}, schema=schema)
    else:
        table = _table(_rows(task, instances, _each(answers, label), known, label), schema)
    seconds = time.perf_counter() - started
    with atomic_path(path) as temporary:
        pq.write_table(table.replace_schema_metadata({"seconds": f"{seconds:.6f}"}), temporary)


def _table(rows: Sequence[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    """``rows`` as a table, in which an answer that none can hold has failed."""
    try:
        return pa.Table.from_pylist(rows, schema=schema)
    except _UNSTORABLE:
        return pa.Table.from_pylist([_storable(row, schema) for row in rows], schema=schema)


def _storable(row: dict[str, Any], schema: pa.Schema) -> dict[str, Any]:
    try:
        pa.Table.from_pylist([row], schema=schema)
    except _UNSTORABLE as error:
        ids = {name: row[name] for name in ("instance_id", "user_id")}
        problem = f"the answer cannot be stored: {in_one_line(error)}"
        return {**ids, "status": "failed", "problem": problem}
    return row


def _rows(
    task: Task,
    instances: Sequence[Instance],
    answers: Iterator[Prediction],
    known: Callable[[str], bool],
    label: str,
) -> list[dict[str, Any]]:
    rows = [as_row(task, instance, next(answers, None), known) for instance in instances]
    if next(answers, None) is not None:
        raise BenchError(
            f"Model {label!r} returned more predictions than the {len(instances)} instances asked.",
            fix="Yield exactly one prediction per instance, in order.",
        )
    return rows


def shard_seconds(path: Path) -> float:
    """Return the prediction time that a shard records, in seconds."""
    with _reading(path):
        return float(pq.read_schema(path).metadata[b"seconds"])


def merge(folder: Path, total: int, task: Task, path: Path) -> None:
    """Join all shards of ``folder`` into one predictions.parquet, without their timings."""
    schema = schema_for(task)
    with atomic_path(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for number in range(len(borders(total))):
            shard = shard_path(folder, number)
            with _reading(shard):
                table = pq.read_table(shard, schema=schema)
            writer.write_table(table)


@contextmanager
def _reading(shard: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, KeyError, TypeError) as error:
        raise BenchError(
            f"The stored predictions {str(shard)!r} are damaged: {in_one_line(error)}.",
            fix="Delete that file and run again: its instances are asked anew.",
        ) from error


def _asking(label: str) -> AbstractContextManager[None]:
    fix = "Run again with --debug for the traceback; finished shards are kept."
    return model_code(label, "predicting", fix=fix)


def _each(answers: Iterable[Prediction], label: str) -> Iterator[Prediction]:
    with _asking(label):
        yield from answers


def as_row(
    task: Task, instance: Instance, prediction: Prediction | None, known: Callable[[str], bool]
) -> dict[str, Any]:
    """Return the row of predictions.parquet for an answer: ``failed``, with the reason, where it
    is no valid one."""
    row: dict[str, Any] = {"instance_id": instance.instance_id, "user_id": instance.user_id}
    if prediction is None:
        problem: str | None = "no prediction given"
    else:
        problem = _problem(task, instance, prediction, known)
    row["status"] = "ok" if problem is None else "failed"
    row["problem"] = problem
    if problem is None:
        for column in ANSWERS[task.prediction]:
            row[column] = getattr(prediction, column)
    return row


def _problem(
    task: Task, instance: Instance, prediction: Prediction, known: Callable[[str], bool]
) -> str | None:
    try:
        return task.problem(instance, prediction, known)
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        return f"the answer has a field of the wrong type: {error}"


def predict(
    model: Model,
    task: Task,
    instances: FrozenInstances,
    dataset: Dataset,
    folder: Path,
    *,
    seed: int,
    label: str,
) -> Path:
    """Predict what ``folder`` has no shard of yet and return the file of the merged predictions.

    Raises :class:`~benchmark.errors.BenchError` when the model fails.
    """
    index = dataset.catalogue().index
    with bar(f"{label} on {task.name}", total=len(instances)) as progress:
        for number, (start, stop) in enumerate(borders(len(instances))):
            path = shard_path(folder, number)
            if not path.is_file():
                # Seeded per shard: what a model draws may not depend on where a run resumed.
                seed_everything(seed + number)
                asked = instances[start:stop]
                predict_shard(model, task, asked, index.__contains__, path, label)
            progress.advance(stop - start)
    merge(folder, len(instances), task, folder / PREDICTIONS)
    return folder / PREDICTIONS
