"""Check raw rows: what a split may rely on holds afterwards, or preparation stops.

Row numbers in messages count the source's interactions from 1 in file order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import polars as pl

from benchmark.data.frames import conform
from benchmark.data.preparing.given_split import has_given_split
from benchmark.data.raw.kept_texts import RawReviews
from benchmark.data.raw.repeats import without_copies
from benchmark.data.raw.source import GIVEN_PART, OnError
from benchmark.data.raw.text_files import LeftOut
from benchmark.data.schema import INTERACTION_COLUMNS, ITEM_COLUMNS, LONGEST_ID, RawDataset
from benchmark.errors import BenchError, listed, shown

RAW_ITEM_COLUMNS = {k: v for k, v in ITEM_COLUMNS.items() if k not in ("image", "query")}
RAW_INTERACTION_COLUMNS = {
    k: v for k, v in INTERACTION_COLUMNS.items() if k not in ("explanation", "part", "cohort")
}
_ROW = "_row"
_SKIP = "Correct it, or leave such rows out with --on-error skip."
_TOO_LONG = f"of more than {LONGEST_ID:,} characters"


def clean(raw: RawDataset, *, on_error: OnError) -> RawDataset:
    """Return ``raw`` with valid rows only and counts of what was left out in ``notes``.

    Bad rows (a missing or endless id, a missing time, an unknown item, a rating that is NaN or
    outside the scale) raise :class:`BenchError`, or are left out with ``on_error="skip"``.
    Exact duplicates are always left out, unless repeated rows are repeated purchases.
    """
    counts: dict[str, object] = dict(raw.notes)
    items = _clean_items(_conform(raw.items, RAW_ITEM_COLUMNS, "items"), on_error, counts)
    given = {GIVEN_PART: pl.String()} if has_given_split(raw.interactions) else {}
    rows = raw.interactions
    if not isinstance(raw, RawReviews):
        rows = _conform(rows, {**RAW_INTERACTION_COLUMNS, **given}, "interactions")
    rows = rows.with_row_index(_ROW, offset=1)
    rows = _checked(rows, _ids(rows, "user_id", _absent), "has no user_id", on_error, counts)
    rows = _checked(rows, _ids(rows, "item_id", _absent), "has no item_id", on_error, counts)
    endless = _ids(rows, "user_id", _endless)
    rows = _checked(rows, endless, f"has a user_id {_TOO_LONG}", on_error, counts)
    rows = _checked(rows, pl.col("timestamp").is_null(), "has no timestamp", on_error, counts)
    known = items["item_id"].implode()
    unknown = _ids(rows, "item_id", lambda name: ~pl.col(name).is_in(known))
    rows = _checked(rows, unknown, "is about an item the catalogue lacks", on_error, counts)
    if raw.rating_scale is None:
        rows = rows.with_columns(pl.lit(None, pl.Float64).alias("rating"))
    else:
        low, high = raw.rating_scale
        # A null rating is a rating not given; NaN and the like are broken ones.
        inside = pl.col("rating").is_between(low, high).fill_null(True)
        inside &= pl.col("rating").is_not_nan().fill_null(True)
        rule = f"has a rating outside the scale {low:g} to {high:g}"
        rows = _checked(rows, ~inside, rule, on_error, counts)
    if not raw.allow_repeats:
        before = len(rows)
        if isinstance(raw, RawReviews):
            rows = without_copies(rows, raw.texts, domains=True)
        else:
            same = [name for name in rows.columns if name != _ROW]
            rows = rows.unique(subset=same, keep="first", maintain_order=True)
        if len(rows) < before:
            counts["duplicate rows left out"] = before - len(rows)
    if rows.is_empty():
        out = [f"{what} ({n})" for what, n in counts.items() if what not in raw.notes]
        raise BenchError(
            "The raw data holds no usable interaction"
            + (f": {listed(out, longest=None)}." if out else "."),
            fix="Give --raw files with interactions of items they describe.",
        )
    return replace(raw, items=items, interactions=rows.drop(_ROW), notes=counts)


def _conform(frame: pl.DataFrame, columns: dict[str, pl.DataType], what: str) -> pl.DataFrame:
    try:
        return conform(frame, columns)
    except pl.exceptions.PolarsError as error:
        raise BenchError(
            f"The source's {what} do not fit the schema: {listed(str(error).splitlines()[:1])}.",
            fix="Check the column types of the raw files.",
        ) from error


def _ids(rows: pl.DataFrame, column: str, test: Callable[[str], pl.Expr]) -> pl.Expr | pl.Series:
    """Whether ``test`` holds of each row's id; of coded ids it looks at each name once."""
    kind = rows.schema[column]
    if not isinstance(kind, pl.Enum):
        return test(column)
    of_name = kind.categories.rename(column).to_frame().select(test(column)).to_series()
    return of_name.gather(rows[column].to_physical())


def _absent(column: str) -> pl.Expr:
    return pl.col(column).is_null() | (pl.col(column) == "")


def _endless(column: str) -> pl.Expr:
    return pl.col(column).str.len_chars() > LONGEST_ID


def _clean_items(items: pl.DataFrame, on_error: OnError, counts: dict[str, object]) -> pl.DataFrame:
    for bad, what in (
        (_absent("item_id"), "has no item_id"),
        (_endless("item_id"), f"has an item_id {_TOO_LONG}"),
        (~pl.col("item_id").is_first_distinct(), "repeats an item_id"),
    ):
        wrong = items.filter(bad)
        if wrong.is_empty():
            continue
        if on_error == "raise":
            # No row's number: sources order their items, and leave some out before.
            raise BenchError(
                f"An item {what}: {shown(wrong['item_id'][0])} ({len(wrong):,} such rows).",
                fix=_SKIP,
            )
        counts[f"item rows left out: {what}"] = LeftOut(len(wrong), len(items))
        items = items.filter(~bad)
    return items


def _checked(
    rows: pl.DataFrame,
    bad: pl.Expr | pl.Series,
    what: str,
    on_error: OnError,
    counts: dict[str, object],
) -> pl.DataFrame:
    wrong = rows.filter(bad)
    if wrong.is_empty():
        return rows
    if on_error == "raise":
        row = wrong.row(0, named=True)
        values = ", ".join(
            f"{key} {shown(row[key])}"
            for key in ("user_id", "item_id", "rating", "timestamp")
            if row.get(key) is not None
        )
        more = f" ({len(wrong)} such rows)" if len(wrong) > 1 else ""
        raise BenchError(f"Interaction row {row[_ROW]} {what}: {values}{more}.", fix=_SKIP)
    counts[f"rows left out: {what}"] = LeftOut(len(wrong), len(rows))
    return rows.filter(~bad)
