"""Ids in files: every one comes back, and none has a separator in it."""

from __future__ import annotations

from urllib.parse import unquote

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.exports.ids import NOTHING, written, written_id, written_lists

_ANY = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@settings(max_examples=40, deadline=None)
@given(st.lists(_ANY, min_size=1))
def test_ids_come_back_and_hold_nothing_that_divides_lines(ids: list[str]) -> None:
    found = written(pl.Series(ids)).to_list()
    assert [unquote(name) for name in found] == ids
    for name in found:
        assert len(f"x{name}x".split()) == 1
        assert len(f"x{name}x".splitlines()) == 1
        assert not set('"\\') & set(name)
        assert name != NOTHING


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("B00-1_x.7", "B00-1_x.7"),
        ("日本語 é", "日本語%20é"),
        ("100%", "100%25"),
        ("NA", "%4EA"),
        ("[PAD]", "%5BPAD]"),
        ("a\u00a0b", "a%C2%A0b"),
    ],
)
def test_plain_ids_of_any_script_stay_and_others_are_escaped(name: str, expected: str) -> None:
    assert written_id(name) == expected
    assert written(pl.Series([name])).to_list() == [expected]


def test_lists_are_a_text_each() -> None:
    lists = pl.Series([["a b", "c"], [], None, ["d"]], dtype=pl.List(pl.String))
    assert written_lists(lists).to_list() == ["a%20b c", "", "", "d"]
