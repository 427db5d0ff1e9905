"""Read what the metadata say of products, in columns and record by record.

A value in which nothing has to be changed (no markup, one space between words) is taken as a
column; of the others each goes through the function that reads it from a single record, once for
every different value where values repeat.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import pyarrow as pa

from benchmark.data.frames import text_lists
from benchmark.data.raw.json_columns import JsonColumns, Objects
from benchmark.data.raw.json_fields import identifier, text
from benchmark.data.raw.markup import TOUCHED
from benchmark.data.raw.product_fields import PLACEHOLDER, is_placeholder, name, price
from benchmark.data.raw.text_files import BadLines
from benchmark.data.schema import ITEM_COLUMNS, LONGEST_ID

Record = Mapping[str, Any]
#: What is read of an item.
COLUMNS: dict[str, pl.DataType] = {
    column: ITEM_COLUMNS[column]
    for column in ("item_id", "title", "category", "brand", "price", "description")
}
#: Arrow's types of a text, of a list of texts and of a list of lists.
TEXT = pa.string()
TEXTS = pa.list_(TEXT)
LISTS = pa.list_(TEXTS)

#: Stands before a number that was put into quotes: a column of prices has one type then.
_NUMBER = "\ue000"
_PRICE = rb'("%s":[ \t]*)(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?=[ \t]*[,}])'
_ANY_NUMBER_MARK = re.compile(_NUMBER.encode() + rb"|\\u[eE]000")
#: Beside what ``plain_text`` changes, what a scrap of markup cannot be without.
_ODD = rf"{TOUCHED}|[>{{]"
#: At least the placeholders: what may follow is looked at afterwards, as are other letters that
#: are small or large ones of these.
_SUSPECT = rf"(?i){PLACEHOLDER.pattern.replace('(?![a-z])', '')}|[^\x00-\x7F]"


@dataclass(frozen=True)
class ProductFields:
    """Names the fields of a product's record, and says how those are read that differ."""

    item: str
    title: str
    brand: str
    price: str
    description: tuple[str, ...]
    """The texts of one are followed by those of the next."""
    path: tuple[str, ...]
    photos: tuple[str, ...]
    types: Mapping[str, pa.DataType]
    """Of fields that are no plain text; :attr:`price` may be a number or a text."""
    read_path: Callable[[Record, str, Any], list[str]]
    """``read_path(record, category, params)``: the category path; looks at :attr:`path` only."""
    read_brand: Callable[[Record, str, Counter[str]], str | None]
    read_photos: Callable[[Record], list[str]]
    """The addresses of photos, best first; looks at :attr:`photos` only."""

    @property
    def columns(self) -> dict[str, pa.DataType]:
        """Return all fields and their types."""
        single = (self.item, self.title, self.brand, self.price)
        every = (*single, *self.description, *self.path, *self.photos)
        return {key: self.types.get(key, TEXT) for key in every}

    def described(self, record: Record) -> str | None:
        """Return the description of one record."""
        parts = (text(record, key) for key in self.description)
        return "\n".join(part for part in parts if part) or None


@dataclass
class Products:
    """Reads the items of several files: the first description of each ``wanted`` one counts."""

    fields: ProductFields
    params: Any
    objects: Objects
    """Reads lines of a file one by one."""
    rewritten: Callable[[bytes], bytes | None]
    """Turns lines of a file into JSON; ``None`` where one of them has to be read by itself."""
    wanted: set[str]
    had: set[str] = field(default_factory=set)
    unpictured: set[str] = field(default_factory=set)
    """Those whose every photo is a placeholder."""
    counts: Counter[str] = field(default_factory=Counter)

    def columns_of(self, category: str) -> JsonColumns:
        """Return how a file of ``category`` is read."""
        paths: dict[str, list[str]] = {}
        prices: dict[str, tuple[float | None, Counter[str]]] = {}
        return JsonColumns(
            fields=self.fields.columns,
            columns=lambda table: self._columns(table, category, paths, prices),
            rows=lambda objects, bad: self._rows(objects, bad, category),
            schema=COLUMNS,
            rewritten=self._quoted,
            objects=self.objects,
            in_order=True,
        )

    def _quoted(self, block: bytes) -> bytes | None:
        """The block as JSON with prices in quotes."""
        lines = self.rewritten(block)
        if lines is None or _ANY_NUMBER_MARK.search(lines) is not None:
            return None
        mark = rb'\1"' + _NUMBER.encode() + rb'\2"'
        return re.sub(_PRICE % re.escape(self.fields.price.encode()), mark, lines)

    def _columns(
        self,
        table: pl.DataFrame,
        category: str,
        paths: dict[str, list[str]],
        prices: dict[str, tuple[float | None, Counter[str]]],
    ) -> pl.DataFrame | None:
        """Columns of :data:`COLUMNS`; ``None``, and nothing counted, where a record is wrong."""
        fields, counts = self.fields, Counter[str]()
        ids = table[fields.item]
        if not ids.str.len_chars().is_between(1, LONGEST_ID).fill_null(False).all():
            return None
        here: set[str] = set()
        kept = [self._is_new(item, here, counts) for item in ids.to_list()]
        table = table.filter(pl.Series(kept, dtype=pl.Boolean))
        try:
            frame = pl.DataFrame(
                {
                    "item_id": table[fields.item],
                    "title": _texts(
                        table, (fields.title,), lambda r: name(r, fields.title, counts)
                    ),
                    "category": text_lists("category", self._paths(table, category, paths)),
                    "brand": _texts(
                        table, (fields.brand,), lambda r: fields.read_brand(r, fields.brand, counts)
                    ),
                    "price": self._prices(table[fields.price], prices, counts),
                    "description": _texts(table, fields.description, fields.described),
                },
                schema_overrides=COLUMNS,
            )
        except ValueError:
            return None
        self.unpictured.update(self._without_photo(table, counts))
        self.counts += counts
        self.had |= here
        return frame

    def _is_new(self, item: str, here: set[str], counts: Counter[str]) -> bool:
        if item not in self.wanted:
            counts["items left out: no reviews"] += 1
        elif item in self.had or item in here:
            counts["items left out: described already"] += 1
        else:
            here.add(item)
            return True
        return False

    def _paths(
        self, table: pl.DataFrame, category: str, known: dict[str, list[str]]
    ) -> Sequence[list[str]]:
        found = []
        for values in table.select(self.fields.path).iter_rows():
            key = repr(values)
            if key not in known:
                record = dict(zip(self.fields.path, values, strict=True))
                known[key] = self.fields.read_path(record, category, self.params)
            found.append(known[key])
        return found

    def _prices(
        self,
        column: pl.Series,
        known: dict[str, tuple[float | None, Counter[str]]],
        counts: Counter[str],
    ) -> list[float | None]:
        key = self.fields.price
        found: list[float | None] = []
        for said in column.to_list():
            if said is None:
                found.append(None)
                continue
            if said not in known:
                number = said.startswith(_NUMBER)
                value = json.loads(said.removeprefix(_NUMBER)) if number else said
                wrong: Counter[str] = Counter()
                known[said] = (price({key: value}, key, wrong), wrong)
            amount, wrong = known[said]
            if wrong:
                counts.update(wrong)
            found.append(amount)
        return found

    def _without_photo(self, table: pl.DataFrame, counts: Counter[str]) -> Iterator[str]:
        """The items that have placeholders only; one may have none that names any address."""
        suspect = table.select(
            _any_of(pl.col(key), table.schema[key], _SUSPECT) for key in self.fields.photos
        )
        rows = table.filter(suspect.select(pl.any_horizontal(pl.all())).to_series())
        for record in rows.select(self.fields.item, *self.fields.photos).iter_rows(named=True):
            if self._is_unpictured(record):
                counts[_PLACEHOLDERS] += 1
                yield record[self.fields.item]

    def _is_unpictured(self, record: Record) -> bool:
        named = self.fields.read_photos(record)
        return bool(named) and all(is_placeholder(address) for address in named)

    def _rows(
        self, objects: Iterable[tuple[int, dict[str, Any]]], bad: BadLines, category: str
    ) -> Iterator[tuple[Any, ...]]:
        fields = self.fields
        for number, record in objects:
            try:
                item = identifier(record, fields.item)
                if not self._is_new(item, set(), self.counts):
                    continue
                wrong: Counter[str] = Counter()
                row = (
                    item,
                    name(record, fields.title, wrong),
                    fields.read_path(record, category, self.params),
                    fields.read_brand(record, fields.brand, wrong),
                    price(record, fields.price, wrong),
                    fields.described(record),
                )
            except ValueError as error:
                bad.report(number, str(error))
                continue
            if self._is_unpictured(record):
                wrong[_PLACEHOLDERS] += 1
                self.unpictured.add(item)
            self.counts += wrong
            self.had.add(item)
            yield row


_PLACEHOLDERS = "items whose photo is a placeholder, treated as without"


def _texts(
    table: pl.DataFrame, keys: Sequence[str], read: Callable[[Record], str | None]
) -> pl.Series:
    """``read`` of each record of the fields ``keys``, which hold texts or lists of texts."""
    odd = pl.any_horizontal(_any_of(pl.col(key), table.schema[key], _ODD) for key in keys)
    parts = (
        pl.col(key).list.drop_nulls().list.join("\n")
        if isinstance(table.schema[key], pl.List)
        else pl.col(key)
        for key in keys
    )
    filled = [pl.when(part != "").then(part) for part in parts]
    whole = pl.concat_str(filled, separator="\n", ignore_nulls=True)
    both = table.select(odd.alias("odd"), pl.when(whole != "").then(whole).alias("text"))
    rows = both["odd"].arg_true()
    if not len(rows):
        return both["text"]
    others = [read(record) for record in table.select(keys)[rows].iter_rows(named=True)]
    return both["text"].scatter(rows, pl.Series(others, dtype=pl.String))


def _any_of(column: pl.Expr, kind: pl.DataType, pattern: str) -> pl.Expr:
    """Whether the pattern is found in any text of a column of texts, lists or structs of texts."""
    if isinstance(kind, pl.List):
        found = _any_of(pl.element(), kind.inner, pattern)  # type: ignore[arg-type]
        return column.list.eval(found).list.any().fill_null(False)
    if isinstance(kind, pl.Struct):
        return pl.any_horizontal(
            _any_of(column.struct.field(each.name), each.dtype, pattern)  # type: ignore[arg-type]
            for each in kind.fields
        )
    return column.str.contains(pattern).fill_null(False)
