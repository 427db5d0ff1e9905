"""A small outside model whose misbehaviour is chosen by an environment variable."""

from __future__ import annotations

from pathlib import Path

import pytest

_MODEL = '''
import json, os, random, time
from benchmark.instances import Ranking


class Odd:
    """Ranks the catalogue in a random order that depends on the seed and the instance."""

    tasks = frozenset({"search", "recommendation"})

    def fit(self, data, *, seed):
        time.sleep(float(os.environ.get("ODD_SLEEP", 0)) * 5)
        if "ODD_COUNT" in os.environ:
            with open(os.environ["ODD_COUNT"], "a") as stream:
                stream.write("fit\\n")
        self.ids, self.seed = list(data.catalogue.ids), seed

    def predict(self, instances):
        time.sleep(float(os.environ.get("ODD_SLEEP", 0)))
        if os.environ.get("ODD") == "raises":
            raise ZeroDivisionError("no such luck")
        if os.environ.get("ODD") == "one too few":
            instances = instances[:-1]
        for instance in instances:
            yield self.answer(instance)
        if os.environ.get("ODD") == "one too many":
            yield self.answer(instances[0])

    def answer(self, instance):
        draw = random.Random(f"{self.seed} {instance.instance_id}")
        ids = [i for i in self.ids if i not in instance.exclude]
        ids = draw.sample(ids, instance.k)
        scores = tuple(float(-i) for i in range(instance.k))
        odd = os.environ.get("ODD")
        if odd == "short":
            ids = ids[:-1]
        elif odd == "unknown":
            ids[0] = "no-such-item"
        elif odd == "repeated":
            ids[1] = ids[0]
        elif odd == "excluded":
            ids[0] = sorted(instance.exclude)[0]
        elif odd == "nan":
            scores = (float("nan"),) * instance.k
        elif odd == "increasing":
            scores = scores[::-1]
        elif odd == "wrong id":
            return Ranking("another", tuple(ids), scores)
        elif odd == "wrong type":
            return "a string"
        elif odd == "strings for scores":
            scores = ("high",) * instance.k
        return Ranking(instance.instance_id, tuple(ids), scores)

    def save(self, folder):
        (folder / "state.json").write_text(json.dumps([self.ids, self.seed]))

    def load(self, folder):
        self.ids, self.seed = json.loads((folder / "state.json").read_text())
'''


@pytest.fixture
def odd_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """``path:Class`` of the outside model; set ODD to make it misbehave."""
    for name in ("ODD", "ODD_SLEEP", "ODD_COUNT"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "odd.py"
    path.write_text(_MODEL)
    return f"{path}:Odd"
