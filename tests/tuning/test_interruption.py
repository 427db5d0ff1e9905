"""Killed, or started twice at once, a search ends as one that was left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from benchmark.host.home import Home
from benchmark.runs.tuned import stored_searches
from benchmark.tuning.search import tune


def start(knob: str, place: Home, space: Path, trials: int) -> subprocess.Popen:
    code = "from benchmark.cli import main; main()"
    words = ["tune", "--model", knob, "--task", "search", "--data", "sim-xs", "--json"]
    words += ["--trials", str(trials), "--space", str(space), "--home", str(place.root)]
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "KNOB_SLEEP": "0.3", "OMP_NUM_THREADS": "1"},
        text=True,
    )


def test_kills_change_no_trial(knob, space, place, outcomes, elsewhere) -> None:
    process = start(knob, place, space, 4)
    for least in (1, 2):
        wait_for(place, least)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process = start(knob, place, space, 4)
    assert process.wait() == 0, process.stderr.read()
    (killed,) = stored_searches(place)
    assert outcomes(killed) == outcomes(
        tune(knob, "search", data="sim-xs", trials=4, home=elsewhere, space=space)
    )
    assert not (killed.folder / ".trial").exists()


def wait_for(place: Home, least: int) -> None:
    """Until a search has ``least`` trials."""
    for _ in range(600):
        found = list(stored_searches(place))
        if found and len(found[0].trials) >= least:
            return
        time.sleep(0.05)
    raise AssertionError("no trial was stored")


def test_two_processes_share_one_search(knob, space, place, tmp_path, monkeypatch) -> None:
    count = tmp_path / "count"
    monkeypatch.setenv("KNOB_COUNT", str(count))
    processes = [start(knob, place, space, 2) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert count.read_text().count("fit") == 2
    (search,) = stored_searches(place)
    assert [trial.number for trial in search.trials] == [1, 2]
