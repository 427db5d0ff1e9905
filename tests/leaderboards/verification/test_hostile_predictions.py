"""Predictions that are no predictions are refused before they are read, or by row."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmark.tasks import TASKS
from leaderboards.submission import limits, tables
from leaderboards.submission.limits import Budget
from leaderboards.submission.schema import MANIFEST
from leaderboards.verification import answers

Rows = list[dict[str, Any]]
PLAIN = {"use_dictionary": False, "write_statistics": False, "store_schema": False}


def _parquet(table: pa.Table, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **{**PLAIN, "compression": "zstd", **options})
    return buffer.getvalue()


@pytest.fixture
def good(content_of) -> pa.Table:
    return tables.decode(content_of("search"), "search", "good", Budget())


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("pickle was run",))


def test_a_pickle_in_the_metadata_is_refused_and_not_run(forge, good, capfd) -> None:
    payload = pickle.dumps(_Evil())
    metadata = {b"pandas": payload, b"ARROW:extension:metadata": payload}
    content = _parquet(good.replace_schema_metadata(metadata), store_schema=True)
    forge.rejected(forge.predictions(content), "parquet-metadata", "pandas")
    assert "pickle was run" not in "".join(capfd.readouterr())


def test_an_extension_type_is_refused(forge, good) -> None:
    kind = pa.opaque(pa.string(), "evil", "evil")
    column = pa.ExtensionArray.from_storage(kind, good["user_id"].combine_chunks())
    table = good.set_column(1, "user_id", column)
    forge.rejected(forge.predictions(_parquet(table, store_schema=True)), "parquet-metadata")


def test_a_column_that_carries_metadata_of_its_own_is_refused(forge, good) -> None:
    field = good.schema.field("status").with_metadata({"x": "y"})
    table = good.cast(good.schema.set(good.schema.get_field_index("status"), field))
    forge.rejected(forge.predictions(_parquet(table, store_schema=True)), "parquet-metadata")


def _dictionary_bomb(good: pa.Table) -> bytes:
    """One string of 16 MiB that every row repeats: gigabytes in a few kilobytes."""
    column = pa.DictionaryArray.from_arrays(np.zeros(len(good), dtype=np.int32), ["x" * (1 << 24)])
    table = good.set_column(1, "user_id", column)
    return _parquet(table, use_dictionary=["user_id"])


@pytest.mark.parametrize(
    ("encode", "code"),
    [
        (_dictionary_bomb, "limit-memory"),
        (lambda good: _parquet(good, compression="gzip"), "predictions-not-plain"),
        (lambda good: _parquet(good, data_page_version="2.0"), "predictions-not-plain"),
        (
            lambda good: _parquet(good, column_encoding={"status": "DELTA_BYTE_ARRAY"}),
            "predictions-not-plain",
        ),
        (lambda good: _parquet(good, row_group_size=1), "predictions-not-plain"),
    ],
)
def test_a_file_that_is_not_written_plainly_is_refused(
    forge, good, encode: Callable[[pa.Table], bytes], code
) -> None:
    content = encode(good)
    assert len(content) < 1 << 20
    forge.rejected(forge.predictions_as_they_are(content), code)


def test_bytes_between_the_pages_are_refused(forge, content_of) -> None:
    """A payload where no reader looks: the footer is where it was said to be."""
    content = content_of("search")
    length = int.from_bytes(content[-8:-4], "little")
    hidden = content[: -8 - length] + b"<script>" * 100 + content[-8 - length :]
    forge.rejected(forge.predictions(hidden), "predictions-not-plain")


def test_a_row_of_very_many_items_is_refused(forge, good) -> None:
    items = pa.array([[""] * 3_000_000] + [["a"]] * (len(good) - 1))
    table = good.set_column(good.schema.get_field_index("items"), "items", items)
    forge.rejected(forge.predictions(_parquet(table)), "answer-length", "3000000 items")


def test_too_many_rows_are_refused_by_the_footer(forge, good) -> None:
    rows = limits.ROWS + 1
    table = pa.table({f.name: pa.nulls(rows, f.type) for f in good.schema})
    forge.rejected(forge.predictions(_parquet(table)), "parquet-rows", str(rows))


def _claimed_rows(content: bytes) -> bytes:
    """108 rows in the footer become 107: 216 and 214 in Thrift's zigzag, two bytes each."""
    return content.replace(b"\x16\xd8\x01", b"\x16\xd6\x01")


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda good: good[: len(good) // 2], "parquet-damaged"),
        (lambda good: good[:-4], "parquet-damaged"),
        (lambda good: b"", "parquet-damaged"),
        (lambda good: b"PAR1" + bytes(4) + b"PAR1", "parquet-damaged"),
        (lambda good: b"PAR1" + b"\xff" * 100 + b"PAR1", "parquet-damaged"),
        (lambda good: good[:-8] + (2**31).to_bytes(4, "little") + b"PAR1", "parquet-damaged"),
        (lambda good: good[:4] + bytes(100) + good[104:], "parquet-damaged"),
        (lambda good: b"PAR1" + pickle.dumps(_Evil()) + b"PAR1", "parquet-damaged"),
        (_claimed_rows, "predictions-not-plain"),
    ],
)
def test_broken_files_are_refused(forge, content_of, spoil: Callable[[bytes], bytes], code) -> None:
    forge.rejected(forge.predictions(spoil(content_of("search"))), code, "runs/search")


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


@pytest.mark.parametrize(
    "change",
    [
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
    ],
)
def test_other_columns_are_refused(forge, good, change) -> None:
    forge.rejected(forge.predictions(_parquet(change(good))), "parquet-schema", "instance_id")


def test_text_that_is_not_utf8_is_refused(forge, good) -> None:
    broken = pa.array([b"\xff\xfe"] * len(good), pa.binary()).view(pa.string())
    content = _parquet(good.set_column(1, "user_id", broken))
    forge.rejected(forge.predictions(content), "parquet-damaged", "ArrowInvalid")


def test_a_bit_changed_after_packing_is_refused(forge) -> None:
    files = forge.packed("search")
    (name,) = files.keys() - {MANIFEST}
    files[name] = files[name][:200] + bytes([files[name][200] ^ 1]) + files[name][201:]
    forge.rejected(forge.archive(files), "parquet-damaged", name)


def _change(column: str, value: Any, row: int = 3) -> Callable[[Rows], None]:
    def change(rows: Rows) -> None:
        rows[row][column] = value(rows[row][column]) if callable(value) else value

    return change


def _fail(rows: Rows) -> None:
    for row in rows:
        row.update(status="failed", items=None, scores=None)


@pytest.mark.parametrize(
    ("change", "code", "word"),
    [
        (lambda rows: rows.append(rows[0]), "instance-repeated", "twice"),
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
    ],
)
def test_an_answer_that_is_none_is_refused(forge, change, code, word) -> None:
    forge.rejected(forge.rows(change), code, word)


def _reverse_rankings(rows: Rows) -> None:
    for row in rows:
        row["items"].reverse()


def test_other_predictions_under_old_scores_are_refused(forge) -> None:
    forge.rejected(forge.rows(_reverse_rankings), "score-mismatch", "MRR@10")


@pytest.mark.parametrize(
    ("task", "change", "code", "word"),
    [
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
    ],
)
def test_each_task_refuses_what_cannot_be_its_answer(forge, task, change, code, word) -> None:
    forge.rejected(forge.rows(change, task), code, word)


def test_an_item_the_user_already_had_is_refused(forge, data_home) -> None:
    """``sim`` recommends nothing again."""
    from benchmark.data.opening import open_dataset

    asked = open_dataset("sim-xs", data_home).instances("recommendation")
    had = sorted(asked[3].exclude)[:10]
    change = _change("items", lambda items: [*had[:1], *items[1:]])
    forge.rejected(forge.rows(change, "recommendation"), "item-excluded", repr(had[0]))


def test_findings_of_one_kind_are_counted_not_listed(forge) -> None:
    def change(rows: Rows) -> None:
        for row in rows:
            row["scores"] = [float("nan")] * 10

    result = forge.verify(forge.rows(change))
    assert [p.code for p in result.problems] == ["score-not-finite"] * (limits.SAME_CODE + 1)
    assert "103 more" in result.problems[-1].message


@pytest.mark.parametrize("task", list(TASKS))
def test_form_is_checked_without_the_dataset(content_of, task) -> None:
    table = tables.decode(content_of(task), task, "good", Budget())
    found = answers.answer_problems(table, TASKS.get(task), "x", asked=None, known=None)
    assert list(found) == []
    rows = table.to_pylist()
    spoiled = {
        "preference": {"value": float("nan")},
        "explanation": {"text": ""},
        "image-generation": {"png": b"GIF89a"},
    }.get(task, {"scores": [float("nan")]})
    rows[0].update(spoiled)
    table = pa.Table.from_pylist(rows, schema=table.schema)
    assert (
        len(list(answers.answer_problems(table, TASKS.get(task), "x", asked=None, known=None))) == 1
    )
