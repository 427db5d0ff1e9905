"""A training view made by hand, for tests whose answers are worked out on paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest

from benchmark.data.catalogue import Catalogue
from benchmark.data.schema import INTERACTION_COLUMNS, ITEM_COLUMNS


@dataclass
class HandMadeView:
    """The part of :class:`benchmark.model.TrainingView` that simple models read."""

    catalogue: Catalogue
    parts: dict[str, pl.DataFrame]
    features_folder: Path
    name: str = "by-hand"
    sha256: str = "by-hand"
    rating_scale: tuple[float, float] | None = (1.0, 5.0)
    allow_repeats: bool = False
    tasks: tuple[str, ...] = field(default=("recommendation", "search"))

    def interactions(self, part: str = "train") -> pl.DataFrame:
        return self.parts[part]


def _interactions(rows: Sequence[dict[str, object]]) -> pl.DataFrame:
    columns = {k: v for k, v in INTERACTION_COLUMNS.items() if k not in ("part", "cohort")}
    complete = [{**dict.fromkeys(columns), **row} for row in rows]
    return pl.DataFrame(complete, schema=columns)


@pytest.fixture
def make_view(tmp_path: Path) -> Callable[..., HandMadeView]:
    """``make_view(items, train=[...], valid=[...])`` from rows as dictionaries."""

    def make(
        items: Sequence[dict[str, object]],
        *,
        train: Sequence[dict[str, object]] = (),
        valid: Sequence[dict[str, object]] = (),
    ) -> HandMadeView:
        complete = [{**dict.fromkeys(ITEM_COLUMNS), **item} for item in items]
        frame = pl.DataFrame(complete, schema=ITEM_COLUMNS)
        parts = {"train": _interactions(train), "valid": _interactions(valid)}
        return HandMadeView(Catalogue(frame, images=None), parts, tmp_path / "features")

    return make
