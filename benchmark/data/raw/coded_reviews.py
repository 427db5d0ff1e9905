"""Collect reviews while they are read: ids as codes, texts apart, so that rows are small."""

from __future__ import annotations

import polars as pl

from benchmark.data.raw.kept_texts import KeptTexts


class CodedReviews:
    """Takes frames of reviews and returns all of them as one, :attr:`texts` holding the texts."""

    def __init__(self) -> None:
        self.texts = KeptTexts()
        self._kinds = {
            name: pl.Categorical(pl.Categories.random()) for name in ("user_id", "item_id")
        }

    def take(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return ``frame`` in less memory; what it was is part of :meth:`together`."""
        ids = (pl.col(name).cast(kind) for name, kind in self._kinds.items())
        return self.texts.without(frame.with_columns(ids))

    def together(self, frames: list[pl.DataFrame]) -> pl.DataFrame:
        """Return what :meth:`take` returned as one frame, ids as ``pl.Enum``."""
        rows = pl.concat(frames)
        return rows.with_columns(_enum(rows[name]) for name in self._kinds)


def _enum(names: pl.Series) -> pl.Series:
    known = names.unique()
    return names.cast(pl.Enum(known.cast(pl.String).gather(known.to_physical().arg_sort())))
