"""Killed with SIGKILL at random moments, a run ends as if nothing had happened."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess

import pytest

from benchmark.host.home import Home
from benchmark.runs.store import PREDICTIONS, stored_runs

KILLS = 10

_COMMAND = """
import sys
from benchmark.cli import main
from benchmark.runs import predictions
predictions.SHARD = 8
sys.argv = ["unimp-bench", *{arguments}]
main()
"""

Start = Callable[..., BaseProcess]


@pytest.fixture
def start(forked) -> Start:
    """``start(model, home, *settings)``: the process of a run."""

    def start(model: str, home: Home, *settings: str) -> BaseProcess:
        arguments = ["run", "--model", model, "--task", "search", "--data", "sim-xs", "--json"]
        arguments += [word for setting in settings for word in ("--set", setting)]
        arguments += ["--home", str(home.root)]
        return forked(_COMMAND.format(arguments=arguments), ODD_SLEEP="0.02")

    return start


def ended(process: BaseProcess) -> None:
    """Wait for a process that nobody killed."""
    process.join()
    assert process.exitcode == 0, process.printed.read_text()


@pytest.fixture
def killed_home(home_with, sim_xs, tmp_path) -> Home:
    """A second home with the same dataset."""
    return home_with(tmp_path / "killed", sim_xs)


def check_ten_kills(
    start: Start, model: str, home: Home, killed_home: Home, *settings: str
) -> None:
    """Kill a run at ten random moments; it must end like an undisturbed one."""
    begun = time.monotonic()
    ended(start(model, home, *settings))
    seconds = time.monotonic() - begun
    (run,) = stored_runs(home)
    expected = (run.folder / PREDICTIONS).read_bytes()

    draw = random.Random(0)
    kills = 0
    while kills < KILLS:
        process = start(model, killed_home, *settings)
        time.sleep(draw.uniform(0.1, 0.9) * seconds)
        if process.is_alive():
            process.kill()
            kills += 1
        process.join()
        finished = list(stored_runs(killed_home))
        for stored in finished:  # whatever looks whole is whole
            assert (stored.folder / PREDICTIONS).read_bytes() == expected
        if finished and kills < KILLS:  # all work was done: begin anew, so that kills meet work
            shutil.rmtree(killed_home.runs)
            shutil.rmtree(killed_home.fitted)
    ended(start(model, killed_home, *settings))
    (run,) = stored_runs(killed_home)
    assert (run.folder / PREDICTIONS).read_bytes() == expected
    assert not list(killed_home.runs.glob("*.partial"))


def test_ten_kills_change_no_byte(start, odd_model, run_home, killed_home) -> None:
    check_ten_kills(start, odd_model, run_home, killed_home)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_kills_of_unimp_change_no_byte(start, run_home, killed_home) -> None:
    settings = ("epochs=2", "encoder_steps=20", "validation_users=20")
    check_ten_kills(start, "unimp", run_home, killed_home, *settings)
