"""Killed with SIGKILL at random moments, a run ends as if nothing had happened."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from benchmark.host.home import Home
from benchmark.runs.store import PREDICTIONS, stored_runs

KILLS = 10

_COMMAND = """
from benchmark.runs import predictions, runner
predictions.SHARD = 8
from benchmark.cli import main
print("begun", flush=True)
main()
"""


def start(model: str, home: Home, *settings: str) -> subprocess.Popen:
    """The process of a run, as soon as it has imported what every run does."""
    arguments = ["run", "--model", model, "--task", "search", "--data", "sim-xs", "--json"]
    arguments += [word for setting in settings for word in ("--set", setting)]
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMAND, *arguments, "--home", str(home.root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "ODD_SLEEP": "0.05", "OMP_NUM_THREADS": "1"},
        text=True,
    )
    assert process.stdout.readline() == "begun\n", process.stderr.read()
    return process


@pytest.fixture
def killed_home(home_with, sim_xs, tmp_path) -> Home:
    """A second home with the same dataset."""
    return home_with(tmp_path / "killed", sim_xs)


def check_ten_kills(model: str, home: Home, killed_home: Home, *settings: str) -> None:
    """Kill a run at ten random moments; it must end like an undisturbed one."""
    undisturbed = start(model, home, *settings)
    begun = time.monotonic()
    assert undisturbed.wait() == 0, undisturbed.stderr.read()
    seconds = time.monotonic() - begun
    (run,) = stored_runs(home)
    expected = (run.folder / PREDICTIONS).read_bytes()

    draw = random.Random(0)
    kills = 0
    while kills < KILLS:
        process = start(model, killed_home, *settings)
        time.sleep(draw.uniform(0.1, 0.9) * seconds)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
        finished = list(stored_runs(killed_home))
        for stored in finished:  # whatever looks whole is whole
            assert (stored.folder / PREDICTIONS).read_bytes() == expected
        if finished and kills < KILLS:  # all work was done: begin anew, so that kills meet work
            shutil.rmtree(killed_home.runs)
            shutil.rmtree(killed_home.fitted)
    final = start(model, killed_home, *settings)
    assert final.wait() == 0, final.stderr.read()
    (run,) = stored_runs(killed_home)
    assert (run.folder / PREDICTIONS).read_bytes() == expected
    assert not list(killed_home.runs.glob("*.partial"))


def test_ten_kills_change_no_byte(odd_model, run_home, killed_home) -> None:
    check_ten_kills(odd_model, run_home, killed_home)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_kills_of_unimp_change_no_byte(run_home, killed_home) -> None:
    settings = ("epochs=2", "encoder_steps=20", "validation_users=20")
    check_ten_kills("unimp", run_home, killed_home, *settings)
