"""What a manifest may claim beside what is computed: intervals, last digits, judges."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from benchmark.runs.spec import RunSpec
from leaderboards.submission.pack import files_of
from leaderboards.submission.schema import MANIFEST

Manifest = dict[str, Any]


def test_half_a_claimed_interval_is_refused_and_none_is_another_than_computed(forge) -> None:
    def half(manifest: Manifest) -> None:
        manifest["runs"][0]["scores"]["MAE"]["low"] = None

    def none(manifest: Manifest) -> None:
        manifest["runs"][0]["scores"]["MAE"] |= {"low": None, "high": None}

    assert not forge.verify(forge.manifest(half, "preference")).accepted
    told = forge.verify(forge.manifest(none, "preference"))
    assert told.accepted
    assert [(w.code, "No interval is claimed" in w.message) for w in told.warnings] == [
        ("interval-mismatch", True)
    ]


def test_an_interval_without_width_is_an_earlier_versions_and_no_contradiction(forge) -> None:
    def flat(manifest: Manifest) -> None:
        score = manifest["runs"][0]["scores"]["Recall"]  # of all that are selected: 1
        score |= {"low": score["value"], "high": score["value"]}

    told = forge.verify(forge.manifest(flat, "selection"))
    assert (told.accepted, told.warnings) == (True, [])


def test_a_difference_below_the_tolerance_is_none(forge) -> None:
    def change(manifest: Manifest) -> None:
        manifest["runs"][0]["scores"]["MAE"]["value"] += 5e-10

    assert forge.verify(forge.manifest(change, "preference"), strict=True).accepted


def test_an_edited_interval_is_a_warning_and_a_problem_when_strict(forge) -> None:
    def change(manifest: Manifest) -> None:
        manifest["runs"][0]["scores"]["MAE"]["high"] += 0.01

    path = forge.manifest(change, "preference")
    result = forge.verify(path)
    assert [warning.code for warning in result.warnings] == ["interval-mismatch"]
    assert result.accepted
    strict = forge.verify(path, strict=True)
    assert [problem.code for problem in strict.problems] == ["interval-mismatch"]
    assert not strict.warnings


def _moved(by: float) -> Callable[[Manifest], None]:
    """A change of the first claimed target similarity."""

    def apply(manifest: Manifest) -> None:
        scores = [scores for run in manifest["runs"] if (scores := _judged_scores(run))]
        for end in ("value", "low", "high"):
            scores[0][end] += by

    return apply


def _judged_scores(run: dict[str, Any]) -> dict[str, Any]:
    named = (n for n in run["scores"] if n.startswith("target similarity-"))
    return run["scores"].get(next(named, ""), {})


def test_scores_of_the_judge_may_move_by_last_digits_between_machines(forge) -> None:
    near = forge.verify(forge.manifest(_moved(-5e-5), "image-generation"), strict=True)
    assert [finding.message for finding in (*near.problems, *near.warnings)] == []
    assert near.accepted
    forge.rejected(forge.manifest(_moved(-5e-4), "image-generation"), "outside-tolerance")


def test_a_judged_score_outside_the_tolerance_refuses_its_run_alone(
    forge, execute, data_home
) -> None:
    specs = (RunSpec("random-photo", "image-generation", "sim-xs", seed=seed) for seed in (0, 1))
    declaration = json.loads(forge.packed("search")[MANIFEST])["declaration"]
    files = files_of([execute(spec, data_home) for spec in specs], declaration)
    result = forge.verify(forge.edited(files, _moved(0.01)))
    assert result.accepted
    assert result.badge == "re-scored"
    (name,) = result.refused_runs
    assert [finding.code for finding in result.refused_runs[name]] == ["outside-tolerance"]
    assert {run.predictions for run in result.submission.runs} - {name}
    strict = forge.verify(forge.edited(files, _moved(0.01)), strict=True)  # what a merge goes by
    assert not strict.accepted
    assert [finding.code for finding in strict.problems] == ["outside-tolerance"]
