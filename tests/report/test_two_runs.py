"""A comparison of two runs in every format, drawn by what draws reports."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from benchmark.compare.pair import SliceRow, compare_runs
from benchmark.errors import UsageError
from benchmark.report.two_runs import render_comparison

USERS = [f"u{i // 2:02d}" for i in range(80)]
RNG = np.random.default_rng(0)
GOOD = (RNG.random(80) < 0.7).astype(float)
POOR = (RNG.random(80) < 0.3).astype(float)


@pytest.fixture
def compared(tmp_path: Any, leave_run: Callable[..., Any]) -> Callable[..., Any]:
    """``compared(n)``: good against poor over the first ``n`` instances."""
    from benchmark.host.home import Home

    def make(n: int = 80, **changes: Any) -> Any:
        score = {"value": 0.0, "low": None, "high": None, "n": n}
        runs = [
            leave_run(
                tmp_path / "runs" / name,
                {"HR@5": score},
                statistics={"HR@5": values[:n]},
                users=USERS[:n],
                model=name,
                **{**changes, **of_run},
            )
            for name, values, of_run in (
                ("first", GOOD, {"failure_rate": 0.25}),
                ("second", POOR, {"perturb": "nt", "seed": 3}),
            )
        ]
        return compare_runs(*runs, home=Home(tmp_path))

    return make


def test_the_text_says_what_is_compared_and_what_is_missing(compared: Any) -> None:
    text = render_comparison(compared(limit=80), styled=False)
    words = " ".join(text.split())
    assert "search on made-up, cohort seen: 80 instances of 40 users" in words
    assert "A: first, seed 0 (first)" in words
    assert "B: second with NT, seed 3 (second)" in words
    assert "A: 25.00% of the answers failed" in words
    assert "only the first 80 instances" in words
    assert "No slices: Unknown dataset 'made-up'." in words
    row = next(line for line in text.splitlines() if "HR@5" in line)
    assert f"{GOOD.mean():.4f}" in row
    assert "\x1b" not in text


def test_what_prints_as_0_has_no_sign_and_no_p_value_is_0(compared: Any) -> None:
    found = compared()
    row = replace(
        found.metrics[0],
        **{"difference": -0.00001, "low": -0.3, "high": -0.00002},
        **{"effect_size": -0.001, "p_adjusted": 1e-30},
    )
    drawn = render_comparison(replace(found, metrics=(row,)), "md")
    assert "| 0.0000 [-0.3000, 0.0000] | \\<0.00001 |" in drawn
    assert drawn.splitlines()[4].endswith("| 0.00 |")


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_text_respects_the_width_of_the_terminal(
    compared: Any, monkeypatch: Any, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    comparison = compared()
    (row,) = comparison.metrics
    sliced = SliceRow(**asdict(row), by="target's popularity", value="11 to 14")
    text = render_comparison(replace(comparison, slices=(sliced,)), styled=False)
    assert max(map(len, text.splitlines())) <= columns
    assert all(heading in text for heading in ("A - B", "better", "wins/ties/losses", "d_z"))
    interval = f"[{row.low:+.4f}, {row.high:+.4f}]"
    assert text.count(interval) == 2  # whole, of the metric and of its slice


def test_the_ids_of_the_runs_are_never_broken(compared: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    comparison = compared()
    name = "bm25-tuned_search_sim-xs_seen_seed0_b=0.5-a902d6b2"
    run = replace(comparison.a, folder=comparison.a.folder.with_name(name))
    assert f"({name})" in render_comparison(replace(comparison, a=run), styled=False)


def test_a_document_heads_every_column_of_a_comparison(compared: Any) -> None:
    tex = render_comparison(compared(), "tex")
    assert r"metric & A & B & A - B & p & better & wins/ties/losses & d\_z \\" in tex


def test_simulated_data_is_labelled(compared: Any) -> None:
    comparison = compared(simulated=True)
    assert comparison.notes[0].startswith("made-up is simulated")
    for form in ("text", "md", "tex", "html"):
        assert "(simulated)" in render_comparison(comparison, form)


def test_every_format_has_the_same_numbers(compared: Any) -> None:
    comparison = compared()
    (row,) = comparison.metrics
    for form in ("text", "md", "tex", "html"):
        drawn = render_comparison(comparison, form, styled=False)
        assert f"{row.difference:+.4f}" in drawn
        assert f"[{row.low:+.4f}, {row.high:+.4f}]" in drawn
    assert render_comparison(comparison, "tex").count(r"\textbf") == 1  # the better one
    assert json.loads(render_comparison(comparison, "json"))["metrics"][0]["low"] == row.low
    (read,) = csv.DictReader(io.StringIO(render_comparison(comparison, "csv")))
    assert (float(read["difference"]), float(read["low"])) == (row.difference, row.low)
    assert (read["better"], read["by"], read["metric"]) == ("a", "", "HR@5")


@pytest.mark.parametrize("form", ["text", "md", "tex", "html"])
def test_below_20_users_every_format_says_so_and_shows_no_interval(
    compared: Any, form: str
) -> None:
    drawn = render_comparison(compared(38), form, styled=False)  # 19 users
    assert "[+" not in drawn
    assert "[-" not in drawn
    assert "below 20 users" in " ".join(drawn.split())


def test_an_unknown_format_is_refused(compared: Any) -> None:
    with pytest.raises(UsageError, match="docx"):
        render_comparison(compared(), "docx")
