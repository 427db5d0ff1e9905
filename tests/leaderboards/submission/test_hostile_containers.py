"""Reading writes nothing anywhere; what another program packed can be written anew."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from leaderboards.submission import limits, reading
from leaderboards.submission.cage import CAGE
from leaderboards.submission.findings import Refused
from leaderboards.submission.limits import Budget
from leaderboards.submission.opening import rewrite
from leaderboards.submission.pack import write_submission
from leaderboards.submission.schema import MANIFEST


def _with_member(forge, name: str, content: bytes = b"x", **attributes: int) -> Path:
    """A good archive with one more member, whose header fields are as given."""
    path = forge.archive(forge.packed("search"))
    member = zipfile.ZipInfo("placeholder" if "\0" in name else name)
    for key, value in attributes.items():
        setattr(member, key, value)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(member, content)
    return path


def test_nothing_is_written_anywhere(forge, tmp_path, monkeypatch) -> None:
    path = _with_member(forge, "../evil")
    monkeypatch.chdir(tmp_path)
    near = {tmp_path, tmp_path.parent, path.parent}
    before = {folder: sorted(folder.iterdir()) for folder in near}
    forge.verify(path)
    assert {folder: sorted(folder.iterdir()) for folder in near} == before
    assert not list(tmp_path.parent.rglob("evil"))


def test_a_zip_made_by_a_file_manager_is_refused_and_can_be_rewritten(forge) -> None:
    """The folder itself packed, deflated, with what such programs leave beside it."""
    path, out = forge.folder / "hand.zip", forge.folder / "fixed.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("mine")
        for name, content in forge.packed("search").items():
            archive.writestr(f"mine/{name}", content)
        archive.writestr("mine/.DS_Store", "x")
    forge.rejected(path, "zip-method", "--fix")
    dropped, findings = rewrite(path, out)
    assert (dropped, findings) == (["mine/.DS_Store"], [])
    assert forge.verify(out).accepted
    assert out.read_bytes() == _packed_anew(forge)


def _packed_anew(forge) -> bytes:
    write_submission(forge.packed("search"), again := forge.folder / "again.zip")
    return again.read_bytes()


def test_rewriting_keeps_the_rows_of_any_writer_and_nothing_else(forge) -> None:
    files = forge.packed("search")
    (name,) = files.keys() - {MANIFEST}
    table = pq.read_table(io.BytesIO(files[name])).replace_schema_metadata({"pandas": "{}"})
    pq.write_table(table, again := io.BytesIO(), compression="gzip")
    path = forge.unpacked({**files, name: again.getvalue()})
    assert not forge.verify(path).accepted
    dropped, findings = rewrite(path, out := forge.folder / "fixed")
    assert (dropped, findings) == ([], [])
    assert (out / name).read_bytes() == files[name]


def test_what_cannot_be_kept_is_told_and_nothing_is_written(forge) -> None:
    files = forge.packed("search")
    (name,) = files.keys() - {MANIFEST}
    path = forge.unpacked({**files, name: b"PAR1"})
    _, findings = rewrite(path, out := forge.folder / "fixed")
    assert [finding.code for finding in findings] == ["parquet-damaged"]
    assert not out.exists()


def _named(forge) -> tuple[dict[str, bytes], str]:
    """The files of a good submission, and the name of its predictions."""
    files = forge.packed("search")
    (name,) = files.keys() - {MANIFEST}
    return files, name


def _rewritten(path: Path, out: Path) -> tuple[list[str], list[tuple[str, str]]]:
    dropped, findings = rewrite(path, out)
    return dropped, [(finding.code, finding.where) for finding in findings]


@pytest.mark.parametrize("kept_as", ["archive", "unpacked"])
def test_rewriting_tells_why_a_file_is_left_unread(forge, monkeypatch, kept_as) -> None:
    files, name = _named(forge)
    path = getattr(forge, kept_as)({**files, name: bytes(1 << 20)})
    monkeypatch.setattr(limits, "PREDICTIONS_BYTES", (1 << 20) - 1)
    with _in_this_process(monkeypatch):
        assert _rewritten(path, forge.folder / "fixed") == ([], [("file-size", name)])
        monkeypatch.setattr(limits, "PREDICTIONS_BYTES", 2 << 20)
        monkeypatch.setattr(limits, "TOTAL_BYTES", (1 << 20) - 1)
        assert _rewritten(path, forge.folder / "fixed") == ([], [("total-size", name)])
        monkeypatch.setattr(limits, "MANIFEST_BYTES", 9)
        with pytest.raises(Refused, match="at most 9 allowed") as refused:
            rewrite(path, forge.folder / "fixed")
    assert (refused.value.finding.code, refused.value.finding.where) == ("file-size", MANIFEST)
    assert not (forge.folder / "fixed").exists()


def _linked(folder: Path, name: str) -> None:
    (folder / name).rename(folder.parent / "elsewhere.parquet")
    (folder / name).symlink_to(folder.parent / "elsewhere.parquet")


def _linked_folder(folder: Path, name: str) -> None:
    (folder / name).parent.rename(folder / "moved")
    (folder / name).parent.symlink_to("moved")


def _crowded(folder: Path, name: str) -> None:
    for number in range(300):
        (folder / name).with_name(f"{number}.parquet").touch()


#: How a predictions file is put out of reach, and the code of what is told of it.
spoilt = pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (_linked, "symlink"),
        (_linked_folder, "symlink"),
        (_crowded, "too-many-files"),
        (lambda folder, name: (folder / name).unlink(), "file-missing"),
    ],
)


@spoilt
def test_rewriting_a_folder_tells_why_a_file_is_left_unread(forge, spoil, code) -> None:
    files, name = _named(forge)
    path = forge.unpacked(files)
    spoil(path, name)
    _, findings = rewrite(path, forge.folder / "fixed")
    assert [finding.code for finding in findings] == [code]


@spoilt
def test_what_was_told_of_a_file_is_not_followed_by_its_being_missing(forge, spoil, code) -> None:
    files, name = _named(forge)
    path = forge.unpacked(files)
    spoil(path, name)
    codes = [problem.code for problem in forge.verify(path).problems]
    assert codes.count(code) == 1
    assert ("file-missing" in codes) == (code == "file-missing")


def test_a_manifest_that_is_a_pipe_is_told_once(forge) -> None:
    path = forge.unpacked(forge.packed("search"))
    (path / MANIFEST).unlink()
    os.mkfifo(path / MANIFEST)
    assert [problem.code for problem in forge.verify(path).problems] == ["special-file"]


def test_rewriting_lists_whatever_it_leaves_behind(forge, monkeypatch) -> None:
    files, name = _named(forge)
    spare = "runs/spare.parquet"
    folder = forge.unpacked({**files, "README.md": b"x", spare: bytes(1 << 20)})
    (folder / ".git").mkdir()
    archive = forge.archive({**files, "README.md": b"x", spare: bytes(1 << 20)})
    monkeypatch.setattr(limits, "PREDICTIONS_BYTES", (1 << 20) - 1)
    with _in_this_process(monkeypatch):
        found = _rewritten(folder, forge.folder / "fixed")
        assert found == ([".git", "README.md", spare], [])
        assert _rewritten(archive, forge.folder / "fixed.zip") == (["README.md", spare], [])
    assert (forge.folder / "fixed" / name).read_bytes() == files[name]


def _read_twice(path: Path, budget: Budget) -> list[list[str]]:
    """The findings of a submission's only run, read as two."""
    manifest = reading.read_manifest(str(path))
    run = manifest["manifest"]["runs"][0]
    asked = {"file": run["predictions"], "task": run["task"], "budget": asdict(budget)}
    found = reading.read_tables(str(path), manifest["sha256"], [asked] * 2, str(path.parent))
    findings = [result.get("finding") for result in found["runs"]]
    return [finding and finding["code"] for finding in findings]


def test_all_runs_together_stay_within_what_one_may_unpack_to(forge, monkeypatch) -> None:
    path = forge.archive(forge.packed("search"))
    known = Budget(known=True)
    assert _read_twice(path, known) == [None, None]
    written = path.with_name("0.arrow").stat().st_size
    monkeypatch.setattr(limits, "CAGE_OUT_BYTES", written * 3 // 2)
    assert _read_twice(path, known) == [None, "parquet-bomb"]


def test_all_runs_together_whose_data_are_not_here_have_as_many_rows_as_one(
    forge, monkeypatch
) -> None:
    path = forge.archive(forge.packed("search"))
    monkeypatch.setattr(limits, "ROWS", 108 + 107)
    assert _read_twice(path, Budget()) == [None, "parquet-rows"]
    assert _read_twice(path, Budget(known=True)) == [None, None]


@contextmanager
def _in_this_process(monkeypatch) -> Iterator[None]:
    """Jobs are done here, by limits that a test has changed."""

    def done(job: str, *_: object, rows: int = 0, **arguments: str) -> dict[str, Any]:
        return reading.JOBS[job](**arguments)

    with monkeypatch.context() as patch:
        patch.setattr(CAGE, "run", done)
        yield
