"""Define the columns of a prepared dataset, and the shape every raw source is brought into."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

#: Increased whenever the bytes of a prepared dataset change for the same raw files.
FORMAT_VERSION = 2

PARTS = ("train", "valid", "test")
#: Largest share of users that a split may hold back as the cohort new-user.
MOST_NEW_USERS = 0.9
#: Most characters of a user's or item's id: a longer one is a damaged file, not a name.
LONGEST_ID = 1_000
COHORTS = ("seen", "new-user", "new-domain")

#: items.parquet, one row per item in catalogue order. ``image`` is a file name in images/.
#: ``query`` is the search query an item answers to (null: its category path is too short).
ITEM_COLUMNS: dict[str, pl.DataType] = {
    "item_id": pl.String(),
    "domain": pl.String(),
    "title": pl.String(),
    "category": pl.List(pl.String()),
    "brand": pl.String(),
    "price": pl.Float64(),
    "description": pl.String(),
    "image": pl.String(),
    "attributes": pl.List(pl.Struct({"key": pl.String(), "value": pl.String()})),
    "query": pl.String(),
}

#: interactions.parquet: users contiguous, each user's rows in time order, ties in file order.
#: ``timestamp`` is in seconds (0, 1, 2, ... where a source has an order but no clock).
INTERACTION_COLUMNS: dict[str, pl.DataType] = {
    "user_id": pl.String(),
    "item_id": pl.String(),
    "timestamp": pl.Int64(),
    "rating": pl.Float64(),
    "review": pl.String(),
    "summary": pl.String(),
    "explanation": pl.String(),
    "domain": pl.String(),
    "part": pl.String(),
    "cohort": pl.String(),
}

#: tasks/<task>/<part>-<cohort>.parquet; each task uses the columns it needs.
#: ``history*`` are windowed; ``seen`` (ranking tasks without repeats only) is the whole past.
INSTANCE_COLUMNS: dict[str, pl.DataType] = {
    "instance_id": pl.String(),
    "user_id": pl.String(),
    "history": pl.List(pl.String()),
    "history_ratings": pl.List(pl.Float64()),
    "history_timestamps": pl.List(pl.Int64()),
    "seen": pl.List(pl.String()),
    "query": pl.String(),
    "item": pl.String(),
    "candidates": pl.List(pl.String()),
    "target_items": pl.List(pl.String()),
    "target_rating": pl.Float64(),
    "target_text": pl.String(),
}


class PhotoFile(Protocol):
    """Gives a photo's bytes when asked: a path, or what is drawn only then."""

    @property
    def name(self) -> str:
        """Return how messages name it."""

    def read_bytes(self) -> bytes:
        """Return the encoded image; :class:`FileNotFoundError` where there is none."""


@dataclass(frozen=True)
class RawDataset:
    """Holds what a source hands to preparation: rows in file order, nothing split yet.

    ``items`` has :data:`ITEM_COLUMNS` without ``image`` and ``query``; ``interactions`` has
    the columns of :data:`INTERACTION_COLUMNS` up to ``summary`` and ``domain``, in file order (no
    cohort, no explanation, and a part only where the raw files give a split:
    :data:`benchmark.data.raw.source.GIVEN_PART`). ``photos`` yields ``(item_id, file or encoded
    bytes)``; unreadable ones are counted and treated as missing.
    """

    items: pl.DataFrame
    interactions: pl.DataFrame
    allow_repeats: bool
    rating_scale: tuple[float, float] | None
    terms: str
    photos: Iterable[tuple[str, PhotoFile | bytes]] = ()
    source_files: Mapping[str, str] = field(default_factory=dict)
    """Raw file name -> SHA-256."""
    attachments: Mapping[str, bytes] = field(default_factory=dict)
    """File name -> content, stored under ``attachments/`` of the dataset."""
    notes: Mapping[str, object] = field(default_factory=dict)
    """Counts worth keeping: skipped lines, dropped duplicates, missing photos."""


#: Items asked of a ranking where dataset.json says nothing else.
DEFAULT_K = 10
