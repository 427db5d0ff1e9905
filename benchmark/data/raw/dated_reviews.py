"""Settings of review collections whose times are days and whose files may come as a 5-core."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from benchmark.data.raw.review_files import Which
from benchmark.data.raw.reviews import ReviewParams


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

    @property
    def which(self) -> Which | None:
        """Return which file of a category's reviews is read, where there may be two."""
        return self.reviews

    @property
    def file_order(self) -> bool:
        """Return whether the lines of a file are in the order of events."""
        return self.ties == "file"
