"""The Netflix Prize, in either layout that circulates.

``combined_data_1.txt`` to ``combined_data_4.txt`` (Kaggle) or ``training_set/mv_0000001.txt`` and
so on (the original), beside ``movie_titles.csv`` or ``movie_titles.txt``; each may be gzipped. A
line ``1:`` opens a movie, lines ``customer,rating,date`` follow. Titles are Latin-1, unless the
whole file is UTF-8, and may hold commas; a year ``NULL`` is no year. Posters come from elsewhere:
``posters/<movie id>.jpg``.

Files are grouped by movie and times are whole days, so a customer's ratings of one day are
ordered by a seeded hash of customer and movie (:mod:`benchmark.data.sources.unordered`). Movies
nobody rated are left out. The prize's probe and qualifying files are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
from pydantic import Field

from benchmark.data.raw.attributes import attribute_pairs
from benchmark.data.raw.matched_lines import TEXT, matched_lines, without_unmatched
from benchmark.data.raw.source import OnError, Source
from benchmark.data.raw.text_files import BadLines, encoding_of, plain_or_packed
from benchmark.data.schema import RawDataset
from benchmark.data.sources.movies import (
    DOMAIN,
    MovieParams,
    coded_ratings,
    photo_folder,
    rated_movies,
)
from benchmark.errors import BenchError
from benchmark.host.progress import track

TERMS = (
    "Netflix Prize (Netflix, 2006): for research, not to be redistributed without permission; "
    "posters belong to their owners."
)
_LAYOUT = "the folder with combined_data_*.txt or training_set/mv_*.txt, and movie_titles.csv"
_TITLES = tuple(f"movie_titles.{end}" for end in ("csv", "txt", "csv.gz", "txt.gz"))
_DAY_SECONDS = 86_400
#: The prize's ratings are of these years.
_YEARS = (1998, 2006)

_RATING = (
    r"^(?:(?P<movie>[1-9][0-9]{0,8}):|(?P<user>[1-9][0-9]{0,8}),(?P<rating>[1-5]),"
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2}))$"
)
_TITLE = r"^(?P<movie>[1-9][0-9]{0,8}),(?P<year>NULL|[0-9]{4}),(?P<title>.*\S)$"
_RATING_SHAPE = "'movie:' or 'customer,rating,date' (a rating of 1 to 5, a day of 1998 to 2006)"
_OF_FILE = re.compile(r"mv_0*(\d+)\.txt")
#: In place of a movie where it is not known which one the lines are about.
_NO_MOVIE = 0


class NetflixParams(MovieParams):
    """Validates the settings of the source."""

    seed: int = Field(0, ge=0, description="of the order of a customer's ratings of one day")


def read(raw: Path | None, params: NetflixParams, *, on_error: OnError) -> RawDataset:
    """Parse the folder ``raw``; broken lines are named by file and number.

    Broken is a line of another form, with a rating outside 1 to 5 or a day outside 1998 to 2006,
    and a rating that follows no movie's line. Where a broken line may have opened a movie, the
    ratings behind it count as broken up to the next movie: whose they are is not known.
    """
    assert raw is not None
    notes: dict[str, object] = {}
    paths = _rating_files(raw)
    described = _movies(_titles_file(raw), on_error, notes)
    rows = coded_ratings(
        frame
        for path in track(paths, "ratings", total=len(paths))
        for frame in _ratings(path, on_error, notes)
    )
    return rated_movies(raw, params, rows, described, (1.0, 5.0), TERMS, on_error, notes)


def files(raw: Path | None, params: NetflixParams) -> Mapping[str, Path]:
    """Return the files of ratings and titles."""
    assert raw is not None
    combined, single = _found(raw)
    titles = [path for name in _TITLES if (path := raw / name).is_file()]
    return {
        **{path.name: path for path in (*combined, *titles[:1])},
        **{f"training_set/{path.name}": path for path in single},
    }


def _found(raw: Path) -> tuple[list[Path], list[Path]]:
    """The files of ratings of either layout."""
    return _like(raw, "combined_data_*.txt"), _like(raw, "training_set/mv_*.txt")


def _like(raw: Path, pattern: str) -> list[Path]:
    """The files of a pattern, plain or packed: as :func:`plain_or_packed` chooses."""
    names = {
        path.relative_to(raw).as_posix().removesuffix(".gz")
        for end in ("", ".gz")
        for path in raw.glob(f"{pattern}{end}")
    }
    paths = (plain_or_packed(raw, name) for name in names)
    return sorted(path for path in paths if path is not None)


def _rating_files(raw: Path) -> list[Path]:
    combined, single = _found(raw)
    if combined and single:
        raise BenchError(
            f"{str(raw)!r} has the ratings twice: combined_data_*.txt and training_set/.",
            fix="Move one of them away.",
        )
    paths = combined or single
    if not paths:
        raise BenchError(f"{str(raw)!r} holds no ratings.", fix=f"Give --raw {_LAYOUT}.")
    return paths


def _titles_file(raw: Path) -> Path:
    path = next((path for name in _TITLES if (path := raw / name).is_file()), None)
    if path is None:
        raise BenchError(
            f"{str(raw)!r} has no file 'movie_titles.csv' (or .txt).", fix=f"Give --raw {_LAYOUT}."
        )
    return path


def _ratings(path: Path, on_error: OnError, notes: dict[str, object]) -> Iterator[pl.DataFrame]:
    bad = BadLines(path, on_error)
    for frame in _batches(path, bad):
        yield frame.select(
            pl.col("user").cast(pl.String).alias("user_id"),
            pl.col("movie").cast(pl.String).alias("item_id"),
            pl.col("day").cast(pl.Int64).alias("timestamp") * _DAY_SECONDS,
            pl.col("rating").cast(pl.Float64),
        )
    notes |= bad.notes()


def _batches(path: Path, bad: BadLines) -> Iterator[pl.DataFrame]:
    """Rows (user, movie, rating, day): whole numbers but for the rating; days since 1970."""
    named = _OF_FILE.match(path.name)
    movie = _NO_MOVIE  # the one that the lines are about
    for frame in matched_lines(path, _RATING, bad):
        day = pl.col("day").str.to_date("%Y-%m-%d", strict=False)
        opens = pl.col("movie").cast(pl.UInt32, strict=False)
        frame = frame.with_columns(
            opens.alias("movie"),
            pl.col("user").cast(pl.UInt32, strict=False),
            pl.when(day.dt.year().is_between(*_YEARS)).then(day.dt.epoch("d")).alias("day"),
        )
        header = pl.col("movie").is_not_null()
        if named is not None:  # a file of one movie, which its name names
            header &= pl.col("movie") == int(named[1])
        # A broken line may have been the next movie's, unless it is the beginning of a rating; one
        # that cannot be read may have been several lines.
        began = pl.col(TEXT).str.contains(r"^[0-9]+,[^:]*$").fill_null(False)
        doubtful = pl.col("rating").is_null() & ~began
        about = (
            pl.when(header).then(pl.col("movie")).when(doubtful).then(pl.lit(_NO_MOVIE, pl.UInt32))
        )
        frame = frame.with_columns(
            header.alias("_header"), about.forward_fill().fill_null(movie).alias("movie")
        )
        movie = frame["movie"][-1] if len(frame) else movie
        rating = pl.col("day").is_not_null() & (pl.col("movie") != _NO_MOVIE)
        good = without_unmatched(frame, pl.col("_header") | rating, _RATING_SHAPE, bad)
        yield good.filter(~pl.col("_header")).select("user", "movie", "rating", "day")


def _movies(path: Path, on_error: OnError, notes: dict[str, object]) -> pl.DataFrame:
    bad = BadLines(path, on_error)
    encoding = encoding_of(path, otherwise="latin-1")
    shape = "'movie,year,title' (a year of four digits, or NULL)"
    frames = [
        without_unmatched(frame, pl.col("title").is_not_null(), shape, bad)
        for frame in matched_lines(path, _TITLE, bad, encoding=encoding)
    ]
    notes |= bad.notes()
    if not frames:
        raise BenchError(f"{path} is empty.", fix="Download it again.")
    titles = pl.concat(frames)
    year = pl.when(pl.col("year") != "NULL").then(pl.col("year"))
    return titles.select(
        pl.col("movie").alias("item_id"),
        pl.lit(DOMAIN).alias("domain"),
        pl.col("title"),
        attribute_pairs({"year": year}),
    )


SOURCE = Source(
    name="netflix",
    summary="Netflix Prize ratings, with optional posters",
    params=NetflixParams,
    read=read,
    files=files,
    raw_help=_LAYOUT,
    default_name=lambda params: "netflix",
    defaults={"new_users": 0.0, "history_window": 50},
    photo_folder=photo_folder,
)
