"""MovieLens as GroupLens publishes it: ``ratings.csv`` with ``movies.csv``, or ``.dat`` files.

The ``.csv`` files have headers; the older ``.dat`` files part fields by ``::`` and their titles
are Latin-1, unless the whole file is UTF-8. Each may be gzipped. A movie's category is one level
(all its genres, as one label), so there are no search queries; the year at the end of a title is
an attribute. Posters come from elsewhere: ``posters/<movie id>.jpg``.

The files are sorted by user and movie, and many ratings share a second, so ties are broken by a
seeded hash of user and movie (:mod:`benchmark.data.sources.unordered`). Movies nobody rated are
left out. The scale is 0.5 to 5 where a rating with a half occurs, else 1 to 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
from pydantic import Field

from benchmark.data.raw.attributes import attribute_pairs
from benchmark.data.raw.csv_files import read_csv, read_csv_into
from benchmark.data.raw.matched_lines import matched_lines, without_unmatched
from benchmark.data.raw.source import OnError, Source
from benchmark.data.raw.text_files import BadLines, encoding_of, find_file, plain_or_packed
from benchmark.data.raw.time_columns import SECONDS, plausible
from benchmark.data.schema import RawDataset
from benchmark.data.sources.movies import (
    DOMAIN,
    MovieParams,
    coded_ratings,
    photo_folder,
    rated_movies,
)
from benchmark.errors import BenchError

TERMS = (
    "MovieLens (GroupLens, University of Minnesota): research use with acknowledgement "
    "(Harper & Konstan, 2015); no redistribution without permission; posters belong to their "
    "owners."
)
_LAYOUT = "the folder with ratings.csv and movies.csv, or ratings.dat and movies.dat"
_TABLES = ("ratings", "movies")
_ID = r"[1-9][0-9]{0,8}"
_RATING = rf"^(?P<user>{_ID})::(?P<item>{_ID})::(?P<rating>[0-9.]+)::(?P<time>[0-9]+)$"
_MOVIE = rf"^(?P<item>{_ID})::(?P<title>.*\S)::(?P<genres>[^:]*)$"
_STARS = "a number of half stars from 0.5 to 5"
_NO_GENRES = "(no genres listed)"


class MovielensParams(MovieParams):
    """Validates the settings of the source."""

    seed: int = Field(0, ge=0, description="of the order of a user's ratings of one second")


def read(raw: Path | None, params: MovielensParams, *, on_error: OnError) -> RawDataset:
    """Parse the folder ``raw``; broken lines are named by file and number.

    Broken is a line of another form, an id that is no whole number from 1, a rating that is no
    number of half stars from 0.5 to 5, and a time outside the years 1990 to 2100.
    """
    assert raw is not None
    notes: dict[str, object] = {}
    end = _end(raw)
    ratings = _ratings_csv if end == "csv" else _ratings_dat
    movies = _movies_csv if end == "csv" else _movies_dat
    rows = ratings(find_file(raw, f"ratings.{end}", expected=_LAYOUT), on_error, notes)
    described = movies(find_file(raw, f"movies.{end}", expected=_LAYOUT), on_error, notes)
    halves = (rows["rating"] % 1 != 0).any()
    scale = (0.5 if halves else 1.0, 5.0)
    return rated_movies(raw, params, rows, described, scale, TERMS, on_error, notes)


def files(raw: Path | None, params: MovielensParams) -> Mapping[str, Path]:
    """Return the tables of ratings and movies."""
    assert raw is not None
    ends = _ends(raw)[:1]
    paths = [plain_or_packed(raw, f"{name}.{end}") for end in ends for name in _TABLES]
    return {path.name: path for path in paths if path is not None}


def _ends(raw: Path) -> list[str]:
    """The layouts of which ``raw`` has ratings."""
    return [end for end in ("csv", "dat") if plain_or_packed(raw, f"ratings.{end}") is not None]


def _end(raw: Path) -> str:
    """Which of the two layouts ``raw`` has."""
    ends = _ends(raw)
    if not ends:
        raise BenchError(
            f"{str(raw)!r} has neither 'ratings.csv' nor 'ratings.dat'.",
            fix=f"Give --raw {_LAYOUT}.",
        )
    if len(ends) > 1:
        raise BenchError(
            f"{str(raw)!r} has both 'ratings.csv' and 'ratings.dat'.", fix="Move one away."
        )
    return ends[0]


def _ratings_csv(path: Path, on_error: OnError, notes: dict[str, object]) -> pl.DataFrame:
    rows, skipped = read_csv_into(
        lambda frames: coded_ratings(
            _events(frame, "userId", "movieId", "timestamp") for frame in frames
        ),
        path,
        {
            "userId": (_id(pl.col("userId")), "a user's number"),
            "movieId": (_id(pl.col("movieId")), "a movie's number"),
            "rating": (_stars(pl.col("rating")), _STARS),
            "timestamp": (_seconds(pl.col("timestamp")), SECONDS),
        },
        on_error=on_error,
    )
    notes |= skipped
    return rows


def _ratings_dat(path: Path, on_error: OnError, notes: dict[str, object]) -> pl.DataFrame:
    bad = BadLines(path, on_error)
    rows = coded_ratings(_batches_dat(path, bad))
    notes |= bad.notes()
    return rows


def _batches_dat(path: Path, bad: BadLines) -> Iterator[pl.DataFrame]:
    shape = f"'user::movie::rating::time' ({_STARS}, {SECONDS})"
    empty = True
    for frame in matched_lines(path, _RATING, bad):
        empty = False
        typed = frame.with_columns(_stars(pl.col("rating")), _seconds(pl.col("time")))
        whole = pl.col("rating").is_not_null() & pl.col("time").is_not_null()
        yield _events(without_unmatched(typed, whole, shape, bad), "user", "item", "time")
    if empty:
        raise BenchError(f"{path} is empty.", fix="Download it again.")


def _events(frame: pl.DataFrame, user: str, item: str, time: str) -> pl.DataFrame:
    return frame.select(
        pl.col(user).alias("user_id"),
        pl.col(item).alias("item_id"),
        pl.col(time).alias("timestamp"),
        pl.col("rating"),
    )


def _id(text: pl.Expr) -> pl.Expr:
    return pl.when(text.str.contains(f"^{_ID}$")).then(text)


def _stars(text: pl.Expr) -> pl.Expr:
    stars = text.cast(pl.Float64, strict=False)
    return pl.when(stars.is_between(0.5, 5) & (stars * 2 % 1 == 0)).then(stars)


def _seconds(text: pl.Expr) -> pl.Expr:
    return plausible(text.cast(pl.Int64, strict=False))


def _movies_csv(path: Path, on_error: OnError, notes: dict[str, object]) -> pl.DataFrame:
    frame, skipped = read_csv(
        path,
        {
            "movieId": (_id(pl.col("movieId")), "a movie's number"),
            "title": (pl.col("title"), "a title"),
            "genres": (pl.col("genres"), None),
        },
        on_error=on_error,
    )
    notes |= skipped
    return _described(frame.rename({"movieId": "item"}))


def _movies_dat(path: Path, on_error: OnError, notes: dict[str, object]) -> pl.DataFrame:
    bad = BadLines(path, on_error)
    encoding = encoding_of(path, otherwise="latin-1")
    frames = [
        without_unmatched(frame, pl.col("item").is_not_null(), "'movie::title::genres'", bad)
        for frame in matched_lines(path, _MOVIE, bad, encoding=encoding)
    ]
    notes |= bad.notes()
    if not frames:
        raise BenchError(f"{path} is empty.", fix="Download it again.")
    return _described(pl.concat(frames))


def _described(frame: pl.DataFrame) -> pl.DataFrame:
    """Items from the columns item, title and genres."""
    genres = pl.col("genres").str.replace_all("|", ", ", literal=True)
    genres = pl.when(~pl.col("genres").is_in(["", _NO_GENRES])).then(genres)
    year = pl.col("title").str.extract(r"\(([0-9]{4})\)\s*$")
    return frame.select(
        pl.col("item").alias("item_id"),
        pl.lit(DOMAIN).alias("domain"),
        pl.col("title").str.replace(r"\s*\([0-9]{4}\)\s*$", "").alias("title"),
        pl.concat_list(genres).list.drop_nulls().alias("category"),
        attribute_pairs({"genres": genres, "year": year}),
    )


SOURCE = Source(
    name="movielens",
    summary="MovieLens ratings of any size (ratings.csv or ratings.dat), with optional posters",
    params=MovielensParams,
    read=read,
    files=files,
    raw_help=_LAYOUT,
    default_name=lambda params: "movielens",
    defaults={"new_users": 0.0, "history_window": 50},
    photo_folder=photo_folder,
)
