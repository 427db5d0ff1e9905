"""The model of docs/add-a-model.md: short, verbatim, and it runs both ways."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import re
import sys
from pathlib import Path

import pytest

from benchmark.errors import UsageError
from benchmark.model import Model
from benchmark.models.registered import entries, find
from benchmark.tasks import TASKS

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "add-a-model.md"
EXAMPLE = ROOT / "docs" / "examples" / "last_category.py"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The example as an installed distribution with the guide's entry point."""
    (tmp_path / "last_category.py").write_text(EXAMPLE.read_text())
    metadata = tmp_path / "outside-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
    guide = GUIDE.read_text()
    (group, line) = re.search(
        r'```toml\n\[project\.entry-points\."([^"]+)"\]\n(.+?)\n```', guide
    ).groups()
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{line.replace(chr(34), '')}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("last_category", None)


def test_the_guide_shows_the_example_file_verbatim():
    (code, *_) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL)
    assert code == EXAMPLE.read_text()


def test_the_example_is_under_40_lines():
    assert len(EXAMPLE.read_text().splitlines()) < 40


def test_a_class_in_a_file_is_found_by_its_path():
    entry, variant = find(f"{EXAMPLE}:LastCategory")
    assert variant is None
    assert entry.tasks == ("recommendation",)
    assert isinstance(entry.load()(), Model)


@pytest.mark.parametrize("task", TASKS)
def test_instances_can_be_sent_to_other_processes_and_copied(sim_xs, task):
    """As joblib and multiprocessing send them; whether it is answered there is up to a model."""
    for instance in sim_xs.instances(task, limit=2):
        assert pickle.loads(pickle.dumps(instance)) == instance
        assert copy.deepcopy(instance) == instance
        assert dataclasses.asdict(instance)["instance_id"] == instance.instance_id


def test_an_entry_point_is_listed_and_found_by_its_name(installed):
    assert entries()["last-category"].tasks == ("recommendation",)
    entry, _ = find("last-category")
    assert isinstance(entry.load()(), Model)


def test_a_misspelt_class_names_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'LastCategory'"):
        find(f"{EXAMPLE}:LastCategorie")


def test_the_example_answers_well_formed_rankings(sim_xs, tmp_path):
    entry, _ = find(f"{EXAMPLE}:LastCategory")
    fitted, loaded = entry.load()(), entry.load()()
    fitted.fit(sim_xs.training_view(), seed=0)
    fitted.save(tmp_path)
    loaded.load(tmp_path)
    instances = sim_xs.instances("recommendation")[:]
    answers = list(loaded.predict(instances))
    known = sim_xs.catalogue().index.__contains__
    task = TASKS.get("recommendation")
    for instance, answer in zip(instances, answers, strict=True):
        assert task.problem(instance, answer, known) is None
        first = sim_xs.catalogue().by_id(answer.items[0])
        assert first.category == instance.history.items[-1].category


def _run(model, cli, home):
    command = ["run", "--model", model, "--json", "--task", "recommendation", "--data", "sim-xs"]
    status, out, err = cli(*command, home=home)
    assert status == 0, err
    return json.loads(out)


def test_the_example_runs_through_its_path(sim_xs, cli, home):
    result = _run(f"{EXAMPLE}:LastCategory", cli, home)
    assert result["failure_rate"] == 0
    assert 0 < result["scores"]["HR@10"]["value"] <= 1


def test_the_example_runs_through_its_entry_point(installed, sim_xs, cli, home):
    result = _run("last-category", cli, home)
    assert result["model"] == "last-category"
    assert result["failure_rate"] == 0
