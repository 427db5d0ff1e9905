"""Say in TOML which column of whose table is what: the map of the source ``tabular``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import polars as pl
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
    model_validator,
)

from benchmark.errors import BenchError, shown

#: The map's name in a raw folder.
MAP_NAME = "columns.toml"
#: Times that are no date format: units since 1970, a position, or the order of the lines.
TIME_FORMATS = ("seconds", "milliseconds", "order", "lines")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _parts_columns(separator: str) -> str:
    if len(separator) != 1 or not separator.isascii() or separator in '\0\n\r"':
        raise ValueError(
            "columns are parted by one character of ASCII, no quote and no end of a line"
        )
    return separator


def _readable(form: str) -> str:
    if "%Z" in form.replace("%%", ""):
        raise ValueError("names of time zones (%Z) are not read: write offsets, %z like +0200")
    return form.replace(".%f", "%.f")  # as Python writes a fraction of a second, and as polars does


Separator = Annotated[str, AfterValidator(_parts_columns)]
TimeFormat = Annotated[str, AfterValidator(_readable)]


class InteractionColumns(_Part):
    """Names the columns of the table of interactions."""

    user: str
    item: str
    time: str | None = None
    rating: str | None = None
    review: str | None = None
    summary: str | None = None
    domain: str | None = None


class Interactions(_Part):
    """Describes the table of interactions."""

    file: str
    separator: Separator | None = None
    time_format: TimeFormat = "seconds"
    """``seconds`` or ``milliseconds`` since 1970, ``order`` (whole numbers that only order),
    ``lines`` (no column: the file is in time order) or a date's format like ``%Y-%m-%d``."""
    columns: InteractionColumns

    @model_validator(mode="after")
    def _time_is_somewhere(self) -> Interactions:
        if (self.columns.time is None) != (self.time_format == "lines"):
            raise ValueError(
                'name the column of times, or set time_format = "lines" where the file is in '
                "time order (and not both)"
            )
        if self.time_format not in TIME_FORMATS and "%" not in self.time_format:
            raise ValueError(
                f"time_format is {self.time_format!r}: give {', '.join(TIME_FORMATS)} or a date's "
                "format like %Y-%m-%d"
            )
        if "%" in self.time_format:
            try:
                pl.select(pl.lit("").str.to_datetime(self.time_format, strict=False))
            except pl.exceptions.PolarsError as error:
                first = str(error).partition("\n")[0]
                raise ValueError(f"time_format is {self.time_format!r}: {first}") from None
        return self


class ItemColumns(_Part):
    """Names the columns of the table of items."""

    item: str
    title: str | None = None
    category: Annotated[tuple[str, ...], BeforeValidator(_several)] = ()
    brand: str | None = None
    price: str | None = None
    description: str | None = None
    domain: str | None = None
    image: str | None = None


class Items(_Part):
    """Describes the table of items."""

    file: str
    separator: Separator | None = None
    category_separator: str | None = Field(None, min_length=1)
    """Parts the levels of a path in one column."""
    columns: ItemColumns
    attributes: dict[str, str] = Field(default_factory=dict)
    """Attribute name -> column."""


class Photos(_Part):
    """Describes the folder of photos."""

    folder: str


class ColumnMap(_Part):
    """Describes tables, columns and photos; paths are relative to the folder of the map."""

    rating_scale: tuple[FiniteFloat, FiniteFloat] | None = None
    repeats: Literal["latest", "keep"] = "latest"
    """Of several interactions of a user with an item: the latest, or all (repeated purchases)."""
    interactions: Interactions
    items: Items | None = None
    photos: Photos | None = None

    @model_validator(mode="after")
    def _ratings_have_a_scale(self) -> ColumnMap:
        rated = self.interactions.columns.rating is not None
        if rated != (self.rating_scale is not None):
            raise ValueError(
                "give a column of ratings and rating_scale = [lowest, highest], or neither"
            )
        if self.rating_scale is not None and not self.rating_scale[0] < self.rating_scale[1]:
            raise ValueError("rating_scale goes from the lowest to the highest rating")
        return self


def map_path(raw: Path) -> Path:
    """Return the map that ``--raw`` points at: the file itself, or :data:`MAP_NAME` in a folder."""
    return raw / MAP_NAME if raw.is_dir() else raw


def read_map(path: Path) -> ColumnMap:
    """Read and check a map; :class:`BenchError` says which key of ``path`` is wrong, and why."""
    try:
        content = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise BenchError(
            f"There is no column map {str(path)!r}.", fix=f"Write one: {_GUIDE}."
        ) from None
    except OSError as error:
        raise BenchError(f"Cannot read {str(path)!r}: {error.strerror}.", fix=_FIX) from error
    except (ValueError, RecursionError) as error:  # no text, no TOML, or a nesting without end
        raise BenchError(f"{path} is no TOML: {error}.", fix=_FIX) from error
    try:
        return ColumnMap.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        value = (
            f" is {shown(first['input'])}"
            if first["type"] not in ("missing", "value_error")
            else ""
        )
        raise BenchError(f"{path}: {key}{value}: {what}.".replace(": : ", ": "), fix=_FIX) from None


_GUIDE = "docs/your-own-tables.md shows a whole one"
_FIX = f"Correct the map: {_GUIDE}."
