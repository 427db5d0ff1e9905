"""Runs out of submissions: the same answers and scores, own runs first, nothing that is refused."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchmark.errors import UsageError
from benchmark.host.home import Home
from benchmark.report.build import build_report
from benchmark.report.filling.shelf import RunShelf, newest_run
from benchmark.runs.manifest import MANIFEST as RUN_MANIFEST
from benchmark.runs.scoring import score_predictions
from benchmark.runs.spec import RunSpec
from benchmark.runs.store import (
    PARTIAL,
    PER_INSTANCE,
    PREDICTIONS,
    as_written,
    find_run,
    load_run,
    read_per_instance,
    stored_runs,
)
from benchmark.stats import summarise
from benchmark.tasks import TASKS
from leaderboards.importing import Imported, find_submissions, import_each
from leaderboards.submission.pack import files_of, write_submission
from leaderboards.submission.schema import MANIFEST
from leaderboards.verification.verify import verify
from tests.leaderboards.conftest import DECLARATION, MODELS, edited


@pytest.fixture
def place(home_with, sim_xs, tmp_path) -> Home:
    """A home with sim-xs and no run."""
    return home_with(tmp_path / "theirs", sim_xs)


@pytest.fixture
def shared(packed, tmp_path):
    """``shared(task)``: the folder of a good submission."""

    def write(task: str, name: str | None = None) -> Path:
        folder = tmp_path / "submissions" / (name or task)
        write_submission(packed(task), folder)
        return folder

    return write


def imported(home: Home, *paths: Path) -> list[Imported]:
    return list(import_each(paths, home))


@pytest.mark.parametrize("task", MODELS)
def test_an_imported_run_has_the_answers_and_the_scores_of_the_run_that_was_packed(
    task, place, shared, stored, sim_xs
) -> None:
    (found,) = imported(place, shared(task))
    assert (found.badge, found.left, found.problem) == ("re-scored", (), None)
    (run,), own = stored_runs(place), stored(task)
    assert (run.folder.name,) == found.written
    assert as_written(run).scores == own.scores
    assert run.label == own.label
    for key in ("task", "data", "cohort", "seed", "dataset_sha256", "instances_sha256", "created"):
        assert run.manifest[key] == own.manifest[key]
    theirs, ours = read_per_instance(run.folder), read_per_instance(own.folder)
    assert (theirs.ids, theirs.users) == (ours.ids, ours.users)
    assert all((theirs.statistics[name] == ours.statistics[name]).all() for name in ours.statistics)
    answers = pl.read_parquet(run.folder / PREDICTIONS)
    assert answers.schema == pl.read_parquet(own.folder / PREDICTIONS).schema
    metrics, statistics = score_predictions(
        TASKS.get(task), answers, sim_xs.instances(task), sim_xs
    )
    again = summarise(metrics, statistics, answers["user_id"].to_list())
    assert {name: asdict(score) for name, score in again.items()} == run.scores


def test_importing_again_changes_nothing(place, shared) -> None:
    path = shared("search")
    (first,) = imported(place, path)
    files = sorted(file for file in place.runs.rglob("*") if file.is_file())
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in files}
    (again,) = imported(place, path)
    assert (again.written, again.there) == ((), first.written)
    assert {
        file: (file.read_bytes(), file.stat().st_mtime_ns)
        for file in place.runs.rglob("*")
        if file.is_file()
    } == before


def test_what_a_killed_import_left_is_written_whole(place, shared) -> None:
    path = shared("search")
    (found,) = imported(place, path)
    folder = place.runs / found.written[0]
    unfinished = folder.with_name(folder.name + PARTIAL)
    folder.rename(unfinished)
    (unfinished / PER_INSTANCE).write_bytes(b"half")
    assert imported(place, path)[0].written == found.written
    assert len(read_per_instance(folder).ids)
    assert not unfinished.exists()


def test_a_run_made_here_counts_before_a_later_one_that_was_imported(
    place, shared, execute
) -> None:
    spec = RunSpec(MODELS["search"], "search", data="sim-xs")
    own = execute(spec, place)
    manifest = json.loads((own.folder / RUN_MANIFEST).read_text())
    earlier = {**manifest, "created": "2025-01-01T00:00:00+00:00"}
    (own.folder / RUN_MANIFEST).write_text(json.dumps(earlier))
    (found,) = imported(place, shared("search"))
    assert len(found.written) == 1
    assert [run.folder for run in RunShelf(place).pick(spec)] == [own.folder]
    own.folder.rename(place.root / "away")
    assert [run.folder.name for run in RunShelf(place).pick(spec)] == list(found.written)


def test_a_table_says_which_systems_came_with_submissions(place, shared) -> None:
    imported(place, shared("search"))
    notes = build_report("search", home=place, data="sim-xs").notes
    assert "From submissions (re-scored), fitted elsewhere and scored here: Random." in notes


def test_a_noted_rerun_makes_an_imported_run_reproduced(place, shared) -> None:
    path = shared("search")
    digest = json.loads((path / MANIFEST).read_bytes())["digest"]
    _note_rerun(path)
    (found,) = imported(place, path)
    assert found.badge == "reproduced"
    assert load_run(place.runs / found.written[0]).manifest["submission"] == {
        "name": "search",
        "digest": digest,
        "badge": "reproduced",
    }


def test_what_verify_refuses_is_not_imported_and_the_others_are(place, shared) -> None:
    good, forged = shared("search"), shared("search", "forged")
    raw = (forged / MANIFEST).read_bytes()

    def change(manifest) -> None:
        manifest["runs"][0]["scores"]["HR@5"]["value"] = 0.9

    (forged / MANIFEST).write_bytes(edited(raw, change))
    refused, found = imported(place, forged, good)
    assert refused.problem is not None
    assert " at submission.json" in refused.problem
    assert not refused.written
    assert len(found.written) == 1
    assert [run.manifest["submission"]["name"] for run in stored_runs(place)] == ["search"]


def test_a_fault_of_ours_costs_no_other_submission(place, shared, monkeypatch) -> None:
    good, odd = shared("search"), shared("preference")

    def verified(path: Path, **options):
        return verify(path, **options) if path == good else 1 / 0

    monkeypatch.setattr("leaderboards.importing.verify", verified)
    failed, found = imported(place, odd, good)
    assert failed.problem == "Importing it failed (ZeroDivisionError); verify shows more."
    assert len(found.written) == 1


def test_doubts_are_counted_and_told_to_scripts(cli, place, packed, tmp_path) -> None:
    path = tmp_path / "copied"
    write_submission(packed("recommendation"), path)
    raw = (path / MANIFEST).read_bytes()
    (path / MANIFEST).write_bytes(edited(raw, lambda manifest: manifest.update(model="my-own")))
    (found,) = imported(place, path)
    assert [doubt.split()[0] for doubt in found.doubts] == ["answers-known"]
    status, out, _ = cli("leaderboard", "import", str(path), "--no-prepare", home=place)
    assert status == 0
    assert out.splitlines()[1].split()[-1] == "1"
    assert "unimp-bench verify PATH tells them" in out


def test_runs_over_data_that_is_not_here_are_left_out(shared, tmp_path) -> None:
    elsewhere = Home(tmp_path / "empty")
    (found,) = imported(elsewhere, shared("search"))
    assert (found.written, found.problem) == ((), None)
    assert len(found.left) == 1
    assert "'sim-xs' is not here" in found.left[0]


def test_an_imported_run_stands_for_no_run_of_the_model_itself(place, shared, execute) -> None:
    imported(place, shared("search"))
    own = execute(RunSpec(MODELS["search"], "search", data="sim-xs"), place)
    assert "submission" not in own.manifest
    assert len(list(stored_runs(place))) == 2


def test_a_beginning_of_an_id_means_the_run_made_here(place, shared, execute) -> None:
    (found,) = imported(place, shared("search"))
    beginning = found.written[0].rpartition("-")[0]
    assert find_run(beginning, place).folder.name == found.written[0]
    own = execute(RunSpec(MODELS["search"], "search", data="sim-xs"), place)
    assert find_run(beginning, place).folder == own.folder


def test_nobody_submits_what_came_with_a_submission(place, shared) -> None:
    imported(place, shared("search"))
    with pytest.raises(UsageError, match="came with the submission 'search'"):
        files_of(list(stored_runs(place)), DECLARATION)


def test_the_name_of_a_submission_is_shown_without_what_acts_unseen(place, shared) -> None:
    (found,) = imported(place, shared("search", "a\x1b[2Jb"))
    assert found.submission == "'a\\x1b[2Jb'"
    assert (
        load_run(place.runs / found.written[0]).manifest["submission"]["name"] == found.submission
    )


def test_submissions_are_found_in_folders_and_by_themselves(shared, tmp_path) -> None:
    one, two = shared("preference"), shared("search")
    (one.parent / "README.md").write_text("ours")
    archive = tmp_path / "theirs.zip"
    archive.write_bytes(b"whatever it is")
    assert find_submissions([one.parent, two, archive]) == [one, two, archive]
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UsageError, match="holds no submission"):
        find_submissions([tmp_path / "nothing"])
    with pytest.raises(UsageError, match="nothing at"):
        find_submissions([tmp_path / "absent"])


def test_the_command_tells_what_became_of_each(cli, place, shared, tmp_path) -> None:
    good = shared("search")
    (tmp_path / "submissions" / "broken").mkdir()
    (tmp_path / "submissions" / "broken" / MANIFEST).write_text("{")
    words = ("leaderboard", "import", str(good.parent), "--no-prepare")
    status, out, _ = cli(*words, home=place)
    assert status == 1
    told = {line.split()[0]: line for line in out.splitlines()}
    assert "random" in told["search"]
    assert "re-scored" in told["search"]
    assert "refused" in told["broken"]
    assert told["broken:"].startswith("broken: json-syntax at submission.json: ")
    status, out, _ = cli("leaderboard", "import", str(good), "--no-prepare", "--json", home=place)
    (said,) = json.loads(out)
    assert status == 0
    assert (said["written"], len(said["there"])) == ([], 1)
    status, out, _ = cli("runs", "list", "--imported", home=place)
    assert status == 0
    assert out.split()[:6] == ["run", "score", "instances", "age", "size", "submission"]
    assert "search" in out.split()
    assert cli("runs", "list", "--own", home=place)[1] == ""
    assert cli("runs", "rm", "--imported", "--yes", home=place)[0] == 0
    assert not list(stored_runs(place))
    status, _, err = cli("leaderboard", "import", str(tmp_path / "absent"), home=place)
    assert status == 2
    assert "absent" in err


def _note_rerun(path: Path) -> None:
    digest = json.loads((path / MANIFEST).read_bytes())["digest"]
    (path.parent / "reproduced.toml").write_text(
        f'[[reproduced]]\ndigest = "{digest}"\nby = "who"\non = 2026-01-31\n'
    )


def test_importing_again_brings_the_badge_of_now(place, shared) -> None:
    path = shared("search")
    (found,) = imported(place, path)
    folder = place.runs / found.written[0]

    def badge() -> str:
        return load_run(folder).manifest["submission"]["badge"]

    assert badge() == "re-scored"
    _note_rerun(path)
    assert imported(place, path)[0].there == found.written
    assert badge() == "reproduced"
    (path.parent / "reproduced.toml").unlink()
    imported(place, path)
    assert badge() == "re-scored"
    as_written(load_run(folder))


def test_no_later_run_or_seed_under_a_listed_name_stands_beside_a_reproduced_one(
    place, shared, packed, execute, data_home, tmp_path
) -> None:
    real = shared("search", "real")
    _note_rerun(real)
    forged = tmp_path / "forged"
    runs = [execute(RunSpec("random", "search", "sim-xs", seed=seed), data_home) for seed in (0, 3)]
    files = files_of(runs, DECLARATION)
    later = datetime.now(UTC).isoformat(timespec="seconds")

    def claim(manifest: dict[str, Any]) -> None:
        for run in manifest["runs"]:
            run["created"] = later

    write_submission({**files, MANIFEST: edited(files[MANIFEST], claim)}, forged)
    spec = RunSpec("random", "search", data="sim-xs")
    imported(place, forged)
    assert len(RunShelf(place).pick(spec)) == 2
    imported(place, real)
    (picked,) = RunShelf(place).pick(spec)
    assert picked.manifest["submission"]["name"] == "real"
    newest = newest_run(place, spec)
    assert newest is not None
    assert newest.folder == picked.folder
