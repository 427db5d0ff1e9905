"""Hold interactions as arrays: users behind each other, each one's rows in time order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmark.data.catalogue import Catalogue

#: What words consist of.
_SIGNS = r"\p{L}\p{M}\p{N}"


def copied_texts(rows: pl.DataFrame) -> NDArray[np.bool_]:
    """Return whether each row's review is one that its user had written before, bool (n,).

    ``rows`` are in time order within users. Texts are compared word for word, whatever their case
    and what stands between the words.
    """
    if rows["review"].null_count() == len(rows):
        return np.zeros(len(rows), dtype=bool)
    # A copy begins with the same word: only users' texts that do are compared as a whole.
    lower = pl.col("review").str.to_lowercase()
    begun = rows.select("user_id", lower, lower.str.extract(rf"([{_SIGNS}]+)").alias("first"))
    alike = pl.struct("user_id", "first").is_duplicated() & pl.col("first").is_not_null()
    begun = begun.with_row_index("row").filter(alike)
    words = pl.col("review").str.replace_all(rf"[^{_SIGNS}]+", " ").str.strip_chars()
    said = begun.select("row", "user_id", words.alias("words"))
    again = said.filter(~pl.struct("user_id", "words").is_first_distinct())
    copied = np.zeros(len(rows), dtype=bool)
    copied[again["row"].to_numpy()] = True
    return copied


@dataclass(frozen=True)
class Timeline:
    """Holds parallel arrays over interactions; ``starts[u]:starts[u + 1]`` are user ``u``'s."""

    users: tuple[str, ...]
    starts: NDArray[np.int64]
    user: NDArray[np.int64]
    item: NDArray[np.int64]
    """Catalogue indices."""
    timestamp: NDArray[np.int64]
    rating: NDArray[np.float64]
    """NaN where none was given."""
    explanation: pl.Series
    first_time: NDArray[np.bool_]
    """Whether the user meets the item for the first time in this row."""
    review: pl.Series
    known_copies: NDArray[np.bool_] | None = None
    """:attr:`copied` where it is known, for rows whose ``review`` is not the text itself."""

    def __len__(self) -> int:
        return len(self.item)

    @classmethod
    def of_frame(
        cls, rows: pl.DataFrame, catalogue: Catalogue, *, copied: NDArray[np.bool_] | None = None
    ) -> Timeline:
        """Build from rows of interactions.parquet (users contiguous, each in time order).

        ``copied`` (n,) says what :attr:`copied` would find, where the texts are no longer there.
        """
        codes = pl.Enum(catalogue.ids)
        user = rows["user_id"].rle_id().cast(pl.Int64).to_numpy()
        sizes = np.bincount(user) if len(user) else np.zeros(0, dtype=np.int64)
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        item = rows["item_id"].cast(codes).to_physical().cast(pl.Int64)
        pairs = pl.DataFrame({"user": user, "item": item})
        return cls(
            users=tuple(rows["user_id"].gather(starts[:-1]).to_list()),
            starts=starts,
            user=user,
            item=item.to_numpy(),
            timestamp=rows["timestamp"].to_numpy(),
            rating=rows["rating"].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
            explanation=rows["explanation"],
            first_time=pairs.select(pl.struct("user", "item").is_first_distinct())
            .to_series()
            .to_numpy(),
            review=rows["review"],
            known_copies=copied,
        )

    @cached_property
    def copied(self) -> NDArray[np.bool_]:
        """Return whether each row's review is one that the user had written before, (n,)."""
        if self.known_copies is not None:
            return self.known_copies
        return copied_texts(pl.DataFrame({"user_id": self.user, "review": self.review}))

    def start_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the first row of the user each of ``rows`` belongs to."""
        return self.starts[self.user[rows]]

    def end_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return one past the last row of the user each of ``rows`` belongs to."""
        return self.starts[self.user[rows] + 1]

    def items_before(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many items the user of each of ``rows`` had met before that row."""
        met = np.concatenate([[0], np.cumsum(self.first_time)])
        return np.asarray(met[rows] - met[self.start_of(rows)])
