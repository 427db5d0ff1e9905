"""A build gives the same boards on two processors, which two settings of torch stand for."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
#: What a row is, and where it stands.
PLACE = ("rank", "rank_worst", "tie_group", "model", "badge", "submission")


def _places(home: Path, out: Path, setting: dict[str, str]) -> dict[str, list[tuple[str, ...]]]:
    """The rows of each board of the committed submissions, in order, built from a fresh home."""
    words = [sys.executable, "-m", "benchmark", "leaderboard", "build", "--no-tables"]
    folders = ["--submissions", str(ROOT / "leaderboards" / "submissions"), "--out", str(out)]
    environment = {k: v for k, v in os.environ.items() if k != "ATEN_CPU_CAPABILITY"}
    done = subprocess.run(
        [*words, *folders, "--home", str(home)],
        env={**environment, **setting, "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = {}
    for path in sorted((out / "boards").glob("*.csv")):
        with open(path, newline="") as stream:
            found[path.stem] = [
                tuple(row[name] for name in PLACE) for row in csv.DictReader(stream)
            ]
    return found


@pytest.mark.timeout(3600)
@pytest.mark.slow  # two fresh homes: data are prepared and every submission is verified in both
def test_boards_have_the_same_ranks_under_two_instruction_sets(tmp_path) -> None:
    pytest.importorskip("recbole", reason="ml-100k comes with it")
    usual = _places(tmp_path / "home", tmp_path / "site", {})
    other = _places(tmp_path / "home2", tmp_path / "site2", {"ATEN_CPU_CAPABILITY": "default"})
    assert len(usual) >= 8
    for board, rows in usual.items():
        assert any(tie_group == "1" for _, _, tie_group, *_ in rows), board
        assert rows == other[board], board
    assert usual.keys() == other.keys()
