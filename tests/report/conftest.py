"""A home folder with synthetic runs, and a fixed set of announced models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.host.files import write_json
from benchmark.host.home import Home
from benchmark.metrics import ranking
from benchmark.models.registered import ModelEntry
from benchmark.report import side_by_side
from benchmark.report.filling import answers
from benchmark.runs.store import StoredRun
from benchmark.stats import summarise
from benchmark.tasks import TASKS

RANKED = ("recommendation", "search")
MODELS = (
    ModelEntry(
        "random",
        "nowhere:Random",
        (*RANKED, "selection"),
        "trivial",
        role="trivial",
        cost=0,
        blind=("",),
    ),
    ModelEntry(
        "popularity",
        "nowhere:Popularity",
        RANKED,
        "trivial",
        role="trivial",
        cost=0,
        blind=("",),
    ),
    ModelEntry("bm25", "nowhere:BM25", ("search",), "search", paper_name="BM25", cost=2),
    ModelEntry(
        "oracle",
        "nowhere:Oracle",
        (*RANKED, "preference", "selection"),
        "oracle",
        role="ceiling",
        cost=1,
    ),
    ModelEntry(
        "informed",
        "nowhere:Informed",
        (*RANKED, "preference", "selection"),
        "oracle",
        role="ceiling",
        cost=4,
        learnable=True,
    ),
    ModelEntry(
        "unimp",
        "nowhere:UniMP",
        RANKED,
        "unimp",
        role="generalist",
        cost=9,
        paper_name="UniMP",
        variants={"no-vision": {}},
    ),
    ModelEntry(
        "sasrec",
        "nowhere:SASRec",
        ("recommendation",),
        "recbole",
        requires=("a_package_nobody_has",),
        extra="recbole",
    ),
)


@dataclass(frozen=True)
class Shelf:
    """Writes run and dataset folders as the harness leaves them."""

    home: Home
    leave_run: Callable[..., StoredRun]

    def dataset(self, name: str, *, sha256: str = "d0", **changes: Any) -> None:
        info = {
            "name": name,
            "source": "made-up",
            "sha256": sha256,
            "simulated": name.startswith("sim-"),
            "statistics": {"users": 100, "items": 50, "interactions": 1000},
            "tasks": {task: {"test-seen": 10} for task in RANKED},
            "tasks_absent": {},
        }
        write_json(self.home.datasets / name / "dataset.json", {**info, **changes})

    def ranked(
        self,
        model: str,
        *,
        task: str = "search",
        chance: float,
        draw: int | None = None,
        users: int = 120,
        **changes: Any,
    ) -> StoredRun:
        """A run that finds each target with probability ``chance``, at a random rank.

        Asked are two instances of each of ``users``. Runs of the same ``draw`` (by default each
        model has its own) find the same ones.
        """
        answers = 2 * users
        luck = sum(model.encode()) if draw is None else draw
        rng = np.random.default_rng([luck, changes.get("seed", 0), int(chance * 1000)])
        target = np.arange(answers)[:, None]
        predicted = 1000 + np.tile(np.arange(10), (answers, 1))
        found = np.flatnonzero(rng.random(answers) < chance)
        predicted[found, rng.integers(0, 10, len(found))] = target[found, 0]
        metrics, statistics = ranking.score(predicted, target, metrics=TASKS.get(task).metrics)
        owners = [f"u{i % users}" for i in range(answers)]
        scores = {name: asdict(s) for name, s in summarise(metrics, statistics, owners).items()}
        values = {name: rows[:, 0] for name, rows in statistics.items()}
        return self.scored(model, scores, task=task, statistics=values, users=owners, **changes)

    def scored(
        self,
        model: str,
        scores: Mapping[str, Mapping[str, float]],
        *,
        task: str,
        **changes: Any,
    ) -> StoredRun:
        """A run with these scores; no per-instance table unless ``statistics`` are given."""
        name, _, variant = model.partition(":")
        number = len(list(self.home.runs.iterdir())) if self.home.runs.is_dir() else 0
        told = {
            "run_id": f"run{number:03d}",
            "model": name,
            "variant": variant or None,
            "group": next((entry.group for entry in MODELS if entry.name == name), "outside"),
            "role": next((entry.role for entry in MODELS if entry.name == name), "outside"),
            "task": task,
            "task_version": TASKS.get(task).version,
            "data": "sim-s",
            "simulated": changes.get("data", "sim-s").startswith("sim-"),
            "created": f"2025-01-01T00:00:{number:02d}+00:00",
            "command": "unimp-bench run",
        }
        folder = self.home.runs / f"run{number:03d}"
        return self.leave_run(folder, scores, **{**told, **changes})


@pytest.fixture
def shelf(tmp_path: Path, leave_run: Callable[..., StoredRun]) -> Shelf:
    return Shelf(Home(tmp_path), leave_run)


@pytest.fixture(scope="module")
def new_shelf(
    tmp_path_factory: pytest.TempPathFactory, leave_run: Callable[..., StoredRun]
) -> Callable[[], Shelf]:
    """``new_shelf()``: an empty one, for what tests of a module share and do not change."""
    return lambda: Shelf(Home(tmp_path_factory.mktemp("shelf")), leave_run)


@pytest.fixture(scope="module", autouse=True)
def _announced() -> Iterator[None]:
    announced = {entry.name: entry for entry in MODELS}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answers, "entries", lambda: announced)
        patch.setattr(side_by_side, "entries", lambda: announced)
        yield
