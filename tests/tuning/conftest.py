"""An outside model whose validation value follows from its settings, and a home to search in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.host.home import Home
from benchmark.runs.tuned import Search

_MODEL = '''
import json, os, random, time
from collections import Counter
from typing import Literal

from pydantic import BaseModel
from benchmark.instances import Ranking


class Knobs(BaseModel):
    rate: float = 0.5
    size: int = 4
    mode: Literal["plain", "broken", "forbidden", "short"] = "plain"
    words: tuple[str, ...] = ("a",)


class Knob:
    """Counts plus noise: the larger ``rate``, the more the counts decide."""

    tasks = frozenset({"search"})
    Config = Knobs

    def __init__(self, config):
        self.config = config

    def fit(self, data, *, seed):
        time.sleep(float(os.environ.get("KNOB_SLEEP", 0)))
        if "KNOB_COUNT" in os.environ:
            with open(os.environ["KNOB_COUNT"], "a") as stream:
                stream.write("fit\\n")
        if self.config.mode == "broken":
            raise ZeroDivisionError("no such luck")
        if self.config.mode == "forbidden":
            raise PermissionError(13, "Permission denied", "/weights")
        counts = Counter(data.interactions()["item_id"])
        draw = random.Random(seed)
        self.scores = {
            i: self.config.rate * counts[i] + self.config.size * draw.random()
            for i in data.catalogue.ids
        }

    def predict(self, instances):
        for instance in instances:
            ids = [i for i in self.scores if i not in instance.exclude]
            ids = sorted(ids, key=lambda i: (-self.scores[i], i))[: instance.k]
            if self.config.mode == "short":
                ids = ids[:-1]
            yield Ranking(instance.instance_id, tuple(ids), tuple(self.scores[i] for i in ids))

    def save(self, folder):
        (folder / "scores.json").write_text(json.dumps(self.scores))

    def load(self, folder):
        self.scores = json.loads((folder / "scores.json").read_text())
'''

_SPACE = """
rate = { low = 0.01, high = 10.0, log = true }
size = { low = 1, high = 8 }
"""


@pytest.fixture(scope="session")
def write_knob() -> Callable[[Path], tuple[str, Path]]:
    """Puts the model and a search space into a folder: ``path:Class``, and the space's file."""

    def write(folder: Path) -> tuple[str, Path]:
        (folder / "knob.py").write_text(_MODEL)
        (folder / "space.toml").write_text(_SPACE)
        return f"{folder / 'knob.py'}:Knob", folder / "space.toml"

    return write


@pytest.fixture
def knob(write_knob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """``path:Class`` of the model."""
    for name in ("KNOB_SLEEP", "KNOB_COUNT"):
        monkeypatch.delenv(name, raising=False)
    return write_knob(tmp_path)[0]


@pytest.fixture
def space(write_knob, tmp_path: Path) -> Path:
    """A search space for it."""
    return write_knob(tmp_path)[1]


@pytest.fixture
def place(run_home: Home) -> Home:
    """A home of its own, sharing the session's prepared sim-xs."""
    return run_home


@pytest.fixture
def outcomes() -> Callable[[Search], list[tuple]]:
    """Everything about the trials of a search but their seconds."""

    def all_but_seconds(search: Search) -> list[tuple]:
        return [
            (t.number, dict(t.settings), t.value, t.problem, t.failure_rate, t.same_as)
            for t in search.trials
        ]

    return all_but_seconds


@pytest.fixture
def elsewhere(home_with, sim_xs, tmp_path: Path) -> Home:
    """Another home with the same dataset."""
    return home_with(tmp_path / "elsewhere", sim_xs)
