"""Say which fields of a review are read, and what they must be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl
import pyarrow as pa

from benchmark.data.raw.json_columns import JsonColumns
from benchmark.data.raw.json_fields import identifier, rating, text
from benchmark.data.raw.markup import plain_texts
from benchmark.data.raw.text_files import BadLines
from benchmark.data.raw.time_columns import EARLIEST, LATEST
from benchmark.data.raw.times import Unit, per_second, since_1970
from benchmark.data.schema import INTERACTION_COLUMNS, LONGEST_ID

#: Stars.
SCALE = (1.0, 5.0)

_COLUMNS: dict[str, pl.DataType] = {
    name: INTERACTION_COLUMNS[name]
    for name in ("user_id", "item_id", "timestamp", "rating", "review", "summary")
}


@dataclass(frozen=True)
class ReviewFields:
    """Names the fields of a review."""

    user: str
    item: str
    time: str
    rating: str
    text: str
    summary: str


def review_columns(fields: ReviewFields, unit: Unit) -> JsonColumns:
    """Return how reviews are read: columns up to the summary, times in ``unit``.

    Broken is a review without a user, an item or a plausible time in ``unit``, with a rating that
    is none of :data:`SCALE`, or with something else than text where text stands.
    """
    names = (fields.user, fields.item, fields.time, fields.rating, fields.text, fields.summary)
    types = (pa.string(), pa.string(), pa.int64(), pa.float64(), pa.string(), pa.string())
    second = per_second(unit)

    def columns(table: pl.DataFrame) -> pl.DataFrame | None:
        frame = table.select(
            pl.col(name).alias(column) for name, column in zip(names, _COLUMNS, strict=True)
        )
        ids = pl.col("user_id", "item_id").str.len_chars().is_between(1, LONGEST_ID)
        time = pl.col("timestamp").is_between(EARLIEST * second, LATEST * second, closed="left")
        stars = pl.col("rating").is_between(*SCALE).fill_null(True)
        good = pl.all_horizontal(ids.fill_null(False), time.fill_null(False), stars)
        if not frame.select(good.all()).item():
            return None
        return frame.with_columns(plain_texts(frame[name]) for name in ("review", "summary"))

    def rows(
        objects: Iterable[tuple[int, dict[str, Any]]], bad: BadLines
    ) -> Iterator[tuple[Any, ...]]:
        for number, entry in objects:
            try:
                row = (
                    identifier(entry, fields.user),
                    identifier(entry, fields.item),
                    since_1970(entry, fields.time, unit),
                    rating(entry, fields.rating, SCALE),
                    text(entry, fields.text),
                    text(entry, fields.summary),
                )
            except ValueError as error:
                bad.report(number, str(error))
            else:
                yield row

    types_of = dict(zip(names, types, strict=True))
    return JsonColumns(fields=types_of, columns=columns, rows=rows, schema=_COLUMNS)
