"""MovieLens-100k, as the installed ``recbole`` package carries it (tab-separated, typed header).

The file is found without importing recbole. Genres are flat, so an item's category is one
level (all its genres, as one label) and there are no search queries. The package has no photos:
posters, ``<item id>.jpg``, come from a folder of your own.

The file of ratings is in no order of time, user or movie, so ties keep the order of its lines.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from benchmark.data.raw.attributes import attribute_pairs
from benchmark.data.raw.csv_files import read_csv
from benchmark.data.raw.photo_folder import photos_of_items
from benchmark.data.raw.source import OnError, Source
from benchmark.data.raw.time_columns import SECONDS, plausible
from benchmark.data.schema import RawDataset
from benchmark.errors import BenchError

TERMS = (
    "MovieLens-100k (GroupLens, University of Minnesota): research use with acknowledgement "
    "(Harper & Konstan, 2015); no redistribution without permission."
)


class Ml100kParams(BaseModel):
    """Validates the settings of the source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    posters: Path | None = Field(
        None, description="folder of posters, <item id>.jpg; default: no photos"
    )


def folder() -> Path:
    """Return where recbole keeps the files; raises :class:`BenchError` without recbole."""
    spec = importlib.util.find_spec("recbole")
    for location in (spec.submodule_search_locations or ()) if spec is not None else ():
        found = Path(location) / "dataset_example" / "ml-100k"
        if found.is_dir():
            return found
    raise BenchError(
        "MovieLens-100k comes with the recbole package, which is not installed.",
        fix="pip install 'unimp-bench[recbole]'",
    )


def read(raw: Path | None, params: Ml100kParams, *, on_error: OnError) -> RawDataset:
    """Parse ``ml-100k.item`` and ``ml-100k.inter``."""
    movies, movie_notes = _movies(folder() / "ml-100k.item", on_error)
    ratings, rating_notes = _ratings(folder() / "ml-100k.inter", on_error)
    notes = {**movie_notes, **rating_notes}
    ids = movies["item_id"].to_list()
    return RawDataset(
        items=movies,
        interactions=ratings,
        allow_repeats=False,
        rating_scale=(1.0, 5.0),
        terms=TERMS,
        photos=()
        if params.posters is None
        else photos_of_items(params.posters, ids, on_error=on_error, notes=notes),
        notes=notes,
    )


def files(raw: Path | None, params: Ml100kParams) -> Mapping[str, Path]:
    """Return the two tables read."""
    return {name: folder() / name for name in ("ml-100k.item", "ml-100k.inter")}


def _movies(path: Path, on_error: OnError) -> tuple[pl.DataFrame, dict[str, object]]:
    item, title = "item_id:token", "movie_title:token_seq"
    year, genres = "release_year:token", "class:token_seq"
    frame, notes = read_csv(
        path,
        {
            item: (pl.col(item), "a movie id"),
            title: (pl.col(title), None),
            year: (pl.col(year), None),
            genres: (pl.col(genres).str.replace_all(" ", ", ", literal=True), None),
        },
        on_error=on_error,
        separator="\t",
    )
    items = frame.select(
        pl.col(item).alias("item_id"),
        pl.lit("movies").alias("domain"),
        pl.col(title).alias("title"),
        pl.concat_list(genres).list.drop_nulls().alias("category"),
        attribute_pairs({"genres": pl.col(genres), "year": pl.col(year)}),
    )
    return items, notes


def _ratings(path: Path, on_error: OnError) -> tuple[pl.DataFrame, dict[str, object]]:
    user, item = "user_id:token", "item_id:token"
    rating, time = "rating:float", "timestamp:float"
    frame, notes = read_csv(
        path,
        {
            user: (pl.col(user), "a user id"),
            item: (pl.col(item), "a movie id"),
            rating: (pl.col(rating).cast(pl.Float64, strict=False), "a number"),
            time: (
                plausible(pl.col(time).cast(pl.Float64, strict=False).cast(pl.Int64, strict=False)),
                SECONDS,
            ),
        },
        on_error=on_error,
        separator="\t",
    )
    rows = frame.select(
        pl.col(user).alias("user_id"),
        pl.col(item).alias("item_id"),
        pl.col(time).alias("timestamp"),
        pl.col(rating).alias("rating"),
        pl.lit("movies").alias("domain"),
    )
    return rows, notes


SOURCE = Source(
    name="ml-100k",
    # Part of the identity of datasets that boards are about: kept as it was.
    summary="MovieLens-100k ratings, from the recbole package",
    needs_raw=False,
    params=Ml100kParams,
    read=read,
    files=files,
    default_name=lambda params: "ml-100k" if params.posters is None else "ml-100k-posters",
    defaults={"new_users": 0.0, "history_window": 50},
)
