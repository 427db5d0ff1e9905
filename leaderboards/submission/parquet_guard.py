"""Checks that a Parquet file is what ``submit`` writes, before Arrow opens it.

A Parquet file of a kilobyte can unpack to gigabytes: a dictionary of one long string that a
run-length code repeats, a page that claims any size, a million row groups. Footers may also
carry metadata that readers act on. Predictions need none of that, so they are written in the
plainest way (plain pages, no dictionary, no metadata) and only files written so are read. The
size of what they unpack to is then the sum of sizes in their page headers, counted here.

Format: apache/parquet-format, src/main/thrift/parquet.thrift (field numbers below).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from leaderboards.submission import limits
from leaderboards.submission.findings import Refused, shown
from leaderboards.submission.thrift import Malformed, Reader

_MAGIC = b"PAR1"
#: FileMetaData
_SCHEMA, _NUM_ROWS, _ROW_GROUPS, _KEY_VALUES, _ENCRYPTION = 2, 3, 4, 5, 8
#: SchemaElement and ColumnMetaData
_TYPE, _CHILDREN = 1, 5
#: SchemaElement: type, repetition, name, children, converted and logical type
_ELEMENT = (1, 3, 4, 5, 6, 10)
#: RowGroup
_COLUMNS, _GROUP_ROWS = 1, 3
#: ColumnChunk
_FILE_PATH, _META, _CRYPTO, _ENCRYPTED = 1, 3, 8, 9
#: ColumnMetaData
_PATH, _CODEC, _NUM_VALUES, _COMPRESSED, _CHUNK_KEY_VALUES = 3, 4, 5, 7, 8
_DATA_OFFSET, _INDEX_OFFSET, _DICTIONARY_OFFSET = 9, 10, 11
#: PageHeader and DataPageHeader
_PAGE_TYPE, _UNPACKED, _PACKED, _DATA_HEADER = 1, 2, 3, 5
_PAGE_VALUES, _ENCODING = 1, 2

_UNCOMPRESSED, _ZSTD = 0, 6
_DATA_PAGE, _PLAIN = 0, 0
_PAGE_HEADER_VALUES = 64


@dataclass(frozen=True, slots=True)
class Outline:
    """Number of rows and schema of a checked file."""

    rows: int
    schema: tuple[tuple[Any, ...], ...]
    """Every element below the root: type, repetition, name, children, logical types."""


def outline(content: bytes, where: str, *, most_rows: int = limits.ROWS) -> Outline:
    """Check a file without decoding its pages; return its rows and schema.

    Raises :class:`Refused` (codes ``parquet-...``) for anything that is broken, large, or not
    written as predictions are.
    """
    footer = _footer(content, where)
    if footer.get(_KEY_VALUES):
        keys = [_get(pair, 1, bytes) for pair in _get(footer, _KEY_VALUES, list)]
        names = ", ".join(shown(key.decode("latin-1")) for key in keys[:3])
        raise Refused("parquet-metadata", where, f"The file carries metadata ({names}).")
    rows, groups = _get(footer, _NUM_ROWS, int), _get(footer, _ROW_GROUPS, list)
    if not 0 <= rows <= most_rows:
        raise Refused("parquet-rows", where, f"{rows} rows, at most {most_rows} allowed.")
    if sum(_get(group, _GROUP_ROWS, int) for group in groups) != rows:
        raise Refused("parquet-rows", where, f"Row groups do not add up to {rows} rows.")
    if len(groups) > max(1, rows):
        raise Refused("parquet-rows", where, f"{len(groups)} row groups for {rows} rows.")
    leaves = [
        _of(e).get(_TYPE) for e in _get(footer, _SCHEMA, list)[1:] if not _of(e).get(_CHILDREN)
    ]
    for group in groups:
        columns = [_get(_of(c), _META, dict).get(_TYPE) for c in _get(group, _COLUMNS, list)]
        if columns != leaves:
            raise Refused(
                "parquet-damaged", where, "A row group has other columns than the schema."
            )
    _check_pages(content, groups, where)
    return Outline(rows, schema_of(footer))


def schema_of(footer: dict[int, Any]) -> tuple[tuple[Any, ...], ...]:
    """Return the schema as plain values that can be compared."""
    elements = _get(footer, _SCHEMA, list)[1:]
    return tuple(tuple(repr(_of(e).get(field)) for field in _ELEMENT) for e in elements)


def _footer(content: bytes, where: str) -> dict[int, Any]:
    if len(content) < 12 or content[:4] != _MAGIC or content[-4:] != _MAGIC:
        raise Refused("parquet-damaged", where, "Not a whole Parquet file.")
    length = int.from_bytes(content[-8:-4], "little")
    if length > min(limits.FOOTER_BYTES, len(content) - 12):
        raise Refused("parquet-damaged", where, f"A footer of {length} bytes is announced.")
    start = len(content) - 8 - length
    reader = Reader(content[start:-8], budget=limits.FOOTER_VALUES)
    try:
        footer = reader.struct()
        if footer.get(_ENCRYPTION) is not None:
            raise Refused("parquet-encrypted", where, "The file is encrypted.")
        for field, kind in ((_SCHEMA, list), (_NUM_ROWS, int), (_ROW_GROUPS, list)):
            _get(footer, field, kind)
    except Malformed as error:
        raise Refused("parquet-damaged", where, f"The footer is broken: {error}.") from None
    return footer


def _check_pages(content: bytes, groups: list[Any], where: str) -> None:
    unpacked = pages = 0
    values: dict[str, int] = {}
    for chunk in _chunks(groups, where):
        column = repr(_get(chunk, _PATH, list))
        seen = 0
        for page in _pages(content, chunk, where):
            pages += 1
            unpacked += page[_UNPACKED]
            header = _get(page, _DATA_HEADER, dict)
            seen += _get(header, _PAGE_VALUES, int)
            if pages > limits.PAGES:
                raise Refused("parquet-bomb", where, f"More than {limits.PAGES} pages.")
            if unpacked > limits.PAGE_BYTES:
                message = f"Unpacks to more than {limits.PAGE_BYTES} bytes."
                raise Refused("parquet-bomb", where, message)
        if seen != _get(chunk, _NUM_VALUES, int):
            message = f"{chunk[_NUM_VALUES]} values announced where pages hold {seen}."
            raise Refused("parquet-damaged", where, message)
        values[column] = values.get(column, 0) + seen
        if values[column] > limits.COLUMN_VALUES:
            message = (
                f"A column has {values[column]} values, at most {limits.COLUMN_VALUES} allowed."
            )
            raise Refused("parquet-bomb", where, message)


def _chunks(groups: list[Any], where: str) -> Iterator[dict[int, Any]]:
    for group in groups:
        for chunk in _get(group, _COLUMNS, list):
            about = _of(chunk)
            if {_FILE_PATH, _CRYPTO, _ENCRYPTED} & about.keys():
                raise Refused("parquet-encoding", where, "A column lies in another file.")
            meta = _get(about, _META, dict)
            if meta.get(_CHUNK_KEY_VALUES):
                raise Refused("parquet-metadata", where, "A column carries metadata.")
            if {_DICTIONARY_OFFSET, _INDEX_OFFSET} & meta.keys():
                raise Refused("parquet-encoding", where, _PLAINLY.format("uses a dictionary"))
            if _get(meta, _CODEC, int) not in (_UNCOMPRESSED, _ZSTD):
                codec = f"is compressed by method {meta[_CODEC]}"
                raise Refused("parquet-encoding", where, _PLAINLY.format(codec))
            yield meta


_PLAINLY = "A column {}; unimp-bench submit writes plain pages."


def _pages(content: bytes, chunk: dict[int, Any], where: str) -> Iterator[dict[int, Any]]:
    start, length = _get(chunk, _DATA_OFFSET, int), _get(chunk, _COMPRESSED, int)
    if length == 0:  # a column without values
        return
    if start < 4 or length < 0 or start + length > len(content) - 8:
        raise Refused("parquet-damaged", where, "A column lies outside the file.")
    view, at, end = memoryview(content)[: start + length], start, start + length
    while at < end:
        reader = Reader(view, at=at, budget=_PAGE_HEADER_VALUES)
        try:
            page = reader.struct()
            packed, unpacked = _get(page, _PACKED, int), _get(page, _UNPACKED, int)
            if _get(page, _PAGE_TYPE, int) != _DATA_PAGE:
                raise Refused(
                    "parquet-encoding", where, _PLAINLY.format("has pages of other kinds")
                )
            header = _get(page, _DATA_HEADER, dict)
            if _get(header, _ENCODING, int) != _PLAIN:
                raise Refused("parquet-encoding", where, _PLAINLY.format("is encoded otherwise"))
            if packed < 0 or unpacked < 0 or _get(header, _PAGE_VALUES, int) < 0:
                raise Malformed("a size is negative")
        except Malformed as error:
            raise Refused("parquet-damaged", where, f"A page is broken: {error}.") from None
        at = reader.at + packed
        if at > end:
            raise Refused("parquet-damaged", where, "A page reaches beyond its column.")
        yield page


def _of(value: Any) -> dict[int, Any]:
    if not isinstance(value, dict):
        raise Malformed("a struct is missing")
    return value


def _get(struct: Any, field: int, kind: type) -> Any:
    value = _of(struct).get(field)
    if type(value) is not kind:
        raise Malformed(f"field {field} is missing")
    return value
