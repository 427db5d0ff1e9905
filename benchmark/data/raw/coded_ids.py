"""Collect interactions while they are read: ids as codes, texts apart, so that rows are small."""

from __future__ import annotations

import polars as pl

from benchmark.data.raw.kept_texts import KeptTexts


class CodedIds:
    """Takes frames of interactions and returns all of them as one whose ids are ``pl.Enum``."""

    def __init__(self) -> None:
        self._kinds = {
            name: pl.Categorical(pl.Categories.random()) for name in ("user_id", "item_id")
        }

    def take(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return ``frame`` in less memory; what it was is part of :meth:`together`."""
        return frame.with_columns(pl.col(name).cast(kind) for name, kind in self._kinds.items())

    def together(self, frames: list[pl.DataFrame]) -> pl.DataFrame:
        """Return what :meth:`take` returned as one frame, ids as ``pl.Enum``."""
        rows = pl.concat(frames)
        return rows.with_columns(_enum(rows[name]) for name in self._kinds)


class CodedReviews(CodedIds):
    """Does so with reviews; :attr:`texts` holds their texts."""

    def __init__(self) -> None:
        super().__init__()
        self.texts = KeptTexts()

    def take(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return ``frame`` without its texts, in less memory."""
        return self.texts.without(super().take(frame))


def _enum(names: pl.Series) -> pl.Series:
    """``names`` as an Enum in their own order: the codes so far hang on which thread was first."""
    return names.cast(pl.Enum(names.unique().drop_nulls().cast(pl.String).sort()))
