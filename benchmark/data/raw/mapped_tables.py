"""Read the tables that a :class:`~benchmark.data.raw.column_map.ColumnMap` describes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from benchmark.data.raw.attributes import attribute_pairs
from benchmark.data.raw.column_map import ColumnMap, Items
from benchmark.data.raw.notes import add_notes
from benchmark.data.raw.source import OnError
from benchmark.data.raw.tables import LIST_SEPARATOR, parts_of, read_table
from benchmark.data.raw.time_columns import MILLISECONDS, SECONDS, plausible
from benchmark.data.schema import LONGEST_ID
from benchmark.errors import BenchError

#: The column of a table of items that holds what the map calls ``image``.
IMAGE = "_image"
#: Columns of running text: the parts of a list stand on lines of their own there.
_RUNNING = ("review", "description")
#: What the map may name beside an interaction's ids, time and rating.
_TEXTS = ("review", "summary", "domain")
_NO_PRICE = "prices that are no amount, treated as missing"
_ID_RULE = f"an id (1 to {LONGEST_ID:,} characters, no list and no number that was rounded)"
#: A number as spreadsheets and floats write large ids, which has lost its last digits.
_ROUNDED = r"^[0-9]+(\.[0-9]+)?[eE]\+[0-9]+$"
#: An amount whose thousands are parted by commas.
_THOUSANDS = r"^[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?$"


def _tidy(column: str) -> pl.Expr:
    text = pl.col(column).str.strip_chars().str.normalize("NFC")
    return pl.when(text != "").then(text)


def _id(column: str) -> pl.Expr:
    text = _tidy(column)
    fits = (text.str.len_chars() <= LONGEST_ID) & ~text.str.contains(_ROUNDED)
    fits &= ~text.str.contains(LIST_SEPARATOR, literal=True)
    return pl.when(fits).then(text)


def _one_text(frame: pl.DataFrame, column: str, name: str) -> pl.Expr:
    """The texts of a column of ``frame``, of a list one text, for our column ``name``."""
    # Looked for first: to take every text apart costs more than to read it.
    if frame[column].str.contains(LIST_SEPARATOR, literal=True).any():
        text = parts_of(pl.col(column)).list.join("\n" if name in _RUNNING else ", ")
        return pl.when(text != "").then(text).alias(name)
    return pl.col(column).alias(name)


def _time(column: str, form: str) -> tuple[pl.Expr, str]:
    """How the text of a column becomes seconds, and what it must be."""
    text = _tidy(column)
    if form == "seconds":
        seconds = text.cast(pl.Float64, strict=False).floor().cast(pl.Int64, strict=False)
        return plausible(seconds), SECONDS
    if form == "milliseconds":
        seconds = (text.cast(pl.Float64, strict=False) / 1000).floor()
        return plausible(seconds.cast(pl.Int64, strict=False)), MILLISECONDS
    if form == "order":
        # 12.0 is how a number column with gaps writes the whole number 12.
        return text.str.strip_suffix(".0").cast(pl.Int64, strict=False), "a whole number"
    day = text.str.to_datetime(form, strict=False, time_unit="us", time_zone="UTC")
    return plausible(day.dt.epoch("s")), f"a time of the format {form!r} in the years 1990 to 2100"


def _rating(column: str, low: float, high: float) -> tuple[pl.Expr, str]:
    """How the text of a column becomes a rating, NaN for a gap, and what it must be."""
    text = _tidy(column)
    number = text.cast(pl.Float64, strict=False)
    inside = pl.when(number.is_between(low, high)).then(number)
    rated = pl.when(text.is_null()).then(pl.lit(float("nan"))).otherwise(inside)
    return rated, f"a rating of {low:g} to {high:g} (with a decimal point), or none"


def mapped_interactions(
    folder: Path, chosen: ColumnMap, on_error: OnError, notes: dict[str, object]
) -> pl.DataFrame:
    """Return the interactions, in the order of the file; what is left out is counted in ``notes``.

    Columns ``user_id, item_id, timestamp`` (seconds, or what orders) and those of ``rating``,
    ``review``, ``summary`` and ``domain`` that the map names.
    """
    table, columns = chosen.interactions, chosen.interactions.columns
    wanted: dict[str, tuple[pl.Expr, str | None]] = {
        columns.user: (_id(columns.user), _ID_RULE),
        columns.item: (_id(columns.item), _ID_RULE),
    }
    names = {"user_id": columns.user, "item_id": columns.item}
    if columns.time is not None:
        wanted[columns.time] = _time(columns.time, table.time_format)
        names["timestamp"] = columns.time
    if columns.rating is not None:
        assert chosen.rating_scale is not None
        wanted[columns.rating] = _rating(columns.rating, *chosen.rating_scale)
        names["rating"] = columns.rating
    for name in _TEXTS:
        column = getattr(columns, name)
        if column is not None:
            wanted[column] = (_tidy(column), None)
            names[name] = column
    _refuse_double_use(names)
    path = folder / table.file
    frame, skipped = read_table(path, wanted, on_error=on_error, separator=table.separator)
    add_notes(notes, skipped, path.name, table.file)
    rows = frame.select(
        _one_text(frame, column, name) if name in _TEXTS else pl.col(column).alias(name)
        for name, column in names.items()
    )
    if columns.time is None:
        rows = rows.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("timestamp"))
    if columns.rating is not None:
        rows = rows.with_columns(pl.col("rating").fill_nan(None))
    if rows.is_empty():
        raise BenchError(
            f"{path} holds no usable interaction"
            + "".join(f" ({what}: {count})" for what, count in skipped.items())
            + ".",
            fix="Name a table with rows in the map.",
        )
    return rows


def _refuse_double_use(names: Mapping[str, str]) -> None:
    columns = list(names.values())
    for name, column in names.items():
        if columns.count(column) > 1:
            raise BenchError(
                f"The map uses column {column!r} twice, for {name} among others.",
                fix="Name another column, or write the column twice into the table.",
            )


def mapped_items(
    folder: Path, table: Items | None, on_error: OnError, notes: dict[str, object]
) -> pl.DataFrame:
    """Return the items, with the column :data:`IMAGE` as the table has it; none without a table."""
    if table is None:
        return pl.DataFrame(schema={"item_id": pl.String, IMAGE: pl.String})
    columns = table.columns
    wanted: dict[str, tuple[pl.Expr, str | None]] = {columns.item: (_id(columns.item), _ID_RULE)}
    single = {
        name: getattr(columns, name)
        for name in ("title", "brand", "price", "description", "domain", "image")
        if getattr(columns, name) is not None
    }
    for column in (*single.values(), *columns.category, *table.attributes.values()):
        if column != columns.item:
            wanted.setdefault(column, (_tidy(column), None))
    path = folder / table.file
    frame, skipped = read_table(path, wanted, on_error=on_error, separator=table.separator)
    add_notes(notes, skipped, path.name, table.file)
    return _described(frame, table, single, notes)


def _described(
    frame: pl.DataFrame, table: Items, single: Mapping[str, str], notes: dict[str, object]
) -> pl.DataFrame:
    price = pl.col(single["price"]) if "price" in single else pl.lit(None, pl.String)
    image = parts_of(pl.col(single["image"])).list.first() if "image" in single else None
    items = frame.select(
        pl.col(table.columns.item).alias("item_id"),
        *(
            _one_text(frame, single[name], name)
            if name in single
            else pl.lit(None, pl.String).alias(name)
            for name in ("domain", "title", "brand", "description")
        ),
        _path(table).alias("category"),
        _amount(price).alias("price"),
        attribute_pairs(  # a name of the user's own says nothing of the text
            {
                key: _one_text(frame, column, "attributes")
                for key, column in table.attributes.items()
            }
        ),
        (pl.lit(None, pl.String) if image is None else image).alias(IMAGE),
        price.alias("_price"),
    )
    lost = items.select((pl.col("price").is_null() & pl.col("_price").is_not_null()).sum()).item()
    if lost:
        notes[_NO_PRICE] = lost
    return items.drop("_price")


def _amount(text: pl.Expr) -> pl.Expr:
    """What a price says, where it is a finite amount that is not negative."""
    plain = text.str.replace(r"^\$\s*", "")
    parted = plain.str.contains(_THOUSANDS)
    whole = pl.when(parted).then(plain.str.replace_all(",", "")).otherwise(plain)
    amount = whole.cast(pl.Float64, strict=False)
    return pl.when(amount.is_finite() & (amount >= 0)).then(amount)


def _path(table: Items) -> pl.Expr:
    """The category path of an item: the levels of every column, which may hold several."""
    columns = table.columns.category
    if not columns:
        return pl.lit([], pl.List(pl.String))
    return pl.concat_list(parts_of(pl.col(c), table.category_separator) for c in columns)
