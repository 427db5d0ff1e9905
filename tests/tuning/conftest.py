"""An outside model whose validation value follows from its settings, and a home to search in."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.home import Home

_MODEL = '''
import json, os, random, time
from collections import Counter
from typing import Literal

from pydantic import BaseModel
from benchmark.instances import Ranking


class Knobs(BaseModel):
    rate: float = 0.5
    size: int = 4
    mode: Literal["plain", "broken", "short"] = "plain"
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

SPACE = """
rate = { low = 0.01, high = 10.0, log = true }
size = { low = 1, high = 8 }
"""


@pytest.fixture
def knob(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """``path:Class`` of the model."""
    for name in ("KNOB_SLEEP", "KNOB_COUNT"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "knob.py"
    path.write_text(_MODEL)
    return f"{path}:Knob"


@pytest.fixture
def space(tmp_path: Path) -> Path:
    """A search space for it."""
    path = tmp_path / "space.toml"
    path.write_text(SPACE)
    return path


@pytest.fixture
def place(sim_xs, tmp_path: Path) -> Home:
    """A home of its own, sharing the session's prepared sim-xs."""
    home = Home(tmp_path / "home")
    home.datasets.mkdir(parents=True)
    (home.datasets / "sim-xs").symlink_to(sim_xs.folder, target_is_directory=True)
    return home
