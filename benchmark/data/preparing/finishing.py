"""Finish split interactions: add texts and explanations, some users at a time, and write them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmark.data.frames import conform
from benchmark.data.instances.timeline import copied_texts
from benchmark.data.preparing.explanation_columns import Explanations
from benchmark.data.preparing.explanations import item_words
from benchmark.data.preparing.streaming import streamed_parquet
from benchmark.data.raw.kept_frames import KeptFrames
from benchmark.data.raw.kept_texts import NUMBER, TEXTS, KeptTexts
from benchmark.data.schema import INTERACTION_COLUMNS
from benchmark.host.dividing import divided
from benchmark.host.progress import bar

#: Rows whose texts are held together, more where one user has more; a few such slices at a time.
_ROWS = 1 << 15


@dataclass(frozen=True)
class Finished:
    """Holds of the finished interactions what freezing and counting need."""

    rows: pl.DataFrame
    """As in interactions.parquet; ``review`` may be true or null, and a training row's
    ``explanation`` is null."""
    copied: NDArray[np.bool_]
    """Whether the review is one that the user had written before, (n,)."""


def explanations_over(items: pl.DataFrame) -> Explanations:
    """Return what chooses the explanations of reviews of the catalogue ``items``."""
    known_by = items.select("title", "brand", "category", "attributes").iter_rows(named=True)
    return Explanations(map(item_words, known_by))


def finish(
    rows: pl.DataFrame,
    texts: KeptTexts | None,
    chosen: Explanations | None,
    item_ids: pl.Series,
    path: Path,
) -> Finished:
    """Write interactions.parquet from split ``rows`` over the catalogue of ``item_ids``.

    ``texts`` holds reviews and summaries where ``rows`` do not; ``chosen`` is ``None`` where
    nothing was reviewed. Raises :class:`~benchmark.errors.BenchError` when the disk is full.
    """
    explanations = KeptFrames()
    explanations.append(pl.DataFrame(schema={"explanation": pl.String()}))
    copied = [np.zeros(0, dtype=bool)]
    with bar("explanations", total=len(rows)) as progress, streamed_parquet(path) as write:
        codes = pl.Enum(item_ids)

        def sent(part: pl.DataFrame) -> pl.DataFrame:
            about = pl.col("item_id").cast(codes).to_physical().cast(pl.Int64).alias("about")
            return part.select("user_id", "review", about)

        for part, (found, copies) in divided(
            explained, in_slices(rows, texts), shared=chosen, sent=sent
        ):
            copied.append(copies)
            write(conform(part.with_columns(found), INTERACTION_COLUMNS))
            target = part.select(pl.when(pl.col("part") != "train").then(found)).to_series()
            # Through Python, or what is left out would stay in memory behind what is kept.
            shown = pl.Series("explanation", target.to_list(), dtype=pl.String)
            explanations.append(shown.to_frame())
            progress.advance(len(part))
    there = pl.when(pl.col("review").is_not_null()).then(True).alias("review")
    rows = rows.with_columns(explanations.together().to_series(), there)
    return Finished(rows, np.concatenate(copied))


def explained(
    chosen: Explanations | None, part: pl.DataFrame
) -> tuple[pl.Series, NDArray[np.bool_]]:
    """Return the explanation of each review of ``part``, and whether it is a copied text.

    ``part`` has whole users, and the place of the item that a review is about; ``chosen`` is
    ``None`` where nothing was reviewed.
    """
    if chosen is None:
        none = pl.Series("explanation", [None] * len(part), dtype=pl.String)
        return none, np.zeros(len(part), dtype=bool)
    return chosen.of(part["review"], part["about"].to_numpy()), copied_texts(part)


def in_slices(rows: pl.DataFrame, texts: KeptTexts | None) -> Iterator[pl.DataFrame]:
    """Yield ``rows``, users behind each other, some whole users at a time, with their texts."""
    bounds = whole_users(rows["user_id"], _ROWS)
    if texts is None:
        yield from (rows[low:high] for low, high in bounds)
        return
    numbers = rows[NUMBER].cast(pl.Int64).to_numpy()
    said = texts.in_slices(numbers, np.array([high for _, high in bounds], dtype=np.int64))
    for (low, high), slice_texts in zip(bounds, said, strict=True):
        yield rows[low:high].drop(NUMBER).with_columns(slice_texts.select(TEXTS))


def whole_users(users: pl.Series, rows: int) -> list[tuple[int, int]]:
    """Return where slices of whole users begin and end, each of about ``rows`` rows.

    ``users`` (n,) has each one's rows behind each other; a slice is longer where one user has more.
    """
    starts = np.flatnonzero(users.rle_id().diff().fill_null(1).to_numpy())
    ends = np.append(starts[1:], len(users)).astype(np.int64)
    ends = ends[np.append(np.diff(ends // rows) > 0, True)]
    return list(itertools.pairwise([0, *ends.tolist()]))
