"""A task that the benchmark does not know: what it takes to be prepared, run and scored."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import polars as pl
import pytest

from benchmark.data.instances.tasks import DATA_TASKS
from benchmark.host.home import Home
from benchmark.tasks import TASKS

#: How will the user rate an item of which only the query is known? The places that a task
#: touches (docs/add-a-task.md), in one file.
_TASK = """
from dataclasses import dataclass

from benchmark.data.instances.tasks import QUERY, RATING, DataTask
from benchmark.instances import History
from benchmark.predictions import Rating
from benchmark.tasks import Task


@dataclass(frozen=True, slots=True)
class BlindInstance:
    instance_id: str
    user_id: str
    history: History
    query: str
    scale: tuple[float, float]


TASK = Task(
    name="blind-rating",
    version=1,
    summary="history and a category query -> the rating of the item behind it",
    metrics=("MAE", "RMSE"),
    primary="MAE",
    prediction=Rating,
    scorer="benchmark.metrics.rating:score",
    needs="ratings, and items with a category path of at least two levels",
    prompt=lambda instance: [f"{instance.query} How will the user rate it?"],
    check=lambda instance, prediction, known: None,
)
DATA_TASK = DataTask(
    name="blind-rating",
    shows=("query",),
    target="target_rating",
    instance=lambda row: BlindInstance(**row.common, query=row.query, scale=row.rating_scale),
    needs=(QUERY, RATING),
)
"""
_MODEL = '''
from benchmark.predictions import Rating


class Mean:
    """Answers the mean rating of its training examples."""

    tasks = frozenset({"blind-rating"})

    def fit(self, data, *, seed):
        targets = [example.target for example in data.examples("blind-rating")]
        self.mean = sum(targets) / len(targets)

    def predict(self, instances):
        for instance in instances:
            assert instance.query and len(instance.history)
            yield Rating(instance.instance_id, self.mean)

    def save(self, folder): (folder / "mean").write_text(repr(self.mean))

    def load(self, folder): self.mean = float((folder / "mean").read_text())
'''


@pytest.fixture
def command(cli, tmp_path, monkeypatch):
    """Run ``unimp-bench`` with the seventh task registered."""
    (tmp_path / "blind_rating.py").write_text(_TASK)
    (tmp_path / "mean_model.py").write_text(_MODEL)
    monkeypatch.chdir(tmp_path)
    spec = importlib.util.spec_from_file_location("blind_rating", tmp_path / "blind_rating.py")
    seventh = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "blind_rating", seventh)
    spec.loader.exec_module(seventh)

    def call(*arguments: str) -> str:
        status, out, err = cli(*arguments, home=Home(tmp_path / "home"))
        assert status == 0, err
        return out

    with (
        TASKS.added("blind-rating", seventh.TASK),
        DATA_TASKS.added("blind-rating", seventh.DATA_TASK),
    ):
        yield call


def test_a_seventh_task_is_prepared_run_and_scored_with_no_file_of_ours_changed(
    command, tmp_path: Path
) -> None:
    info = json.loads(command("data", "prepare", "sim", "--set", "size=xs", "--json"))
    assert info["tasks"]["blind-rating"]["test-seen"] > 0
    frozen = pl.read_parquet(
        tmp_path / "home" / "datasets" / "sim-xs" / "tasks" / "blind-rating" / "test-seen.parquet"
    )
    assert frozen.columns[-2:] == ["query", "target_rating"]
    assert len(frozen) == info["tasks"]["blind-rating"]["test-seen"]
    model = f"{tmp_path / 'mean_model.py'}:Mean"
    command("run", "--data", "sim-xs", "--task", "blind-rating", "--model", model)
    (scores,) = (tmp_path / "home" / "runs").glob("*/scores.json")
    targets = frozen["target_rating"]
    predicted = pl.read_parquet(scores.with_name("predictions.parquet"))["value"]
    expected = (predicted - targets).abs().mean()
    assert json.loads(scores.read_text())["scores"]["MAE"]["value"] == pytest.approx(expected)


def test_a_dataset_that_lacks_what_a_seventh_task_needs_says_so(command, tmp_path: Path) -> None:
    (tmp_path / "events.txt").write_text("a 1 2 3 4\nb 2 3 4 1\n")
    info = json.loads(command("data", "prepare", "sequences", "--raw", "events.txt", "--json"))
    assert info["tasks_absent"]["blind-rating"] == (
        "no item has a category path of at least two levels"
    )


def test_every_task_has_its_data_side_under_the_same_name() -> None:
    assert set(DATA_TASKS) == set(TASKS)
    assert all(DATA_TASKS.get(name).name == name for name in TASKS)
    assert all(TASKS.get(name).name == name for name in TASKS)
