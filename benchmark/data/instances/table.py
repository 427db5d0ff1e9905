"""Instances in columns: one shape for frozen files and for training examples made on demand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from benchmark.data.catalogue import Catalogue
from benchmark.data.frames import conform
from benchmark.data.instances.ragged import Ragged
from benchmark.data.schema import INSTANCE_COLUMNS
from benchmark.errors import unknown_name
from benchmark.instances import (
    ExplanationInstance,
    History,
    ImageGenerationInstance,
    Instance,
    PreferenceInstance,
    RecommendationInstance,
    SearchInstance,
    SelectionInstance,
    Target,
)

#: Columns a task's file has beside ids and history (``seen`` only where repeats are barred).
TASK_COLUMNS: dict[str, tuple[str, ...]] = {
    "recommendation": ("seen", "target_items"),
    "search": ("seen", "query", "target_items"),
    "preference": ("item", "target_rating"),
    "explanation": ("item", "target_text"),
    "selection": ("candidates", "target_items"),
    "image-generation": ("query", "target_items"),
}


@dataclass(frozen=True)
class InstanceTable:
    """Parallel columns over instances of one task; items are catalogue indices.

    Unused columns are ``None``. ``seen`` (the whole past) only where items may not be
    answered again. Rankings are asked for ``k`` items.
    """

    task: str
    ids: Sequence[str]
    users: Sequence[str]
    history: Ragged
    ratings: Ragged
    timestamps: Ragged
    rating_scale: tuple[float, float] | None = None
    k: int = 10
    seen: Ragged | None = None
    query: Sequence[str | None] | None = None
    item: Sequence[int] | None = None
    candidates: Ragged | Sequence[list[int]] | None = None
    target_items: Ragged | Sequence[list[int]] | None = None
    target_rating: Sequence[float] | None = None
    target_text: Sequence[str | None] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def instance(self, row: int, catalogue: Catalogue) -> Instance:
        """The typed question; ``catalogue`` decides how its items look (perturbations)."""
        common = {
            "instance_id": self.ids[row],
            "user_id": self.users[row],
            "history": History(
                tuple(catalogue[index] for index in self.history[row]),
                tuple(None if math.isnan(r) else r for r in self.ratings[row]),
                tuple(self.timestamps[row]),
            ),
        }
        return _BUILDERS[self.task](self, row, catalogue, common)

    def target(self, row: int, catalogue: Catalogue) -> Target:
        """The right answer of instance ``row``."""
        if self.target_rating is not None:
            return float(self.target_rating[row])
        if self.target_text is not None:
            text = self.target_text[row]
            assert text is not None
            return text
        assert self.target_items is not None
        return tuple(catalogue.ids[index] for index in self.target_items[row])

    def to_frame(self, catalogue: Catalogue) -> pl.DataFrame:
        """The frozen form, with item ids (columns of :data:`INSTANCE_COLUMNS`)."""
        ids = pl.Series(catalogue.ids, dtype=pl.String)
        columns: dict[str, Any] = {
            "instance_id": pl.Series(list(self.ids), dtype=pl.String),
            "user_id": pl.Series(list(self.users), dtype=pl.String),
            "history": self.history.to_series("history", ids),
            "history_ratings": self.ratings.to_series("history_ratings"),
            "history_timestamps": self.timestamps.to_series("history_timestamps"),
        }
        for name in TASK_COLUMNS[self.task]:
            values = getattr(self, name)
            if name == "seen" and values is None:
                continue
            if name in ("seen", "candidates", "target_items"):
                rows = values if isinstance(values, Ragged) else Ragged.of_lists(list(values))
                columns[name] = rows.to_series(name, ids)
            elif name == "item":
                columns[name] = ids.gather(list(values))
            else:
                columns[name] = pl.Series(list(values), dtype=INSTANCE_COLUMNS[name])
        return conform(pl.DataFrame(columns), {k: INSTANCE_COLUMNS[k] for k in columns})

    @classmethod
    def of_frame(
        cls,
        task: str,
        frame: pl.DataFrame,
        catalogue: Catalogue,
        rating_scale: tuple[float, float] | None,
        k: int,
    ) -> InstanceTable:
        """Read back what :meth:`to_frame` wrote."""
        if task not in TASK_COLUMNS:
            raise unknown_name("task", task, TASK_COLUMNS)
        codes = pl.Enum(catalogue.ids)
        columns: dict[str, Any] = {}
        for name in TASK_COLUMNS[task]:
            if name not in frame.columns:
                continue
            if name in ("seen", "candidates", "target_items"):
                columns[name] = Ragged.of_series(frame[name], codes)
            elif name == "item":
                columns[name] = frame[name].cast(codes).to_physical().to_list()
            else:
                columns[name] = frame[name].to_list()
        return cls(
            task=task,
            ids=frame["instance_id"].to_list(),
            users=frame["user_id"].to_list(),
            history=Ragged.of_series(frame["history"], codes),
            ratings=Ragged.of_series(frame["history_ratings"]),
            timestamps=Ragged.of_series(frame["history_timestamps"]),
            rating_scale=rating_scale,
            k=k,
            **columns,
        )


def _excluded(table: InstanceTable, row: int, catalogue: Catalogue) -> frozenset[str]:
    if table.seen is None:
        return frozenset()
    return frozenset(catalogue.ids[index] for index in table.seen[row])


def _query(table: InstanceTable, row: int) -> str:
    assert table.query is not None
    query = table.query[row]
    assert query is not None
    return query


def _item(table: InstanceTable, row: int) -> int:
    assert table.item is not None
    return int(table.item[row])


def _recommendation(t: InstanceTable, row: int, c: Catalogue, common: Any) -> Instance:
    return RecommendationInstance(**common, exclude=_excluded(t, row, c), k=t.k)


def _search(t: InstanceTable, row: int, c: Catalogue, common: Any) -> Instance:
    exclude = _excluded(t, row, c)
    return SearchInstance(**common, query=_query(t, row), exclude=exclude, k=t.k)


def _preference(t: InstanceTable, row: int, c: Catalogue, common: Any) -> Instance:
    assert t.rating_scale is not None
    return PreferenceInstance(**common, item=c[_item(t, row)], scale=t.rating_scale)


def _explanation(t: InstanceTable, row: int, c: Catalogue, common: Any) -> Instance:
    return ExplanationInstance(**common, item=c[_item(t, row)])


def _selection(t: InstanceTable, row: int, c: Catalogue, common: Any) -> Instance:
    assert t.candidates is not None
    candidates = tuple(c[index] for index in t.candidates[row])
    return SelectionInstance(**common, candidates=candidates)


def _image_generation(t: InstanceTable, row: int, c: Catalogue, common: Any) -> Instance:
    return ImageGenerationInstance(**common, query=_query(t, row))


_BUILDERS = {
    "recommendation": _recommendation,
    "search": _search,
    "preference": _preference,
    "explanation": _explanation,
    "selection": _selection,
    "image-generation": _image_generation,
}
