"""Read columns of anyone's table: CSV or TSV (plain or gzipped), or Parquet."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pyarrow as pa
from pyarrow import parquet

from benchmark.data.raw.csv_files import read_csv, without_broken
from benchmark.data.raw.source import OnError
from benchmark.data.raw.text_files import BadLines, lines
from benchmark.errors import BenchError, listed

_SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
#: Joins the parts of a list to one text, as no text holds it: rows with one are broken.
LIST_SEPARATOR = "\0"
_ZERO_BYTE = "not UTF-8 text (a zero byte, as UTF-16 has)"
#: From here on a number of 32 and of 64 bits has lost digits: whole numbers share one value.
_ROUNDED = {32: 1 << 24, 64: 1 << 53}
_RENAME = "Give each column of the file its own name."
_MAP = "Correct the file or the map: a column's name, or what separates columns (separator = ';')."


def read_table(
    path: Path,
    columns: Mapping[str, tuple[pl.Expr, str | None]],
    *,
    on_error: OnError,
    separator: str | None = None,
) -> tuple[pl.DataFrame, dict[str, object]]:
    """Read ``columns``, described as for :func:`~benchmark.data.raw.csv_files.read_csv`.

    Of Parquet, whole numbers become their digits, dates and times seconds since 1970, lists of
    texts one text joined by :data:`LIST_SEPARATOR` (:func:`parts_of` takes it apart); NaN is a gap,
    and a number so large that it was rounded is written with an exponent. Raises
    :class:`BenchError` for a file that cannot be read, another type, and a format that the file's
    name does not tell.
    """
    if not os.path.isfile(path):  # unlike is_file, also no where the name is too long for one
        raise BenchError(f"There is no file {str(path)!r}.", fix="Correct its name in the map.")
    kind = Path(path.name.lower().removesuffix(".gz")).suffix
    if kind == ".parquet":
        return _read_parquet(path, columns, on_error=on_error)
    separator = separator or _SEPARATORS.get(kind)
    if separator is None:
        raise BenchError(
            f"{path.name!r} is neither .csv, .tsv nor .parquet (.csv and .tsv may end in .gz).",
            fix="Give such a file, or say in the map what separates its columns: separator = ';'.",
        )
    return read_csv(path, columns, on_error=on_error, separator=separator, fix=_MAP)


def parts_of(text: pl.Expr, separator: str | None = None) -> pl.Expr:
    """Return the parts of a list that :func:`read_table` made one text, without empty ones.

    ``separator`` parts texts, too. What is no list and has no separator is one part.
    """
    if separator is not None:
        text = text.str.replace_all(separator, LIST_SEPARATOR, literal=True)
    parts = text.fill_null("").str.split(LIST_SEPARATOR)
    return parts.list.eval(
        pl.element().str.strip_chars().filter(pl.element().str.strip_chars() != "")
    )


def place_of(path: Path, row: int, *, separator: str | None = None) -> str:
    """Return where row ``row``, from 0, of a table stands that was read whole: its line."""
    kind = Path(path.name.lower().removesuffix(".gz")).suffix
    if kind == ".parquet":
        return f"row {row + 1}"
    records = csv.reader(
        (line + "\n" for _, line in lines(path)), delimiter=separator or _SEPARATORS[kind]
    )
    first = 1
    for fields in records:
        if fields:  # the header is the first
            if row < 0:
                break
            row -= 1
        first = records.line_num + 1
    return f"line {first}"


def _read_parquet(
    path: Path, columns: Mapping[str, tuple[pl.Expr, str | None]], *, on_error: OnError
) -> tuple[pl.DataFrame, dict[str, object]]:
    # By Arrow: polars' own reader panics on some damaged files. A name that is no UTF-8 is a plain
    # ValueError there.
    try:
        file = parquet.ParquetFile(path)
        held = file.schema_arrow.names
        missing = [name for name in columns if name not in held]
        if missing:
            raise BenchError(
                f"{path} has no column {missing[0]!r} (it has: {listed(held)}).",
                fix="Correct the column's name in the map.",
            )
        repeated = [name for name in columns if held.count(name) > 1]
        if repeated:
            raise BenchError(f"{path} has several columns {repeated[0]!r}.", fix=_RENAME)
        frame = _to_polars(file.read(columns=list(columns)))
    except (pa.ArrowException, pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise BenchError(
            f"{path} cannot be read as Parquet: {listed(str(error).splitlines()[:1])}.",
            fix="The file is damaged or incomplete: get it again.",
        ) from error
    bad = BadLines(path, on_error, unit="row")
    bad.read = len(frame)
    numbers = pl.int_range(1, len(frame) + 1, eager=True)
    zero = frame.select(pl.any_horizontal(False, *map(_has_zero_byte, frame))).to_series()
    for number in numbers.filter(zero):
        bad.report(number, _ZERO_BYTE)
    frame, numbers = frame.filter(~zero), numbers.filter(~zero)
    text = frame.select(_as_text(path, frame[name]) for name in columns)
    filled = pl.when(pl.all() != "").then(pl.all())
    typed = text.with_columns(filled).select(how.alias(key) for key, (how, _) in columns.items())
    kept = without_broken(typed, text, columns, numbers.to_list(), bad)
    return kept, bad.notes()


def _has_zero_byte(column: pl.Series) -> pl.Series:
    """Whether a text of each row has one: the rule of files of lines."""
    if column.dtype == pl.List(pl.String):
        inside = pl.element().str.contains("\0", literal=True).any()
        found = column.to_frame().select(pl.all().list.eval(inside).list.first()).to_series()
    elif column.dtype in (pl.String, pl.Categorical, pl.Enum):
        found = column.cast(pl.String).str.contains("\0", literal=True)
    else:
        found = pl.repeat(False, len(column), eager=True)
    return found.fill_null(False).alias(column.name)


def _to_polars(table: pa.Table) -> pl.DataFrame:
    """The columns without what is said about them; polars panics on such notes that are no UTF-8.

    Raises :class:`pyarrow.ArrowInvalid` for texts that are none.
    """
    table.validate(full=True)
    return pl.DataFrame(pa.Table.from_arrays(table.columns, names=table.column_names))


def _as_text(path: Path, column: pl.Series) -> pl.Series:
    kind = column.dtype
    if kind == pl.String or kind.is_integer() or kind in (pl.Categorical, pl.Enum, pl.Null):
        return column.cast(pl.String)
    if kind.is_float():
        bits = 64 if kind == pl.Float64 else 32
        if bits == 32:
            column = column.cast(pl.Float32)  # of half floats: polars floors none
        column = column.fill_nan(None)
        # 12.0 is how a number column with gaps writes the whole number 12.
        whole = column.is_finite() & (column == column.floor())
        digits = column.cast(pl.Int64, strict=False).cast(pl.String)
        rounded = whole & (column.abs() >= _ROUNDED[bits])
        text = pl.when(whole).then(pl.when(rounded).then(digits + "E+0").otherwise(digits))
        # What has no digits is no whole number, or too large for 64 bits: 1e+300.
        mixed = pl.select(pl.coalesce(text, column.cast(pl.String)))
        return mixed.to_series().alias(column.name)
    if kind.is_temporal() and kind not in (pl.Time, pl.Duration):
        return column.dt.epoch("s").cast(pl.String)
    if kind == pl.List(pl.String):
        return column.list.join(LIST_SEPARATOR)
    raise BenchError(
        f"{path}: column {column.name!r} is of type {kind}.",
        fix="Write it as text, a whole number, a number, a date, or a list of texts.",
    )
