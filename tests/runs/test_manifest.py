"""The manifest: whole for a run of today, checked, and readable as earlier versions wrote it."""

from __future__ import annotations

import json
from typing import get_type_hints

import pytest

from benchmark.errors import BenchError, UsageError
from benchmark.runs.fitting import fit_folder
from benchmark.runs.manifest import MANIFEST, Manifest, role_of
from benchmark.runs.spec import RunSpec
from benchmark.runs.store import load_run

SCORES = {"HR@5": {"value": 0.5, "low": 0.4, "high": 0.6, "n": 90, "users": 90}}


def test_a_run_writes_every_field_and_no_other(execute, odd_model, run_home, monkeypatch) -> None:
    monkeypatch.setattr("benchmark.host.energy.find_meter", lambda: None)
    run = execute(RunSpec(odd_model, "search", "sim-xs", limit=3), run_home)
    elsewhere = {"tuning", "energy", "submission"}
    assert set(run.manifest) == set(get_type_hints(Manifest)) - elsewhere
    assert run.manifest["role"] == "outside"


def test_the_fit_behind_a_run_is_found_by_its_key(execute, odd_model, run_home) -> None:
    specs = [RunSpec(odd_model, "search", "sim-xs", limit=3, seed=seed) for seed in (0, 1)]
    runs = [execute(spec, run_home) for spec in specs]
    folders = [fit_folder(run.manifest["fit_key"], run_home) for run in runs]
    seeds = [json.loads((folder / "fitted.json").read_text())["seed"] for folder in folders]
    assert seeds == [0, 1]
    assert fit_folder("no such key", run_home) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("seed", "0"), ("settings", []), ("limit", 1.5), ("tuning", {"trials": 3}), ("role", "king")],
)
def test_a_field_of_another_type_is_refused_by_name(leave_run, tmp_path, field, value) -> None:
    with pytest.raises(BenchError, match=rf"is no manifest of a run \({field}"):
        leave_run(tmp_path / "run", SCORES, **{field: value})


def test_a_missing_field_is_refused_by_name(leave_run, tmp_path) -> None:
    run = leave_run(tmp_path / "run", SCORES)
    manifest = {key: value for key, value in run.manifest.items() if key != "dataset_sha256"}
    (run.folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BenchError, match="dataset_sha256"):
        load_run(run.folder)


@pytest.mark.parametrize("key", ["value", "n", "low"])
@pytest.mark.parametrize("odd", [None, "0.5", True, float("nan")])
def test_a_score_that_is_no_number_is_refused(leave_run, tmp_path, key, odd) -> None:
    run = leave_run(tmp_path / "run", SCORES)
    scores = {"HR@5": {**SCORES["HR@5"], key: odd}}
    (run.folder / "scores.json").write_text(json.dumps({"scores": scores, "failure_rate": 0.0}))
    with pytest.raises(BenchError, match="holds no scores of a run"):
        load_run(run.folder)


def test_the_role_of_an_earlier_run_is_that_of_its_model(leave_run, tmp_path) -> None:
    asked = {"oracle": {}, "bm25": {}, "nobody": {}, "popularity": {"group": "outside"}}
    runs = [leave_run(tmp_path / name, SCORES, model=name, **more) for name, more in asked.items()]
    roles = [role_of(run.manifest) for run in runs]
    assert roles == ["ceiling", "specialised", "specialised", "outside"]


def test_a_runs_id_shows_limit_and_settings(execute, run_home) -> None:
    def run_id(**more) -> str:
        run = execute(RunSpec("bm25", "search", "sim-xs", **more), run_home)
        return run.folder.name.rpartition("-")[0]

    plain = "bm25_search_sim-xs_seen_seed0"
    assert run_id(limit=4) == f"{plain}_limit4"
    assert run_id(limit=4, settings={"k1": 0.9, "b": 0.5}) == f"{plain}_limit4_b=0.5_k1=0.9"
    assert run_id(limit=4, settings={"k1": 1.2}) == f"{plain}_limit4"  # what it is without
    fields = {"fields": ["category", "title"]}
    assert run_id(limit=4, settings=fields) == f"{plain}_limit4_fields=-category-title"


def test_a_home_may_be_called_as_patterns_are(home_with, sim_xs, execute, tmp_path) -> None:
    home = home_with(tmp_path / "my [home] *?", sim_xs)
    run = execute(RunSpec("popularity", "search", "sim-xs", limit=3), home)
    assert run.folder.is_dir()
    assert next(iter(run.scores.values()))["n"] == 3


def test_a_setting_that_changes_nothing_makes_no_run_of_its_own(execute, run_home) -> None:
    def settings(limit: int, **given) -> dict:
        spec = RunSpec("bm25", "search", "sim-xs", limit=limit, settings=given)
        return execute(spec, run_home).manifest["settings"]

    # The run of bm25 as it is, which a table then finds as such, whoever asked for it first.
    assert settings(5, k1=1.2) == settings(5) == {}
    assert settings(5, k1=0.9, b=0.75) == {"k1": 0.9}


def test_a_long_id_is_cut_to_what_a_file_system_takes() -> None:
    settings = {"path": "/a b/" * 40, "long": "x" * 5000, "k": 3}
    model, data = "m" * 300, "d" * 300
    spec = RunSpec(model, "image-generation", data, "new-domain", "nt", 2**32 - 1, 10**9, settings)
    assert len(spec.slug()) <= 200
    assert set(spec.slug()) <= set("abcdefghijklmnopqrstuvwxyz0123456789.=_-")
    assert spec.slug().endswith("_k=3")  # the longest settings give way to the others


def test_an_id_shows_every_setting_of_many() -> None:
    settings = {f"setting_number_{at}": at for at in range(7)}
    words = RunSpec("sasrec", "recommendation", settings=settings).slug()
    assert [f"setting-number-{at}={at}" in words for at in range(7)] == [True] * 7


def test_another_dataset_than_the_run_names_is_refused(odd_model, sim_xs, run_home) -> None:
    from benchmark.runs.runner import execute

    with pytest.raises(UsageError, match="asks for dataset 'hm', but 'sim-xs' was opened"):
        execute(RunSpec(odd_model, "search", "hm"), sim_xs, run_home)
