"""What a comparison says, against hand work; and when it declines to say anything."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from benchmark.compare.pair import compare_runs
from benchmark.errors import BenchError, UsageError
from benchmark.runs.store import PER_INSTANCE
from benchmark.stats import holm

#: 40 users, two instances each.
USERS = [f"u{i // 2:02d}" for i in range(80)]
RNG = np.random.default_rng(0)
GOOD = (RNG.random(80) < 0.7).astype(float)
POOR = (RNG.random(80) < 0.3).astype(float)


def test_difference_counts_and_effect_by_hand(place: Any, write_run: Any) -> None:
    users = ["x", "x", "y", "z"]
    a = write_run("a", {"HR@5": [1, 0, 1, 0], "MAE": [1.0, 2.0, 0.5, 0.0]}, users)
    b = write_run("b", {"HR@5": [0, 0, 0, 1], "MAE": [2.0, 2.0, 1.5, 1.0]}, users)
    hits, error = compare_runs(a, b, home=place).metrics
    assert (hits.a, hits.b, hits.difference) == (0.5, 0.25, 0.25)
    assert (hits.wins, hits.ties, hits.losses) == (2, 1, 1)
    gaps = np.array([0.5, 1.0, -1.0])  # of users x, y, z
    assert hits.effect_size == pytest.approx(gaps.mean() / gaps.std(ddof=1))
    assert error.difference == pytest.approx(0.875 - 1.625)
    assert (error.wins, error.ties, error.losses) == (3, 1, 0)  # the smaller error wins
    assert hits.low is hits.high is hits.p_value is hits.p_adjusted is hits.better is None


def test_enough_users_get_an_interval_a_p_value_and_a_verdict(place: Any, write_run: Any) -> None:
    a = write_run("a", {"HR@5": GOOD, "HR@10": GOOD, "MAE": POOR}, USERS)
    b = write_run("b", {"HR@5": POOR, "HR@10": GOOD, "MAE": GOOD}, USERS)
    hits, same, error = compare_runs(a, b, home=place).metrics
    assert hits.low is not None
    assert hits.high is not None
    assert 0 < hits.low < hits.difference < hits.high
    assert (hits.better, same.better, error.better) == ("a", None, "a")
    assert (same.difference, same.ties, same.effect_size) == (0.0, 80, None)
    back = compare_runs(b, a, home=place).metrics[0]
    assert (back.difference, back.better) == (-hits.difference, "b")
    p_values = [row.p_value for row in (hits, same, error)]
    assert [row.p_adjusted for row in (hits, same, error)] == holm(p_values).tolist()


def test_order_of_rows_does_not_matter(place: Any, write_run: Any) -> None:
    order = np.random.default_rng(1).permutation(80)
    a = write_run("a", {"HR@5": GOOD}, USERS)
    b = write_run("b", {"HR@5": POOR}, USERS)
    shuffled = write_run(
        "c",
        {"HR@5": POOR[order]},
        [USERS[i] for i in order],
        ids=[f"q{i:03d}" for i in order],
    )
    rows = [compare_runs(a, other, home=place).metrics for other in (b, shuffled)]
    assert rows[0] == rows[1]


def test_metrics_can_be_chosen(place: Any, write_run: Any) -> None:
    a = write_run("a", {"HR@5": GOOD, "MRR@5": GOOD, "HR@3": GOOD}, USERS)
    b = write_run("b", {"HR@5": POOR, "MRR@5": POOR}, USERS)
    assert [row.metric for row in compare_runs(a, b, home=place).metrics] == ["HR@5", "MRR@5"]
    chosen = compare_runs(a, b, home=place, metrics=["MRR@5"]).metrics
    assert [row.metric for row in chosen] == ["MRR@5"]
    with pytest.raises(UsageError, match=r"Run 'b' has no HR@3.\nBoth runs have: HR@5, MRR@5"):
        compare_runs(a, b, home=place, metrics=["HR@3"])
    with pytest.raises(UsageError, match=r"metric 'HR@4'.\nDid you mean 'HR@5'"):
        compare_runs(a, b, home=place, metrics=["HR@4"])


def test_a_metric_that_one_run_lacks_is_named(place: Any, write_run: Any) -> None:
    both = {"ROUGE-L": GOOD}
    a = write_run("a", {**both, "METEOR": GOOD}, USERS)
    b = write_run("b", {**both, "METEOR-exact+stem": GOOD, "BERTScore-a": GOOD}, USERS)
    notes = compare_runs(a, b, home=place).notes
    assert "Not compared, as only A has it: METEOR." in notes
    assert "Not compared, as only B has it: METEOR-exact+stem, BERTScore-a." in notes
    asked = compare_runs(a, b, home=place, metrics=["ROUGE-L"])
    assert not any(note.startswith("Not compared") for note in asked.notes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"task": "recommendation"}, "different tasks: search and recommendation"),
        ({"data": "hm", "dataset_sha256": "d1"}, "different datasets: made-up and hm"),
        ({"dataset_sha256": "d1"}, "different versions of the dataset"),
        ({"cohort": "new-user"}, "different cohorts: seen and new-user"),
        ({"limit": 20}, "different --limit values: None and 20"),
        ({"instances_sha256": "i1"}, "different instances"),
        (
            {"ids": [f"q{i + 1:03d}" for i in range(80)]},
            "not asked the same .* only one has 'q000'",
        ),
    ],
)
def test_runs_of_different_questions_are_refused(
    place: Any, write_run: Any, changes: dict[str, Any], words: str
) -> None:
    a = write_run("a", {"HR@5": GOOD}, USERS)
    b = write_run("b", {"HR@5": POOR}, USERS, **changes)
    with pytest.raises(UsageError, match=words):
        compare_runs(a, b, home=place)


def test_a_run_is_not_compared_with_itself(place: Any, write_run: Any) -> None:
    a = write_run("a", {"HR@5": GOOD}, USERS)
    with pytest.raises(UsageError, match="Run 'a' was given twice"):
        compare_runs(a, a, home=place)


def test_runs_without_a_common_metric_are_refused(place: Any, write_run: Any) -> None:
    a = write_run("a", {"HR@5": GOOD}, USERS)
    b = write_run("b", {"HR@3": POOR}, USERS)
    with pytest.raises(UsageError, match=r"share no metric \(HR@5; HR@3\)"):
        compare_runs(a, b, home=place)


def _without(name: str) -> Any:
    return lambda frame: frame.drop(name)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_without("HR@5"), r"run 'b' has no column for 'HR@5'"),
        (_without("user_id"), r"lacks the column 'user_id'"),
        (_without("instance_id"), r"lacks the column 'instance_id'"),
        (lambda f: f.with_columns(pl.lit(None).alias("HR@5")), r"'HR@5' .* holds no numbers"),
        (lambda f: f.with_columns(pl.lit("x").alias("HR@5")), r"'HR@5' .* holds no numbers"),
        (lambda f: f.with_columns(pl.lit(np.nan).alias("HR@5")), r"not a finite number"),
        (lambda f: f.with_columns(pl.lit([1.0, 2.0]).alias("HR@5")), r"has 2 numbers an instance"),
        (lambda f: f.with_columns(pl.lit(1).alias("user_id")), r"'user_id' .* not hold ids"),
        (lambda f: f.with_columns(pl.lit("q").alias("instance_id")), r"holds instance 'q' twice"),
        (lambda f: f.with_columns(pl.lit("me").alias("user_id")), r"disagree on whose"),
    ],
)
def test_a_damaged_run_is_an_error_that_names_it(
    place: Any, write_run: Any, damage: Any, words: str
) -> None:
    a = write_run("a", {"HR@5": GOOD}, USERS)
    b = write_run("b", {"HR@5": POOR}, USERS)
    path = b.folder / PER_INSTANCE
    damage(pl.read_parquet(path)).write_parquet(path)
    with pytest.raises(BenchError, match=words):
        compare_runs(a, b, home=place)
    path.write_bytes(b"PAR1 no more")
    with pytest.raises(BenchError, match="Cannot read"):
        compare_runs(a, b, home=place)
    path.unlink()
    with pytest.raises(BenchError, match=r"Run 'b' has no per_instance.parquet"):
        compare_runs(a, b, home=place)
