"""A folder that is exported has its name when it is whole."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmark.exports.whole import whole_folder
from benchmark.host import owners


def test_two_machines_write_one_name_in_two_folders(tmp_path: Path, monkeypatch) -> None:
    out = tmp_path / "exported"
    with whole_folder(out) as ours:
        (ours / "file").write_text("ours")
        with monkeypatch.context() as there:  # its process has the number of this one
            there.setattr(owners, "_machine", lambda: "m0123abcd")
            with whole_folder(tmp_path / "exported") as theirs:
                assert (ours / "file").is_file()
                (theirs / "file").write_text("theirs")
            shutil.rmtree(out)
    assert (out / "file").read_text() == "ours"
