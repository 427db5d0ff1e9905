"""Below 20 users nothing claims to know more than the values: in every table and figure."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from benchmark.errors import BenchError
from benchmark.host.files import write_json
from benchmark.report.build import build_report
from benchmark.report.figures.cost import build_cost
from benchmark.report.figures.dots import build_dots
from benchmark.report.figures.ranks import build_ranks
from benchmark.report.figures.robustness import build_robustness
from benchmark.report.figures.tabled import read_table_view
from benchmark.report.formats.render import DRAWN, render
from benchmark.report.formats.sheet import TableStyle
from benchmark.report.side_by_side import render_runs
from benchmark.runs.store import SCORES, load_run

FEW, ENOUGH = 19, 20
#: An interval as any format for people draws it.
INTERVAL = re.compile(r"\[-?[01]\.\d{4}, -?[01]\.\d{4}\]")
SAID = "No interval and no p value below 20 users."
#: What stands behind a value that differs significantly.
MARKS = ("†", r"\dagger", "</sup>", r"\*", "$^")


def pair_of(shelf: Any, users: int) -> list[Any]:
    """One system that always finds the item and one that never does."""
    shelf.ranked("popularity", chance=0.0, users=users)
    return [shelf.ranked(m, chance=c, users=users) for m, c in (("unimp", 1.0), ("random", 0.0))]


@pytest.fixture(scope="module")
def few(new_shelf: Any) -> tuple[list[Any], Any]:
    """The runs of a pair of too few users, and their report."""
    shelf = new_shelf()
    return pair_of(shelf, FEW), build_report("search", home=shelf.home)


@pytest.fixture(scope="module")
def enough(new_shelf: Any) -> tuple[list[Any], Any]:
    """The same of just enough."""
    shelf = new_shelf()
    return pair_of(shelf, ENOUGH), build_report("search", home=shelf.home)


def words_of(content: str) -> str:
    return " ".join(content.split())


@pytest.mark.parametrize("output_format", DRAWN)
def test_the_table_of_run_has_neither_interval_nor_mark(few: Any, output_format: str) -> None:
    content = render_runs(few[0], output_format, styled=False)
    assert not INTERVAL.search(content)
    assert not any(mark in content for mark in MARKS)
    assert "significantly" not in content
    assert SAID in words_of(content)


def test_the_json_of_run_has_nulls(few: Any) -> None:
    for row in json.loads(render_runs(few[0], "json")):
        for score in row["scores"].values():
            assert (score["low"], score["high"], score["significant_against"]) == (None,) * 3


@pytest.mark.parametrize("output_format", DRAWN)
def test_a_report_has_neither_interval_nor_mark(few: Any, output_format: str) -> None:
    content = render(few[1], output_format, styled=False)
    assert not INTERVAL.search(content)
    assert not any(mark in content for mark in MARKS)
    assert "significantly" not in content
    assert SAID in words_of(content)


def test_a_reports_csv_and_json_leave_interval_and_verdict_open(few: Any) -> None:
    _, report = few
    measured = [row for row in csv.DictReader(io.StringIO(render(report, "csv"))) if row["value"]]
    assert measured
    for row in measured:
        assert row["low"] == row["high"] == ""
        assert row["significant_against"] == row["significantly_better"] == ""
    cells = [cell for row in json.loads(render(report, "json"))["rows"] for cell in row["cells"]]
    for cell in cells:
        assert (cell["low"], cell["high"], cell["significant_against"]) == (None,) * 3


def test_several_seeds_are_no_more_users(shelf: Any) -> None:
    for seed in (0, 1, 2):
        for model, chance in (("unimp", 0.9), ("random", 0.1)):
            shelf.ranked(model, chance=chance, users=FEW, seed=seed)
    content = render(build_report("search", home=shelf.home), "md")
    assert not INTERVAL.search(content)
    assert "significantly" not in content


@pytest.mark.parametrize("output_format", DRAWN)
def test_20_users_are_enough_for_both(enough: Any, output_format: str) -> None:
    runs, built = enough
    # In LaTeX they are left out where a page is too narrow, if nobody asks for them.
    style = TableStyle(intervals=True) if output_format == "tex" else TableStyle()
    report = render(built, output_format, styled=False, style=style)
    for content in (report, render_runs(runs, output_format, styled=False)):
        assert INTERVAL.search(content) or (output_format == "tex" and content != report)
        assert "significantly worse" in words_of(content)
        assert SAID not in words_of(content)


def test_values_that_all_users_share_never_print_an_interval_without_width(shelf: Any) -> None:
    for content in (
        render_runs(pair_of(shelf, 468), "md"),
        render(build_report("search", home=shelf.home), "md"),
    ):
        assert "[0.0000, 0.0064]" in content  # about 3 / 468
        assert "[0.0000, 0.0000]" not in content


def test_an_interval_that_an_earlier_version_stored_is_not_shown(shelf: Any) -> None:
    score = {"value": 1.0, "low": 1.0, "high": 1.0, "n": 1, "users": 1}
    wide = {"value": 0.5, "low": 0.2, "high": 0.8, "n": 9, "users": 9}
    flat = {"value": 0.0, "low": 0.0, "high": 0.0, "n": 468, "users": 468}
    kept = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 468, "users": 468}
    run = shelf.scored(
        "bm25", {"HR@3": score, "HR@5": wide, "HR@10": flat, "MRR@5": kept}, task="search"
    )
    ends = {name: (found["low"], found["high"]) for name, found in run.scores.items()}
    nothing = (None, None)
    assert ends == {"HR@3": nothing, "HR@5": nothing, "HR@10": nothing, "MRR@5": (0.4, 0.6)}


def test_half_an_interval_is_no_score_of_a_run(shelf: Any) -> None:
    run = shelf.ranked("bm25", chance=0.5)
    score = {"value": 0.5, "low": 0.4, "high": None, "n": 30}
    write_json(run.folder / SCORES, {"scores": {"HR@5": score}, "failure_rate": 0.0})
    with pytest.raises(BenchError, match="holds no scores"):
        load_run(run.folder)


@pytest.mark.parametrize("build", [build_dots, build_cost, build_robustness])
def test_figures_draw_no_whisker_and_say_why(shelf: Any, build: Any) -> None:
    tables = {build_robustness: "robustness"}
    asked = {"table": tables.get(build, "search"), "data": "sim-s"}
    lengths = {}
    for users in (FEW, ENOUGH):
        for path in list(shelf.home.runs.glob("*/*")) if shelf.home.runs.is_dir() else []:
            path.unlink()
        for task in ("search", "recommendation"):
            shelf.ranked("unimp", chance=0.5, users=users, task=task)
            shelf.ranked("unimp", chance=0.4, users=users, task=task, perturb="nt")
        figure = build(shelf.home, **asked)
        page = Figure()
        figure.draw(page)
        words = words_of(" ".join(text.get_text() for a in page.axes for text in a.texts))
        words += words_of(" ".join(text.get_text() for text in page.texts))
        assert (SAID in words) == (users == FEW)
        assert ("95% intervals" in words) == (users == ENOUGH)
        lengths[users] = sum(len(axes.lines) for axes in page.axes)
    assert lengths[FEW] < lengths[ENOUGH]


def test_nobody_is_ranked_by_tests_below_20_users(shelf: Any) -> None:
    pair_of(shelf, FEW)
    with pytest.raises(BenchError, match="Nobody is ranked by tests below 20 users"):
        build_ranks(shelf.home, table="search", data=None)


def test_a_group_of_few_users_is_left_out_of_the_ranks_with_a_word(
    shelf: Any, tmp_path: Path
) -> None:
    table = tmp_path / "two.toml"
    groups = '\n[[columns]]\ntask = "{}"\nmetrics = ["NDCG@5"]'
    rows = '\n[[rows]]\nsystem = "{0}"\nmodel = "{0}"'
    table.write_text(
        'name = "two"\ntitle = "Two"'
        + "".join(map(groups.format, ("search", "recommendation")))
        + "".join(map(rows.format, ("unimp", "random")))
    )
    for task, users in (("search", FEW), ("recommendation", 40)):
        shelf.ranked("unimp", chance=0.9, task=task, users=users)
        shelf.ranked("random", chance=0.1, task=task, users=users)
    figure = build_ranks(shelf.home, table=str(table), data="sim-s")
    assert [panel.group.task for panel in figure.panels] == ["recommendation"]
    assert [place["task"] for place in figure.to_json()["untested"]] == ["search"]
    page = Figure()
    figure.draw(page)
    shown = words_of(" ".join(t.get_text() for holder in (page, *page.axes) for t in holder.texts))
    assert "Nobody is ranked by tests below 20 users. Left out: search on sim-s" in shown


def test_the_view_of_a_table_says_it_once(shelf: Any) -> None:
    pair_of(shelf, FEW)
    assert read_table_view(shelf.home, "search", None).bars_notes() == [SAID]
