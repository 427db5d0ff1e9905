"""Collections of movie ratings: files in no order of time, posters beside them, a core to keep."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from benchmark.data.frames import conform
from benchmark.data.raw.coded_ids import CodedIds
from benchmark.data.raw.cores import CORE_HELP, NO_CORE, CoreSetting, counted_core
from benchmark.data.raw.kept_texts import RawReviews
from benchmark.data.raw.photo_folder import photos_of_items
from benchmark.data.raw.source import OnError
from benchmark.data.schema import RawDataset
from benchmark.data.sources.unordered import in_time_order, latest_of_pairs, rated_only
from benchmark.errors import UsageError


class MovieParams(BaseModel):
    """Validates the settings of such a collection."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    core: CoreSetting = Field(NO_CORE, description=CORE_HELP)
    posters: Path | None = Field(
        None, description="folder of posters, <movie id>.jpg; default: posters/, where there is one"
    )
    seed: int = Field(0, ge=0, description="of the order of a user's ratings of one time")


def photo_folder(raw: Path, params: MovieParams) -> Path:
    """Return where posters lie that the settings do not name.

    Raises :class:`UsageError` where they named a folder: a dataset knows its name, not its place.
    """
    if params.posters is not None:
        raise UsageError(
            f"The posters came from a folder {params.posters.name!r} of your own.",
            fix="Give it by --to FOLDER.",
        )
    return raw / POSTERS


DOMAIN = "movies"
#: The usual folder of posters, beside the files of ratings.
POSTERS = "posters"
_RATING = {
    "user_id": pl.String(),
    "item_id": pl.String(),
    "timestamp": pl.Int64(),
    "rating": pl.Float64(),
}


def coded_ratings(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return ratings as :class:`~benchmark.data.raw.kept_texts.RawReviews` has them.

    Each of ``frames`` has user_id, item_id, timestamp (seconds) and rating.
    """
    coded = CodedIds()
    every = itertools.chain([pl.DataFrame(schema=_RATING)], frames)
    rows = coded.together([coded.take(conform(frame, _RATING)) for frame in every])
    return rows.with_columns(
        pl.lit(DOMAIN, pl.Enum([DOMAIN])).alias("domain"), pl.lit(None, pl.Boolean).alias("review")
    )


def rated_movies(
    raw: Path,
    params: MovieParams,
    rows: pl.DataFrame,
    described: pl.DataFrame,
    scale: tuple[float, float],
    terms: str,
    on_error: OnError,
    notes: dict[str, object],
) -> RawDataset:
    """Return the dataset of the ratings ``rows`` over the movies ``described``.

    ``rows`` are of :func:`coded_ratings`. Of several ratings of a movie by one user the latest
    stays; movies nobody rated are left out, and what is left out is counted in ``notes``. Posters
    are looked for beside the files of ``raw`` where the settings name no folder.
    """
    rows = latest_of_pairs(rows, notes, what="ratings")
    rows = counted_core(rows, params.core, notes, what="ratings")
    items = rated_only(described, rows, notes, domain=DOMAIN)
    ids = items["item_id"].to_list()
    folder = params.posters or raw / POSTERS
    posters = params.posters is not None or folder.is_dir()
    return RawReviews(
        items=items,
        interactions=in_time_order(rows, params.seed, notes),
        allow_repeats=False,
        rating_scale=scale,
        terms=terms,
        photos=photos_of_items(folder, ids, on_error=on_error, notes=notes) if posters else (),
        notes=notes,
    )
