"""Runs packed: the same bytes again, and what is unfit for a submission is not packed."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from benchmark.errors import BenchError, UsageError
from benchmark.host.owners import owned_name
from benchmark.runs.spec import RunSpec
from benchmark.runs.store import PREDICTIONS
from leaderboards.submission.opening import read_plain
from leaderboards.submission.pack import files_of, write_submission
from leaderboards.submission.schema import MANIFEST, digest_of, manifest_bytes

DECLARATION = {
    "training_data": "The training part.",
    "code": "https://example.org/model",
    "contamination": "None.",
    "contact": "somebody@example.org",
}


def test_packing_again_gives_the_same_bytes(stored, tmp_path) -> None:
    archives = []
    for name in ("a.zip", "b.zip"):
        write_submission(files_of([stored("search")], DECLARATION), tmp_path / name)
        archives.append((tmp_path / name).read_bytes())
    assert archives[0] == archives[1]
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("code", "http://example.org", "url"),
        ("training_data", "<b>all</b>", "text-markup"),
        ("contamination", "", "text-empty"),
        ("contact", "a" * 201, "text-length"),
    ],
)
def test_a_declaration_that_would_be_refused_is_not_packed(stored, field, value, message) -> None:
    with pytest.raises(UsageError, match=message):
        files_of([stored("search")], {**DECLARATION, field: value})


def test_runs_that_do_not_belong_together_are_not_packed(execute, stored, data_home) -> None:
    with pytest.raises(UsageError, match="runs of random and of popularity"):
        files_of([stored("search"), stored("recommendation")], DECLARATION)
    with pytest.raises(UsageError, match="run-repeated"):
        files_of([stored("search"), stored("search")], DECLARATION)
    trial = execute(RunSpec("random", "search", "sim-xs", limit=5), data_home)
    with pytest.raises(UsageError, match="only 5 instances"):
        files_of([trial], DECLARATION)
    with pytest.raises(UsageError, match="0 runs"):
        files_of([], DECLARATION)


def test_a_damaged_run_is_not_packed(stored, tmp_path) -> None:
    run = stored("search")
    copy = shutil.copytree(run.folder, tmp_path / "copy")
    (copy / PREDICTIONS).write_bytes(b"PAR1")
    with pytest.raises(BenchError, match=r"predictions of copy are damaged"):
        files_of([replace(run, folder=Path(copy))], DECLARATION)


def test_nothing_is_replaced_unasked(packed, tmp_path) -> None:
    files = packed("search")
    for out in (tmp_path / "a.zip", tmp_path / "a"):
        write_submission(files, out)
        with pytest.raises(UsageError, match="exists"):
            write_submission(files, out)
        write_submission(files, out, force=True)
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.tex").touch()
    with pytest.raises(UsageError, match="is no submission"):
        write_submission(files, tmp_path / "precious", force=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "a.zip", "precious"]


def test_a_place_that_cannot_be_written_is_named(packed, tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BenchError, match=r"Cannot write .*file/a\.zip"):
        write_submission(packed("search"), tmp_path / "file" / "a.zip")


@pytest.fixture
def seed_of(execute, data_home):
    """``seed_of(n)``: a run of ``random`` on search with seed n."""
    return lambda seed: execute(RunSpec("random", "search", "sim-xs", seed=seed), data_home)


def _written(files: dict[str, bytes], out: Path) -> Path:
    write_submission(files, out)
    return out


@pytest.mark.parametrize("name", ["earlier", "earlier.zip"])
def test_runs_added_to_a_submission_give_what_all_runs_packed_at_once_do(
    seed_of, tmp_path, name
) -> None:
    runs = [seed_of(seed) for seed in (0, 1, 2)]
    earlier = read_plain(_written(files_of(runs[:1], DECLARATION), tmp_path / name)).files
    undeclared = dict.fromkeys(DECLARATION)
    assert files_of(runs[1:], undeclared, earlier=earlier) == files_of(runs, DECLARATION)


def test_what_is_declared_anew_counts_and_the_rest_stays(seed_of, tmp_path) -> None:
    before = files_of([seed_of(0)], DECLARATION, description="Draws items.")
    earlier = read_plain(_written(before, tmp_path / "earlier.zip")).files
    changed = {**dict.fromkeys(DECLARATION), "contact": "another@example.org"}
    manifest = json.loads(files_of([seed_of(1)], changed, earlier=earlier)[MANIFEST])
    assert manifest["declaration"] == {**DECLARATION, "contact": "another@example.org"}
    assert manifest["description"] == "Draws items."
    assert [run["seed"] for run in manifest["runs"]] == [0, 1]


def test_runs_that_do_not_fit_an_earlier_submission_are_not_added(
    seed_of, stored, tmp_path
) -> None:
    earlier = files_of([seed_of(0)], DECLARATION)
    with pytest.raises(UsageError, match=r"a run of popularity; the earlier .* one of random"):
        files_of([stored("recommendation")], DECLARATION, earlier=earlier)
    with pytest.raises(UsageError, match=r"has a run of what .* answers, with seed 0 too"):
        files_of([seed_of(1), seed_of(0)], DECLARATION, earlier=earlier)
    manifest = json.loads(earlier[MANIFEST])
    manifest["runs"][0]["code_sha256"] = "ab" * 32
    manifest["digest"] = digest_of(manifest)
    other = {**earlier, MANIFEST: manifest_bytes(manifest)}
    with pytest.raises(UsageError, match="made by other code than the earlier"):
        files_of([seed_of(1)], DECLARATION, earlier=other)


def test_what_is_packed_holds_no_path_of_the_machine(packed, data_home) -> None:
    for content in packed("search").values():
        assert str(data_home.root).encode() not in content
    json.loads(packed("search")[MANIFEST])


@pytest.mark.parametrize("name", ["a", "a.zip"])
def test_what_a_killed_command_left_gets_into_no_submission(packed, tmp_path, name) -> None:
    out = tmp_path / name
    write_submission(packed("search"), out)
    out.rename(tmp_path / f".{name}.999999999.former")
    stale = tmp_path / owned_name(name, "partial")
    stale.mkdir()
    (stale / "old.parquet").touch()
    with pytest.raises(UsageError, match="exists"):  # it is put back first
        write_submission(packed("search"), out)
    write_submission(packed("search"), out, force=True)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert out.is_file() or sorted(p.name for p in out.iterdir()) == ["runs", MANIFEST]


def test_seeds_of_two_configurations_are_no_submission(seed_of) -> None:
    first, second = seed_of(0), seed_of(1)
    other = replace(second, manifest={**second.manifest, "code_sha256": "ab" * 32})
    with pytest.raises(UsageError, match=r"seeds-differ.*Seeds 0 and 1 .* differ in code_sha256"):
        files_of([first, other], DECLARATION)
