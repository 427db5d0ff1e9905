"""``report --columns cost``: what runs took, from their manifests."""

from __future__ import annotations

from typing import Any

import pytest

from benchmark.errors import UsageError
from benchmark.report.build import build_report
from benchmark.report.cost_columns import LEGEND, chosen_kinds
from benchmark.report.formats.render import render
from benchmark.report.formats.sheet import TableStyle


def _took(shelf: Any) -> None:
    """Two seeds of one model, of which one measured its energy, and a model that says little."""
    for seed in (0, 1):
        energy = {"energy": {"fit_kwh": 0.002, "predict_kwh": 0.001, "meter": "m"}} if seed else {}
        shelf.ranked("unimp", chance=0.5, seed=seed, fit_seconds=10.0 + seed, predict_seconds=4.8,
                     fit_peak_memory_mib=300.0, peak_memory_mib=200.0 + 200 * seed,
                     parameters={"trainable": 5, "total": 7}, **energy)  # fmt: skip
    shelf.ranked("bm25", chance=0.4, fit_seconds=0.5, predict_seconds=0.24)


def _values(report: Any, system: str) -> dict[str, float | None]:
    row = next(row for row in report.rows if row.model == system)
    return {c.metric: cell.value for c, cell in zip(report.columns, row.cells, strict=True)}


def test_costs_are_means_over_the_seeds_that_have_them(shelf: Any) -> None:
    _took(shelf)
    report = build_report("search", home=shelf.home, kinds=("cost",))
    assert _values(report, "unimp") == pytest.approx(
        {"fit s": 10.5, "predict s/1,000": 20.0, "peak MiB": 350.0, "parameters": 7, "energy Wh": 3}
    )
    bare = {"peak MiB": None, "parameters": None, "energy Wh": None}
    assert _values(report, "bm25") == {"fit s": 0.5, "predict s/1,000": 1.0, **bare}
    assert LEGEND in report.notes


def test_the_spread_over_seeds_is_that_of_costs_too(shelf: Any) -> None:
    _took(shelf)
    found = build_report("2d", home=shelf.home, kinds=("cost",))
    assert "| 10.50 ± 0.71 |" in render(found, "md", style=TableStyle(spread=True))


@pytest.mark.parametrize("part", ["fit_kwh", "predict_kwh"])
def test_energy_of_one_part_alone_has_no_column(shelf: Any, part: str) -> None:
    shelf.ranked("bm25", chance=0.4, energy={part: 0.002, "meter": "m"})
    report = build_report("search", home=shelf.home, kinds=("cost",))
    assert "energy Wh" not in [column.metric for column in report.columns]


def test_what_no_run_measured_has_no_column(shelf: Any) -> None:
    shelf.ranked("bm25", chance=0.4)
    report = build_report("search", home=shelf.home, kinds=("cost",))
    assert [column.metric for column in report.columns] == ["fit s", "predict s/1,000"]


def test_metrics_and_costs_stand_side_by_side_in_every_format(shelf: Any) -> None:
    _took(shelf)
    metrics = build_report("search", home=shelf.home)
    both = build_report("search", home=shelf.home, kinds=("metrics", "cost"))
    assert both.columns[: len(metrics.columns)] == metrics.columns
    assert both.missing == metrics.missing
    for output_format in ("text", "md", "tex", "html", "csv", "json"):
        shown = render(both, output_format, styled=False)
        assert "fit s" in shown
        assert "NDCG@5" in shown
        assert "fit s" not in render(metrics, output_format, styled=False)


def test_costs_need_no_dataset_and_no_predictions(shelf: Any, cli: Any) -> None:
    run = shelf.ranked("bm25", chance=0.4, fit_seconds=2.0)
    (run.folder / "per_instance.parquet").unlink()
    status, out, _ = cli("report", "--table", "search", "--columns", "cost", home=shelf.home)
    assert status == 0
    assert "2.00" in out
    assert "NDCG" not in out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--table", "search", "--columns", "costs"), "Did you mean 'cost'?"),
        (("--table", "search", "--columns", ""), "Known: cost, metrics."),
        (("--table", "datasets", "--columns", "cost"), "describes datasets"),
        (("--table", "search", "--columns", "cost", "--metrics", "all"), "metrics,cost"),
        (("--table", "datasets", "--metrics", "all"), "describes datasets"),
        (("--figure", "dots", "--columns", "cost"), "belongs to a table"),
    ],
)
def test_columns_that_cannot_be_are_refused(shelf: Any, cli: Any, words, expected) -> None:
    status, _, err = cli("report", *words, home=shelf.home)
    assert status == 2
    assert expected in err


def test_kinds_are_named_once() -> None:
    assert chosen_kinds("cost, metrics,cost") == ("cost", "metrics")
    with pytest.raises(UsageError):
        chosen_kinds("cost,energy")
