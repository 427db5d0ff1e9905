from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.errors import UsageError
from benchmark.report.specification import MetricColumn, ResultTable, load_table

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
    ("change", "message"),
    [
        (("metrics =", "metricks ="), "metricks"),
        (('"HR@5"', '"RMSE"'), "task 'search' has no metric 'RMSE'"),
        (('"search"', '"serach"'), "Did you mean 'search'"),
        (('model = "bm25"', 'model = "bm25"\nperturb = "xx"'), "rows.0.perturb"),
        (('model = "bm25"', 'model = "bm25"\nagainst = "UniMP"'), "'UniMP' is no row's system"),
        (('model = "bm25"', 'model = "bm25"\n[[rows]]\nsystem = "BM25"\nmodel = "x"'), "two rows"),
        (("[[rows]]", "[[rows"), "not a table specification"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    with pytest.raises(UsageError, match=message.replace("[", r"\[")):
        load_table(write(tmp_path, TABLE.replace(*change)))
