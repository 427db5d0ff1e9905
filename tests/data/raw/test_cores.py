"""Core rules: as brute force has them, on distinct pairs, each one another."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.data.raw.cores import NO_CORE, TABLE5, core_rule, keep_core

_PAIRS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=60)
_RULES = st.one_of(
    st.tuples(st.integers(1, 5), st.integers(1, 5)).map(lambda n: f"users{n[0]}-items{n[1]}"),
    st.sampled_from(["none", "5core", "table5", "3", "2,4"]),
)


def table(pairs) -> pl.DataFrame:
    return pl.DataFrame(
        {"user_id": [f"u{u}" for u, _ in pairs], "item_id": [f"i{i}" for _, i in pairs]},
        schema={"user_id": pl.String, "item_id": pl.String},
    )


def brute(pairs, users: int, items: int, *, converged: bool):
    """The core by its definition, with sets: drop items, then users, until nothing changes."""
    left = set(pairs)
    while True:
        before = len(left)
        left = {(u, i) for u, i in left if len({v for v, j in left if j == i}) >= items}
        left = {(u, i) for u, i in left if len({j for v, j in left if v == u}) >= users}
        if not converged or len(left) == before:
            return [pair for pair in pairs if pair in left]


@settings(max_examples=80, deadline=None)
@given(_PAIRS, _RULES)
def test_a_core_is_that_of_brute_force_on_distinct_pairs(pairs, name) -> None:
    rule = core_rule(name)
    kept = keep_core(table(pairs), rule)
    expected = (
        pairs if rule == NO_CORE else brute(pairs, rule.users, rule.items, converged=rule.converged)
    )
    assert list(kept.iter_rows()) == [(f"u{u}", f"i{i}") for u, i in expected]


@settings(max_examples=30, deadline=None)
@given(_PAIRS, st.integers(1, 4), st.integers(1, 4))
def test_repeated_rows_make_no_core_and_order_no_difference(pairs, users, items) -> None:
    rule = core_rule(f"{users},{items}")
    once = set(keep_core(table(pairs), rule).iter_rows())
    assert set(keep_core(table(pairs * 3), rule).iter_rows()) == once
    assert set(keep_core(table(pairs[::-1]), rule).iter_rows()) == once


def grid(users, items):
    return [(u, i) for u in users for i in items]


def test_every_rule_tells_itself_from_the_others() -> None:
    pairs = grid(range(8), range(8))  # in every core
    pairs += grid(range(20, 25), range(20, 25))  # five of five: in no core of eight
    # Five items with five users each, one of whom has nothing else: table5 drops the users and
    # stops, a converged core goes on.
    pairs += grid(range(30, 34), range(30, 35)) + [(40 + i, 30 + i) for i in range(5)]
    pairs += [(50, i) for i in range(8)] + [(51, 99)]
    sizes = {
        name: len(keep_core(table(pairs), core_rule(name)))
        for name in ("none", "5core", "table5", "users8-items5", "8,9", "9core", "10")
    }
    assert sizes == {
        "none": len(pairs),
        "5core": 64 + 25 + 8,
        "table5": 64 + 25 + 20 + 8,
        "users8-items5": 64 + 8,
        "8,9": 64 + 8,
        "9core": 0,
        "10": 0,
    }


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("none", "none"),
        ("table5", "table5"),
        ("5core", "5core"),
        ("5", "5core"),
        ("5,5", "5core"),
        ("users8-items5", "users8-items5"),
        ("8, 5", "users8-items5"),
        ("users3-items3", "3core"),
    ],
)
def test_numbers_and_names_of_one_rule_are_recorded_alike(text, name) -> None:
    assert core_rule(text).name == name
    assert core_rule(core_rule(text).name) == core_rule(text)


@pytest.mark.parametrize("text", ["", "core", "5cores", "0", "0,5", "5,", "-1", "1e3", "9" * 8])
def test_what_names_no_rule_is_refused(text) -> None:
    with pytest.raises(ValueError, match=r"known are none|asks for 1 to"):
        core_rule(text)


def test_the_paper_rule_ends_on_users_and_may_leave_thin_items() -> None:
    pairs = grid(range(4), range(5)) + [(9, i) for i in range(5)]
    pairs += [(10 + i, i) for i in range(3)]
    kept = keep_core(table([*pairs, *((u, 50) for u in range(4)), (60, 50)]), TABLE5)
    assert kept["item_id"].value_counts().filter(item_id="i50")["count"].to_list() == [4]
