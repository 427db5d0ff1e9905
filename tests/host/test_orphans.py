"""What a killed command had started ends with it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest

from benchmark.host.orphans import helper

#: Starts a helper, tells its number, and waits.
_PARENT = """
import subprocess, sys, time
helper = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE)
print(helper.pid, flush=True)
time.sleep(600)
"""
_HELPER = """
import os, time
from benchmark.host.orphans import end_with
end_with(os.getppid())
time.sleep(600)
"""
#: Two processes wait for work of one that never ends.
_SLEEPING = """
import os, time

def sleeping():
    return sleep

def sleep(path):
    print(os.getpid(), flush=True)
    time.sleep(600)
"""


def runs(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether it holds before so many seconds have passed."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.05)
    return holds()


@contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_helper_ends_when_its_parent_is_killed_and_not_before() -> None:
    with started("-c", _PARENT, _HELPER) as parent:
        assert parent.stdout is not None
        helper = int(parent.stdout.readline())
        time.sleep(1.5)
        assert runs(helper)
        parent.kill()
        assert within(20, lambda: not runs(helper))


def test_a_measured_fit_ends_when_the_command_has_gone(tmp_path) -> None:
    cell = {"model": "popularity", "task": "search", "data": "sim-xs"}
    request = {"home": str(tmp_path), "cells": [cell], "seconds": 1, "cut": True, "parent": 0}
    done = subprocess.run(
        [sys.executable, "-m", "benchmark.runs.estimating.probe"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.slow  # it starts three processes with all imports of the boards
def test_processes_of_a_killed_build_end(tmp_path) -> None:
    (tmp_path / "sleeping.py").write_text(_SLEEPING)
    command = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from pathlib import Path
from leaderboards.site import spreading
from sleeping import sleeping
if __name__ == "__main__":
    list(spreading.spread(sleeping, [Path(str(n)) for n in range(9)], processes=2))
"""
    script = tmp_path / "building.py"
    script.write_text(command)
    with started(str(script)) as parent:
        assert parent.stdout is not None
        helpers = [int(parent.stdout.readline()) for _ in range(2)]
        assert all(map(runs, helpers))
        parent.kill()
        assert within(30, lambda: not any(map(runs, helpers)))


def test_a_helper_does_not_take_what_lies_in_the_working_folder_for_pythons(tmp_path) -> None:
    (tmp_path / "random.py").write_text("raise SystemExit('not me')")
    (tmp_path / "benchmark").mkdir()
    (tmp_path / "benchmark" / "__init__.py").touch()
    command, path = helper("benchmark.runs.estimating.probe")
    said = subprocess.run(
        command, input="{", cwd=tmp_path, env={"PYTHONPATH": path}, capture_output=True, text=True
    )
    assert "JSONDecodeError" in said.stderr  # it came to read what is asked
