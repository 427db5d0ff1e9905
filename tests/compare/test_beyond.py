"""Runs are compared and reported beyond accuracy: from stored lists to every format."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import polars as pl
import pytest

from benchmark.compare.pair import compare_runs
from benchmark.report.build import build_report
from benchmark.report.formats.render import FORMATS, render
from benchmark.report.two_runs import render_comparison
from benchmark.runs.spec import RunSpec
from benchmark.runs.store import PREDICTIONS

NAMES = [
    *("coverage@10", "Gini@10", "novelty@10", "ARP@10"),
    *("text diversity@10", "image diversity@10"),
]


@pytest.fixture(scope="module")
def shop(home_with, sim_xs, tmp_path_factory):
    return home_with(tmp_path_factory.mktemp("beyond") / "home", sim_xs)


@pytest.fixture(scope="module")
def runs(execute, shop):
    """The most popular items and random ones, for search."""
    specs = [RunSpec(model, "search", "sim-xs") for model in ("popularity", "random")]
    return [execute(spec, shop) for spec in specs]


@pytest.fixture(scope="module")
def comparison(runs, shop):
    return compare_runs(*runs, home=shop)


def test_a_popular_list_is_told_from_a_random_one(comparison, runs, sim_xs) -> None:
    rows = {row.metric: row for row in comparison.beyond}
    assert list(rows) == NAMES
    for name in ("Gini@10", "ARP@10"):
        assert rows[name].a > rows[name].b
    for name in ("coverage@10", "novelty@10"):
        assert rows[name].a < rows[name].b
    assert all(0 < rows[name].b < 1.2 for name in NAMES[4:])
    shown = pl.read_parquet(runs[1].folder / PREDICTIONS)["items"].explode().n_unique()
    assert rows["coverage@10"].b == pytest.approx(shown / len(sim_xs.catalogue()))


def test_an_item_is_as_popular_as_it_was_in_training(comparison, runs, sim_xs) -> None:
    """Held-back users, too, have rows of the training part, which no model sees."""
    rows = sim_xs.interactions().filter((pl.col("part") == "train") & (pl.col("cohort") == "seen"))
    taken = dict(rows.group_by("item_id").agg(pl.col("user_id").n_unique()).iter_rows())
    lists = pl.read_parquet(runs[1].folder / PREDICTIONS)["items"].to_list()
    counts = np.array([[taken.get(item, 0) for item in items] for items in lists])
    bits = -np.log2((counts + 1) / (rows["user_id"].n_unique() + 1))
    measured = {row.metric: row.b for row in comparison.beyond}
    assert measured["ARP@10"] == pytest.approx(counts.mean())
    assert measured["novelty@10"] == pytest.approx(bits.mean())


def test_a_comparison_shows_it_in_every_format(comparison) -> None:
    for output_format in FORMATS:
        assert "image diversity@10" in render_comparison(comparison, output_format, styled=False)
    document = json.loads(render_comparison(comparison, "json"))
    assert [row["metric"] for row in document["beyond_accuracy"]] == NAMES
    table = csv.DictReader(io.StringIO(render_comparison(comparison, "csv")))
    (row,) = (row for row in table if row["metric"] == "ARP@10")
    assert float(row["difference"]) == pytest.approx(float(row["a"]) - float(row["b"]))
    assert row["p_value"] == ""


def test_a_comparison_in_one_metric_is_of_that_alone(runs, shop) -> None:
    assert compare_runs(*runs, home=shop, metrics=["HR@5"]).beyond == ()


def test_a_report_of_all_metrics_has_the_same_values(comparison, shop) -> None:
    plain = build_report("search", home=shop, data="sim-xs")
    report = build_report("search", home=shop, data="sim-xs", beyond=True)
    at = len(plain.columns)
    assert report.columns[:at] == plain.columns
    assert [column.metric for column in report.columns[at:]] == NAMES
    by_model = {row.model: row.cells[at:] for row in report.rows}
    expected = [row.a for row in comparison.beyond]
    assert [cell.value for cell in by_model["popularity"]] == pytest.approx(expected)
    empty = [cells for model, cells in by_model.items() if model not in ("popularity", "random")]
    assert {cell.value for cells in empty for cell in cells} == {None}
    for output_format in FORMATS:
        assert "coverage@10" in render(report, output_format, styled=False)


def test_lists_that_are_gone_are_said_to_be(runs, shop, tmp_path) -> None:
    predictions = runs[1].folder / PREDICTIONS
    kept = predictions.rename(tmp_path / PREDICTIONS)
    try:
        found = compare_runs(*runs, home=shop)
    finally:
        kept.rename(predictions)
    assert found.beyond == ()
    assert any("Nothing beyond accuracy: The predictions of run" in note for note in found.notes)


def test_the_command_takes_all_and_nothing_else(cli, runs, shop) -> None:
    asked = ["report", "--table", "search", "--data", "sim-xs", "--metrics"]
    status, out, _ = cli(*asked, "all", home=shop)
    assert status == 0
    assert "novelty@10" in out
    status, _, err = cli(*asked, "al", home=shop)
    assert (status, "'all'" in err) == (2, True)
