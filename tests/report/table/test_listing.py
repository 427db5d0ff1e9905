from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.errors import UsageError
from benchmark.report.table.listing import find_table, list_tables

NAMES = {
    "1": "recommendation",
    "2a": "explanation",
    "2b": "preference",
    "2c": "selection",
    "2d": "search",
    "3": "ablation",
    "4a": "new-users",
    "4b": "new-domain",
    "5": "datasets",
    "6": "robustness",
    "7": "strategies",
    "8": "fusion",
    "9": "more-datasets",
    "10": "language-models",
}


def test_the_papers_fourteen_tables_are_listed_in_its_order_and_then_the_others() -> None:
    listed = list_tables()
    papers, others = listed[: len(NAMES)], listed[len(NAMES) :]
    assert [(table["number"], table["name"]) for table in papers] == list(NAMES.items())
    assert [(table["number"], table["name"]) for table in others] == [
        ("", "calibration"),
        ("", "extension"),
    ]
    assert all(table["title"] for table in listed)


@pytest.mark.parametrize(("number", "name"), NAMES.items())
def test_a_table_answers_to_its_number_and_its_name(number: str, name: str) -> None:
    assert find_table(number) == find_table(name) == find_table(number.upper())


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'ablation'") as caught:
        find_table("ablations")
    assert caught.value.exit_status == 2


def test_an_unknown_number_is_answered_with_the_numbers() -> None:
    with pytest.raises(UsageError, match=r"Unknown table '11'.\nTables: 1 recommendation, 2a"):
        find_table("11")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(UsageError, match=r"no table file 'mine\.toml'"):
        find_table("mine.toml")


def test_a_file_of_another_name_is_not_taken_for_a_misspelt_table(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(UsageError, match=r"ends in \.toml"):
        find_table(str(tmp_path / "mine.txt"))


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from benchmark.report.table.listing import list_tables; list_tables();"
        "print(sorted({'numpy', 'polars', 'pydantic', 'torch', 'rich'} & set(sys.modules)))"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == "[]"
