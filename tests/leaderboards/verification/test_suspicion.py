"""What no rule of form can refuse is told: scores nobody has, answers given before."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from benchmark.data.opening import open_dataset
from benchmark.runs.spec import RunSpec
from benchmark.tasks import TASKS
from leaderboards.boards import load_boards
from leaderboards.site import resemblance
from leaderboards.site.entries import collect
from leaderboards.submission import tables
from leaderboards.submission.limits import Budget
from leaderboards.submission.pack import files_of
from leaderboards.submission.schema import MANIFEST, Submission
from leaderboards.verification import rescoring
from tests.leaderboards.conftest import DECLARATION, edited, predictions_of


def _codes(findings) -> list[str]:
    return [finding.code for finding in findings]


def _with_rows(forge, home, rows: list[dict[str, Any]]) -> Path:
    """A submission of these search answers whose claims are what they give."""
    files = forge.packed("search")
    (name,) = files.keys() - {MANIFEST}
    table = pa.Table.from_pylist(rows, schema=tables.schema_for("search"))
    dataset = open_dataset("sim-xs", home)
    found = rescoring.rescore(table, TASKS.get("search"), dataset.instances("search"), dataset)

    def change(manifest: dict[str, Any]) -> None:
        run = manifest["runs"][0]
        run["predictions_sha256"] = tables.rows_sha256(table)
        run["scores"] = {metric: asdict(score) for metric, score in found.scores.items()}

    files |= {name: tables.encode(table), MANIFEST: edited(files[MANIFEST], change)}
    return forge.archive(files)


def test_answers_that_are_all_the_targets_are_told(forge, data_home) -> None:
    asked = open_dataset("sim-xs", data_home).instances("search")
    rows = tables.decode(
        predictions_of(forge.packed("search")), "search", "good", Budget()
    ).to_pylist()
    for row, target in zip(rows, asked.targets, strict=True):
        others = [item for item in row["items"] if item not in target]
        row["items"] = [*target, *others][:10]
    result = forge.verify(_with_rows(forge, data_home, rows))
    assert result.problems == []
    assert {"perfect-score", "ceiling-reached"} <= set(_codes(result.warnings))
    strict = forge.verify(_with_rows(forge, data_home, rows), strict=True)
    assert not strict.accepted


def test_the_ceilings_answers_under_another_name_are_told(forge, execute, data_home) -> None:
    run = execute(RunSpec("oracle", "search", data="sim-xs"), data_home)
    files = files_of([run], DECLARATION)
    assert "ceiling-reached" not in _codes(forge.verify(forge.archive(files)).warnings)

    def renamed(manifest: dict[str, Any]) -> None:
        manifest["model"] = "mine"
        manifest["runs"][0]["attachments"] = []

    files[MANIFEST] = edited(files[MANIFEST], renamed)
    result = forge.verify(forge.archive(files))
    assert result.problems == []
    assert "ceiling-reached" in _codes(result.warnings)


def test_ordinary_answers_reach_no_ceiling(forge) -> None:
    for task in ("search", "preference", "selection"):
        codes = _codes(forge.verify(forge.archive(forge.packed(task))).warnings)
        assert not {"ceiling-reached", "perfect-score"} & set(codes)


def test_answers_of_another_submission_are_told_of_both_whatever_their_scores(
    forge, data_home, tmp_path
) -> None:
    folder = tmp_path / "submissions"
    for name in ("a", "b"):
        shutil.copytree(forge.unpacked(forge.packed("search")), folder / name)
    rows = tables.decode(
        predictions_of(forge.packed("search")), "search", "x", Budget()
    ).to_pylist()
    for row in rows:
        row["scores"] = [2 * score + 1 for score in row["scores"]]
    shutil.copy(_with_rows(forge, data_home, rows), folder / "b.zip")
    shutil.rmtree(folder / "b")
    found = collect(folder, data_home, load_boards())
    told = [w.message for e in found.entries for w in e.warnings if w.code == "answers-repeated"]
    assert ["b.zip with seed 0" in told[0], "a with seed 0" in told[1]] == [True, True]


def test_the_same_answers_to_perturbed_instances_are_told_with_the_perturbation(packed) -> None:
    manifest = json.loads(packed("search")[MANIFEST])
    accepted = []
    for name, perturb in (("a", None), ("b", "nv")):
        run = {**manifest["runs"][0], "perturb": perturb}
        submission = Submission.model_validate({**manifest, "runs": [run]})
        found = resemblance.Answered(name, submission, {run["predictions"]: "same"})
        accepted.append(found)
    (first,), (second,) = resemblance.doubts(accepted)
    assert "b with seed 0 and perturbation nv," in first.message
    assert "a with seed 0 and perturbation none," in second.message


@pytest.mark.parametrize(
    ("other", "told"),
    [("my-m0del", True), ("rny-model", True), ("my-model", False), ("ours", False)],
)
def test_a_name_that_looks_like_another_submissions_is_told_of_both(packed, other, told) -> None:
    manifest = json.loads(packed("search")[MANIFEST])
    accepted = [
        resemblance.Answered(name, Submission.model_validate({**manifest, "model": name}), {})
        for name in ("my-model", other)
    ]
    codes = [_codes(found) for found in resemblance.doubts(accepted)]
    assert codes == [["name-confusable"] if told else []] * 2


@pytest.mark.parametrize(
    ("task", "change", "same"),
    [
        ("search", {"scores": lambda v: [3 * x for x in v]}, True),
        ("search", {"items": lambda v: v[::-1]}, False),
        ("preference", {"value": lambda v: 1 + v / 10}, True),
        ("preference", {"value": lambda v: 5 - v}, False),
        ("selection", {"chosen": lambda v: v[::-1]}, True),
        ("selection", {"chosen": lambda v: v[1:]}, False),
        ("explanation", {"text": lambda v: v + "."}, False),
    ],
)
def test_a_fingerprint_is_of_what_answers_say(content_of, task, change, same) -> None:
    table = tables.decode(content_of(task), task, "x", Budget())
    rows = table.to_pylist()
    if task == "preference":
        for number, row in enumerate(rows):
            row["value"] = 1.0 + number % 4
        table = pa.Table.from_pylist(rows, schema=table.schema)
    (column, turn), *_ = change.items()
    changed = [{**row, column: turn(row[column])} for row in rows]
    other = pa.Table.from_pylist(changed, schema=table.schema)
    assert (tables.fingerprint(table, task) == tables.fingerprint(other, task)) is same


def test_one_bad_entry_never_stops_the_site(forge, data_home, tmp_path) -> None:
    import os

    folder = tmp_path / "submissions"
    shutil.copytree(forge.unpacked(forge.packed("search")), folder / "good")
    os.mkfifo(folder / "pipe.zip")
    (folder / "dangling.zip").symlink_to("nowhere")
    (folder / "linked").symlink_to("good")
    (folder / "endless.zip").symlink_to("/dev/zero")
    (folder / "notes.txt").write_text("hello")
    (folder / "empty").mkdir()
    (folder / "README.md").write_text("what lies here")
    found = collect(folder, data_home, load_boards())
    assert [entry.name for entry in found.entries] == ["good"]
    assert {refusal.name for refusal in found.refusals} == {
        *("pipe.zip", "dangling.zip", "notes.txt", "empty", "linked", "endless.zip")
    }
    links = [r.problems[0].code for r in found.refusals if (folder / r.name).is_symlink()]
    assert links == ["symlink"] * 3
    assert json.dumps([asdict(p) for r in found.refusals for p in r.problems])


def test_data_that_claims_the_name_of_other_data_is_refused(forge) -> None:
    def renamed(manifest: dict[str, Any]) -> None:
        manifest["runs"][0]["data"] = "sim-m"

    forge.rejected(forge.manifest(renamed), "dataset-name", "sim-xs")
