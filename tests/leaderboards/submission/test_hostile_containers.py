"""Reading writes nothing anywhere; what another program packed can be written anew."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pyarrow.parquet as pq

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
