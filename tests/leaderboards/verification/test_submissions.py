"""A good submission passes for every task, whole and reproducible."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from scipy.stats import binom

from benchmark.errors import BenchError
from benchmark.host.home import Home
from benchmark.runs.spec import RunSpec
from benchmark.tasks import TASKS
from leaderboards.submission.pack import files_of, write_submission
from leaderboards.submission.schema import MANIFEST
from leaderboards.verification.reproducing import AGREEMENT, FEWEST, sample

DECLARATION = {
    "training_data": "The training part, and fewer than 3 other things; 100 % of it.",
    "code": "https://example.org/model?at=v1#readme",
    "contamination": "Keine: von Grund auf gelernt (無し).",
    "contact": "somebody@example.org",
}


@pytest.mark.parametrize("task", list(TASKS))
def test_a_good_submission_is_accepted_and_scored_again(forge, stored, task) -> None:
    result = forge.verify(forge.archive(forge.packed(task)))
    assert result.problems == []
    # No encoder in these tests: a machine without one cannot claim a BERTScore.
    told = ["metric-missing"] if task == "explanation" else []
    assert [warning.code for warning in result.warnings] == told
    assert result.badge == "re-scored"
    (scores,) = result.scores.values()
    assert {name: score["value"] for name, score in scores.items()} == pytest.approx(
        {name: score["value"] for name, score in stored(task).scores.items()}, abs=1e-12
    )


def test_energy_that_was_measured_is_carried_along(forge, stored) -> None:
    run = stored("search")
    measured = {
        "fit_kwh": 0.002,
        "fit_co2_kg": 0.001,
        "country": "DEU",
        "meter": "codecarbon 3.3.2",
    }
    manifest = {**run.manifest, "energy": measured}
    files = files_of([replace(run, manifest=manifest)], DECLARATION)
    assert json.loads(files[MANIFEST])["runs"][0]["energy"] == measured
    result = forge.verify(forge.archive(files))
    assert result.accepted, result.problems


def test_all_tasks_of_a_model_make_one_submission(execute, data_home, tmp_path, forge) -> None:
    tasks = ("search", "recommendation")
    runs = [
        execute(RunSpec("random", task, "sim-xs", seed=seed), data_home)
        for task in tasks
        for seed in (0, 1)
    ]
    out = tmp_path / "random"
    declaration = {**DECLARATION, "code": "baselines/trivial/random.py"}
    write_submission(files_of(runs, declaration, description="By chance."), out)
    assert sorted(path.name for path in out.iterdir()) == ["runs", MANIFEST]
    result = forge.verify(out, strict=True)
    assert result.accepted, result.problems
    assert len(result.scores) == 4


def test_without_the_dataset_a_submission_is_reported_only(forge, tmp_path) -> None:
    forge.home = Home(tmp_path / "empty")
    path = forge.archive(forge.packed("search"))
    result = forge.verify(path)
    assert (result.accepted, result.badge, result.scores) == (True, "reported", {})
    assert [warning.code for warning in result.warnings] == ["dataset-absent"]
    assert "sim-xs" in result.warnings[0].message
    assert not forge.verify(path, strict=True).accepted


def test_nothing_is_scored_over_a_dataset_that_changed(forge, sim_xs, tmp_path) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(sim_xs.folder, home.datasets / "sim-xs")
    items = home.datasets / "sim-xs" / "items.parquet"
    pl.read_parquet(items).reverse().write_parquet(items)
    result = forge.verify(forge.archive(forge.packed("search")), home=home)
    assert result.badge == "reported"
    assert [warning.code for warning in result.warnings] == ["dataset-damaged"]


def test_the_dataset_is_found_under_another_name(forge, home_with, sim_xs, tmp_path) -> None:
    forge.home = home_with(tmp_path / "renamed", sim_xs, name="mine")
    result = forge.verify(forge.archive(forge.packed("search")))
    assert result.badge == "re-scored"
    assert [warning.code for warning in result.warnings] == ["dataset-name"]


def test_a_package_that_scoring_needs_and_lacks_is_a_warning(forge, monkeypatch) -> None:
    import sys

    path = forge.archive(forge.packed("explanation"))
    monkeypatch.setitem(sys.modules, "rouge_score.rouge_scorer", None)
    result = forge.verify(path)
    assert [warning.code for warning in result.warnings] == ["metric-missing", "not-rescored"]
    assert result.badge == "reported"


def test_rows_in_another_order_are_the_same_answers(forge) -> None:
    assert forge.verify(forge.rows(lambda rows: rows.reverse()), strict=True).accepted


def test_the_oracles_privilege_is_told(execute, data_home, forge) -> None:
    run = execute(RunSpec("oracle", "preference", "sim-xs"), data_home)
    result = forge.verify(forge.archive(files_of([run], DECLARATION)))
    assert [warning.code for warning in result.warnings] == ["privileged-data"]


def test_a_tuned_run_says_how_many_trials_chose_its_settings(forge, stored) -> None:
    run = stored("search")
    tuning = {"trials": 20, "metric": "NDCG@5", "value": 0.25, "id": "of-this-machine"}
    files = files_of([replace(run, manifest={**run.manifest, "tuning": tuning})], DECLARATION)
    (entry,) = json.loads(files[MANIFEST])["runs"]
    assert entry["tuning"] == {"trials": 20, "metric": "NDCG@5", "value": 0.25}
    assert forge.verify(forge.archive(files)).accepted


def test_failed_answers_are_accepted_with_a_warning(forge, odd_run) -> None:
    result = forge.verify(forge.archive(files_of([odd_run], DECLARATION)))
    assert result.accepted, result.problems
    assert [warning.code for warning in result.warnings] == ["failed-predictions"]


@pytest.fixture
def odd_run(execute, data_home, tmp_path):
    """A model that answers nothing at every second instance."""
    path = tmp_path / "odd.py"
    path.write_text(
        "from benchmark.instances import Rating\n"
        "class Odd:\n"
        "    tasks = frozenset({'preference'})\n"
        "    def fit(self, data, *, seed): pass\n"
        "    def predict(self, instances):\n"
        "        for n, i in enumerate(instances):\n"
        "            yield Rating(i.instance_id, 3.0 if n % 2 else 99.0)\n"
        "    def save(self, folder): pass\n"
        "    def load(self, folder): pass\n"
    )
    return execute(RunSpec(f"{path}:Odd", "preference", "sim-xs"), data_home)


def test_a_rerun_that_agrees_earns_the_last_badge(forge) -> None:
    path = forge.archive(forge.packed("search"))
    assert forge.verify(path, reproduce="random").badge == "reproduced"
    other = forge.verify(path, reproduce="popularity")
    assert [problem.code for problem in other.problems] == ["not-reproduced"]
    assert "108 of 108" in other.problems[0].message


@pytest.mark.parametrize("task", ["preference", "explanation", "selection", "image-generation"])
def test_every_kind_of_answer_can_be_reproduced(forge, task) -> None:
    model = {
        "preference": "mean-rating",
        "explanation": "template",
        "selection": "select-all",
        "image-generation": "random-photo",
    }[task]
    assert forge.verify(forge.archive(forge.packed(task)), reproduce=model).badge == "reproduced"


def test_a_model_that_cannot_answer_reproduces_nothing(forge) -> None:
    with pytest.raises(BenchError, match="'bm25' does not answer 'preference'"):
        forge.verify(forge.archive(forge.packed("preference")), reproduce="bm25")


def test_the_sample_is_a_twentieth_at_least_two_hundred_and_seeded() -> None:
    rows = sample(10_000, 1)
    assert len(rows) == len(set(rows)) == 500
    assert rows == sorted(rows) == sample(10_000, 1) != sample(10_000, 2)
    assert len(sample(1_000, 1)) == 200
    assert sample(3, 1) == [0, 1, 2]


def test_a_fifth_of_forged_answers_is_found_but_once_in_many_thousands() -> None:
    """What the sample of 200 leaves to chance, counted and computed."""
    allowed = int(FEWEST * (1 - AGREEMENT))
    assert binom.cdf(allowed, FEWEST, 0.2) < 1e-14
    assert binom.cdf(allowed, FEWEST, 0.05) < 0.003
    forged = set(range(720))
    missed = [len(forged.intersection(sample(3_600, seed))) <= allowed for seed in range(2_000)]
    assert not any(missed)


def test_forged_answers_are_not_reproduced_whichever_are_asked(forge) -> None:
    def forged(rows: list[dict[str, Any]]) -> None:
        for row in rows[::5]:
            row["items"] = [row["items"][-1], *row["items"][:-1]]

    result = forge.verify(forge.rows(forged), reproduce="random")
    assert "not-reproduced" in [problem.code for problem in result.problems]
    (found,) = result.reproductions
    assert found.sampled == 108
    assert found.same == 108 - 22


def _unattached(manifest) -> None:
    manifest["runs"][0]["attachments"] = []


def test_a_ceiling_that_names_no_attachment_is_refused(execute, data_home, forge) -> None:
    run = execute(RunSpec("oracle", "preference", "sim-xs"), data_home)
    path = forge.edited(files_of([run], DECLARATION), _unattached)
    forge.rejected(path, "attachments-differ", "oracle opens attachments")


PEEKING = """
from benchmark.predictions import Rating

class Peeking:
    tasks = frozenset({"preference"})
    def fit(self, data, *, seed):
        self.size = len(data.attachment("truth.safetensors").read_bytes())
    def predict(self, instances):
        return (Rating(each.instance_id, 3.0) for each in instances)
    def save(self, folder):
        (folder / "size").write_text(str(self.size))
    def load(self, folder):
        self.size = int((folder / "size").read_text())
"""


def test_a_rerun_tells_what_the_model_opened_without_saying_so(
    execute, data_home, forge, tmp_path
) -> None:
    file = tmp_path / "peeking.py"
    file.write_text(PEEKING)
    model = f"{file}:Peeking"
    files = files_of([execute(RunSpec(model, "preference", "sim-xs"), data_home)], DECLARATION)
    assert forge.verify(forge.archive(files), reproduce=model).badge == "reproduced"
    result = forge.verify(forge.edited(files, _unattached), reproduce=model)
    assert [problem.code for problem in result.problems] == ["attachments-differ"]
    assert "truth.safetensors" in result.problems[0].message
    assert result.badge is None


def test_metrics_that_this_machine_lacks_are_told_in_the_order_of_the_claims(forge) -> None:
    names = [f"BERTScore-{letter}" for letter in "qwertyuiop"]

    def change(manifest) -> None:
        claim = manifest["runs"][0]["scores"]["ROUGE-L"]
        manifest["runs"][0]["scores"] |= dict.fromkeys(names, claim)

    result = forge.verify(forge.manifest(change, "explanation"))
    told = [each.where for each in result.warnings if each.code == "metric-not-computed"]
    assert [where.rpartition("/")[2] for where in told] == names
