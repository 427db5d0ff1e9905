"""Slices the instances of a pair of runs by properties of the dataset.

Borders are terciles of the instances at hand, so that each group has its share of them. A
property that does not vary makes no slice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmark.data.dataset import Dataset
from benchmark.data.frames import read_parquet

HISTORY = "history length"
POPULARITY = "target's popularity"
PHOTO = "target's photo"


@dataclass(frozen=True)
class Slice:
    """Marks the instances whose property ``by`` is ``value``: ``rows`` is (n,), boolean."""

    by: str
    value: str
    rows: NDArray[np.bool_]


def slices_of(dataset: Dataset, task: str, cohort: str, ids: Sequence[str]) -> list[Slice]:
    """Return the slices of the instances ``ids`` of a task's test part.

    History length counts the user's interactions before the target, beyond the history window
    too; popularity the training interactions of the seen users with the target, on average
    where an instance has several; the photo is the target's, any of several. Raises
    :class:`~benchmark.errors.BenchError` when the dataset's files are missing or broken.
    """
    path = dataset.folder / "tasks" / task / f"test-{cohort}.parquet"
    asked = read_parquet(path)
    targets = _target_items(asked).rename("target")
    frame = pl.DataFrame({"instance_id": ids}).join(
        asked.select("instance_id", "user_id", targets),
        on="instance_id",
        how="left",
        maintain_order="left",
    )
    if frame["target"].null_count():  # other instances than those of the dataset as it is now
        return []
    history, popularity = _history_lengths(dataset, frame), _popularity(dataset, frame)
    photo = _any_photo(dataset, frame)
    return [
        *_terciles(HISTORY, history),
        *_terciles(POPULARITY, popularity),
        *_halves(PHOTO, photo),
    ]


def _target_items(asked: pl.DataFrame) -> pl.Series:
    """Item ids, a list an instance: what is judged (preference, explanation) or to be found."""
    if "target_items" in asked.columns and not asked["target_items"].null_count():
        return asked["target_items"]
    return asked.select(pl.concat_list("item"))["item"]


def _history_lengths(dataset: Dataset, frame: pl.DataFrame) -> NDArray[np.float64]:
    """Leave-one-out asks a user's last rows, so all the others come before them."""
    rows = dataset.interactions().group_by("user_id").agg(pl.len().alias("rows"))
    counted = frame.join(rows, on="user_id", how="left", maintain_order="left")
    lengths = counted["rows"].cast(pl.Int64).fill_null(0) - frame["target"].list.len()
    return lengths.cast(pl.Float64).to_numpy()


def _popularity(dataset: Dataset, frame: pl.DataFrame) -> NDArray[np.float64]:
    trained = dataset.training_view().interactions("train", columns=["item_id"])
    counts = trained.group_by("item_id").agg(pl.len().cast(pl.Float64).alias("value"))
    return _over_targets(frame, counts, lambda value: value.mean())


def _any_photo(dataset: Dataset, frame: pl.DataFrame) -> NDArray[np.bool_]:
    shown = dataset.catalogue().frame.select(
        "item_id", pl.col("image").is_not_null().cast(pl.Float64).alias("value")
    )
    return _over_targets(frame, shown, lambda value: value.max()) > 0


def _over_targets(
    frame: pl.DataFrame, of_item: pl.DataFrame, combine: Callable[[pl.Expr], pl.Expr]
) -> NDArray[np.float64]:
    """``of_item.value`` (0 for unknown items) over each instance's targets, combined."""
    single = frame.select("instance_id", item_id="target").explode("item_id")
    known = single.join(of_item, on="item_id", how="left").with_columns(
        pl.col("value").fill_null(0.0)
    )
    combined = known.group_by("instance_id").agg(combine(pl.col("value")))
    joined = frame.join(combined, on="instance_id", how="left", maintain_order="left")
    return joined["value"].to_numpy().astype(np.float64)


def _terciles(by: str, values: NDArray[np.float64]) -> Iterator[Slice]:
    lower, upper = np.quantile(values, [1 / 3, 2 / 3], method="inverted_cdf")
    parts = (values <= lower, (values > lower) & (values <= upper), values > upper)
    filled = [part for part in parts if part.any()]
    if len(filled) < 2:
        return
    for part in filled:
        least, most = values[part].min(), values[part].max()
        yield Slice(by, f"{least:g}" if least == most else f"{least:g} to {most:g}", part)


def _halves(by: str, values: NDArray[np.bool_]) -> Iterator[Slice]:
    if values.any() and not values.all():
        yield Slice(by, "yes", values)
        yield Slice(by, "no", ~values)
