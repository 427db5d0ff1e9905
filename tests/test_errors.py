"""What a misspelt name is answered with."""

from __future__ import annotations

from benchmark.errors import unknown_name


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
