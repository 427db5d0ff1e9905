"""Answers scored some users at a time score what all of them at once do, to the last bit."""

from __future__ import annotations

import itertools
from pathlib import Path

import polars as pl
import pytest

from benchmark.errors import BenchError
from benchmark.runs import asking, scoring_stored
from benchmark.runs.asking import asked_instances
from benchmark.runs.scoring import score_predictions, write_per_instance
from benchmark.runs.scoring_stored import score_stored
from benchmark.runs.spec import RunSpec
from benchmark.runs.store import PREDICTIONS
from benchmark.stats import summarise
from benchmark.tasks import TASKS

CELLS = {
    "recommendation": "popularity:repeat",
    "search": "bm25",
    "selection": "random",
    "preference": "mean-rating:user",
    "explanation": "template",
    "image-generation": "random-photo",
}
#: What is scored at once, as one answer's score hangs on whom others were asked about.
AT_ONCE = ("image-generation",)


@pytest.fixture(scope="module")
def answers_to(execute, home_with, sim_xs, tmp_path_factory):
    """``answers_to(task)``: predictions.parquet of a rule."""
    home = home_with(tmp_path_factory.mktemp("stored") / "home", sim_xs)

    def answers(task: str) -> Path:
        return execute(RunSpec(CELLS[task], task, "sim-xs"), home).folder / PREDICTIONS

    return answers


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "BLOCK", 32)
    monkeypatch.setattr(scoring_stored, "BLOCK", 32)


def _at_once(task: str, answers: pl.DataFrame, instances, dataset, to: Path):
    metrics, statistics = score_predictions(TASKS.get(task), answers, instances, dataset)
    write_per_instance(to, answers, statistics)
    return summarise(metrics, statistics, answers["user_id"].to_list())


def _check(task: str, answers: Path, instances, dataset, folder: Path) -> scoring_stored.Scored:
    whole = dataset.instances(task)
    expected = _at_once(task, pl.read_parquet(answers), whole, dataset, folder / "at-once")
    found = score_stored(TASKS.get(task), answers, instances, dataset, to=folder / "in-parts")
    assert found.scores == expected
    assert (folder / "in-parts").read_bytes() == (folder / "at-once").read_bytes()
    return found


@pytest.mark.parametrize("task", CELLS)
def test_in_parts_as_at_once(sim_xs, answers_to, tmp_path, monkeypatch, task) -> None:
    answers = answers_to(task)
    monkeypatch.setattr(asking, "BLOCK", 32)
    monkeypatch.setattr(scoring_stored, "BLOCK", 32)
    instances = asked_instances(sim_xs, task, cohort="seen", perturb=None)
    assert len(scoring_stored._bounds(pl.scan_parquet(answers), len(instances))) > 3
    parts: list[int] = []

    def counted(task, answers, *rest):
        parts.append(len(answers))
        return score_predictions(task, answers, *rest)

    monkeypatch.setattr(scoring_stored, "score_predictions", counted)
    found = _check(task, answers, instances, sim_xs, tmp_path)
    assert (len(parts) == 1) == (task in AT_ONCE)
    assert (found.failure_rate, found.first_failure) == (0.0, None)


def test_few_answers_are_one_part(sim_xs, answers_to, tmp_path) -> None:
    _check("search", answers_to("search"), sim_xs.instances("search"), sim_xs, tmp_path)


def test_failed_answers_are_counted_and_the_first_is_told(
    sim_xs, answers_to, tmp_path, small_blocks
) -> None:
    rows = pl.read_parquet(answers_to("search"))
    number = pl.int_range(pl.len())
    wrong = (number >= 40) & (number % 50 == 3)
    rows = rows.with_columns(
        pl.when(wrong).then(pl.lit("failed")).otherwise("status").alias("status"),
        pl.when(wrong).then(pl.format("no. {}", number)).alias("problem"),
        pl.when(~wrong).then("items").alias("items"),
    )
    rows.write_parquet(answers := tmp_path / "answers.parquet")
    found = _check("search", answers, sim_xs.instances("search"), sim_xs, tmp_path)
    assert found.first_failure == f"{rows['instance_id'][53]}: no. 53"
    assert found.failure_rate == (rows["status"] == "failed").sum() / len(rows)


def test_answers_to_other_instances_are_refused(sim_xs, answers_to, tmp_path, small_blocks) -> None:
    rows = pl.read_parquet(answers_to("search"))
    instances = sim_xs.instances("search")
    for changed in (rows[:-1], pl.concat([rows, rows[-1:]]), rows[::-1], rows[:0]):
        changed.write_parquet(answers := tmp_path / "answers.parquet")
        with pytest.raises(BenchError, match="do not answer"):
            score_stored(
                TASKS.get("search"), answers, instances, sim_xs, to=tmp_path / "per-instance"
            )


def test_no_user_is_parted(small_blocks) -> None:
    users = [f"user {number}" for number in range(60) for _ in range(1 + number % 7)]
    bounds = scoring_stored._bounds(pl.LazyFrame({"user_id": users}), len(users))
    assert len(bounds) > 4
    assert (bounds[0], bounds[-1]) == (0, len(users))
    parts = [set(users[start:stop]) for start, stop in itertools.pairwise(bounds)]
    assert all(parts)
    assert sum(map(len, parts)) == len(set(users))


def test_users_that_come_again_are_one_part(small_blocks) -> None:
    users = [f"user {number}" for number in range(60)] + ["user 0"]
    assert scoring_stored._bounds(pl.LazyFrame({"user_id": users}), len(users)) == [0, 61]


def test_one_user_is_one_part(small_blocks) -> None:
    assert scoring_stored._bounds(pl.LazyFrame({"user_id": ["a"] * 99}), 99) == [0, 99]
