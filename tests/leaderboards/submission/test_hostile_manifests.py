"""Manifests that are no manifest, or claim what is not so, are refused, each under its code."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from benchmark.runs.spec import RunSpec
from leaderboards.submission.pack import files_of
from leaderboards.submission.schema import MANIFEST

Manifest = dict[str, Any]


@pytest.mark.parametrize(
    ("raw", "code", "word"),
    [
        (b"", "json-syntax", "line 1"),
        (b"{", "json-syntax", "line 1"),
        (b"\xef\xbb\xbf{}", "json-syntax", "BOM"),
        (b'{"a": "\xff"}', "json-encoding", "byte 7"),
        (b'{"a": NaN}', "json-number", "NaN"),
        (b'{"a": -Infinity}', "json-number", "-Infinity"),
        (b'{"a": 1e999}', "json-number", "1e999"),
        (b'{"a": ' + b"9" * 100_000 + b"}", "json-number", "100000 characters"),
        (b'{"a": 1, "b": 2, "a": 3}', "json-duplicate-key", "'a'"),
        (b"[" * 100_000, "json-depth", "12"),
        (b'{"a":' * 50_000, "json-depth", "12"),
        (b'"' + b'\\"' * 400_000, "json-syntax", "line 1"),
        (b'{"a": "' + b"x" * (2 << 20) + b'"}', "file-size", "2097"),
        (b"[]", "manifest-type", "dict"),
        (b"null", "manifest-type", "None"),
        (b"{}", "manifest-missing-field", "runs"),
        (b"\x80\x04\x95\x0b", "json-encoding", "byte 0"),
    ],
)
def test_what_is_no_plain_json_object_is_refused(forge, raw, code, word) -> None:
    forge.rejected(forge.archive({**forge.packed("search"), MANIFEST: raw}), code, word)


def test_many_duplicate_keys_take_no_time(forge) -> None:
    pairs = ",".join(f'"{number}":0' for number in range(70_000))
    raw = f'{{{pairs},"69999":1}}'.encode()
    path = forge.archive({**forge.packed("search"), MANIFEST: raw})
    forge.rejected(path, "json-duplicate-key", "'69999'")


def _set(*path: str | int, to: Any) -> Callable[[Manifest], None]:
    def change(manifest: Manifest) -> None:
        place: Any = manifest
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = to

    return change


def _run(*path: str | int, to: Any) -> Callable[[Manifest], None]:
    return _set("runs", 0, *path, to=to)


def _second_run(**changes: Any) -> Callable[[Manifest], None]:
    return lambda manifest: manifest["runs"].append({**manifest["runs"][0], **changes})


HTML = "<script>alert(1)</script>"


@pytest.mark.parametrize(
    ("change", "code", "word"),
    [
        (_set("model", to=HTML), "name", "script"),
        (_set("model", to="../../etc"), "name", "'../../etc'"),
        (_set("model", to="m" * 100_000), "text-length", "64"),
        (_set("model", to=""), "name", "''"),
        (_set("model", to="\ud800"), "text-control", "ud800"),
        (_set("description", to=f"Good {HTML}"), "text-markup", "script"),
        (_set("description", to="see [this](http://evil)"), "text-markup", "]("),
        (_set("description", to="\\input{secret}"), "text-markup", "input"),
        (_set("description", to="a &#60; b"), "text-markup", "&#60;"),
        (_set("description", to="\x1b[2Jgone"), "text-control", "U+001B"),
        (_set("description", to="safe \u202etxt.exe"), "text-control", "U+202E"),
        (_set("description", to="two\nlines"), "text-control", "U+000A"),
        (_set("description", to="\ud83d alone"), "text-control", "ud83d"),
        (_set("description", to="Z" + "\u0301" * 50), "text-control", "marks"),
        (_set("description", to="d" * 900_000), "text-length", "2000"),
        (_set("declaration", "training_data", to="  "), "text-empty", "blank"),
        (_set("declaration", "training_data", to=None), "manifest-type", "None"),
        (_set("declaration", "code", to="javascript:alert(1)"), "url", "javascript"),
        (_set("declaration", "code", to="http://example.org"), "url", "https"),
        (_set("declaration", "code", to="https://user:pw@example.org"), "url", "user"),
        (_set("declaration", "code", to="https://example.org/<b>"), "url", "<b>"),
        (_set("declaration", "code", to="https://[::1"), "url", "address"),
        (_set("declaration", "code", to="https://localhost/x"), "url", "host"),
        (_set("declaration", "code", to="baselines/../../etc"), "url", "https"),
        (_set("declaration", "code", to="/baselines/search/bm25.py"), "url", "https"),
        (_set("declaration", "extra", to=1), "manifest-unknown-field", "extra"),
        (_set("<b>", to=1), "manifest-unknown-field", "<b>"),
        (_set("format", to=1), "manifest-format", "1"),
        (_set("format", to=3), "manifest-format", "3"),
        (_set("runs", to=[]), "manifest-size", "runs"),
        (_set("runs", to={}), "manifest-type", "runs"),
        (_set("runs", to=[{}] * 5_000), "manifest-size", "runs"),
        (_run("predictions", to="../secret.parquet"), "name", "secret"),
        (_run("predictions", to="/etc/passwd"), "name", "passwd"),
        (_run("predictions", to="runs/other.parquet"), "file-missing", "other"),
        (_run("predictions_sha256", to="0" * 64), "predictions-edited", "SHA-256"),
        (_run("predictions_sha256", to="0" * 63), "name", "SHA-256"),
        (_run("settings", to={"weights": "/home/me/weights"}), "path", "one machine"),
        (_run("settings", to={"weights": ["~/weights"]}), "path", "one machine"),
        (_run("settings", to={"weights": "C:/weights"}), "path", "one machine"),
        (_run("tuning", to={"trials": 0, "metric": "NDCG@5", "value": 0.1}), "manifest-range", "0"),
        (_run("tuning", to={"trials": 9, "metric": HTML, "value": 0.1}), "name", "script"),
        (_run("tuning", to={"trials": 9}), "manifest-missing-field", "metric"),
        (_run("seed", to=-1), "manifest-range", "-1"),
        (_run("seed", to="0"), "manifest-type", "'0'"),
        (_run("seed", to=True), "manifest-type", "True"),
        (_run("seed", to=10**30), "manifest-range", "100 bits"),
        (_run("task", to="serch"), "task-unknown", "'serch'"),
        (_run("cohort", to="everyone"), "cohort-unknown", "'everyone'"),
        (_run("perturb", to="nx"), "perturb-unknown", "'nx'"),
        (_run("task_version", to=9), "task-version", "version 9"),
        (_run("data", to="../sim-xs"), "name", "'../sim-xs'"),
        (_run("dataset_sha256", to="0" * 64), "dataset-hash", "000000000000"),
        (_run("instances_sha256", to="0" * 64), "instances-hash", "000000000000"),
        (_run("cohort", to="new-domain"), "instances-hash", "instances are"),
        (_run("created", to="2026-02-30T00:00:00+00:00"), "date", "does not exist"),
        (_run("created", to="2999-01-01T00:00:00+00:00"), "date", "to come"),
        (_run("settings", to={"weights": "a/../../b"}), "path", "leads out"),
        (_set("declaration", "contamination", to="\u3164"), "text-control", "U+3164"),
        (_set("description", to="a\u202eb"), "text-control", "U+202E"),
        (_run("scores", to={}), "manifest-size", "scores"),
        (_run("scores", "HR@7", to=None), "manifest-type", "HR@7"),
        (_run("scores", HTML, to=None), "name", "script"),
        (_run("scores", "HR@5", "value", to="0.5"), "manifest-type", "'0.5'"),
        (_run("scores", "HR@5", "value", to=1e300), "manifest-range", "1e+300"),
        (_run("scores", "HR@5", "value", to=1.5), "gate-out-of-range", "HR@5"),
        (_run("scores", "HR@5", "value", to=0.0), "gate-not-monotone", "HR@5"),
        (_run("scores", "HR@10", "value", to=0.999), "score-mismatch", "0.999"),
        (_run("scores", "HR@10", "n", to=1), "score-mismatch", "1 instances"),
        (_run("scores", "HR@10", "low", to=1.0), "interval-reversed", "HR@10"),
        (_run("failure_rate", to=0.5), "score-mismatch", "0.5"),
        (_run("failure_rate", to=-0.1), "manifest-range", "-0.1"),
        (_run("parameters", to={"trainable": 2, "total": 1}), "parameters", "2 trainable"),
        (_run("packages", to={f"p{n}": "1" for n in range(500)}), "manifest-size", "packages"),
        (_run("packages", to={"torch": HTML}), "text-markup", "script"),
        (_run("settings", to={"a": {"b": 1}}), "manifest-type", "settings"),
        (_run("created", to="yesterday"), "name", "'yesterday'"),
        (_second_run(), "run-repeated", "two runs"),
        (_second_run(predictions="runs/b.parquet"), "run-repeated", "seed 0"),
    ],
)
def test_a_manifest_that_says_what_cannot_be_is_refused(forge, change, code, word) -> None:
    forge.rejected(forge.manifest(change), code, word)


def test_a_claim_of_a_metric_the_task_lacks_is_refused(forge) -> None:
    def change(manifest: Manifest) -> None:
        scores = manifest["runs"][0]["scores"]
        scores["MAE"] = scores["HR@5"]

    forge.rejected(forge.manifest(change), "metric-unknown", "'MAE'")


@pytest.mark.parametrize("ending", ["-x", "-micro", "@5"])
def test_a_claim_under_the_tasks_own_metric_with_an_unknown_ending_is_refused(
    forge, ending: str
) -> None:
    """Taken for the metric itself, its unknown direction would turn the board around."""

    def change(manifest: Manifest) -> None:
        scores = manifest["runs"][0]["scores"]
        manifest["runs"][0]["scores"] = {f"MAE{ending}": scores["MAE"], **scores}

    forge.rejected(forge.manifest(change, "preference"), "metric-unknown", f"'MAE{ending}'")


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


def test_a_selection_among_the_candidates_of_version_1_is_refused(forge) -> None:
    path = forge.manifest(_run("task_version", to=1), "selection")
    forge.rejected(path, "task-version", "selection has version 2; the run answers version 1")


def test_an_interval_without_width_is_an_earlier_versions_and_no_contradiction(forge) -> None:
    def flat(manifest: Manifest) -> None:
        score = manifest["runs"][0]["scores"]["Recall"]  # of all that are selected: 1
        score |= {"low": score["value"], "high": score["value"]}

    told = forge.verify(forge.manifest(flat, "selection"))
    assert (told.accepted, told.warnings) == (True, [])


def test_an_unclaimed_metric_is_noticed(forge) -> None:
    path = forge.manifest(lambda manifest: manifest["runs"][0]["scores"].pop("MRR@3"))
    forge.rejected(path, "metric-missing", "MRR@3")


def test_a_manifest_edited_after_packing_is_refused(forge) -> None:
    files = forge.packed("search")
    manifest = json.loads(files[MANIFEST])
    manifest["runs"][0]["fit_seconds"] += 1
    files[MANIFEST] = json.dumps(manifest).encode()
    forge.rejected(forge.archive(files), "manifest-edited", "digest")


def test_scores_edited_to_another_possible_value_are_refused(forge) -> None:
    def change(manifest: Manifest) -> None:
        manifest["runs"][0]["scores"]["MAE"]["value"] += 2e-9

    forge.rejected(forge.manifest(change, "preference"), "score-mismatch", "MAE")


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


def test_an_interval_that_its_value_lies_outside_is_refused(forge) -> None:
    def change(manifest: Manifest) -> None:
        score = manifest["runs"][0]["scores"]["HR@5"]
        score["low"] = (score["value"] + score["high"]) / 2

    forge.rejected(forge.manifest(change), "interval-excludes", "outside")
