from __future__ import annotations

import json
from typing import Any

import pytest

from benchmark.errors import UsageError
from benchmark.report.side_by_side import render_runs


def test_runs_are_ranked_and_compared_with_the_first_named(shelf: Any) -> None:
    runs = [
        shelf.ranked("unimp", chance=0.6),
        shelf.ranked("random", chance=0.05),
        shelf.ranked("oracle", chance=0.95),
    ]
    rows = json.loads(render_runs(runs, "json"))
    assert [row["label"] for row in rows] == ["oracle", "unimp", "random"]
    assert rows[1]["scores"]["HR@5"]["significant_against"] is None
    assert rows[2]["scores"]["HR@5"]["significant_against"] == "unimp"
    text = render_runs(runs, "md")
    assert "search on sim-s (simulated), cohort seen" in text
    assert "sim-s is simulated" in text
    assert "† significantly worse than unimp" in text
    assert all(f"{m}@{k}" in text for m in ("HR", "NDCG", "MRR") for k in (3, 5, 10))
    unimp = next(line for line in text.splitlines() if line.startswith("| unimp"))
    assert "**" in unimp  # the best that is no oracle


def test_a_single_run_is_a_table_too(shelf: Any) -> None:
    text = render_runs([shelf.ranked("bm25", chance=0.4, data="hm")])
    assert "bm25" in text
    assert "simulated" not in text


def test_seeds_settings_and_perturbations_tell_runs_apart(shelf: Any) -> None:
    runs = [
        shelf.ranked("bm25", chance=0.4),
        shelf.ranked("bm25", chance=0.4, settings={"k1": 2.0}, seed=1),
        shelf.ranked("bm25", chance=0.4, perturb="nt"),
        shelf.ranked("bm25", chance=0.4, perturb="nt"),
    ]
    labels = {row["label"] for row in json.loads(render_runs(runs, "json"))}
    assert labels == {
        "bm25, seed 0",
        "bm25 (k1=2.0), seed 1",
        "bm25 with NT, seed 0",
        "bm25 with NT, seed 0 [run003]",
    }


def test_failures_and_trials_are_stated(shelf: Any) -> None:
    text = render_runs([shelf.ranked("bm25", chance=0.4, failure_rate=0.5, limit=20)], "md")
    assert "bm25: 50.00% of the answers failed" in text
    assert "only the first 20 instances" in text


def test_runs_of_different_questions_are_refused(shelf: Any) -> None:
    runs = [shelf.ranked("bm25", chance=0.4), shelf.ranked("random", chance=0.4, cohort="new-user")]
    with pytest.raises(UsageError, match="different cohorts: seen and new-user"):
        render_runs(runs)
    with pytest.raises(UsageError, match="no run"):
        render_runs([])
