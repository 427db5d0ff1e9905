"""What lies under leaderboards/submissions/ is sound: the check that CI makes."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.host.home import Home
from leaderboards.boards import load_boards
from leaderboards.site.entries import collect
from leaderboards.submission.opening import open_submission
from leaderboards.submission.schema import MANIFEST

ROOT = Path(__file__).parents[2]
SUBMISSIONS = ROOT / "leaderboards" / "submissions"
#: What a clone may grow by with one submission.
MOST_BYTES = 8 * 2**20


@pytest.fixture(autouse=True)
def _some() -> None:
    if not any(path.is_dir() or path.suffix == ".zip" for path in SUBMISSIONS.iterdir()):
        pytest.skip("nobody has submitted yet: leaderboards/submissions/ is empty")


def _with_pictures(folder: Path) -> bool:
    runs = json.loads((folder / MANIFEST).read_text("utf-8"))["runs"]
    return any(run["task"] == "image-generation" for run in runs)


def _are_sound(folder: Path, home: Home) -> set[str]:
    """Verify what lies in ``folder``, and return its names."""
    boards = load_boards()
    found = collect(folder, home, boards)
    assert [(r.name, [p.message for p in r.problems]) for r in found.refusals] == []
    for entry in found.entries:
        for entered in entry.runs:
            assert any(board.takes(entered.run) for board in boards), entry.name
        _is_small_and_of_no_machine(entry.name)
    return {entry.name for entry in found.entries}


def _is_small_and_of_no_machine(name: str) -> None:
    files = [path for path in (SUBMISSIONS / name).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES, name
    for path in files:
        if path.suffix == ".json":
            assert not re.search(r"/(home|root|tmp|Users)/", path.read_text()), name


def test_every_committed_submission_without_pictures_is_sound_and_those_with_say_all(
    tmp_path, monkeypatch
) -> None:
    """Thousands of pictures take long to decode: that is done by ``make test-submissions``."""
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # starting processes costs more than this work
    some = tmp_path / "submissions"
    some.mkdir()
    shown = set()
    for folder in filter(Path.is_dir, SUBMISSIONS.iterdir()):
        if _with_pictures(folder):
            shown.add(folder)
        else:
            shutil.copytree(folder, some / folder.name)
    names = {path.name for path in some.iterdir()}
    assert _are_sound(some, Home(tmp_path / "home")) == names
    for folder in shown:
        opened = open_submission(folder)
        assert opened.findings == (), folder.name
        assert opened.submission is not None
        files = {run.predictions: run for run in opened.submission.runs}
        assert opened.files == {MANIFEST, *files}, folder.name
        for file, run in files.items():
            assert any(board.takes(run) for board in load_boards()), (folder.name, file)
        _is_small_and_of_no_machine(folder.name)


@pytest.mark.slow  # make test-submissions
def test_every_committed_submission_is_well_formed_small_and_on_a_board(tmp_path) -> None:
    names = {path.name for path in SUBMISSIONS.iterdir() if path.is_dir()}
    assert _are_sound(SUBMISSIONS, Home(tmp_path)) >= names


@pytest.mark.slow
def test_every_committed_submission_is_re_scored_by_a_build_with_defaults(tmp_path) -> None:
    def call(*words: str) -> str:
        command = [sys.executable, "-m", "benchmark.cli", *words, "--home", str(tmp_path / "home")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    call("data", "prepare", "sim", "--set", "size=s")
    rated = importlib.util.find_spec("recbole") is not None
    if rated:
        call("data", "prepare", "ml-100k")
    out = call("leaderboard", "build", "--out", str(tmp_path / "site"), "--no-tables", "--json")
    badges = {entry["submission"]: entry["badge"] for entry in json.loads(out)["submissions"]}
    assert badges
    if rated:
        assert "reported" not in badges.values(), badges
