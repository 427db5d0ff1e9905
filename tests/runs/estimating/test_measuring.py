"""The process that tries a fit is given up when it only computes, with all that it started."""

from __future__ import annotations

import subprocess
import sys
import time

import psutil

from benchmark.runs.estimating.measuring import end, reports_of

_HANGS = """
import subprocess, sys
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
print('{"kind": "fitting", "child": %d}' % child.pid, flush=True)
while True:
    pass
"""


def _ends(number: int, seconds: float = 20) -> bool:
    """Whether a process that was killed is gone, or is in a moment: a signal takes its time."""
    last = time.monotonic() + seconds
    while time.monotonic() < last:
        try:
            if psutil.Process(number).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def test_a_process_that_computes_without_a_word_is_given_up_with_its_children():
    process = subprocess.Popen(
        [sys.executable, "-c", _HANGS], stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        first, last = reports_of(process, 0.3)
    finally:
        end(process)
    assert first["kind"] == "fitting"
    assert last["kind"] == "silent"
    assert process.returncode is not None
    assert _ends(first["child"])


def test_a_process_that_ends_is_heard_to_its_end():
    process = subprocess.Popen(
        [sys.executable, "-c", 'print(\'{"kind": "fitting"}\')'], stdout=subprocess.PIPE
    )
    assert [report["kind"] for report in reports_of(process, 60)] == ["fitting"]
    end(process)
