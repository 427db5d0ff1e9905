"""Predictions that are no predictions: files that explode or lie, rows that are no answers."""

from __future__ import annotations

import io
import pickle
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.vision import png
from leaderboards.submission import limits, tables
from leaderboards.submission.limits import Budget
from tests.leaderboards.conftest import predictions_of
from tests.leaderboards.hostile.kinds import numbered

Rows = list[dict[str, Any]]
Make = Callable[[Any], Path]
PLAIN = {"use_dictionary": False, "write_statistics": False, "store_schema": False}


def parquet(table: pa.Table, **options: Any) -> bytes:
    """A file that is written plainly, ``options`` aside."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **{**PLAIN, "compression": "zstd", **options})
    return buffer.getvalue()


def good_table(forge: Any, task: str = "search") -> pa.Table:
    """The rows of a good submission."""
    return tables.decode(predictions_of(forge.packed(task)), task, "good", Budget())


def of_file(encode: Callable[[pa.Table], bytes]) -> Make:
    """Another file in the place of the predictions; nobody but the cage decodes it."""
    return lambda forge: forge.predictions_as_they_are(encode(good_table(forge)))


def _spoilt(spoil: Callable[[bytes], bytes]) -> Make:
    return lambda forge: forge.predictions_as_they_are(
        spoil(predictions_of(forge.packed("search")))
    )


def _rows(change: Callable[[Rows], object], task: str = "search") -> Make:
    return lambda forge: forge.rows(change, task)


#: What a pickle would print.
RUN = "pickle was run"


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, (RUN,))


def _pickled(good: pa.Table) -> bytes:
    payload = pickle.dumps(_Evil())
    metadata = {b"pandas": payload, b"ARROW:extension:metadata": payload}
    return parquet(good.replace_schema_metadata(metadata), store_schema=True)


def _extended(good: pa.Table) -> bytes:
    kind = pa.opaque(pa.string(), "evil", "evil")
    column = pa.ExtensionArray.from_storage(kind, good["user_id"].combine_chunks())
    return parquet(good.set_column(1, "user_id", column), store_schema=True)


def _described(good: pa.Table) -> bytes:
    field = good.schema.field("status").with_metadata({"x": "y"})
    table = good.cast(good.schema.set(good.schema.get_field_index("status"), field))
    return parquet(table, store_schema=True)


def _dictionary_bomb(mebibytes: int) -> Callable[[pa.Table], bytes]:
    """One string of so many MiB that every row repeats: gigabytes in a few kilobytes."""

    def encode(good: pa.Table) -> bytes:
        words = ["x" * (mebibytes << 20)]
        column = pa.DictionaryArray.from_arrays(np.zeros(len(good), dtype=np.int32), words)
        return parquet(good.set_column(1, "user_id", column), use_dictionary=["user_id"])

    return encode


def _between_pages(content: bytes) -> bytes:
    """A payload where no reader looks: the footer is where it was said to be."""
    length = int.from_bytes(content[-8:-4], "little")
    return content[: -8 - length] + b"<script>" * 100 + content[-8 - length :]


def long_row(good: pa.Table) -> bytes:
    items = pa.array([[""] * 3_000_000] + [["a"]] * (len(good) - 1))
    return parquet(good.set_column(good.schema.get_field_index("items"), "items", items))


def _many_rows(good: pa.Table) -> bytes:
    rows = limits.ROWS + 1
    return parquet(pa.table({f.name: pa.nulls(rows, f.type) for f in good.schema}))


def of_another_writer(good: pa.Table) -> bytes:
    """parquet-mr 1.2.8, for whose files readers skip bytes behind pages (PARQUET-816)."""
    content = parquet(good)
    ours = f"parquet-cpp-arrow version {pa.__version__}".encode()
    return content.replace(
        ours, b"parquet-mr version 1.2.8 (build 0)".ljust(len(ours))[: len(ours)]
    )


def negative_groups(good: pa.Table) -> bytes:
    """Row groups of -892 and 1192 rows, which add up to the footer's 300."""
    first = {name: good[name].take(pa.array([0] * 300)) for name in good.column_names}
    content = parquet(pa.table(first), row_group_size=150)
    at = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    footer = content[at:]
    half = footer.rindex(b"\x16\xac\x02", 0, len(footer) // 2 + 40)
    negative = footer[: half + 3].replace(b"\x16\xac\x02", b"\x16\xf7\x0d")
    return content[:at] + negative + footer[half + 3 :].replace(b"\x16\xac\x02", b"\x16\xd0\x12")


def _not_utf8(good: pa.Table) -> bytes:
    broken = pa.array([b"\xff\xfe"] * len(good), pa.binary()).view(pa.string())
    return parquet(good.set_column(1, "user_id", broken))


def _claimed_rows(content: bytes) -> bytes:
    """108 rows in the footer become 107: 216 and 214 in Thrift's zigzag, two bytes each."""
    return content.replace(b"\x16\xd8\x01", b"\x16\xd6\x01")


def _columns(**changes: Any) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        columns = {name: table[name] for name in table.column_names}
        for name, values in changes.items():
            if values is None:
                del columns[name]
            else:
                columns[name] = pa.array(values(len(table)))
        return pa.table(columns)

    return change


def _change(column: str, value: Any, row: int = 3) -> Callable[[Rows], None]:
    def change(rows: Rows) -> None:
        rows[row][column] = value(rows[row][column]) if callable(value) else value

    return change


def _fail(rows: Rows) -> None:
    for row in rows:
        row.update(status="failed", items=None, scores=None)


def _reverse_rankings(rows: Rows) -> None:
    for row in rows:
        row["items"].reverse()


def _had(forge: Any) -> Path:
    """An item that the user already had: ``sim`` recommends nothing again."""
    from benchmark.data.opening import open_dataset

    asked = open_dataset("sim-xs", forge.home).instances("recommendation")
    had = sorted(asked[3].exclude)[:1]
    change = _change("items", lambda items: [*had, *items[1:]])
    return forge.rows(change, "recommendation")


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content).to_bytes(4, "big")
    return len(content).to_bytes(4, "big") + kind + content + checksum


def _drawn(
    side: int, *, depth: int = 8, colour: int = 2, interlace: int = 0, pixels: bytes | None = None
) -> bytes:
    """A PNG made by hand; its pixels are black unless given."""
    header = struct.pack(">2I5B", side, side, depth, colour, 0, 0, interlace)
    rows = (b"\0" + bytes(3 * side)) * side if pixels is None else pixels
    packed = zlib.compress(rows, 9)
    chunks = (_chunk(b"IHDR", header), _chunk(b"IDAT", packed), _chunk(b"IEND", b""))
    return png.SIGNATURE + b"".join(chunks)


def _side(content: bytes) -> int:
    return int.from_bytes(content[16:20], "big")


def _palette_of_none(content: bytes) -> bytes:
    """A picture of palette colours without a palette."""
    return _drawn(_side(content), colour=3)


def _few_pixels(content: bytes) -> bytes:
    return _drawn(_side(content), pixels=b"\0")


def _another_checksum(content: bytes) -> bytes:
    return content[:29] + bytes([content[29] ^ 1]) + content[30:]


def _two_headers(content: bytes) -> bytes:
    """A second announcement behind the harmless one, of a picture of gigabytes."""
    huge = _chunk(b"IHDR", struct.pack(">2I5B", 60_000, 60_000, 16, 6, 0, 0, 0))
    return content[:33] + huge + content[33:]


#: (rows to a file, code)
_FILES: list[tuple[Callable[[pa.Table], bytes], str | tuple[str, ...]]] = [
    (_dictionary_bomb(16), "limit-memory"),
    (_dictionary_bomb(7), "limit-memory"),  # less than a gigabyte, and more while it is unpacked
    (lambda good: parquet(good, compression="gzip"), "predictions-not-plain"),
    (lambda good: parquet(good, data_page_version="2.0"), "predictions-not-plain"),
    (
        lambda good: parquet(good, column_encoding={"status": "DELTA_BYTE_ARRAY"}),
        "predictions-not-plain",
    ),
    (lambda good: parquet(good, row_group_size=1), "predictions-not-plain"),
    (_pickled, "parquet-metadata"),
    (_extended, "parquet-metadata"),
    (_described, "parquet-metadata"),
    (_many_rows, "parquet-rows"),
    (_not_utf8, "parquet-damaged"),
    (lambda good: parquet(good, write_statistics=True), "predictions-not-plain"),
    (lambda good: parquet(good, compression="none"), "predictions-not-plain"),
]
#: (what was done to the bytes of a good file, code)
_BYTES: list[tuple[Callable[[bytes], bytes], str]] = [
    (lambda good: good[: len(good) // 2], "parquet-damaged"),
    (lambda good: good[:-4], "parquet-damaged"),
    (lambda good: b"", "parquet-damaged"),
    (lambda good: b"PAR1" + bytes(4) + b"PAR1", "parquet-damaged"),
    (lambda good: b"PAR1" + b"\xff" * 100 + b"PAR1", "parquet-damaged"),
    (lambda good: good[:-8] + (2**31).to_bytes(4, "little") + b"PAR1", "parquet-damaged"),
    (lambda good: good[:4] + bytes(100) + good[104:], "parquet-damaged"),
    (lambda good: b"PAR1" + pickle.dumps(_Evil()) + b"PAR1", "parquet-damaged"),
    (_claimed_rows, "predictions-not-plain"),
    (_between_pages, "predictions-not-plain"),
    (lambda good: good[:-4] + b"PARE", "parquet-damaged"),
    (lambda good: good[:200] + bytes([good[200] ^ 1]) + good[201:], "parquet-damaged"),
]
#: Other columns than those of search.
_COLUMNS: list[Callable[[pa.Table], pa.Table]] = [
    _columns(items=lambda n: [[-1, -2]] * n),  # negative ranks, or any ranks
    _columns(scores=lambda n: ["high"] * n),
    _columns(scores=lambda n: np.zeros(n)),
    _columns(items=lambda n: [[["deep"]]] * n),
    _columns(items=lambda n: [{"a": "b"}] * n),
    _columns(instance_id=lambda n: list(range(n))),
    _columns(status=None),
    _columns(problem=lambda n: ["<script>"] * n),
    lambda table: table.select(table.column_names[::-1]),
    lambda table: table.rename_columns(["<b>", *table.column_names[1:]]),
]
#: (change of the rows of search, code, word)
_ROWS: list[tuple[Callable[[Rows], object], str, str]] = [
    (lambda rows: rows.append(rows[0]), "instance-repeated", "two predictions"),
    (lambda rows: rows.pop(), "instance-missing", "test/u"),
    (lambda rows: rows.clear(), "instance-missing", "test/u"),
    (_change("instance_id", "<script>"), "instance-unknown", "<script>"),
    (_change("instance_id", "x" * 100_000), "id-length", "100000"),
    (_change("instance_id", None), "id-missing", "row 3"),
    (_change("user_id", "somebody"), "user-wrong", "somebody"),
    (_change("status", "great"), "status-unknown", "'great'"),
    (_change("status", None), "status-unknown", "None"),
    (_change("status", "failed"), "failed-with-answer", "row 3"),
    (_change("items", None), "answer-missing", "row 3"),
    (_change("items", lambda items: [None, *items[1:]]), "answer-missing", "row 3"),
    (_change("items", lambda items: items[:1] * 10), "item-repeated", "twice"),
    (_change("items", lambda items: ["no-such", *items[1:]]), "item-unknown", "'no-such'"),
    (_change("items", lambda items: ["i" * 100_000, *items[1:]]), "id-length", "100000"),
    (_change("items", lambda items: items[:9]), "answer-length", "9 items, 10 asked"),
    (_change("items", lambda items: items * 100), "answer-length", "1000 items, 10"),
    (_change("items", []), "answer-length", "0 items"),
    (_change("scores", [1.0]), "answer-length", "1 scores"),
    (_change("scores", [float("nan")] * 10), "score-not-finite", "nan"),
    (_change("scores", [float("inf")] * 10), "score-not-finite", "inf"),
    (_change("scores", [float(n) for n in range(10)]), "scores-increase", "1 after 0"),
    (_fail, "score-mismatch", "HR@10"),
    (_reverse_rankings, "score-mismatch", "MRR@10"),
    (_change("instance_id", lambda name: name.upper()), "instance-unknown", "row 3"),
    (_change("user_id", "\u202e"), "user-wrong", "u202e"),
    (_change("status", "OK"), "status-unknown", "'OK'"),
]
#: (task, change of its rows, code, word)
_OF_TASKS: list[tuple[str, Callable[[Rows], object], str, str]] = [
    ("preference", _change("value", 5.5), "rating-scale", "5.5"),
    ("preference", _change("value", float("nan")), "score-not-finite", "nan"),
    ("preference", _change("value", float("-inf")), "score-not-finite", "-inf"),
    ("preference", _change("value", None), "answer-missing", "row 3"),
    ("explanation", _change("text", "x" * 1_000_000), "answer-length", "1000000"),
    ("explanation", _change("text", " \n"), "answer-empty", "seen"),
    ("explanation", _change("text", "\u200b"), "answer-empty", "seen"),
    ("explanation", _change("text", "\u3164 \u2800"), "answer-empty", "seen"),
    ("explanation", _change("text", "a\x07b"), "text-control", "U+0007"),
    ("explanation", _change("text", "a\u202eb"), "text-control", "U+202E"),
    ("selection", _change("chosen", ["stranger"]), "item-unknown", "'stranger'"),
    ("selection", _change("chosen", lambda ids: ids[:1] * 2), "item-repeated", "twice"),
    ("selection", _change("scores", [1.0]), "answer-length", "1 scores"),
    (
        "selection",
        _change("scores", lambda s: [float("nan")] * len(s)),
        "score-not-finite",
        "nan",
    ),
    ("image-generation", _change("png", b"<svg/>"), "image-broken", "not a PNG"),
    ("image-generation", _change("png", lambda png: png[:-12]), "image-broken", "cut off"),
    (
        "image-generation",
        _change("png", lambda png: png[:16] + b"\0\1\0\0\0\1\0\0" + png[24:]),
        "image-broken",
        "65536 x 65536",
    ),
    (
        "image-generation",
        _change("png", lambda png: png + bytes(1 << 20)),
        "answer-length",
        "bytes",
    ),
    ("image-generation", _change("retrieved", ["stranger"]), "item-unknown", "'stranger'"),
    ("explanation", _change("text", "\u200b\u200d\ufeff"), "answer-empty", "seen"),
    ("explanation", _change("text", "\ufe01\U000e0100 \u180f"), "answer-empty", "seen"),
    ("explanation", _change("text", "a\x1b[2J"), "text-control", "U+001B"),
    ("explanation", _change("text", "a\u2067b"), "text-control", "U+2067"),
    ("image-generation", _change("png", b""), "image-broken", ""),
    (
        "image-generation",
        _change("png", b"\xff\xd8\xff\xe0" + bytes(99)),
        "image-broken",
        "not a PNG",
    ),
    ("image-generation", _change("png", lambda p: _drawn(_side(p) + 1)), "image-broken", "pixels"),
    ("image-generation", _change("png", _palette_of_none), "image-broken", ""),
    ("image-generation", _change("png", _few_pixels), "image-broken", ""),
    ("image-generation", _change("png", _another_checksum), "image-broken", ""),
    ("image-generation", _change("png", _two_headers), "image-broken", ""),
    (
        "image-generation",
        _change("png", lambda p: _drawn(_side(p), pixels=bytes(30_000_000))),
        ("image-broken", "score-mismatch", "outside-tolerance"),
        "",
    ),
]
KINDS = [
    *numbered("parquet", ((of_file(encode), code, "") for encode, code in _FILES)),
    *numbered("bytes", ((_spoilt(spoil), code, "runs/search") for spoil, code in _BYTES)),
    *numbered(
        "columns",
        (
            (of_file(lambda good, c=change: parquet(c(good))), "parquet-schema", "instance_id")
            for change in _COLUMNS
        ),
    ),
    *numbered("rows", ((_rows(change), code, word) for change, code, word in _ROWS)),
    *numbered("answer", ((_rows(c, task), code, word) for task, c, code, word in _OF_TASKS)),
    *numbered("had", [(_had, "item-excluded", "")]),
]
