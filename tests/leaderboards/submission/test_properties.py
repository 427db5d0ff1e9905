"""Whatever the bytes, the readers of a submission's parts refuse them or read them; none raises."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leaderboards.submission import schema, strict_json, tables
from leaderboards.submission.findings import Refused, shown
from leaderboards.submission.limits import Budget
from leaderboards.submission.schema import MANIFEST

MANY = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_values = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


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
def test_a_spoiled_parquet_file_is_refused_or_read(seed, packed, spoil) -> None:
    files = packed("search")
    (name,) = files.keys() - {MANIFEST}
    spoiled = spoil(files[name], seed)
    try:
        table = tables.decode(spoiled, "search", "x", Budget())
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
        tables.decode(b"PAR1" + content + length + b"PAR1", "search", "x", Budget())
    assert raised.value.finding.code.startswith("parquet-")


@MANY
@given(value=_values)
def test_what_is_shown_is_short_and_printable(value) -> None:
    text = shown(value)
    assert len(text) <= 130
    assert text.isascii()
    assert text.isprintable()


def _spots(value):
    """Every (container, key) inside ``value``."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, entry in list(entries):
        yield value, key
        if isinstance(entry, (dict, list)):
            yield from _spots(entry)
