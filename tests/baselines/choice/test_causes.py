"""Photos, words and order each decide something on the simulated data."""

from __future__ import annotations

import pytest

from benchmark.compare.pair import compare_runs
from benchmark.data.opening import ensure_dataset
from benchmark.host.home import Home
from benchmark.runs.spec import RunSpec

TASKS = {"recommendation": "NDCG@5", "search": "NDCG@5", "selection": "F1", "preference": "MAE"}


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    home = Home(tmp_path_factory.mktemp("causes"))
    ensure_dataset("sim-s", home)
    return home


@pytest.mark.slow
@pytest.mark.parametrize("task", list(TASKS))
@pytest.mark.parametrize("cause", ["photo", "words", "order"])
def test_a_learner_without_a_cause_of_choices_is_significantly_worse(
    execute, home, task, cause
) -> None:
    """Not without order where ratings are asked: they have no memory, and must not change.

    Ratings are compared as expectations: whole stars hide what moves one by less than half a star.
    """

    def run(model: str):
        return execute(RunSpec(model, task, "sim-s", settings={"answer": "mean"}), home)

    whole, without = run("true-attribute-counts"), run(f"true-attribute-counts:no-{cause}")
    (row,) = compare_runs(whole, without, home=home, metrics=(TASKS[task],)).metrics
    if (task, cause) == ("preference", "order"):
        assert row.difference == pytest.approx(0, abs=1e-9)
    else:
        assert row.p_adjusted < 0.05
        assert row.better == "a"
