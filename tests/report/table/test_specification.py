from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.errors import UsageError
from benchmark.report.table.specification import MetricColumn, ResultTable, load_table

TABLE = """
name = "mine"
title = "My table"

[[columns]]
task = "search"
metrics = ["HR@5"]

[[rows]]
system = "BM25"
model = "bm25"
"""


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_users_own_file_is_read(tmp_path: Path) -> None:
    table = load_table(write(tmp_path, TABLE))
    assert isinstance(table, ResultTable)
    assert (table.heading, table.rows[0].model, table.data) == ("My table", "bm25", "sim-s")


def test_a_metric_matches_its_variants_and_no_other_metric() -> None:
    assert MetricColumn(name="METEOR").matches("METEOR-exact+stem")
    assert MetricColumn(name="BERTScore").matches("BERTScore-all-MiniLM-L6-v2")
    assert not MetricColumn(name="BLEU-1").matches("BLEU-4")
    assert not MetricColumn(name="HR@1").matches("HR@10")


@pytest.mark.parametrize(
    ("change", "message", "fix"),
    [
        (
            ('model = "bm25"', 'model = "bm25"\ndata = "hm"'),
            ": data = 'hm' of row 'BM25' is no column's.",
            "Correct that entry of the file.",
        ),
        (
            ("metrics =", "metricks ="),
            ", [[columns]] 1 ('search'): unknown key 'metricks'.",
            "Did you mean 'metrics'?",
        ),
        (
            ("[[rows]]", "[[row]]"),
            ": unknown key 'row'.",
            "Did you mean 'rows'?",
        ),
        (
            ('["HR@5"]', '[{name = "HR@5", papr = "HR"}]'),
            ", [[columns]] 1 ('search'): unknown key 'papr'.",
            "Did you mean 'paper'?",
        ),
        (
            ('"HR@5"', '"HR@55"'),
            ", [[columns]] 1 ('search'): task 'search' has no metric 'HR@55'.",
            "Did you mean 'HR@5' or 'HR@3' or 'MRR@5'?",
        ),
        (
            ('"search"', '"serach"'),
            ", [[columns]] 1 ('serach'): unknown task 'serach'.",
            "Did you mean 'search'?",
        ),
        (
            ('model = "bm25"', 'model = "bm25"\nperturb = "xx"'),
            ", [[rows]] 1 ('BM25'): perturb = 'xx' is not possible.",
            "Write 'nt' or 'nv'.",
        ),
        (
            ('model = "bm25"', ""),
            ", [[rows]] 1 ('BM25'): 'model' is missing.",
            'Add model = "bm25".',
        ),
        (
            ('["HR@5"]', '"HR@5"'),
            ", [[columns]] 1 ('search'): metrics = 'HR@5' must be a list.",
            'Write, for instance, metrics = ["HR@5"].',
        ),
        (
            ('["HR@5"]', "[]"),
            ", [[columns]] 1 ('search'): metrics = [] must not be empty.",
            'Write, for instance, metrics = ["HR@5"].',
        ),
        (
            ('"bm25"', "5"),
            ", [[rows]] 1 ('BM25'): model = 5 must be a text in quotes.",
            'Write, for instance, model = "bm25".',
        ),
        (
            ('[[columns]]\ntask = "search"\nmetrics = ["HR@5"]', "columns = [3]"),
            ", [[columns]] 1: 3 must be a table.",
            "Correct that entry of the file.",
        ),
        (
            ('name = "mine"', 'name = "mine"\nkind = "dataset"'),
            ": kind = 'dataset' is not possible.",
            "Kinds: results, datasets.",
        ),
        (
            ('name = "mine"', 'name = "mine"\nkind = []'),
            ": kind = [] is not possible.",
            "Kinds: results, datasets.",
        ),
        (
            ('name = "mine"', 'name = "mine"\nkind = "datasets"'),
            ", [[rows]] 1 ('BM25'): unknown key 'model'.",
            "Known: data, settings, source, system.",
        ),
        (
            ('model = "bm25"', 'model = "bm25"\nagainst = "UniMP"'),
            ": against = 'UniMP' is no row's system.",
            "Correct that entry of the file.",
        ),
        (
            ('model = "bm25"', 'model = "bm25"\n[[rows]]\nsystem = "BM25"\nmodel = "x"'),
            ": two rows are called 'BM25'.",
            "Correct that entry of the file.",
        ),
        (
            ("[[rows]]", "[[rows"),
            " is not a table specification: Expected ']]' at the end of an array declaration "
            "(at line 9, column 7).",
            "Correct the TOML there; unimp-bench tables lists the tables that come along.",
        ),
    ],
)
def test_what_is_wrong_in_a_file_is_said_in_its_words(
    tmp_path: Path, change: tuple[str, str], message: str, fix: str
) -> None:
    path = write(tmp_path, TABLE.replace(*change))
    with pytest.raises(UsageError) as caught:
        load_table(path)
    assert str(caught.value) == f"{path!r}{message}\n{fix}"


@pytest.mark.parametrize("character", "9[")
def test_a_number_or_a_nesting_without_end_is_no_table(tmp_path: Path, character: str) -> None:
    (tmp_path / "mine.toml").write_text(f"name = {character * 100_000}")
    with pytest.raises(UsageError, match=r"mine\.toml' is not a table specification"):
        load_table(str(tmp_path / "mine.toml"))


def test_a_table_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = write(tmp_path, f"\ufeff{TABLE}")
    assert load_table(path) == load_table(write(tmp_path, TABLE))


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"mine\.toml' is not a table specification"):
        load_table(str(tmp_path / "mine.toml"))
