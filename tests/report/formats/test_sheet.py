from __future__ import annotations

import pytest

from benchmark.report.formats.render import draw
from benchmark.report.formats.sheet import (
    METRIC_NUMBER,
    Sheet,
    SheetCell,
    number_cell,
    ranked,
    share_cell,
    signed,
    standings,
)
from benchmark.uncertainty import Share


def test_best_and_second_are_the_highest_where_higher_is_better() -> None:
    assert standings([0.1, None, 0.3, 0.2], True) == {2: "best", 3: "second"}


def test_best_and_second_are_the_lowest_where_lower_is_better() -> None:
    assert standings([1.5, 0.9, None, 1.1], False) == {1: "best", 3: "second"}


def test_ties_share_their_place() -> None:
    assert standings([0.3, 0.2, 0.3, 0.2, 0.1], True) == {
        0: "best",
        1: "second",
        2: "best",
        3: "second",
    }
    assert standings([0.5, 0.5], False) == {0: "best", 1: "best"}


def test_nothing_leads_where_nothing_is_better_or_nothing_is_known() -> None:
    assert standings([1.0, 2.0], None) == {}
    assert standings([None], True) == {}


def test_values_that_print_alike_are_a_tie() -> None:
    values = [0.30004, 0.29996, 0.2, None]
    cells = [SheetCell("0.3000"), SheetCell("0.3000"), SheetCell("0.2000"), SheetCell("-")]
    drawn = ranked(cells, values, True)
    assert [cell.best for cell in drawn] == [True, True, False, False]
    assert [cell.second for cell in drawn] == [False, False, True, False]


@pytest.mark.parametrize("output_format", ["text", "md", "tex", "html"])
def test_a_table_without_columns_has_its_title_and_rows(output_format: str) -> None:
    drawn = draw(Sheet("The title", "system", ("BM25",), ()), output_format, styled=False)
    assert "The title" in drawn
    assert "BM25" in drawn


def test_a_share_that_prints_as_0_has_no_sign() -> None:
    assert share_cell(Share(-0.001, -0.004, 0.2)).text == "0% [0%, 20%]"
    assert share_cell(Share(-0.02, None, None)).text == "-2%"


def test_no_number_that_prints_as_0_has_a_sign() -> None:
    assert number_cell(-0.00001, -0.2, -0.00002, METRIC_NUMBER).text == "0.0000 [-0.2000, 0.0000]"
    assert signed(-0.00001) == signed(0.00001) == signed(0.0) == "0.0000"
    assert (signed(-0.0001), signed(0.0001)) == ("-0.0001", "+0.0001")
    assert (signed(-0.001, "z.2f"), signed(-0.1, "z.2f")) == ("0.00", "-0.10")


def test_two_values_that_round_to_0_from_both_sides_share_a_place() -> None:
    values = [-0.00001, 0.00001, -0.3]
    cells = [number_cell(value, None, None, METRIC_NUMBER) for value in values]
    first, second, third = ranked(cells, values, True)
    assert first.best
    assert second.best
    assert third.second


def test_a_large_number_of_three_digits_is_written_out() -> None:
    shown = [number_cell(value, None, None, ",.3g").value for value in (0.1234, 999.4, 1234.5)]
    assert shown == ["0.123", "999", "1,234"]
    assert number_cell(12345.6, 999.9, 2e6, ",.3g").text == "12,346 [1,000, 2,000,000]"
