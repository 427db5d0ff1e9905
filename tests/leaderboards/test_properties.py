"""Whatever the bytes, verification answers; it never raises."""

from __future__ import annotations

import io
import json
import random
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.host.home import Home
from leaderboards.submission import schema, strict_json, tables
from leaderboards.submission.findings import Refused, shown
from leaderboards.submission.schema import MANIFEST
from leaderboards.submission.thrift import Malformed, Reader
from leaderboards.verification.verify import verify

SOME = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
MANY = settings(SOME, max_examples=200)

_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_values = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def _verdict(content: bytes, tmp_path, home: Home) -> bool:
    path = tmp_path / "any.zip"
    path.write_bytes(content)
    result = verify(path, home=home)
    json.dumps(result.as_json(), allow_nan=False)
    assert result.accepted == (not result.problems)
    return result.accepted


def _spoil(content: bytes, seed: int) -> bytes:
    """A few bytes changed, cut out, doubled or filled in."""
    draw = random.Random(seed)
    changed = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(changed) or 1)
        match draw.randrange(4):
            case 0:
                changed[at : at + 1] = bytes([draw.randrange(256)])
            case 1:
                del changed[at : at + draw.randint(1, 50)]
            case 2:
                changed[at:at] = changed[at : at + draw.randint(1, 50)]
            case _:
                changed[at : at + 4] = draw.choice([b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff"])
    return bytes(changed)


@SOME
@given(content=st.binary(max_size=400))
def test_random_bytes_are_no_archive(content, tmp_path, data_home) -> None:
    assert not _verdict(content, tmp_path, data_home)


@MANY
@given(seed=st.integers(0, 2**32))
def test_a_spoiled_archive_is_rejected_or_the_same(seed, forge) -> None:
    path = forge.archive(forge.packed("preference"))
    content = path.read_bytes()
    spoiled = _spoil(content, seed)
    if _verdict(spoiled, forge.folder, forge.home):  # in a time stamp, say
        assert _contents(spoiled) == _contents(content)


@SOME
@given(content=st.binary(max_size=200))
def test_random_bytes_are_no_manifest(content, forge) -> None:
    files = {**forge.packed("preference"), MANIFEST: content}
    assert not _verdict(forge.archive(files).read_bytes(), forge.folder, forge.home)


@MANY
@given(value=_values)
def test_random_values_are_no_manifest(value) -> None:
    submission, found = schema.validate(value)
    assert submission is None
    assert found


@MANY
@given(value=_values, place=st.integers(0, 10_000))
def test_a_random_value_in_a_manifest_is_told_or_fits(value, place, packed) -> None:
    manifest = json.loads(packed("preference")[MANIFEST])
    spots = list(_spots(manifest))
    parent, key = spots[place % len(spots)]
    parent[key] = value
    submission, found = schema.validate(manifest)
    assert submission is not None or found


@MANY
@given(text=st.text(max_size=200))
def test_json_is_read_as_python_reads_it_or_refused(text) -> None:
    try:
        value = strict_json.parse(
            text.encode("utf-8", "surrogatepass"), "x", most_bytes=10**6, most_depth=9
        )
    except Refused as error:
        refused = error
    else:
        assert json.loads(text) == value
        return
    assert refused.finding.code.startswith("json-")


@MANY
@given(seed=st.integers(0, 2**32))
def test_a_spoiled_parquet_file_is_refused_or_read(seed, packed) -> None:
    files = packed("search")
    (name,) = files.keys() - {MANIFEST}
    spoiled = _spoil(files[name], seed)
    try:
        table = tables.decode(spoiled, "search", "x")
    except Refused as error:
        refused = error
    else:
        assert table.schema == tables.schema_for("search")
        table.to_pylist()
        return
    assert refused.finding.code.startswith("parquet-")


@MANY
@given(content=st.binary(max_size=300))
def test_random_bytes_are_no_footer(content) -> None:
    length = len(content).to_bytes(4, "little")
    with pytest.raises(Refused) as raised:
        tables.decode(b"PAR1" + content + length + b"PAR1", "search", "x")
    assert raised.value.finding.code.startswith("parquet-")


@MANY
@given(content=st.binary(max_size=300))
def test_thrift_stays_within_its_bytes_and_budget(content) -> None:
    reader = Reader(content, budget=100)
    try:
        reader.struct()
    except Malformed:
        return
    assert reader.at <= len(content)


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


@MANY
@given(value=_values)
def test_what_is_shown_is_short_and_printable(value) -> None:
    text = shown(value)
    assert len(text) <= 130
    assert text.isascii()
    assert text.isprintable()


def _contents(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def _spots(value):
    """Every (container, key) inside ``value``."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, entry in list(entries):
        yield value, key
        if isinstance(entry, (dict, list)):
            yield from _spots(entry)
