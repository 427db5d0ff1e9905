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
    assert "The nearest of 5000: run-" in message


def test_close_names_come_before_a_list() -> None:
    assert unknown_name("task", "serch", ["search", "selection"]).fix == "Did you mean 'search'?"


def test_few_names_are_listed_whole_and_many_are_not() -> None:
    few = [f"name{i}" for i in range(6)]
    assert unknown_name("thing", "zzz", few).fix == f"Known: {', '.join(few)}."
    many = unknown_name("thing", "zzz", [f"name{i}" for i in range(500)]).fix or ""
    assert many.startswith("The nearest of 500: ")
    assert many.count("name") == 5


def test_ids_that_resemble_each_other_are_named_up_to_five() -> None:
    ids = [f"bm25_search_sim-s_seed0-{i:08x}" for i in range(40)]
    assert (unknown_name("run", "bm25_search", ids, nearest=5).fix or "").count("bm25_") == 5
    assert unknown_name("run", "x", ids[:6], nearest=5).fix != f"Known: {', '.join(ids[:6])}."


def test_nothing_to_choose_from_is_said() -> None:
    assert unknown_name("run", "x", []).fix == "There is none to choose from."
