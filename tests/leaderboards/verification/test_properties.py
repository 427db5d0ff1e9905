"""Whatever the bytes, verification answers; it never raises."""

from __future__ import annotations

import io
import json
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.host.home import Home
from leaderboards.submission.schema import MANIFEST
from leaderboards.verification.verify import verify

SOME = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
MANY = settings(SOME, max_examples=60)


def _verdict(content: bytes, tmp_path, home: Home) -> bool:
    path = tmp_path / "any.zip"
    path.write_bytes(content)
    result = verify(path, home=home)
    json.dumps(result.as_json(), allow_nan=False)
    assert result.accepted == (not result.problems)
    return result.accepted


@SOME
@given(content=st.binary(max_size=400))
def test_random_bytes_are_no_archive(content, tmp_path, data_home) -> None:
    assert not _verdict(content, tmp_path, data_home)


@MANY
@given(seed=st.integers(0, 2**32))
def test_a_spoiled_archive_is_rejected_or_the_same(seed, forge, spoil) -> None:
    path = forge.archive(forge.packed("preference"))
    content = path.read_bytes()
    spoiled = spoil(content, seed)
    if _verdict(spoiled, forge.folder, forge.home):  # in a time stamp, say
        assert _contents(spoiled) == _contents(content)


@SOME
@given(content=st.binary(max_size=200))
def test_random_bytes_are_no_manifest(content, forge) -> None:
    files = {**forge.packed("preference"), MANIFEST: content}
    assert not _verdict(forge.archive(files).read_bytes(), forge.folder, forge.home)


@SOME
@given(
    columns=st.dictionaries(
        st.sampled_from(["instance_id", "user_id", "value", "status", "x"]),
        st.sampled_from([pa.int64(), pa.string(), pa.float64(), pa.list_(pa.string()), pa.null()]),
        max_size=5,
    ),
    rows=st.integers(0, 5),
)
def test_random_tables_are_refused_unless_they_have_the_columns(columns, rows, forge) -> None:
    table = pa.table({name: pa.nulls(rows, kind) for name, kind in columns.items()})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, use_dictionary=False, store_schema=False, compression="zstd")
    path = forge.predictions(buffer.getvalue(), "preference")
    assert not _verdict(path.read_bytes(), forge.folder, forge.home)


@SOME
@given(
    values=st.lists(st.none() | st.floats(), max_size=12),
    status=st.sampled_from(["ok", "failed", "", None]),
)
def test_random_rows_are_rejected_unless_they_answer(values, status, forge) -> None:
    def change(rows) -> None:
        for row, value in zip(rows, values, strict=False):
            row.update(value=value, status=status)

    path = forge.rows(change, "preference")
    assert _verdict(path.read_bytes(), forge.folder, forge.home) == (not values)


def _contents(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}
