"""Review collections whose times are days and whose files are grouped by item, or come as a 5-core.

Reviews of one day are ordered by a seeded hash (:mod:`benchmark.data.sources.unordered`).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from benchmark.data.raw.review_files import Which
from benchmark.data.raw.reviews import Collection, ReviewParams, read_collection
from benchmark.data.raw.source import OnError
from benchmark.data.schema import RawDataset
from benchmark.data.sources.unordered import in_time_order


class DatedParams(ReviewParams):
    """Validates the settings of such a collection."""

    reviews: Which | None = Field(
        None,
        description="which file of reviews is read where a category has both: all, or 5core, that "
        "was published as such; default: the one there is",
    )
    ties: Literal["hash", "file"] = Field(
        "hash",
        description="order of a user's reviews of one day: by a seeded hash, or as in the file "
        "(which is grouped by item)",
    )
    seed: int = Field(0, ge=0, description="of the order of ties")

    @property
    def file_order(self) -> bool:
        """Return whether the lines of a file are in the order of events."""
        return self.ties == "file"

    @property
    def which(self) -> Which | None:
        """Return which file of a category's reviews is read, where there may be two."""
        return self.reviews


def read_dated(
    raw: Path | None, params: DatedParams, collection: Collection, *, on_error: OnError
) -> RawDataset:
    """Parse ``raw`` as :func:`read_collection` does, with reviews of one day in drawn order."""
    found = read_collection(raw, params, collection, on_error=on_error)
    if params.file_order:
        return found
    notes = dict(found.notes)
    rows = in_time_order(found.interactions, params.seed, notes)
    return replace(found, interactions=rows, notes=notes)
