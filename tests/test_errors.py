"""What messages show of the values they are about."""

from __future__ import annotations

import pytest

from benchmark.errors import LONGEST_SHOWN, MOST_LISTED, listed, shown, unknown_name

ENDLESS = "9" * 5000


@pytest.mark.parametrize("value", ["u1", "it's", 3, None, 1.5, ["a", "b"], "9" * LONGEST_SHOWN])
def test_a_value_of_ordinary_length_is_shown_whole(value) -> None:
    assert shown(value) == repr(value)


@pytest.mark.parametrize(
    "value", [ENDLESS, [ENDLESS], {"id": ENDLESS}, b"9" * 5000, int("9" * 4000)]
)
def test_a_long_value_is_cut(value) -> None:
    assert len(shown(value)) < LONGEST_SHOWN + 30
    assert "..." in shown(value)


def test_a_text_that_is_cut_says_how_long_it_was() -> None:
    assert shown(ENDLESS).endswith("9'... (5,000 characters)")


def test_a_number_that_python_does_not_write_is_shown_by_its_type() -> None:
    assert shown(10**5000) == "a huge int"


def test_a_long_list_says_how_many_entries_it_leaves_out() -> None:
    names = [f"m{i}" for i in range(1000)]
    assert listed(names, most=2) == "m0, m1, and 998 more"
    assert listed(names[:2], most=2) == "m0, m1"
    assert listed([]) == ""
    assert len(listed([ENDLESS] * 1000)) < (MOST_LISTED + 1) * (LONGEST_SHOWN + 10)


@pytest.mark.parametrize("name", ["zzzzz", ENDLESS])
def test_an_unknown_name_among_thousands_gives_a_short_message(name) -> None:
    message = str(unknown_name("run", name, [f"run-{i}" for i in range(5000)]))
    assert len(message) < 1000
    assert f"and {5000 - MOST_LISTED:,} more" in message
