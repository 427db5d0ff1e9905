"""Six users, one system that is always right and one that never is: nothing is proved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmark.host.home import Home
from leaderboards.submission.pack import files_of
from leaderboards.submission.schema import MANIFEST, validate

#: Every user took item 3 last.
SEQUENCES = """\
1 18 46 14 26 17 41 3
2 58 38 40 51 34 23 3
3 16 41 11 34 37 48 3
4 58 10 54 38 27 24 3
5 47 16 30 11 56 55 3
6 51 44 10 34 53 23 3
"""
MODELS = """
import json
from benchmark.instances import Ranking

class Right:
    tasks = frozenset({"recommendation"})
    right = True
    def fit(self, data, *, seed):
        self.ids = [i.item_id for i in data.catalogue if i.item_id != "3"]
    def predict(self, instances):
        for x in instances:
            ids = [*(["3"] if self.right else []), *self.ids]
            ids = [i for i in ids if i not in x.exclude][: x.k]
            yield Ranking(x.instance_id, tuple(ids), (0.0,) * len(ids))
    def save(self, folder):
        (folder / "ids.json").write_text(json.dumps(self.ids))
    def load(self, folder):
        self.ids = json.loads((folder / "ids.json").read_text())

class Wrong(Right):
    right = False
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: Any) -> Path:
    folder: Path = tmp_path_factory.mktemp("six")
    (folder / "six.txt").write_text(SEQUENCES)
    (folder / "models.py").write_text(MODELS)
    return folder


@pytest.fixture
def call(folder: Path, monkeypatch: Any, cli: Any) -> Any:
    def command(*words: str) -> str:
        monkeypatch.chdir(folder)
        monkeypatch.setenv("COLUMNS", "150")
        status, out, err = cli(*words, home=Home(folder / "home"))
        assert status == 0, err
        return str(out)

    return command


def test_run_and_compare_and_a_submission_of_six_users_prove_nothing(
    call: Any, folder: Path
) -> None:
    call("data", "prepare", "sequences", "--raw", "six.txt", "--name", "six")
    asked = ["run", "--data", "six", "--task", "recommendation"]
    asked += ["--model", "models.py:Right", "--model", "models.py:Wrong"]
    for limit in (["--limit", "1"], []):
        results = json.loads(call(*asked, *limit, "--json"))
        assert [r["scores"]["HR@3"]["value"] for r in results] == [1.0, 0.0]
        for result in results:
            for score in result["scores"].values():
                assert (score["low"], score["high"]) == (None, None)
        text = call(*asked, *limit)
        assert "[" not in text
        assert "significant" not in text
        assert "†" not in text
        assert "No interval and no p value below 20 users." in text
    runs = [str(result["run"]) for result in results]
    (row, *_) = json.loads(call("compare", *runs, "--json"))["metrics"]
    assert (row["difference"], row["users"]) == (1.0, 6)
    keys = ("low", "high", "p_value", "p_adjusted", "better")
    assert [row[key] for key in keys] == [None] * 5
    assert "No interval and no p value below 20 users." in call("compare", *runs)
    declaration = {
        "training_data": "Six users.",
        "code": "https://example.org/model",
        "contamination": "None.",
    }
    from benchmark.runs.store import load_run

    manifest = json.loads(files_of([load_run(Path(runs[0]))], declaration)[MANIFEST])
    assert manifest["runs"][0]["scores"]["HR@3"]["low"] is None
    assert validate(manifest)[1] == []
