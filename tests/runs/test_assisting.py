"""Under a launcher one process does what is asked; the others help models to fit."""

from __future__ import annotations

from typing import Any

import pytest

from benchmark import cli as command_line
from benchmark.host import processes as started
from benchmark.host.home import Home
from benchmark.models.building import configure
from benchmark.runs.fitting import fit_or_load


def test_another_process_of_run_assists_and_prints_nothing(tmp_path, sim_xs, monkeypatch, capsys):
    model = tmp_path / "team.py"
    model.write_text(
        "from pathlib import Path\n"
        "class Team:\n"
        "    tasks = frozenset({'search'})\n"
        "    def fit(self, data, *, seed): raise RuntimeError('the main process fits')\n"
        "    def assist(self, data, *, seed):\n"
        "        Path(__file__).with_name('seen').write_text(f'{data.name} {seed}')\n"
        "    def predict(self, instances): raise RuntimeError\n"
        "    def save(self, folder): raise RuntimeError\n"
        "    def load(self, folder): raise RuntimeError\n"
    )
    home = Home(sim_xs.folder.parents[1])
    told = [{"model": f"{model}:Team", "settings": {}, "data": "sim-xs", "seed": 4}, None]
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(started, "hear", lambda: told.pop(0))
    before = sorted(home.root.rglob("*"))
    asked = ["--model", f"{model}:Team", "--task", "search", "--data", "sim-xs"]
    monkeypatch.setattr("sys.argv", ["unimp-bench", "run", *asked, "--home", str(home.root)])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert not ended.value.code
    assert (tmp_path / "seen").read_text() == "sim-xs 4"
    assert not told
    assert sorted(home.root.rglob("*")) == before
    assert capsys.readouterr().out == ""


def test_fitting_calls_the_others_only_where_the_model_can_use_them(tmp_path, sim_xs, monkeypatch):
    told: list[Any] = []
    monkeypatch.setattr(started, "tell", told.append)
    source = (
        "class Team:\n"
        "    tasks = frozenset({'search'})\n"
        "    def fit(self, data, *, seed): pass\n"
        "    def predict(self, instances): return []\n"
        "    def save(self, folder): (folder / 'x').write_text('x')\n"
        "    def load(self, folder): pass\n"
    )
    alone, team = tmp_path / "alone.py", tmp_path / "team.py"
    alone.write_text(source)
    team.write_text(source + "    def assist(self, data, *, seed): pass\n")
    for file in (alone, team):
        fit_or_load(configure(f"{file}:Team", {}), sim_xs, 4, Home(tmp_path / "home"))
    assert told == [{"model": f"{team}:Team", "settings": {}, "data": "sim-xs", "seed": 4}]


def test_other_commands_refuse_to_run_in_several_processes(monkeypatch, cli):
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setenv("LOCAL_RANK", "0")
    status, _, err = cli("doctor")
    assert status == 2
    assert "'doctor' was started in 3 processes" in err
