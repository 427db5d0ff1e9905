from __future__ import annotations

import csv
from dataclasses import replace
from io import StringIO
from typing import Any

import polars as pl
import pytest

from benchmark.report.build import build_report
from benchmark.report.contents import Report
from benchmark.report.formats.render import render


def read(report: Report) -> pl.DataFrame:
    return pl.read_csv(StringIO(render(report, "csv")), infer_schema_length=None)


def test_a_csv_is_as_written_here(shelf: Any) -> None:
    score = {"value": 1 / 3, "low": 0.25, "high": 0.5, "n": 90, "users": 30}
    shelf.scored("bm25", {"HR@5": score}, task="search")
    lines = render(build_report("2d", home=shelf.home), "csv").splitlines()
    assert lines[0] == (
        "table,system,model,role,task,data,simulated,cohort,perturb,metric,higher_is_better,"
        "value,low,high,seeds,significant_against,significantly_better,"
        "paper,paper_printed,paper_data,share,share_low,share_high"
    )
    assert lines[1] == (
        "2d,BM25,bm25,system,search,sim-s,true,seen,,HR@5,true,"
        "0.3333333333333333,0.25,0.5,0,,,0.0513,0.0513,amazon-6,,,"
    )


@pytest.mark.parametrize("table", ["1", "5", "2d"])
def test_every_number_comes_back_exactly(shelf: Any, table: str) -> None:
    shelf.dataset("sim-s")
    for seed in (0, 1, 2):
        shelf.ranked("unimp", chance=0.7, seed=seed)
        shelf.ranked("bm25", chance=0.2, seed=seed)
    report = build_report(table, home=shelf.home)
    frame = read(report)
    cells = [
        (row, column, cell)
        for row in report.rows
        for column, cell in zip(report.columns, row.cells, strict=True)
    ]
    assert len(frame) == len(cells)
    for name in ("value", "low", "high", "paper"):
        assert frame[name].to_list() == [getattr(cell, name) for _, _, cell in cells]
    assert frame["system"].to_list() == [row.system for row, _, _ in cells]
    assert frame["metric"].to_list() == [column.metric for _, column, _ in cells]
    assert frame["simulated"].to_list() == [cell.data == "sim-s" for _, _, cell in cells]


def test_significance_and_seeds_have_columns(shelf: Any) -> None:
    for seed in (0, 1):
        shelf.ranked("unimp", chance=0.8, seed=seed)
        shelf.ranked("bm25", chance=0.1, seed=seed)
    frame = read(build_report("2d", home=shelf.home))
    best = frame.row(
        by_predicate=(pl.col("system") == "UniMP") & (pl.col("metric") == "HR@5"), named=True
    )
    assert best["significant_against"] == "BM25"
    assert best["significantly_better"] is True
    assert best["seeds"] == "0 1"


def test_any_name_comes_back(shelf: Any) -> None:
    report = build_report("2d", home=shelf.home)
    name = 'a, "b"; _ & % <script> |\nnext line'
    first, *others = report.rows
    frame = read(replace(report, rows=(replace(first, system=name), *others)))
    assert frame["system"][0] == name


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1 row", "@SUM(A1)", "\t=1"])
def test_a_name_is_no_formula_of_a_spreadsheet(shelf: Any, name: str) -> None:
    report = build_report("2d", home=shelf.home)
    first, *others = report.rows
    text = render(replace(report, rows=(replace(first, system=name), *others)), "csv")
    cells = [cell for row in csv.reader(StringIO(text)) for cell in row]
    assert f"'{name}" in cells
    assert name not in cells
