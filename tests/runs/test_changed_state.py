"""A stored fit or a dataset whose files changed is refused; --force and --refit fit anew."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import polars as pl
import pytest

from benchmark.errors import BenchError
from benchmark.host.home import Home
from benchmark.runs.spec import RunSpec


def spec_of(model: str, task: str = "search", **changes) -> RunSpec:
    return RunSpec(model, task, data="sim-xs", **changes)


@pytest.fixture
def own_home(sim_xs, tmp_path: Path) -> Home:
    """A home with a copy of sim-xs that may be damaged."""
    home = Home(tmp_path / "own")
    ignore = shutil.ignore_patterns("features")
    shutil.copytree(sim_xs.folder, home.datasets / "sim-xs", ignore=ignore)
    return home


def _replace_an_item(folder: Path) -> str:
    items = pl.read_parquet(folder / "items.parquet")
    items.with_columns(title=pl.lit("another thing")).write_parquet(folder / "items.parquet")
    return "items.parquet"


def _halve_interactions(folder: Path) -> str:
    rows = pl.read_parquet(folder / "interactions.parquet")
    rows.head(len(rows) // 2).write_parquet(folder / "interactions.parquet")
    return "interactions.parquet"


def _replace_a_photo(folder: Path) -> str:
    first, second = sorted((folder / "images").iterdir())[:2]
    shutil.copyfile(second, first)
    return f"images/{first.name}"


def _replace_a_perturbation(folder: Path) -> str:
    table = pl.read_parquet(folder / "perturbations" / "nv.parquet")
    table.head(1).write_parquet(folder / "perturbations" / "nv.parquet")
    return "perturbations/nv.parquet"


@pytest.mark.parametrize(
    "damage", [_replace_an_item, _halve_interactions, _replace_a_photo, _replace_a_perturbation]
)
def test_a_changed_dataset_is_refused_before_a_fit_and_before_predicting(
    execute, odd_model, own_home: Home, damage
) -> None:
    execute(spec_of(odd_model), own_home)
    name = damage(own_home.datasets / "sim-xs")
    for spec in (spec_of(odd_model, "recommendation"), spec_of(odd_model, seed=1)):
        with pytest.raises(BenchError, match=f"{name} of dataset 'sim-xs' is not as") as raised:
            execute(spec, own_home)
        assert "data prepare" in str(raised.value)


def test_touched_files_are_accepted(execute, odd_model, own_home: Home) -> None:
    execute(spec_of(odd_model), own_home)
    for path in own_home.root.rglob("*.*"):
        os.utime(path, (1, 1))
    execute(spec_of(odd_model, "recommendation"), own_home)


def test_a_dataset_that_cannot_be_written_is_checked_too(
    execute, odd_model, own_home: Home
) -> None:
    folder = own_home.datasets / "sim-xs"
    before = sorted(folder.rglob("*"))
    execute(spec_of(odd_model), own_home)
    assert sorted(folder.rglob("*")) == before  # stamps lie elsewhere


def test_half_of_an_index_negated_is_refused_and_refitting_mends_it(
    execute, run_home, tmp_path
) -> None:
    import numpy as np

    path = tmp_path / "weighing.py"
    path.write_text(WEIGHING)
    spec = spec_of(f"{path}:Weighing")
    first = execute(spec, run_home)
    (weights,) = run_home.fitted.glob("*/state/weights.npy")
    array = np.load(weights)
    array[: len(array) // 2] *= -1
    np.save(weights, array)
    with pytest.raises(BenchError, match=r"'weights.npy' of the fit in .* not as it was") as raised:
        execute(spec_of(f"{path}:Weighing", "recommendation"), run_home)
    assert "--refit" in str(raised.value)
    again = execute(spec, run_home, force=True)
    assert again.scores == first.scores
    execute(spec_of(f"{path}:Weighing", "recommendation"), run_home)


def test_a_lost_state_file_is_refused(execute, odd_model, run_home: Home) -> None:
    execute(spec_of(odd_model), run_home)
    (state,) = run_home.fitted.glob("*/state/state.json")
    state.unlink()
    with pytest.raises(BenchError, match=r"'state.json' of the fit"):
        execute(spec_of(odd_model, "recommendation"), run_home)


@pytest.mark.parametrize("flag", ["--force", "--refit"])
def test_a_forced_command_fits_once_for_all_its_tasks(
    cli, odd_model, run_home: Home, monkeypatch, tmp_path: Path, flag: str
) -> None:
    count = tmp_path / "count"
    monkeypatch.setenv("ODD_COUNT", str(count))
    command = ["run", "--model", odd_model, "--data", "sim-xs", "--json"]
    command += ["--task", "search", "--task", "recommendation"]
    for more, fits, reused in (([], 1, 0), ([], 1, 2), ([flag], 2, 0)):
        status, out, err = cli(*command, *more, home=run_home)
        assert status == 0, err
        assert len(json.loads(out)) == 2
        assert count.read_text() == fits * "fit\n"
        assert err.count("the stored run is used") == reused


WEIGHING = """
import numpy as np
from benchmark.instances import Ranking
class Weighing:
    tasks = frozenset({"search", "recommendation"})
    def fit(self, data, *, seed):
        self.ids = np.array(data.catalogue.ids)
        self.weights = np.arange(1.0, len(self.ids) + 1)
    def predict(self, instances):
        order = np.argsort(-self.weights)
        for x in instances:
            ok = [i for i in order if self.ids[i] not in x.exclude][:x.k]
            scores = tuple(float(self.weights[i]) for i in ok)
            yield Ranking(x.instance_id, tuple(str(self.ids[i]) for i in ok), scores)
    def save(self, folder):
        np.save(folder / "weights.npy", self.weights)
        np.save(folder / "ids.npy", self.ids)
    def load(self, folder):
        self.weights, self.ids = np.load(folder / "weights.npy"), np.load(folder / "ids.npy")
"""
