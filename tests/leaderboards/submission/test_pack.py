"""Runs packed: the same bytes again, and what is unfit for a submission is not packed."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from benchmark.errors import BenchError, UsageError
from benchmark.runs.spec import RunSpec
from benchmark.runs.store import PREDICTIONS
from leaderboards.submission.pack import files_of, write_submission
from leaderboards.submission.schema import MANIFEST

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


def test_what_is_packed_holds_no_path_of_the_machine(packed, data_home) -> None:
    for content in packed("search").values():
        assert str(data_home.root).encode() not in content
    json.loads(packed("search")[MANIFEST])
