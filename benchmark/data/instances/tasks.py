"""Describe each task's data: one object a task, looked up by the task's name.

The builder, the tables and preparation read these objects and name no task themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmark.data.catalogue import Catalogue
from benchmark.data.instances.timeline import Timeline
from benchmark.instances import (
    ExplanationInstance,
    ImageGenerationInstance,
    Instance,
    PreferenceInstance,
    RecommendationInstance,
    SearchInstance,
    SelectionInstance,
)
from benchmark.registry import Registry

if TYPE_CHECKING:
    from benchmark.data.instances.building import Rules
    from benchmark.data.instances.table import InstanceRow

#: ``(interactions, catalogue, rules)`` -> whether the whole dataset has nothing of it.
Missing = Callable[[pl.DataFrame, Catalogue, "Rules"], bool]
#: ``(timeline, catalogue, rules, rows)`` -> the target rows without it, bool (n,).
Lacking = Callable[
    [Timeline, Catalogue, "Rules", NDArray[np.int64]],
    NDArray[np.bool_],
]


@dataclass(frozen=True)
class Need:
    """Asks something of a dataset as a whole, of every target, or of both.

    ``absent`` is the reason given when ``missing`` holds of the dataset, ``reason`` the one
    under which targets left out by ``lacking`` are counted.
    """

    absent: str | None = None
    missing: Missing | None = None
    reason: str | None = None
    lacking: Lacking | None = None


@dataclass(frozen=True)
class DataTask:
    """Describes how one task's instances are stored, which rows give one, and what they show."""

    name: str
    shows: tuple[str, ...]
    """Columns of :data:`benchmark.data.schema.INSTANCE_COLUMNS` that an instance shows beside
    its ids and history; ``seen`` is left out of datasets in which repeats are allowed."""
    target: str
    """The column that holds the target."""
    instance: Callable[[InstanceRow], Instance]
    """Builds the typed instance from a row of the table."""
    needs: tuple[Need, ...] = ()
    """In the order in which a dataset's or a target's first unmet one is named."""
    several: bool = False
    """Whether a target may be several consecutive items of the user."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns of the instance file beside ids and history."""
        return (*self.shows, self.target)

    def lacks(self, rows: pl.DataFrame, catalogue: Catalogue, rules: Rules) -> str | None:
        """Return why a dataset cannot support the task at all, or ``None``."""
        for need in self.needs:
            if need.missing is not None and need.missing(rows, catalogue, rules):
                return need.absent
        return None

    def left_out(
        self, timeline: Timeline, catalogue: Catalogue, rules: Rules, rows: NDArray[np.int64]
    ) -> dict[str, NDArray[np.bool_]]:
        """Return for every reason the target ``rows`` that make no instance for it, bool (n,)."""
        return {
            need.reason: need.lacking(timeline, catalogue, rules, rows)
            for need in self.needs
            if need.reason is not None and need.lacking is not None
        }


NEW_TO_THE_USER = Need(
    reason="the user already had the item",
    lacking=lambda timeline, catalogue, rules, rows: (
        np.zeros(len(rows), dtype=bool) if rules.allow_repeats else ~timeline.first_time[rows]
    ),
)
ENOUGH_LEFT = Need(
    # Where the catalogue itself is smaller, no user is to blame, and running says so.
    reason="the user had so many items that fewer are left than a ranking holds",
    lacking=lambda timeline, catalogue, rules, rows: (
        np.zeros(len(rows), dtype=bool)
        if rules.allow_repeats or len(catalogue) < rules.k
        else len(catalogue) - timeline.items_before(rows) < rules.k
    ),
)
QUERY = Need(
    absent="no item has a category path of at least two levels",
    missing=lambda rows, catalogue, rules: _all_null(catalogue.frame["query"]),
    reason="the item has no query",
    lacking=lambda timeline, catalogue, rules, rows: _null_of_items(
        catalogue, "query", timeline.item[rows]
    ),
)
PHOTO = Need(
    absent="the data has no photos",
    missing=lambda rows, catalogue, rules: _all_null(catalogue.frame["image"]),
    reason="the item has no photo",
    lacking=lambda timeline, catalogue, rules, rows: _null_of_items(
        catalogue, "image", timeline.item[rows]
    ),
)
RATING = Need(
    absent="the data has no ratings",
    missing=lambda rows, catalogue, rules: rules.rating_scale is None,
    reason="no rating",
    lacking=lambda timeline, catalogue, rules, rows: np.isnan(timeline.rating[rows]),
)
CHOICE = Need(
    absent="there is one item only, and nothing to choose among",
    missing=lambda rows, catalogue, rules: len(catalogue) < 2,
)
EXPLANATION = Need(
    absent="the data has no reviews",
    missing=lambda rows, catalogue, rules: _all_null(rows["review"]),
    reason="no sentence of a review mentions the item",
    lacking=lambda timeline, catalogue, rules, rows: timeline.explanation.is_null().to_numpy()[
        rows
    ],
)

OWN_WORDS = Need(
    reason="the review is a copy of an earlier one",
    lacking=lambda timeline, catalogue, rules, rows: (
        timeline.copied[rows] if rules.leave_out_copies else np.zeros(len(rows), dtype=bool)
    ),
)


def _all_null(column: pl.Series) -> bool:
    return column.null_count() == len(column)


def _null_of_items(
    catalogue: Catalogue, column: str, items: NDArray[np.int64]
) -> NDArray[np.bool_]:
    return np.asarray(catalogue.frame[column].is_null().to_numpy()[items])


def _preference(row: InstanceRow) -> PreferenceInstance:
    assert row.rating_scale is not None
    return PreferenceInstance(**row.common, item=row.item, scale=row.rating_scale)


#: By name: an entry for each of :data:`benchmark.tasks.TASKS`.
DATA_TASKS: Registry[DataTask] = Registry("task")
for _task in (
    DataTask(
        name="recommendation",
        shows=("seen",),
        target="target_items",
        instance=lambda row: RecommendationInstance(**row.common, exclude=row.exclude, k=row.k),
        needs=(NEW_TO_THE_USER, ENOUGH_LEFT),
    ),
    DataTask(
        name="search",
        shows=("seen", "query"),
        target="target_items",
        instance=lambda row: SearchInstance(
            **row.common, query=row.query, exclude=row.exclude, k=row.k
        ),
        needs=(NEW_TO_THE_USER, ENOUGH_LEFT, QUERY),
    ),
    DataTask(
        name="preference",
        shows=("item",),
        target="target_rating",
        instance=_preference,
        needs=(RATING, OWN_WORDS),
    ),
    DataTask(
        name="explanation",
        shows=("item",),
        target="target_text",
        instance=lambda row: ExplanationInstance(**row.common, item=row.item),
        needs=(EXPLANATION, OWN_WORDS),
    ),
    DataTask(
        name="selection",
        shows=("candidates",),
        target="target_items",
        instance=lambda row: SelectionInstance(**row.common, candidates=row.candidates),
        needs=(CHOICE,),
        several=True,
    ),
    DataTask(
        name="image-generation",
        shows=("query",),
        target="target_items",
        instance=lambda row: ImageGenerationInstance(**row.common, query=row.query),
        needs=(QUERY, PHOTO),
    ),
):
    DATA_TASKS.add(_task.name, _task)
