"""Mutated raw files of every source; and the fuzzer notices what it is for."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from benchmark.data.sources import SOURCES
from tests.data.fuzzing.checking import Fuzz
from tests.data.fuzzing.formats import FORMATS


@pytest.mark.parametrize("count", [12, pytest.param(2_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", FORMATS)
def test_no_mutant_ends_in_a_traceback_or_a_silent_loss(name, count, tmp_path) -> None:
    fuzz = Fuzz(name, tmp_path / "raw")
    for number in range(count):
        fuzz.run(number)
    assert fuzz.wrong == []
    assert sum(fuzz.ends.values()) == count
    assert set(fuzz.ends) == {"accepted", "refused"}


def test_a_mutant_follows_from_its_number(tmp_path) -> None:
    first, second = (Fuzz("hm", tmp_path / name) for name in "ab")
    assert first.mutant(3) == second.mutant(3) != first.mutant(4)


def _loses_a_row(found):
    return replace(found, interactions=found.interactions[1:])


def _loses_an_item(found):
    return replace(found, items=found.items[1:])


def _renames_a_user(found):
    names = found.interactions["user_id"].cast(pl.String).to_list()
    renamed = pl.Series("user_id", ["Q7", *names[1:]] if names else [], dtype=pl.String)
    codes = pl.Enum(renamed.unique().sort())
    return replace(found, interactions=found.interactions.with_columns(renamed.cast(codes)))


def _raises(found):
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (_loses_a_row, "accounted for"),
        (_loses_an_item, "accounted for"),
        (_renames_a_user, "'Q7' stands nowhere"),
        (_raises, "ZeroDivisionError"),
    ],
)
def test_a_reader_that_loses_invents_or_raises_is_noticed(fault, told, tmp_path) -> None:
    source = SOURCES.get("movielens")
    faulty = replace(source, read=lambda *given, **options: fault(source.read(*given, **options)))
    fuzz = Fuzz("movielens-csv", tmp_path / "raw", source=faulty)
    for number in range(8):
        fuzz.run(number)
    assert fuzz.wrong
    assert all(told in what for _, what in fuzz.wrong)
