"""Score stored predictions. The same code serves a run and a re-scoring."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmark.data.dataset import Dataset
from benchmark.data.frames import write_parquet
from benchmark.data.instances.lazily import FrozenInstances
from benchmark.errors import BenchError
from benchmark.instances import ImageGenerationInstance
from benchmark.metrics.base import Metric, Statistics
from benchmark.metrics.families import metrics_of_several
from benchmark.metrics.gates import require_possible
from benchmark.predictions import Image, Ranking, Rating, Selection, Text
from benchmark.registry import resolve
from benchmark.runs.asking import StreamedInstances
from benchmark.stats import Score
from benchmark.tasks import Task
from benchmark.tasks.base import ranking_metrics


def score_predictions(
    task: Task, predictions: pl.DataFrame, instances: FrozenInstances, dataset: Dataset
) -> tuple[tuple[Metric, ...], Statistics]:
    """Return the metrics of ``task`` and the per-instance statistics of each.

    ``predictions`` has one row per instance of ``dataset``, in order; failed rows score each
    metric's worst value. Raises :class:`BenchError` when ids do not match or the task cannot be
    scored.
    """
    if predictions["instance_id"].to_list() != list(instances.ids):
        raise BenchError(
            f"Predictions do not answer the {len(instances)} instances of this dataset, in order.",
            fix="Run the model again on this dataset.",
        )
    if task.scorer is None:
        raise BenchError(
            f"Task {task.name!r} cannot be scored by this version.", fix="Choose another task."
        )
    score = cast(Callable[..., tuple[tuple[Metric, ...], Statistics]], resolve(task.scorer))
    return score(**_ARGUMENTS[task.prediction](predictions, instances, dataset))


def require_possible_scores(scores: Mapping[str, Score], instances: FrozenInstances) -> None:
    """Raise :class:`BenchError` when no predictions can have ``scores``: scoring is broken."""
    require_possible(
        {name: score.value for name, score in scores.items()},
        positives_per_instance="several" if have_several(instances) else "one",
        scale=instances.rating_scale,
    )


def have_several(instances: FrozenInstances) -> bool:
    """Return whether an instance has several positives."""
    if isinstance(instances, StreamedInstances):
        return instances.have_several
    positives = instances.positives
    return positives is not None and bool((np.diff(positives[1]) > 1).any())


def write_per_instance(path: Path, predictions: pl.DataFrame, statistics: Statistics) -> None:
    """Write per_instance.parquet (:func:`per_instance`).

    Raises :class:`BenchError` when the disk is full.
    """
    write_parquet(per_instance(predictions, statistics), path)


def per_instance(predictions: pl.DataFrame, statistics: Statistics) -> pl.DataFrame:
    """Return ids and each metric's statistic of each instance: a list where it has several."""
    columns = {
        name: values[:, 0] if values.shape[1] == 1 else values
        for name, values in statistics.items()
    }
    return predictions.select("instance_id", "user_id").with_columns(
        *(pl.Series(name, values) for name, values in columns.items())
    )


def _ranking_arguments(
    predictions: pl.DataFrame, instances: FrozenInstances, dataset: Dataset
) -> dict[str, Any]:
    positives = instances.positives
    assert positives is not None
    indices, starts = positives
    number = np.diff(starts)
    targets = np.full((len(number), max(int(number.max(initial=0)), 1)), -2, dtype=np.int64)
    targets[np.arange(targets.shape[1]) < number[:, None]] = indices
    k = dataset.rules.k
    several = metrics_of_several(k) if have_several(instances) else ()
    return {
        "predicted": item_lists(predictions, dataset),
        "metrics": (*ranking_metrics(k), *several),
        "targets": targets,
    }


def item_lists(predictions: pl.DataFrame, dataset: Dataset) -> NDArray[np.int64]:
    """Return rankings as rows (n, K) of catalogue numbers, padded with -1 where there are none."""
    return _index_matrix(predictions["items"], dataset.catalogue().ids, width=dataset.rules.k)


def _index_matrix(lists: pl.Series, item_ids: Sequence[str], *, width: int) -> NDArray[np.int64]:
    """Lists of item ids (null: none) as rows of catalogue indices, padded with -1.

    Every row has ``width`` columns, or more where a list is longer.
    """
    codes = pl.DataFrame(
        {"id": list(item_ids), "code": np.arange(len(item_ids))},
        schema={"id": pl.String, "code": pl.Int64},
    )
    lengths = lists.list.len().fill_null(0).to_numpy()
    matrix = np.full((len(lists), max(int(lengths.max(initial=0)), width)), -1, dtype=np.int64)
    flat = lists.explode(empty_as_null=False, keep_nulls=False).rename("id").to_frame()
    index = flat.join(codes, on="id", how="left", maintain_order="left")["code"]
    mask = np.arange(matrix.shape[1])[None, :] < lengths[:, None]
    matrix[mask] = index.fill_null(-1).to_numpy()
    return matrix


def _rating_arguments(
    predictions: pl.DataFrame, instances: FrozenInstances, dataset: Dataset
) -> dict[str, Any]:
    return {
        "predicted": predictions["value"].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
        "target": np.array(instances.targets, dtype=np.float64),
        "scale": instances.rating_scale,
    }


def _text_arguments(
    predictions: pl.DataFrame, instances: FrozenInstances, dataset: Dataset
) -> dict[str, Any]:
    return {"hypotheses": predictions["text"].to_list(), "references": instances.targets}


def _selection_arguments(
    predictions: pl.DataFrame, instances: FrozenInstances, dataset: Dataset
) -> dict[str, Any]:
    return {"chosen": predictions["chosen"].to_list(), "positives": instances.targets}


def _image_arguments(
    predictions: pl.DataFrame, frozen: FrozenInstances, dataset: Dataset
) -> dict[str, Any]:
    instances = cast(Sequence[ImageGenerationInstance], frozen)
    asked = [(instance.size, instance.query) for instance in instances]
    return {
        "images": predictions["png"].to_list(),
        "sizes": [size for size, _ in asked],
        "queries": [query for _, query in asked],
        "targets": [items[0] for items in cast(list[tuple[str, ...]], frozen.targets)],
        "catalogue": dataset.catalogue(),  # unperturbed: what was really taken
        "features": dataset.folder / "features",
        "simulated": bool(dataset.info.get("simulated")),
    }


_ARGUMENTS: dict[type, Callable[[pl.DataFrame, FrozenInstances, Dataset], dict[str, Any]]] = {
    Ranking: _ranking_arguments,
    Rating: _rating_arguments,
    Text: _text_arguments,
    Selection: _selection_arguments,
    Image: _image_arguments,
}
