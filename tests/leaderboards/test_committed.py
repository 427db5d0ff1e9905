"""What lies under leaderboards/submissions/ is sound: the check that CI makes."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.host.home import Home
from leaderboards.boards import load_boards
from leaderboards.site.entries import collect

ROOT = Path(__file__).parents[2]
SUBMISSIONS = ROOT / "leaderboards" / "submissions"
#: What a clone may grow by with one submission.
MOST_BYTES = 8 * 2**20


@pytest.fixture(autouse=True)
def _some() -> None:
    if not any(path.is_dir() or path.suffix == ".zip" for path in SUBMISSIONS.iterdir()):
        pytest.skip("nobody has submitted yet: leaderboards/submissions/ is empty")


def test_every_committed_submission_is_well_formed_small_and_on_a_board(tmp_path) -> None:
    boards = load_boards()
    found = collect(SUBMISSIONS, Home(tmp_path), boards)
    assert [(r.name, [p.message for p in r.problems]) for r in found.refusals] == []
    for entry in found.entries:
        for entered in entry.runs:
            assert any(board.takes(entered.run) for board in boards), entry.name
        files = [path for path in (SUBMISSIONS / entry.name).rglob("*") if path.is_file()]
        assert sum(path.stat().st_size for path in files) < MOST_BYTES, entry.name
        for path in files:
            if path.suffix == ".json":
                assert not re.search(r"/(home|root|tmp|Users)/", path.read_text()), entry.name


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
